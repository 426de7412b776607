"""What this machine is, for figures that mean nothing without it."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

_LIBRARIES = ("stairway", "numpy", "numba", "msgspec", "apsw", "polars")


class Machine(msgspec.Struct, frozen=True):
    """Processor, cores, memory, versions and commit. ``None`` where it cannot be told."""

    cpu: str | None
    cores: int | None
    numa_nodes: int | None
    governor: str | None
    memory_gib: float
    python: str
    kernel: str
    libraries: dict[str, str]
    commit: str | None


def describe() -> Machine:
    """Look at the machine that runs this."""
    return Machine(
        cpu=_cpu(),
        cores=psutil.cpu_count(),
        numa_nodes=_numa_nodes(),
        governor=_first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        python=platform.python_version(),
        kernel=platform.release().partition("-")[0],
        libraries={name: version(name) for name in _LIBRARIES},
        commit=_commit(),
    )


def peak_memory_mib() -> float:
    """Largest resident size of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return psutil.Process().memory_info().rss / 2**20


def _cpu() -> str | None:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or None


def _numa_nodes() -> int | None:
    nodes = Path("/sys/devices/system/node")
    return len(list(nodes.glob("node[0-9]*"))) or None if nodes.exists() else None


def _first_line(path: str) -> str | None:
    file = Path(path)
    return file.read_text().strip() if file.exists() else None


def _commit() -> str | None:
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    try:
        asked = subprocess.run(  # noqa: S603 - a fixed command, no input of anybody's
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607 - git from PATH
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:  # no git here
        return None
    return asked.stdout.strip() or None
