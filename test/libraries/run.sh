#!/usr/bin/env bash
# Runs the snippets of docs/how-to/libraries.md and the examples with packages of others. Root gets Debian's PostgreSQL first;
# without it one example is left out.
set -euo pipefail
if [ ! -d /usr/lib/postgresql ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql openssl >/dev/null
fi
npx vitest run --project libraries
npx biome format --write docs/how-to/libraries.md
