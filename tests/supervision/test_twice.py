"""A field that is said twice is refused by name; nobody chooses in silence."""

from __future__ import annotations

import json

import pytest

from stairway.base.errors import ConfigError, DataError
from stairway.supervision.field_map import recognise
from stairway.supervision.ports import Documents
from stairway.supervision.reading import Reading
from stairway.supervision.twice import require_columns_once, require_event_once

FLAT = ["ts", "symbol", "model", "action", "confidence"]
ENTRY = '{"action": "BUY", "confidence": 0.5}'


def event(payload: str) -> str:
    return json.dumps({"event_type": "trade.intent", "payload": payload})


def payload(entry: str = ENTRY, more: str = "") -> str:
    return (
        f'{{"symbol": "A", "ts": "2026-03-02T11:00:00Z"{more}, "model_breakdown": {{"m": '
        f"{entry}}}}}"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (payload('{"action": "BUY", "confidence": 1.5, "confidence": 0.5}'), "confidence"),
        (payload(more=', "symbol": "B"'), "symbol"),
        (payload(f'{ENTRY}, "m": {ENTRY}'), "m"),
        (payload('{"confidence": 1.5, "note": "\\u003a", "confidence": 0.5}'), "confidence"),
    ],
)
def test_a_key_that_is_read_twice_is_refused_by_name_and_place(text: str, name: str) -> None:
    texts = [event(payload()).encode()] * 400 + [event(text).encode()]
    reading = Reading(recognise(["event_type", "payload"]))
    with pytest.raises(DataError, match=f"line 401 has '{name}' twice"):
        reading.read(Documents(texts, 1))


@pytest.mark.parametrize(
    "text",
    [
        payload(more=', "note": 1, "note": 2'),
        payload(more=', "other": {"confidence": 1, "confidence": 2}'),
        payload(more=', "note": "a: b, \\u003a"'),
    ],
)
def test_what_is_not_read_may_be_there_twice(text: str) -> None:
    require_event_once(event(text), "line 1")


def test_a_flat_record_with_a_key_twice_is_refused() -> None:
    row = '{"ts": 1772449200, "symbol": "A", "model": "m", "action": "BUY", "confidence": 0.5'
    reading = Reading(recognise(FLAT))
    reading.read(Documents([row + ', "x": 1, "x": 2}'], 1))
    with pytest.raises(DataError, match="line 2 has 'confidence' twice"):
        reading.read(Documents([row + ', "confidence": 1.5}'], 2))


@pytest.mark.parametrize("is_bytes", [False, True])
def test_a_colon_that_is_written_as_a_code_hides_no_key(*, is_bytes: bool) -> None:
    """Read and written again it is a colon, which would make up for the one that was dropped."""
    row = (
        '{"ts": 1772449200, "symbol": "A", "model": "m", "action": "BUY", "confidence": 1.5, '
        '"note": "\\u003a", "confidence": 0.5}'
    )
    reading = Reading(recognise(FLAT))
    with pytest.raises(DataError, match="line 7 has 'confidence' twice"):
        reading.read(Documents([row.encode() if is_bytes else row], 7))


def test_a_column_that_is_there_twice_is_refused_where_it_is_read() -> None:
    found = [*FLAT, "note", "note#7", "confidence#9"]
    require_columns_once(found, recognise(found))
    with pytest.raises(ConfigError, match="'confidence' twice \\(columns 5 and 6\\)"):
        require_columns_once([*FLAT, "confidence#6"], recognise(FLAT))
    events = ["event_type", "payload", "payload#3"]
    with pytest.raises(ConfigError, match="'payload' twice"):
        require_columns_once(events, recognise(events))


def test_what_python_wrote_twice_is_refused_too() -> None:
    text = event("{'symbol': 'A', 'symbol': 'B'}").encode()
    with pytest.raises(DataError, match="line 1"):
        Reading(recognise(["event_type", "payload"])).read(Documents([text], 1))


@pytest.mark.parametrize("kind", ["text", "object"])
def test_a_payload_within_a_payload_is_not_read_and_may_say_anything_twice(kind: str) -> None:
    twice = '{"symbol": "B", "symbol": "C"}'
    within = json.dumps(twice) if kind == "text" else twice
    said = payload(more=f', "payload": {within}')
    require_event_once(event(said), "line 1")
    require_event_once(f'{{"payload": {said}}}', "line 1")
    require_event_once(said, "line 1", is_payload=True)
    with pytest.raises(DataError, match="line 1 has 'symbol' twice"):
        require_event_once(said, "line 1")
