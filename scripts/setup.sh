#!/usr/bin/env bash
# Make .venv with everything pinned. Safe to run again: does nothing when up to date.
# With the word "tests", the servers that tests start for themselves are asked for too, and a
# library that lies to a process about the time.
set -euo pipefail
cd "$(dirname "$0")/.."

python=""
for candidate in python3.11 python3 python; do
  if command -v "$candidate" >/dev/null &&
    "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "setup: Python 3.11 or newer is needed and was not found; install python3.11" >&2
  exit 1
fi

# What the wheels need from the system: venv itself, and the OpenMP runtime of LightGBM.
missing=()
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  missing+=("$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')")
ldconfig -p 2>/dev/null | grep -q libgomp.so.1 || missing+=(libgomp1)
if [ "${1:-}" = tests ]; then
  # Private ones are started on free loopback ports; one that runs here is left alone.
  command -v redis-server >/dev/null || missing+=(redis-server)
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ||
    missing+=(postgresql)
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
fi
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "setup: installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "setup: missing system packages: ${missing[*]}; as root, apt-get install them and run this again" >&2
    exit 1
  fi
fi

want=$(cat requirements.lock pyproject.toml scripts/setup.sh | sha256sum | cut -d' ' -f1)
if [ -x .venv/bin/stairway ] && [ "$(cat .venv/.ready 2>/dev/null)" = "$want" ]; then
  exit 0
fi
echo "setup: making .venv (a few minutes the first time)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
pip=(.venv/bin/python -m pip --disable-pip-version-check install --quiet)
# torch first and alone, with plain pip: a CPU build on disk is taken where there is one.
.venv/bin/python -c 'import torch, sys; sys.exit(torch.__version__.split("+")[0] != "2.13.0")' 2>/dev/null ||
  "${pip[@]}" torch==2.13.0
"${pip[@]}" --require-hashes --no-deps -r requirements.lock
"${pip[@]}" --no-deps --no-build-isolation -e .
echo "$want" >.venv/.ready
