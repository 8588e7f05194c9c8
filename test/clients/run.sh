#!/usr/bin/env bash
# Runs the tests with real clients, from Debian's packages, which it installs where they are not there yet.
set -euo pipefail
have() { command -v aws && /usr/bin/python3 -c 'import boto3'; }
install() {
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends awscli python3-boto3
}
if ! have >/dev/null 2>&1 && ! install >/dev/null 2>&1; then
  echo "skipped: test:clients needs Debian's awscli and python3-boto3, which could not be installed here"
  exit 0
fi
npx vitest run --project clients
