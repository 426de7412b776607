"""Whatever texts an event holds, what the fast way says of it the careful way says too."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.base.errors import StairwayError
from stairway.supervision import payloads
from stairway.supervision.again.kernels import read_events
from stairway.supervision.answers import Answers, Names
from stairway.supervision.events import kernels as e
from stairway.supervision.forms.kernels import (
    SLOTS,
    TARGET,
    USED,
    has_all,
    learn,
    nothing_learnt,
)
from stairway.supervision.instants import Clock
from stairway.supervision.notes import Notes
from stairway.supervision.payloads import Payloads
from stairway.supervision.plain import Scanner, payload_texts, whole_texts
from stairway.supervision.ports import Documents, Table
from stairway.supervision.times import Times

CODED = {"model": "models", "symbol": "symbols", "reason": "reasons", "word": "words"}
SOURCES = ("objects", "escaped", "payloads")


def chunk_of(texts, source):
    """Lay events in lines, or their payloads in a column as other sources have them."""
    if source == "payloads":
        frame = pl.DataFrame({"event_type": ["trade.intent"] * len(texts), "payload": texts})
        return Table(frame, 2, "line")
    return Documents([text.encode() for text in texts], 1)


def heard(chunk, *, plain):
    """Read a chunk in small blocks; give each column, or the refusal."""
    names, notes = Names(), Notes()
    reader = Payloads(names, notes, Times(Clock("iso")), plain=plain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payloads, "_BLOCK", 16)
        patch.setattr(payloads, "_FEW", 1)
        try:
            found = reader.read(chunk, 0, reader.look(chunk))
        except StairwayError as error:
            return type(error), str(error)
    said = {name: getattr(found, name).tolist() for name in Answers.__dataclass_fields__}
    for column, known in CODED.items():
        words = [*getattr(names, known).names, None]
        said[column] = [words[code] for code in said[column]]
    said["confidence"] = [repr(c) for c in said["confidence"]]
    return said, notes.passed_over, notes.reprs, names.models.names


def both(texts, source):
    chunk = chunk_of(texts, source)
    fast, careful = (heard(chunk, plain=plain) for plain in (True, False))
    assert fast == careful
    return fast


def answers(number: int, confidence: float | None = None) -> dict:
    said = 0.3 + number / 1_000 if confidence is None else confidence
    return {
        "m": {"action": ("BUY", "SELL", "HOLD")[number % 3], "confidence": said, "model": "v1"}
    }


def inner(number: int, confidence: float | None = None) -> dict:
    return {"event_id": f"e{number}", "ts": f"2026-05-15T18:18:{number % 60:02d}Z", "symbol": "A",
            "model_breakdown": answers(number, confidence)}  # fmt: skip


def line(payload: str | dict, before=None, after=None) -> str:
    """Write an event by hand, so that its keys lie in this order."""
    said = {"event_type": "trade.intent"} | ({} if before is None else {"note": before})
    said |= {"payload": payload} | ({} if after is None else {"more": after})
    return json.dumps(said)


def event(payload: dict, source: str, before=None, after=None) -> str:
    if source == "payloads":
        return json.dumps(payload)
    return line(json.dumps(payload) if source == "escaped" else payload, before, after)


UNBALANCED = (
    '{"a":1,', '{"a":1}}', "{'fmt': '}', \"b\": 1}", '{"a":1}', "{", "}", "[1", '{"', '{"a', '"',
    "\\", "{\\", '{"a":"b\\"c"}', '{"payload":"{}"', '{"payload":"{\\"ts\\":1}"}', '{12"x"3', "",
    '"payload":', '{"model_breakdown":{"m":{"confidence":0.9', ", ", '{"a":-', "{'k': 1}", "plain",
)  # fmt: skip


def echo_of(number: int, source: str, kind: str) -> str | dict:
    """Return another event, which says something else."""
    other = inner(number + 500, 0.9)
    return {
        "payload": json.dumps(other),
        "object": other,
        "line": line(json.dumps(other)),
        "line of an object": line(other),
        "wrapped": json.dumps({"payload": json.dumps(other)}),
        "its own": json.dumps(inner(number)),
        "source": event(other, source),
        "none": None,
    }[kind]


ECHOES = (
    "payload", "object", "line", "line of an object", "wrapped", "its own", "source", "none",
)  # fmt: skip


@st.composite
def layouts(draw):
    """Draw what makes an event of its number: texts anywhere, echoes of events, odd order."""
    source = draw(st.sampled_from(SOURCES))
    note = st.none() | st.sampled_from(UNBALANCED) | st.sampled_from(ECHOES)
    before, after, within, behind = (draw(note) for _ in range(4))
    key = draw(st.sampled_from(["payload", "note", "model", "raw_confidence", "event_type"]))
    order, turned = draw(st.permutations(range(6))), draw(st.booleans())
    twice = draw(st.sampled_from([None] * 6 + ["read", "unread", "deep"]))

    def text_of(which, number):
        return echo_of(number, source, which) if which in ECHOES else which

    def make(number, confidence=None):
        said = inner(number, confidence)
        fields = list(said.items())
        fields[2:2] = [(key, text_of(within, number))] if within is not None else []
        fields += [("extra", text_of(behind, number))] if behind is not None else []
        fields = [fields[k] for k in order if k < len(fields)] if turned else fields
        if twice == "deep" and within is not None:
            fields[0:0] = [("last", '{"symbol":"B","symbol":"C"}')]
        whole = event(dict(fields), source, text_of(before, number), text_of(after, number))
        if twice in {"read", "unread"}:
            name = "symbol" if twice == "read" else "other"
            more = f'"{name}":"x","{name}":"y",'
            return "{" + more + whole[1:]
        return whole

    return source, make


@settings(max_examples=120)
@given(st.data())
def test_the_fast_way_reads_what_the_careful_way_reads_whatever_texts_lie_around(data) -> None:
    (source, one), (_, two) = (data.draw(layouts()) for _ in range(2))
    if data.draw(st.integers(0, 3)):
        two = one
    changes = data.draw(st.lists(st.sampled_from([None, None, 1.05, 0.5, -0.25]), max_size=36))
    texts = [one(n) for n in range(3)]
    texts += [data.draw(st.sampled_from([one, one, two]))(n, c) for n, c in enumerate(changes)]
    both(texts, source)


@settings(max_examples=120)
@given(st.sampled_from(SOURCES), st.text('{}[]"\\,:1a ', max_size=12), st.integers(0, 3))
def test_no_text_of_brackets_and_quotes_moves_what_is_read(source, note, place) -> None:
    """The text alone is drawn, so that many are tried; 1.05 follows where all else is alike."""

    def make(number, confidence=None):
        said = inner(number, confidence)
        said = {"x": note} | said if place == 1 else said | {"x": note} if place == 2 else said
        around = {"before": note} if place == 0 else {"after": note} if place == 3 else {}
        return event(said, source, **around)

    found = both([make(0), make(1), *(make(n, 1.05) for n in range(2, 12))], source)
    assert found[0]["confidence"][2:] == ["1.05"] * 10


@pytest.mark.parametrize("note", UNBALANCED)
@pytest.mark.parametrize("source", SOURCES[:2])
def test_what_breaks_the_contract_behind_an_unbalanced_text_is_seen(source, note) -> None:
    good = [event(inner(n), source, note) for n in range(4)]
    bad = [event(inner(n, 1.05), source, note) for n in range(4, 30)]
    found, *_ = both(good + bad, source)
    assert found["confidence"].count("1.05") == 26
    assert len(set(found["event"])) == 30


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ECHOES[:-1])
def test_an_event_that_is_told_again_in_its_own_payload_says_nothing(source, kind) -> None:
    texts = []
    for n in range(24):
        said = inner(n, 0.500001) | {"payload": echo_of(n, source, kind)}
        texts.append(event(said, source))
    found, *_ = both(texts, source)
    assert set(found["confidence"]) == {"0.500001"}
    assert len(set(found["event"])) == 24


@pytest.mark.parametrize("note", ["x", *UNBALANCED])
def test_a_payload_of_python_behind_one_of_no_fields_is_read(note) -> None:
    idle = [json.dumps({"event_type": "idle", "note": note, "payload": "{}"})] * 8
    votes = [
        json.dumps({"event_type": "vote", "note": note, "payload": repr(inner(n))})
        for n in range(8)
    ]
    found, passed, reprs, _ = both(idle + votes, "escaped")
    assert (len(found["model"]), passed["idle"], reprs) == (8, 8, 8)


def learnt_of(texts, source) -> tuple[int, int]:
    """Return how many values were learnt that are noted, and how many events were read so."""
    chunk = chunk_of(texts, source)
    laid = payload_texts(chunk.frame) if source == "payloads" else whole_texts(chunk.texts)
    form, room = nothing_learnt(), Scanner().read(laid).tape
    tape = room._replace(used=np.array([0, laid.free, 0, e.NONE]))
    assert read_events(laid.text, laid.start, laid.end, tape, form) == len(texts)
    slots = form.slots[: max(int(form.state[SLOTS]), 0)]
    return int((slots[:, TARGET] >= 0).sum()), int(form.state[USED])


@pytest.mark.parametrize("source", SOURCES)
def test_usual_events_are_learnt_with_all_that_is_read_of_them(source) -> None:
    texts = [event(inner(n), source) for n in range(40)]
    around = source != "payloads"
    assert learnt_of(texts, source) == (6 + around, 39)


@pytest.mark.parametrize("note", ['{"a":1,', '{"a":1}}', "[1", '{"payload":"x","b":{'])
@pytest.mark.parametrize("source", SOURCES[:2])
def test_events_beside_an_unbalanced_text_are_learnt_too(source, note) -> None:
    """Brackets in a text are bytes like others, so such a stream is as fast as others."""
    assert learnt_of([event(inner(n), source, note) for n in range(40)], source) == (7, 39)


def test_an_event_is_not_learnt_whose_payload_is_not_parted_into_what_was_noted() -> None:
    """A space before the payload's bracket: its values were noted, and are not found."""
    texts = [line(" " + json.dumps(inner(n))) for n in range(20)]
    assert learnt_of(texts, "escaped") == (0, 0)
    both(texts, "escaped")


