#!/usr/bin/env bash
# Runs the tests with real clients and Ceph's S3, from Debian's packages, which it installs where they are missing.
set -euo pipefail
packages=(awscli python3-boto3 rclone restic golang-go golang-github-aws-aws-sdk-go-v2-dev openssl ca-certificates
  radosgw ceph-mon ceph-osd ceph-common curl)
missing() { dpkg-query -W -f '${db:Status-Status}\n' "${packages[@]}" 2>&1 | grep -qv '^installed$'; }
install() {
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
}
if missing && ! install >/dev/null; then
  echo "skipped: test:clients needs these packages of Debian, which could not be installed here: ${packages[*]}"
  exit 0
fi
npx vitest run --project clients
