"""Where compiled kernels are kept, so that they are compiled once and never stale.

numba does not notice a change in a function that is called from another file. The folder is
therefore named after the content of every ``kernels.py`` there is, and of the few files
whose plain functions kernels compile: change one, and all are compiled anew beside the old.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import stairway

COMPILED = (
    "kernels.py",
    "costs.py",
    "reward.py",
    "observation.py",
    "normaliser.py",
    "terms.py",
)
"""Names of files that hold what is compiled, or a number that is compiled in."""

_PACKAGE = Path(stairway.__file__).parent


def folder(package: Path = _PACKAGE) -> Path:
    """Return the folder for the kernels of ``package`` as they are now."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    state = hashlib.sha256(sys.version.encode())
    for path in sorted(p for p in package.rglob("*.py") if p.name in COMPILED):
        state.update(path.read_bytes())
    return Path(base) / "stairway" / f"kernels-{state.hexdigest()[:16]}"


def prepare() -> None:
    """Point numba there. Must run before anything imports numba; the operator's wish wins."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder()))
    # One thread a kernel call: on small machines more of them only wait for each other.
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
