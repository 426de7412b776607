"""Packages that are measured beside ours and are no part of it.

They are installed by the benchmark that needs them, into ``build/peers`` and nowhere else:
``uv pip install --target`` writes a folder, so the project's own environment stays as the
lock file made it. A peer is measured in a process of its own that has that folder first on
its path. ``make clean`` takes the folder away. Without a network nothing is installed, the
benchmark says so and goes on without the peer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE.parent / "build" / "peers"


def install(*packages: str, folder: Path = FOLDER, alone: bool = False) -> str | None:
    """Install pinned packages (``name==version``) once; return why not, where it failed.

    Peers that would change the packages of others go into a folder of their own. ``alone``
    leaves out what a package depends on, for one of which a single file is measured.
    """
    named = (one.replace("-", "_").replace("==", "-") for one in packages)
    if all(list(folder.glob(f"{name}.dist-info")) for name in named):
        return None
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
    done = subprocess.run(
        [*uv, "--target", str(folder), *["--no-deps"][:alone], *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def measure(script: str, *arguments: str, folder: Path = FOLDER) -> Any:
    """Run ``benchmarks/<script>`` with the peers on its path, on one thread; read its JSON."""
    one_thread = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | one_thread | {"PYTHONPATH": str(folder)},
    )
    return json.loads(done.stdout.splitlines()[-1])


def peak_mb() -> float:
    """Most memory that this program has held; ``ru_maxrss`` would count its parent's too."""
    status = Path("/proc/self/status").read_text("utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6
