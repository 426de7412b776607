"""Compiled loops that are kept, and never stale: every ``kernels.py`` takes its ``njit`` here.

numba does not notice a change in a function that is called from another file: left to
itself, it goes on with the machine code of yesterday. Ours is therefore kept in a folder that
is named after the content of every ``kernels.py`` there is, and of the few files whose plain
functions kernels compile: change one, and all are compiled anew beside the old.

Each function is pinned to that folder as it is declared. So it does not matter who imports
it, from a command, a notebook or a test, nor whether numba was imported before; and other
people's functions stay where they put them.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numba
from numba.core import config

COMPILED = (
    "kernels.py",
    "costs.py",
    "reward.py",
    "observation.py",
    "normaliser.py",
    "terms.py",
)
"""Names of files that hold what is compiled, or a number that is compiled in."""

_PACKAGE = Path(__file__).parent
_PINNING = RLock()


def folder(package: Path = _PACKAGE) -> Path:
    """Return the folder for the kernels of ``package`` as they are now.

    It lies in the cache of the person; where ``NUMBA_CACHE_DIR`` is set, it lies in there.
    """
    wished, cached = (os.environ.get(name) for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"))  # noqa: TID251 - where a cache lies decides nothing
    base = Path(wished or Path(cached or Path.home() / ".cache") / "stairway")
    state = hashlib.sha256(sys.version.encode())
    for path in sorted(p for p in package.rglob("*.py") if p.name in COMPILED):
        state.update(path.read_bytes())
    name = f"kernels-{state.hexdigest()[:16]}"
    return base if base.name == name else base / name


@cache
def _kept_in() -> str:
    return str(folder())


@contextmanager
def _pinned() -> Generator[None]:
    """Let numba find our folder while a function is declared, and no longer."""
    settings: Any = config
    with _PINNING:
        before = settings.CACHE_DIR
        settings.CACHE_DIR = _kept_in()
        try:
            yield
        finally:
            settings.CACHE_DIR = before


if TYPE_CHECKING:
    from numba import njit
else:

    def njit(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
        """Do what numba's ``njit`` does; machine code is kept where it is never stale.

        Examples
        --------
        >>> @njit
        ... def twice(x):
        ...     return 2 * x
        >>> twice(3)
        6
        """
        if function is None:
            return lambda given: njit(given, **options)
        with _pinned():
            return numba.njit(**options)(function)


__all__ = ["COMPILED", "folder", "njit"]
