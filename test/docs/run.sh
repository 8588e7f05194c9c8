#!/usr/bin/env bash
# Runs the tests of the documentation and its site, in Debian's Chromium, which it installs where it is not there yet.
set -euo pipefail
install() {
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation
}
if [ ! -x /usr/bin/chromium ] && ! { [ "$(id -u)" = 0 ] && install; } >/dev/null 2>&1; then
  echo "left out: the site in a browser, since Debian's chromium could not be installed here"
fi
npx vitest run --config vitest.docs.config.ts
