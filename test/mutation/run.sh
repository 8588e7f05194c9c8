#!/usr/bin/env bash
# Mutates the token, STS, cache and error modules with Stryker and prints what no test noticed. Stryker is
# installed in a copy of this repository, which is removed at the end: nobody else needs its packages.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cd "$root"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
cd "$copy"
npm ci --no-audit --no-fund --silent
npm install --no-save --no-audit --no-fund --silent @stryker-mutator/core@9 @stryker-mutator/vitest-runner@9
npx stryker run test/mutation/stryker.config.json
