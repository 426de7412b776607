"""Where lies what can be made again: references, and policies that were taught.

It belongs to the person and not to the folder that one happens to stand in, so the same
lesson is not given twice: ``$XDG_CACHE_HOME/stairway``, or ``~/.cache/stairway`` where that
is not set. Whoever wants another place says so, for one command by ``--cache``.
"""

from __future__ import annotations

import os
from pathlib import Path

from stairway.base.errors import ConfigError


def home() -> Path:
    """Return the folder of all that is kept between runs; it need not be there yet.

    Raises
    ------
    ConfigError
        If this person has no home directory and the environment names no other place.
    """
    said = os.environ.get("XDG_CACHE_HOME", "")
    # What is not absolute is to be ignored, says the standard that names the variable.
    if Path(said).is_absolute():
        return Path(said) / "stairway"
    try:
        return Path.home() / ".cache" / "stairway"
    except RuntimeError as error:
        msg = f"no place to keep anything ({error}); set XDG_CACHE_HOME, or give --cache"
        raise ConfigError(msg) from error


def golds(cache: Path | None = None) -> Path:
    """Return where references are kept, by data and settings.

    Examples
    --------
    >>> golds(Path("/mine")).as_posix()
    '/mine/gold'
    """
    return (home() if cache is None else cache.absolute()) / "gold"


def lessons(cache: Path | None = None) -> Path:
    """Return where policies are kept that were taught for ``stairway run``.

    Examples
    --------
    >>> lessons(Path("/mine")).as_posix()
    '/mine/taught'
    """
    return (home() if cache is None else cache.absolute()) / "taught"
