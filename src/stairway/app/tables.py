"""Tables of a TOML file that somebody asked for by name: a shipped one, or one of their own."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from stairway.base.errors import ConfigError


def read(what: str, name: str, shipped: Collection[str]) -> dict[str, Any]:
    """Read the tables of a file, and believe nothing about them yet.

    Parameters
    ----------
    what
        What sort of file it is, for whoever has to be told that there is none.
    name
        One of ``shipped``, or the path of a TOML file.

    Raises
    ------
    ConfigError
        If there is no such file, it cannot be read, or it is not TOML.

    Examples
    --------
    >>> sorted(read("policy", "daily", ["daily"]))[:3]
    ['account', 'bars', 'baseline']
    """
    path = Path(name)
    if name in shipped:
        content = files("stairway").joinpath("policies", f"{name}.toml").read_bytes()
    elif name.endswith(".toml") and path.is_file():
        content = _content(what, path)
    else:
        msg = (
            f"no {what} named {name!r}; shipped are {', '.join(shipped)}, or give the path of "
            "a .toml file (copy a shipped one and edit it)"
        )
        raise ConfigError(msg)
    try:
        # Some editors put a byte order mark first, which says nothing.
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        msg = f"{what} {name!r} is not TOML: {error}"
        raise ConfigError(msg) from error


def numbers(value: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number in tables, with its place.

    Examples
    --------
    >>> list(numbers({"a": {"b": 1, "c": [2.5, True]}}))
    [('a.b', 1), ('a.c[0]', 2.5)]
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, Any]", value).items():
            yield from numbers(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(cast("Sequence[Any]", value)):
            yield from numbers(inner, f"{key}[{i}]")


def _content(what: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{what} {str(path)!r} cannot be read ({error.strerror}); choose another"
        raise ConfigError(msg) from error
