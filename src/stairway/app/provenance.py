"""Which code and which libraries made a model: what its passport says of its origin."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stairway.base.hashing import content_hash, digest

_LIBRARIES = (
    "numpy",
    "numba",
    "lightgbm",
    "xgboost",
    "xgboost-cpu",
    "scikit-learn",
    "safetensors",
    "torch",
    "stable-baselines3",
    "gymnasium",
)


def code_fingerprint(root: Path) -> str:
    """Hash of every Python file of the package: its name and its content."""
    files = sorted(root.rglob("*.py"))
    return content_hash(
        [(f.relative_to(root).as_posix(), digest(f.read_bytes())) for f in files]
    )


def libraries() -> dict[str, str]:
    """Versions of everything that decides what the trees and policies look like."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
