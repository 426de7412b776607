"""A name that a record has twice: which of the two values counts, nobody can know.

JSON lets a key occur twice, and every reader of it then keeps the last in silence. A record
that says one of the fields that are read twice is refused by name instead.

A reader drops a key with its colon, so writing what was read again shows cheaply whether any
was dropped; only then are the keys themselves looked at. They are looked at too where a value
that nobody reads cannot be decoded: a number beyond 64 bits, bytes that are no UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, cast

import msgspec

from stairway.base.errors import ConfigError, TwiceError
from stairway.supervision.field_map import FLAT_ROWS, MAPPED, PAYLOAD, Layout
from stairway.supervision.loose_json import too_deep
from stairway.supervision.unfold import Entry, Wrapped

_ENTRY, _EVENT = frozenset(Entry.__struct_fields__), frozenset(Wrapped.__struct_fields__)
_DECODE = msgspec.json.Decoder().decode


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of one object, as they were written."""


def require_columns_once(found: Sequence[str], layout: Layout) -> None:
    """Refuse a header that names a field twice that is read.

    The second column of a name is called ``NAME#NUMBER`` by whoever read the header.

    Raises
    ------
    ConfigError
        If there is one.

    Examples
    --------
    >>> require_columns_once(["event_type", "payload", "payload#3"], Layout(PAYLOAD))
    Traceback (most recent call last):
    stairway.base.errors.ConfigError: the header names 'payload' twice (columns 2 and 3) ...
    """
    for number, name in enumerate(found, 1):
        first, mark, rest = name.rpartition("#")
        if not (mark and rest == str(number) and first in found and first in _read(layout)):
            continue
        msg = (
            f"the header names {first!r} twice (columns {found.index(first) + 1} and {number}) "
            "and it is read: name each column once, or name columns by number in a field map"
        )
        raise ConfigError(msg)


def _read(layout: Layout) -> Collection[str]:
    if layout.name == PAYLOAD:
        return _EVENT
    if layout.name in {FLAT_ROWS, MAPPED} and layout.map is not None:
        return used(layout)
    return ()


def used(layout: Layout) -> frozenset[str]:
    """Name the fields that are read, and those on the way to them."""
    named = () if layout.map is None else layout.map.named()
    plain = [name for name in named if isinstance(name, str)]
    return frozenset([*plain, *(step for name in plain for step in name.split("."))])


def require_keys_once(
    text: str | bytes, read: Any, names: Collection[str] | None, place: str
) -> None:
    """Refuse a record that says one of ``names`` twice, at whatever depth; ``None`` is all.

    Parameters
    ----------
    read
        What a reader made of ``text``.

    Raises
    ------
    DataError
        If there is one; it names the key and the place.

    Examples
    --------
    >>> text = '{"a": 1, "confidence": 0.5, "confidence": 1.5}'
    >>> require_keys_once(text, {"a": 1, "confidence": 1.5}, {"confidence"}, "line 4")
    Traceback (most recent call last):
    stairway.base.errors.TwiceError: line 4 has 'confidence' twice: the last value ...
    """
    if _drops(text, read):
        _look(_pairs(text, place), names, place)


def require_event_once(text: str | bytes, place: str, *, is_payload: bool = False) -> None:
    """Refuse an event that says twice what is read of it, in its payload too.

    Parameters
    ----------
    is_payload
        Whether ``text`` is what lies in an event, and not around it: a payload within a
        payload is not read.

    Raises
    ------
    DataError
        If it does; it names the key and the place.
    """
    try:
        read: Any = _DECODE(text)
        is_known = not _drops(text, read)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        read, is_known = None, False
    if not is_known:
        pairs = _pairs(text, place)
        _look_event(pairs, place, is_payload=is_payload)
        if read is None and isinstance(pairs, _Pairs):
            read = dict(pairs)
    if is_payload or not isinstance(read, dict):
        return
    inner: Any = cast("dict[str, Any]", read).get("payload")
    if isinstance(inner, str):
        require_event_once(inner, place, is_payload=True)


def _drops(text: str | bytes, read: Any) -> bool:
    """Whether a key may have been dropped; a colon that is written as a code may hide one."""
    try:
        kept = msgspec.json.encode(read).count(b":")
    except (RecursionError, TypeError, ValueError):
        return True
    if isinstance(text, str):
        return text.count(":") != kept or "\\u003" in text
    return text.count(b":") != kept or b"\\u003" in text


def _pairs(text: str | bytes, place: str) -> Any:
    said = text if isinstance(text, str) else text.decode(errors="replace")
    try:
        return json.loads(said, object_pairs_hook=_Pairs, parse_int=str, strict=False)
    except ValueError:
        return None  # no JSON: it is read by other rules, which say themselves what is twice
    except RecursionError:
        raise too_deep(place) from None


def _look(value: Any, names: Collection[str] | None, place: str) -> None:
    if isinstance(value, _Pairs):
        _require(value, names, place)
        for _, one in value:
            _look(one, names, place)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            _look(one, names, place)


def _look_event(event: Any, place: str, *, is_payload: bool) -> None:
    if not isinstance(event, _Pairs):
        return
    _require(event, _EVENT, place)
    for key, value in event:
        if not isinstance(value, _Pairs):
            continue
        if key == "payload" and not is_payload:
            _look_event(value, place, is_payload=True)
        elif key == "ensemble":
            _require(value, _ENTRY, place)
        elif key == "model_breakdown":
            _require(value, None, place)
            for _, entry in value:
                _require(entry, _ENTRY, place)


def _require(pairs: Any, names: Collection[str] | None, place: str) -> None:
    met = set[str]()
    for key, _ in pairs if isinstance(pairs, _Pairs) else ():
        if key in met and (names is None or key in names):
            raise TwiceError(place, key)
        met.add(key)
