#!/usr/bin/env bash
# Pin every dependency, with hashes, in requirements.lock.
#
# torch is left out on purpose: it is installed first and alone (see setup.sh), so that a
# CPU build is used where one lies on disk, and its hash differs from machine to machine.
set -euo pipefail
cd "$(dirname "$0")/.."
no_torch=$(mktemp)
trap 'rm -f "$no_torch"' EXIT
echo "torch==2.13.0 ; python_version < '3'" >"$no_torch"
.venv/bin/uv pip compile pyproject.toml --extra train --extra redis --extra postgresql --extra dev --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-annotate --overrides "$no_torch" \
  --custom-compile-command "make lock" --quiet --output-file requirements.lock