def test_a_value_that_is_found_twice_or_not_at_all_prevents_learning() -> None:
    slots = np.zeros((4, 4), np.int64)
    slots[:, TARGET] = [3, -1, 5, 3]
    assert has_all(slots, 3, 2)
    assert not has_all(slots, 3, 3)
    assert not has_all(slots, 3, 1)
    assert not has_all(slots, 4, 3)
    assert not has_all(slots, e.NONE, 0)


def test_models_are_numbered_in_the_order_of_their_answers_on_both_ways() -> None:
    entry = {"action": "BUY", "confidence": 0.5}
    both_say = {"a": entry, "b": entry | {"raw_confidence": 0.4}}
    texts = [event(inner(n) | {"model_breakdown": both_say}, "escaped") for n in range(4)]
    assert both(texts, "escaped")[-1] == ["a", "b"]


@pytest.mark.parametrize("off", [0, 1])
def test_nothing_is_learnt_where_one_noted_value_is_not_found_where_it_was_noted(off) -> None:
    laid, form = whole_texts([event(inner(0), "escaped").encode()]), nothing_learnt()
    tape = Scanner().read(laid).tape
    tape = tape._replace(used=np.array([0, laid.free, 0, e.NONE]))
    span = (int(laid.start[0]), int(laid.end[0]))
    level = e.both_levels(laid.text, *span, 0, tape)
    tape.event[0, 1, 2 * e.SYMBOL] += off
    learn(laid.text, span, (0, level, 0), tape, form)
    assert (form.state[SLOTS] == e.NONE) == bool(off)
