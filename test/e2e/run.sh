#!/usr/bin/env bash
# Runs the tests against Ceph's RADOS Gateway, or leaves them out where Debian's packages cannot be installed.
set -euo pipefail
. test/support/debian.sh
packages=(radosgw ceph-mon ceph-osd ceph-common curl awscli)
if [ "$(id -u)" = 0 ] && ensure_packages "${packages[@]}"; then
  npx vitest run --project radosgw
else
  echo "left out: test:radosgw, which needs root and these packages of Debian: ${packages[*]}"
fi
