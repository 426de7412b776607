"""Settings of a training in cycles, from one practice file.

The file has a table for each section. Where daily bars need other figures than bars within
a day, a table holds one of its own for each kind: ``[gold.daily]`` and ``[gold.intraday]``.
As in every policy, every key must be there and none may be that nobody knows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import msgspec

from stairway.base.errors import ConfigError
from stairway.training.practice_rules import PracticeRules

Kind: TypeAlias = Literal["daily", "intraday"]

SHIPPED = "practice"

KINDS = frozenset(("daily", "intraday"))
_MOST = 1e9
"""Nothing in a practice file is larger, whatever its unit; NaN is not a number at all."""

BESIDE = ("telemetry", "quick")
"""Tables that others read: ``rl.meters``, and the policy of ``stairway run``."""


def load(name: str, kind: Kind) -> tuple[PracticeRules, dict[str, Any]]:
    """Read a practice file: ``practice``, or the path of a TOML file.

    Returns
    -------
    tuple
        The rules for that kind of bars, and the tables they came from, to be kept.

    Raises
    ------
    ConfigError
        If there is no such file, or a key is unknown, missing or out of range.
    """
    tables = _read(name)
    return decode(tables, kind, name), tables


def decode(tables: Mapping[str, Any], kind: Kind, origin: str) -> PracticeRules:
    """Choose the tables of one kind of bars, and turn them into rules, strictly.

    Raises
    ------
    ConfigError
        If a key is unknown, missing, out of range, or no finite number.
    """
    wanted = PracticeRules.__struct_fields__
    missing = [name for name in wanted if name not in tables]
    if missing:
        msg = f"practice file {origin!r} lacks [{missing[0]}]; copy it from the shipped one"
        raise ConfigError(msg)
    unknown = sorted(tables.keys() - {*wanted, *BESIDE})
    if unknown:
        msg = f"practice file {origin!r} has [{unknown[0]}], which nothing reads; take it out"
        raise ConfigError(msg)
    chosen = {name: _of_kind(tables[name], kind, f"{origin!r}: [{name}]") for name in wanted}
    for key, number in _numbers(chosen):
        if not abs(number) <= _MOST:
            msg = (
                f"practice file {origin!r}: {key} is {number}; no number here is over {_MOST:g}"
            )
            raise ConfigError(msg)
    try:
        return msgspec.convert(chosen, PracticeRules)
    except msgspec.ValidationError as error:
        msg = f"practice file {origin!r}: {error}; see the shipped one for every key"
        raise ConfigError(msg) from error
    except ConfigError as error:
        msg = f"practice file {origin!r}: {error}"
        raise ConfigError(msg) from error


def _of_kind(table: Any, kind: Kind, where: str) -> Any:
    if not isinstance(table, Mapping):
        return table
    held = cast("Mapping[str, Any]", table)
    if not held.keys() & KINDS:
        return held
    if held.keys() - KINDS or kind not in held:
        msg = (
            f"practice file {where} holds {', '.join(sorted(held))}; where it has a table for "
            f"a kind of bars, it has one for {' and one for '.join(sorted(KINDS))}, no other"
        )
        raise ConfigError(msg)
    return held[kind]


def _read(name: str) -> dict[str, Any]:
    path = Path(name)
    if name == SHIPPED:
        content = files("stairway").joinpath("policies", f"{SHIPPED}.toml").read_bytes()
    elif name.endswith(".toml") and path.is_file():
        content = path.read_bytes()
    else:
        msg = (
            f"no practice file named {name!r}; say {SHIPPED!r}, or give the path of a .toml "
            "file (copy the shipped one and edit it)"
        )
        raise ConfigError(msg)
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"practice file {name!r} is not TOML: {error}"
        raise ConfigError(msg) from error


def _numbers(value: Any, key: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, Any]", value).items():
            yield from _numbers(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for i, inner in enumerate(cast("list[Any]", value)):
            yield from _numbers(inner, f"{key}[{i}]")
