"""Settings of a training in cycles, from one practice file.

The file has a table for each section. Where daily bars need other figures than bars within
a day, a table holds one of its own for each kind: ``[gold.daily]`` and ``[gold.intraday]``.
As in every policy, every key must be there and none may be that nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Literal, TypeAlias, TypeVar, cast

import msgspec
from msgspec import inspect

from stairway.app import plugins
from stairway.app.tables import numbers, read
from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.training.practice_rules import PracticeRules
from stairway.training.quick_rules import QuickRules

Rules = TypeVar("Rules", bound=Config)
Kind: TypeAlias = Literal["daily", "intraday"]

SHIPPED = "practice"

KINDS = frozenset(("daily", "intraday"))
_MOST = 1e18
"""No number that a person can mean is larger; each key has a bound of its own as well."""
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
"""One step of the place that msgspec names: a key, or an index."""
_LONGEST = 60
"""Characters of what was found that are shown."""

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
    tables = read("practice file", name, [SHIPPED])
    rules = decode(tables, kind, name)
    require_telemetry(tables, name)
    if "quick" in tables:
        converted(tables["quick"], QuickRules, f"practice file {name!r}", "quick")
    return rules, tables


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

    def placed(key: str) -> str:
        """Say where a key stands in the file: some tables hold one for each kind of bars."""
        section, dot, rest = key.partition(".")
        split = tables.get(section) is not chosen.get(section)
        return f"{section}.{kind}{dot}{rest}" if split else key

    for key, number in numbers(chosen):
        if not abs(number) <= _MOST:
            msg = (
                f"practice file {origin!r}: {placed(key)} is {shown(number)}; it must be a "
                "finite number; see the shipped one for every key"
            )
            raise ConfigError(msg)
    return converted(chosen, PracticeRules, f"practice file {origin!r}", placed=placed)


def require_telemetry(tables: Mapping[str, Any], origin: str) -> None:
    """Refuse a ``[telemetry]`` that would be refused once training has begun.

    What a meter needs may not be installed where nothing is trained; whoever trains is
    refused by the name of what is missing. What is missing of the program itself is a fault
    that is not passed over here.

    Raises
    ------
    ConfigError
        If it is no table, names no meter that there is, or says something not allowed.
    """
    try:
        telemetry_of(tables, origin)
    except ConfigError as error:
        if not isinstance(error.__cause__, ModuleNotFoundError):
            raise


def telemetry_of(tables: Mapping[str, Any], origin: str) -> tuple[ModuleType, Config]:
    """Give the plug-in of ``[telemetry]`` and its settings; the silent one without a table.

    Raises
    ------
    ConfigError
        As :func:`require_telemetry`.

    Examples
    --------
    >>> telemetry_of({}, "mine")[0].__name__
    'stairway.adapters.telemetry.silent'
    """
    where = f"practice file {origin!r}: [telemetry]"
    table: Any = tables.get("telemetry", {"kind": "silent"})
    if not isinstance(table, Mapping):
        msg = f"{where} is {shown(table)}; it must be a table with a kind, see the shipped one"
        raise ConfigError(msg)
    held = cast("Mapping[str, Any]", table)
    kind, there = held.get("kind"), plugins.names("telemetry")
    if kind not in there:
        msg = f"{where} kind is {shown(kind)}; allowed are {', '.join(there)}"
        raise ConfigError(msg)
    unknown = sorted(held.keys() - {"kind", *there})
    if unknown:
        msg = f"{where} has {unknown[0]!r}, which nothing reads; take it out"
        raise ConfigError(msg)
    plugin = plugins.load("telemetry", str(kind))
    settings = held.get(str(kind), {})
    said = f"practice file {origin!r}"
    return plugin, converted(settings, plugin.Config, said, f"telemetry.{kind}")


def converted(
    found: Any,
    kind: type[Rules],
    origin: str,
    root: str = "",
    placed: Callable[[str], str] = str,
) -> Rules:
    """Turn plain tables into settings; say which key is what, and what it may be.

    Parameters
    ----------
    origin, root
        What they came from, and the key under which they stood there.
    placed
        From a key of the settings to where it stands in the file.

    Raises
    ------
    ConfigError
        Naming the key, what was found there, and what is allowed.

    Examples
    --------
    >>> converted({"steps": 0}, QuickRules, "mine", "quick")
    Traceback (most recent call last):
    ...
    stairway.base.errors.ConfigError: mine: quick.steps is 0; expected `int` >= 1; see ...
    """
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        said = _complaint(str(error), found, root, placed) + _allowed(str(error), kind)
        msg = f"{origin}: {said}; see the shipped one"
        raise ConfigError(msg) from error
    except ConfigError as error:
        msg = f"{origin}: {error}"
        raise ConfigError(msg) from error


def _complaint(said: str, found: Any, root: str, placed: Callable[[str], str]) -> str:
    """Say what msgspec said, and what it found there."""
    what, _, place = said.partition(" - at `$")
    place, at = place.rstrip("`"), found
    for name, index in _STEP.findall(place):
        at = at[name] if name else at[int(index)]
    key = placed(f"{root}{place}".lstrip("."))
    if isinstance(at, Mapping):
        return f"{what} in {key}"
    return f"{key} is {shown(at)}; {what[:1].lower()}{what[1:]}"


def _allowed(said: str, kind: type[Config]) -> str:
    """List what is allowed where a value is one of few, which msgspec does not say."""
    what, _, place = said.partition(" - at `$")
    if not what.startswith("Invalid enum value"):
        return ""
    at: Any = inspect.type_info(kind)
    for name, _index in _STEP.findall(place.rstrip("`")):
        match at:
            case inspect.StructType():
                at = next(f.type for f in at.fields if f.encode_name == name)
            case inspect.ListType() | inspect.VarTupleType():
                at = at.item_type
            case _:
                return ""
    match at:
        case inspect.EnumType():
            few: list[Any] = [one.value for one in at.cls]
        case inspect.LiteralType():
            few = list(at.values)
        case _:
            return ""
    return f"; allowed are {', '.join(map(repr, few))}"


def shown(value: Any) -> str:
    """Show what was found, however large it is."""
    if isinstance(value, int) and abs(value) > _MOST:
        return f"over {_MOST:g}" if value > 0 else f"under -{_MOST:g}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


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
