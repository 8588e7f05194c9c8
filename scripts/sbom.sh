#!/usr/bin/env bash
# Prints the SBOM (CycloneDX) of what users install. From a lockfile without development packages: `npm sbom --omit dev` leaves
# out what both sides use.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp package.json package-lock.json .npmrc "$copy"
cd "$copy"
npm pkg delete devDependencies >&2
npm install --package-lock-only --ignore-scripts --no-audit --no-fund --silent >&2
npm sbom --package-lock-only --sbom-format cyclonedx
