"""A field that is said twice is refused by name; nobody chooses in silence."""

from __future__ import annotations

import json

import polars as pl
import pytest

from stairway.base.errors import ConfigError, DataError, TwiceError
from stairway.supervision.field_map import recognise
from stairway.supervision.loose_json import read_loose
from stairway.supervision.picking import Picker
from stairway.supervision.ports import Documents, Table
from stairway.supervision.reading import Reading
from stairway.supervision.twice import (
    require_columns_once,
    require_event_once,
    require_keys_once,
)

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


UNREADABLE = [
    pytest.param(b"1e999", id="wide"),
    pytest.param(b'"caf\xe9"', id="latin"),
    pytest.param(b'"\\ud83d"', id="half"),
    pytest.param(b"[" * 300 + b"]" * 300, id="deep"),
    pytest.param(b"1" * 5_000, id="long"),
    pytest.param(b"NaN", id="nan"),
]


@pytest.mark.parametrize("value", UNREADABLE)
@pytest.mark.parametrize("name", ["confidence", "symbol"])
def test_a_value_that_nobody_reads_hides_no_key(value: bytes, name: str) -> None:
    """The typed decoders skip it, so that it may not end the search either."""
    if name == "confidence":
        text = payload('{"x": #, "confidence": 1.5, "confidence": 0.5}')
    else:
        text = payload(more=', "x": #, "symbol": "B"')
    whole = f'{{"event_type": "trade.intent", "payload": {text}}}'.encode()
    reading = Reading(recognise(["event_type", "payload"]))
    good = [event(payload()).encode()] * 400
    with pytest.raises(DataError, match=f"line 401 has '{name}' twice"):
        reading.read(Documents([*good, whole.replace(b"#", value)], 1))


def test_a_value_that_cannot_be_decoded_around_a_payload_hides_no_key_in_it() -> None:
    twice = json.dumps(payload('{"confidence": 1.5, "confidence": 0.5}'))
    text = f'{{"note": "#", "x": 1e999, "payload": {twice}}}'.encode().replace(b"#", b"\xe9")
    with pytest.raises(DataError, match="line 3 has 'confidence' twice"):
        require_event_once(text, "line 3")
    require_event_once(text.replace(b'\\"confidence\\": 1.5, ', b""), "line 3")


@pytest.mark.parametrize("value", UNREADABLE)
def test_a_value_that_nobody_reads_is_no_fault(value: bytes) -> None:
    text = payload('{"x": #, "confidence": 0.5, "action": "BUY"}').encode()
    require_event_once(text.replace(b"#", value), "line 1", is_payload=True)


@pytest.mark.parametrize("is_payload", [False, True])
def test_what_is_nested_too_deep_to_be_looked_at_is_refused(*, is_payload: bool) -> None:
    """Where a recursion ends depends on who calls: nobody may rely on it to hide a key."""
    for depth in (*range(900, 1_010), 50_000):
        deep = "[" * depth + "]" * depth
        text = payload(more=f', "payload": 5, "x": {deep}, "symbol": "B"')
        with pytest.raises(DataError, match=r"line 1 (has 'symbol' twice|is nested too deep)"):
            require_event_once(text, "line 1", is_payload=is_payload)
    with pytest.raises(DataError, match=r"line 1 is nested too deeply"):
        require_keys_once(f'{{"x": {deep}}}', None, {"symbol"}, "line 1")


def test_what_no_json_reader_takes_is_left_to_other_rules() -> None:
    require_event_once("{'confidence': 1, 'confidence': 2}", "line 1")
    require_event_once("no event at all", "line 1")


@pytest.mark.parametrize(
    "row",
    [
        "{'ts': 1, 'confidence': 1.5, 'confidence': 0.5}",
        '{"ts": 1, "x": 1e999, "confidence": 1.5, "confidence": 0.5}',
        '{"ts": 1, "x": NaN, "confidence": 1.5, "confidence": 0.5}',
    ],
    ids=["python", "wide", "nan"],
)
def test_a_key_twice_has_its_place_in_whatever_it_is_written(row: str) -> None:
    with pytest.raises(TwiceError, match="row 8 has 'confidence' twice"):
        read_loose(row, "row {}".format, 8)


def test_a_python_value_in_a_field_says_each_key_once() -> None:
    found = "{'a': {'confidence': 1.5, 'confidence': 0.5}}"
    frame = pl.DataFrame({"said": [found]})
    with pytest.raises(TwiceError, match=r"the text .* has 'confidence' twice"):
        Picker(Table(frame, 2, "line"), strict=True).pick("said.a.confidence")
