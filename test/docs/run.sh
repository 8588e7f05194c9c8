#!/usr/bin/env bash
# Runs the tests of the documentation, its site, and the live check. What they need of Debian is installed, or left out.
set -euo pipefail
. test/support/debian.sh
[ -x /usr/bin/chromium ] || ensure_packages chromium fonts-liberation || echo "left out: the site in a browser, without Debian's chromium"
command -v zsh >/dev/null || ensure_packages zsh || echo "left out: the pages in zsh, without Debian's zsh"
command -v kubectl >/dev/null || ensure_packages kubernetes-client || echo "left out: the live check, without kubectl (Debian's kubernetes-client)"
npx vitest run --project docs
