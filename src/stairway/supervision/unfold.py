"""One event that holds the answers of several models, to one row for each answer.

1. ``payload`` is JSON text (or an object, or what Python's ``repr`` made of one).
2. It is decoded straight into typed fields; an event that does not fit them is read again,
   value by value, and no other is.
3. The answers are laid end to end in columns: members, then what the ensemble and the
   intent say, each with the number of its event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, TypeAlias, cast

import msgspec
import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.errors import DataError
from stairway.supervision.answers import ENSEMBLE, INTENT, Stage
from stairway.supervision.loose_json import halved, read_loose

Loose: TypeAlias = str | int | float | None


class Entry(msgspec.Struct, gc=False):
    """What a payload says of one model."""

    action: Loose = None
    confidence: Loose = None
    model: str | None = None
    raw_confidence: Loose = None
    reason: str | None = None


class Event(msgspec.Struct, gc=False):
    """The fields of an event that are read; they may lie in the payload or around it."""

    event_type: str | None = None
    event_id: Loose = None
    ts: Loose = None
    timestamp: Loose = None
    symbol: str | None = None
    regime: str | None = None
    action: Loose = None
    confidence: Loose = None
    reason: str | None = None
    ensemble: Entry | None = None
    model_breakdown: dict[str, Entry] | None = None


class Wrapped(Event, gc=False):
    """A whole event, its payload inside."""

    payload: str | Event | None = None


_EVENT, _WRAPPED = msgspec.json.Decoder(Event), msgspec.json.Decoder(Wrapped)
_HALVES = (b"\\ud", b"\\u0000d")
"""How half a character begins, in JSON and in Python."""


@dataclass(slots=True)
class Flat:
    """Answers laid end to end, each value as it was found.

    Attributes
    ----------
    row : (n,) int64
        Number of the event in its chunk.
    """

    row: IntArray
    model: list[str]
    inner: list[str | None]
    action: list[Loose]
    confidence: list[Loose]
    reason: list[str | None]
    stage: Stage


def decoded(texts: Sequence[str | bytes], place: Any) -> tuple[list[Event], list[Event], int]:
    """Read events and what their payloads hold; where there is no payload, both are one.

    Returns
    -------
    outer, inner, reprs
        ``reprs`` counts payloads that were Python and no JSON.

    Raises
    ------
    DataError
        If an event cannot be read; ``place(row)`` names it.
    """
    try:
        outer = list(map(_WRAPPED.decode, texts))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        outer = [_whole(text, place, row) for row, text in enumerate(texts)]
    _require_whole(texts, outer, place)
    inner, reprs = payloads([event.payload for event in outer], place)
    pairs = zip(outer, inner, strict=True)
    return cast("list[Event]", outer), [one or whole for whole, one in pairs], reprs


def payloads(found: Sequence[str | Event | None], place: Any) -> tuple[list[Event | None], int]:
    """Read the payloads of a chunk, and count those that are Python and no JSON."""
    read, reprs = _payloads(found, place)
    _require_whole(found, read, place)
    return read, reprs


def _payloads(
    found: Sequence[str | Event | None], place: Any
) -> tuple[list[Event | None], int]:
    try:
        # All texts is the usual case; what is no text makes the decoder raise a TypeError.
        return list(map(_EVENT.decode, cast("Sequence[str]", found))), 0
    except (TypeError, msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    reprs, read = 0, list[Event | None]()
    for row, one in enumerate(found):
        if isinstance(one, str):
            event, is_repr = _payload(one, place, row)
            reprs += is_repr
            read.append(event)
        else:
            read.append(one)
    return read, reprs


def _whole(text: str | bytes, place: Any, row: int) -> Wrapped:
    try:
        return _WRAPPED.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value, _ = read_loose(text, place, row)
        return _event(value, place, row, Wrapped)


def _payload(text: str, place: Any, row: int) -> tuple[Event, bool]:
    try:
        return _EVENT.decode(text), False
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        value, is_repr = read_loose(text, place, row)
        return _event(value, place, row, Event), is_repr


def _require_whole(texts: Sequence[object], read: Sequence[Event | None], place: Any) -> None:
    """Refuse half a character in what is read; what is not read may hold anything."""
    for row, (text, event) in enumerate(zip(texts, read, strict=True)):
        if not _may_be_halved(text):
            continue
        try:
            json.dumps(msgspec.to_builtins(event), ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise halved(place(row)) from error


def _may_be_halved(text: object) -> bool:
    if isinstance(text, bytes):
        return b"\\u" in text.lower() and any(code in text.lower() for code in _HALVES)
    return isinstance(text, str) and _may_be_halved(text.encode(errors="replace"))


def _event(value: Any, place: Any, row: int, form: type[Any]) -> Any:
    if not isinstance(value, dict):
        msg = f"{place(row)} is no object with fields: {str(value)[:60]!r}"
        raise DataError(msg)
    return _lenient(cast("dict[str, Any]", value), form)


def _lenient(value: dict[str, Any], form: type[Any]) -> Any:
    """Keep what fits; a value of a form that no field takes is as good as missing.

    What stands for a confidence is kept as text, which is no number, so that it can be quoted.
    """
    said: dict[str, Any] = {}
    for name, one in value.items():
        if name not in form.__struct_fields__:
            continue  # an answer may have a field that only events have
        if name == "model_breakdown":
            members = cast("dict[Any, Any]", one if isinstance(one, dict) else {})
            said[name] = {str(m): _entry(e) for m, e in members.items()}
        elif name == "ensemble":
            said[name] = None if one is None else _entry(one)
        elif name == "payload" and isinstance(one, dict):
            said[name] = _lenient(cast("dict[str, Any]", one), Event)
        elif name in _BELIEFS and not _fits(one):
            said[name] = "true" if one is True else "false" if one is False else str(one)
        elif _fits(one):
            said[name] = one if name in _LOOSE or one is None else str(one)
    return form(**said)


_BELIEFS = {"confidence", "raw_confidence"}
_LOOSE = {"event_id", "ts", "timestamp", "action", "confidence", "raw_confidence"}


def _entry(value: Any) -> Entry:
    if isinstance(value, dict):
        return cast("Entry", _lenient(cast("dict[str, Any]", value), Entry))
    return Entry()


def _fits(value: Any) -> bool:
    return value is None or (
        isinstance(value, str | int | float) and not isinstance(value, bool)
    )


def unfolded(events: Sequence[Event]) -> list[Flat]:
    """Lay the answers of events end to end, by stage.

    Examples
    --------
    >>> event = Event(model_breakdown={"a": Entry("BUY", 0.6), "b": Entry("SELL", 0.4)})
    >>> [(flat.model, flat.row.tolist()) for flat in unfolded([event])]
    [(['a', 'b'], [0, 0])]
    """
    breakdowns: list[dict[str, Entry]] = _each(events, "model_breakdown")
    if not all(breakdowns):
        breakdowns = [one or {} for one in breakdowns]
    counts = np.fromiter(map(len, breakdowns), dtype=np.int64, count=len(breakdowns))
    rows = np.repeat(np.arange(len(events), dtype=np.int64), counts)
    names = list(chain.from_iterable(breakdowns))
    entries = list(chain.from_iterable(one.values() for one in breakdowns))
    members = _flat(rows, names, entries, Stage.CALIBRATED)
    scores = _each(entries, "raw_confidence")
    found = [members]
    if scores.count(None) < len(scores):
        raw = np.array([score is not None for score in scores], dtype=bool)
        kept = [i for i, there in enumerate(raw) if there]
        before = _flat(
            rows[raw], [names[i] for i in kept], [entries[i] for i in kept], Stage.RAW
        )
        before.confidence = [scores[i] for i in kept]
        found.insert(0, before)
    found += _one_each(events, "ensemble", ENSEMBLE, Stage.ENSEMBLE)
    found += _intents(events)
    return [flat for flat in found if flat.row.size]


def _flat(rows: IntArray, names: list[str], entries: list[Entry], stage: Stage) -> Flat:
    return Flat(
        rows,
        names,
        _each(entries, "model"),
        _each(entries, "action"),
        _each(entries, "confidence"),
        _each(entries, "reason"),
        stage,
    )


def _each(entries: Iterable[Any], name: str) -> list[Any]:
    return list(map(attrgetter(name), entries))


def _one_each(events: Sequence[Event], name: str, model: str, stage: Stage) -> list[Flat]:
    said = _each(events, name)
    rows = [row for row, one in enumerate(said) if one is not None]
    entries = [said[row] for row in rows]
    flat = _flat(np.array(rows, dtype=np.int64), [model] * len(rows), entries, stage)
    flat.inner = [None] * len(rows)
    return [flat]


def _intents(events: Sequence[Event]) -> list[Flat]:
    """Return what events say by themselves; one that says nothing lacks its fields."""
    confidence = _each(events, "confidence")
    rows = [
        row
        for row, (event, said) in enumerate(zip(events, confidence, strict=True))
        if said is not None or not (event.model_breakdown or event.ensemble)
    ]
    chosen = [events[row] for row in rows]
    flat = Flat(
        np.array(rows, dtype=np.int64),
        [INTENT] * len(rows),
        [None] * len(rows),
        _each(chosen, "action"),
        _each(chosen, "confidence"),
        _each(chosen, "reason"),
        Stage.INTENT,
    )
    return [flat]
