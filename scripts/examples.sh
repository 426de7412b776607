#!/usr/bin/env bash
# Run the README's commands for real and keep what they print in docs/examples, then put
# that and the figures of benchmarks/results into the README, and take the picture of the
# drill's report, for which it needs Chromium.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export COLUMNS=80
mkdir -p "$root/docs/examples"
"$root/.venv/bin/stairway" run >"$root/docs/examples/run.txt"
"$root/.venv/bin/stairway" run --drill >"$root/docs/examples/drill.txt"
# 2: the gate refused, which is what it usually does
"$root/.venv/bin/stairway" train rl --seeds 3 >"$root/docs/examples/train.txt" || [ $? = 2 ]
{
  echo '$ stairway replay runs/sample-2'
  "$root/.venv/bin/stairway" replay runs/sample-2
} >"$root/docs/examples/replay.txt"
"$root/.venv/bin/python" "$root/scripts/readme.py"
"$root/.venv/bin/python" "$root/scripts/pictures.py" runs/sample-2
