"""Records of every known layout become the same answers; what is wrong is kept or named."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.supervision.answers import BUY, MISSING, NO_TIME, UNKNOWN, Stage
from stairway.supervision.field_map import read_map, recognise
from stairway.supervision.ports import Documents, Ragged, Table
from stairway.supervision.reading import Reading, layout_of
from stairway.testing.telemetry import messages, rows, telemetry

T0 = 1_700_000_000_000


def event(breakdown, **more):
    return {
        "event_type": "trade.intent",
        "payload": json.dumps({"symbol": "BTC", "ts": T0, "model_breakdown": breakdown} | more),
    }


def read(*events, layout=("event_type", "payload")):
    reading = Reading(recognise(layout))
    return reading, reading.read(Documents([json.dumps(e) for e in events], 1))


def test_each_model_of_a_breakdown_answers() -> None:
    reading, found = read(
        event(
            {
                "a": {"action": "BUY", "confidence": 0.6, "model": "a-v1"},
                "b": {"action": "SELL", "confidence": "0.4"},
            }
        )
    )
    assert reading.names.models.names == ["a/a-v1", "b"]
    assert (found.action.tolist(), found.confidence.tolist()) == ([2, 0], [0.6, 0.4])
    assert found.time_ns.tolist() == [T0 * 10**6] * 2


def test_the_same_telemetry_reads_the_same_from_events_and_from_rows() -> None:
    made = telemetry("healthy", events=200)
    texts = [json.dumps(m) for m in messages(made)]
    a = Reading(recognise(["event_type", "payload"])).read(Documents(texts, 1))
    a = a.where(a.stage == Stage.CALIBRATED)
    frame = rows(made)
    b = Reading(recognise(frame.columns)).read(Table(frame, 1, "row"))
    for name in ("time_ns", "event", "symbol", "action", "confidence"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name


LOOSE = st.none() | st.floats(0, 1.5) | st.sampled_from(["nan", "0.5", "high", ""])
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["BUY", "SELL", "LONG", None]),
        "confidence": LOOSE,
        "model": st.sampled_from(["v1", None]),
    },
)


@settings(max_examples=50)
@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), ENTRY, min_size=1), min_size=1, max_size=6)
)
def test_the_careful_way_reads_what_the_fast_way_reads(breakdowns) -> None:
    events = [event(b) for b in breakdowns]
    _, fast = read(*events)
    # One event that fits no typed field sends the whole chunk the careful way.
    _, slow = read(*events, event({"a": {"confidence": [1]}}))
    n = len(fast)
    for name in ("action", "confidence", "time_ns", "model", "stage"):
        assert np.array_equal(
            getattr(fast, name), getattr(slow, name)[:n], equal_nan=name == "confidence"
        ), name
    assert np.isnan(slow.confidence[n])


def test_faults_are_kept_as_they_were_said() -> None:
    _, found = read(
        event(
            {
                "a": {"action": "LONG", "confidence": 1.05},
                "b": {"confidence": "nan"},
                "c": {"action": "BUY", "confidence": True},
            }
        )
    )
    assert found.action.tolist() == [UNKNOWN, MISSING, BUY]
    assert found.confidence[0] == 1.05
    assert np.isnan(found.confidence[1:]).all()


def test_an_intent_that_says_nothing_is_a_fault_and_another_kind_of_event_is_not() -> None:
    reading, found = read(
        {"event_type": "trade.intent", "payload": "{}"},
        {"event_type": "heartbeat", "payload": "{}"},
    )
    assert (found.stage.tolist(), found.action.tolist(), found.time_ns.tolist()) == (
        [Stage.INTENT],
        [MISSING],
        [NO_TIME],
    )
    assert reading.notes.passed_over == {"heartbeat": 1}
    assert "1 record of heartbeat" in reading.notes.sentences()[0]


def test_stages_before_and_after_the_members_are_heard() -> None:
    said = {"a": {"action": "BUY", "confidence": 0.7, "raw_confidence": 0.9}}
    _, found = read(
        event(
            said, ensemble={"action": "BUY", "confidence": 0.65}, action="BUY", confidence=0.6
        )
    )
    assert dict(zip(found.stage.tolist(), found.confidence.tolist(), strict=True)) == {
        0: 0.9,
        1: 0.7,
        2: 0.65,
        3: 0.6,
    }


def test_a_payload_that_python_wrote_is_read_and_said() -> None:
    payload = repr(
        {
            "symbol": "BTC",
            "ts": T0,
            "model_breakdown": {"a": {"action": "BUY", "confidence": 0.6}},
        }
    )
    reading, found = read({"event_type": "trade.intent", "payload": payload})
    assert (found.confidence.tolist(), reading.notes.reprs) == ([0.6], 1)


def test_a_record_that_is_nothing_is_named_by_its_place() -> None:
    good = json.dumps(event({"a": {"action": "BUY", "confidence": 0.6}}))
    with pytest.raises(DataError, match="line 8 is neither JSON nor a Python value"):
        Reading(recognise(["event_type", "payload"])).read(Documents([good, "{oops}"], 7))


def test_a_last_line_that_is_still_being_written_is_left_out_and_said() -> None:
    good = json.dumps(event({"a": {"action": "BUY", "confidence": 0.6}}))
    reading = Reading(recognise(["event_type", "payload"]))
    assert len(reading.read(Documents([good, good[:40]], 1, open_end=True))) == 1
    assert "not complete yet" in reading.notes.sentences()[-1]


def table(**columns):
    return Table(
        pl.DataFrame(
            {"ts": ["1700000000"], "symbol": ["A"], "model": ["m"], "action": ["BUY"]}
            | columns,
            strict=False,
        ),
        2,
        "line",
    )


def test_percentages_are_refused_until_a_map_says_so() -> None:
    chunk = table(confidence=["55"])
    with pytest.raises(DataError, match="scale = 100"):
        Reading(layout_of(chunk)).read(chunk)
    mapped = read_map(
        '[fields]\ntime="ts"\nsymbol="symbol"\nmodel="model"\naction="action"\nconfidence="confidence"\nscale=100\n',
        "m",
    )
    assert Reading(layout_of(chunk, mapped)).read(chunk).confidence.tolist() == [0.55]


def test_a_unit_that_changes_on_the_way_is_refused_with_its_place() -> None:
    reading = Reading(layout_of(table(confidence=["0.5"])))
    reading.read(table(confidence=["0.5"]))
    with pytest.raises(DataError, match="line 2: 1700000000000"):
        reading.read(table(confidence=["0.5"], ts=["1700000000000"]))


RAGGED = Ragged(2, {3: 5}, "line 2")
NUMBERED = '[fields]\ntime=1\nsymbol=2\n[models.x]\nconfidence=3\naction={ value="BUY" }\n'


def ragged(widths):
    frame = pl.DataFrame({"a": ["1700000000"] * 5, "b": ["S"] * 5, "#3": ["0.5"] * 5})
    return Table(frame, 2, "line", Ragged(2, widths, "line 2"))


def test_ragged_rows_are_refused_with_counts_and_the_first_line() -> None:
    with pytest.raises(
        DataError,
        match=r"header names 2 fields and 5 of 5 rows have 3 values \(the first other one is line 2\)",
    ):
        layout_of(ragged({3: 5}))


def test_ragged_rows_of_one_width_are_understood_by_number() -> None:
    mapped = read_map(NUMBERED, "m")
    reading = Reading(layout_of(ragged({3: 5}), mapped))
    assert len(reading.read(ragged({3: 5}))) == 5
    with pytest.raises(DataError, match="ragged"):
        reading.read(ragged({2: 1, 3: 4}))
    with pytest.raises(DataError, match="ragged"):
        reading.read(ragged({4: 5}))


def test_names_do_not_help_where_rows_are_ragged() -> None:
    mapped = read_map(NUMBERED.replace("time=1", 'time="a"'), "m")
    with pytest.raises(DataError, match="ragged"):
        layout_of(ragged({3: 5}), mapped)
    with pytest.raises(DataError, match="ragged"):
        Reading(recognise(["a", "b", "#3"], mapped)).read(ragged({3: 5}))


def test_a_model_of_several_that_says_nothing_in_a_row_is_noted_not_judged() -> None:
    mapped = read_map(
        '[fields]\ntime="ts"\nsymbol="symbol"\n[models.p]\naction="pa"\nconfidence="pc"\n[models.q]\naction="qa"\nconfidence="qc"\n[only]\nkind=["live"]\n',
        "m",
    )
    frame = pl.DataFrame(
        {
            "ts": ["1700000000", "1700000001"],
            "symbol": ["A", "A"],
            "pa": ["BUY", "BUY"],
            "pc": ["0.5", "0.5"],
            "qa": ["", ""],
            "qc": ["", ""],
            "kind": ["live", "test"],
        }
    )
    reading = Reading(recognise(frame.columns, mapped))
    assert len(reading.read(Table(frame, 2, "line"))) == 1
    assert reading.notes.silent == {"q": 1}
    assert reading.notes.passed_over.total() == 1


def test_fields_inside_fields_are_reached_by_dots() -> None:
    mapped = read_map(
        '[fields]\ntime="at"\nsymbol="info.market"\nmodel={value="bot"}\naction="info.side"\nconfidence="info.p"\n',
        "m",
    )
    texts = [
        msgspec.json.encode({"at": T0, "info": {"market": "A", "side": "SELL", "p": 0.25}}),
        msgspec.json.encode(
            {"at": T0, "info": "{'market': 'B', 'side': 'BUY', 'p': np.float64(0.5)}"}
        ),
    ]
    chunk = Documents(texts, 1)
    assert Reading(layout_of(chunk, mapped)).read(chunk).confidence.tolist() == [0.25, 0.5]


def test_an_event_without_an_id_is_nobodys_repeat() -> None:
    said = {"a": {"action": "BUY", "confidence": 0.5}}
    _, found = read(event(said), event(said, event_id="e1"), event(said, event_id="e1"))
    assert found.event[0] == 0 < found.event[1] == found.event[2]


@pytest.mark.parametrize("later", [-5, 0, 1_700_000_000_000])
def test_a_stray_stamp_is_named_in_whichever_part_it_lies(later: int) -> None:
    rows = {"symbol": ["A", "A"], "model": ["m", "m"], "action": ["BUY"] * 2}
    rows |= {"confidence": [0.5, 0.6]}
    first = pl.DataFrame({"ts": [1_700_000_000, 1_700_000_060]} | rows)
    second = pl.DataFrame({"ts": [1_700_000_120, later]} | rows)
    reading = Reading(recognise(first.columns))
    reading.read(Table(first, 1, "row"))
    with pytest.raises(DataError, match=f"row 4: {later} is no instant of our time"):
        reading.read(Table(second, 3, "row"))
