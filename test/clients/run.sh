#!/usr/bin/env bash
# Runs the tests with real clients of Debian and npm and Ceph's S3, or leaves them out where Debian's packages cannot be
# installed.
set -euo pipefail
. test/support/debian.sh
packages=(awscli python3-boto3 python3-awscrt rclone restic golang-go golang-github-aws-aws-sdk-go-v2-dev openssl
  ca-certificates radosgw ceph-mon ceph-osd ceph-common curl)
if [ "$(id -u)" = 0 ] && ensure_packages "${packages[@]}"; then
  npm install --prefix test/clients/programs --no-package-lock --ignore-scripts --no-audit --no-fund --silent
  npx vitest run --project clients
else
  echo "left out: test:clients, which needs root and these packages of Debian: ${packages[*]}"
fi
