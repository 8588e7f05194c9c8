#!/usr/bin/env bash
# Runs the tests of the documentation and its site. Installs Debian's Chromium and zsh if they are missing.
set -euo pipefail
install() {
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-liberation zsh
}
if { [ ! -x /usr/bin/chromium ] || ! command -v zsh >/dev/null; } && ! { [ "$(id -u)" = 0 ] && install; } >/dev/null 2>&1; then
  echo "left out: the site in a browser, and zsh, since Debian's packages could not be installed here"
fi
npx vitest run --project docs
