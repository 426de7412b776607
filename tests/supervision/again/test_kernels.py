"""An event that is like the one before is read as if there had been none before it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.supervision.again.kernels import read_events
from stairway.supervision.events import kernels as e
from stairway.supervision.forms.kernels import LONGEST_WAIT, MOST, SLOTS, USED, nothing_learnt
from stairway.supervision.plain import Scanner, whole_texts

READ_LATER = (
    e.TYPE, e.ID, e.TS, e.TIMESTAMP, e.SYMBOL, e.REGIME, e.ACTION, e.CONFIDENCE, e.REASON,
)  # fmt: skip


def text_at(events, place) -> bytes:
    start, end = (int(at) for at in place)
    return events.texts.text[start:end].tobytes()


def noted(events) -> list:
    """Give what was noted of each event, as the bytes that lie there."""
    tape, found = events.tape, []
    answers = tape.answer[: events.answers]
    for i in range(events.n):
        said = [
            text_at(events, tape.event[i, level, 2 * name : 2 * name + 2])
            for level in range(2)
            for name in READ_LATER
        ]
        mine = [
            (
                int(one[e.KIND]),
                *(
                    text_at(events, one[at : at + 2])
                    for at in (e.SLOT, *e.COLUMN[e.COLUMN > 0])
                ),
                # A score that is not there is never looked at.
                *map(repr, tape.belief[row, : 1 + int(one[e.HAS_RAW])]),
            )
            for row, one in enumerate(answers)
            if one[e.EVENT] == i
        ]
        found.append((bool(tape.is_passed[i]), int(tape.level[i]), said, mine))
    return found


def together_and_alone(texts: list[bytes]) -> int:
    """Read events in a row and each by itself, require the same; return how many are plain."""
    together = Scanner().read(whole_texts(texts))
    alone = []
    for text in texts:
        one = Scanner().read(whole_texts([text]))
        if not one.n:
            break
        alone += noted(one)
    assert noted(together) == alone
    return together.n


def learnt_and_used(texts: list[bytes]) -> int:
    """Return how many events were read by what one before them looked like."""
    laid, form = whole_texts(texts), nothing_learnt()
    n = len(texts)
    tape = Scanner().read(laid).tape._replace(used=e.np.array([0, laid.free, 0, e.NONE]))
    assert read_events(laid.text, laid.start, laid.end, tape, form) == n
    return int(form.state[USED]) if form.state[SLOTS] >= 0 else -1


NAME = st.text("abcdeé ", max_size=9)
WORD = st.sampled_from(["BUY", "HOLD", "SELL", "", "a word of more than eight letters", "é"])
PLAIN = (
    st.floats(0, 1) | st.integers(-9, 10**17) | st.floats(allow_nan=False, allow_infinity=False)
)


@st.composite
def layouts(draw):
    """Draw what makes events of one layout, of values that are drawn for each."""
    members = draw(st.lists(NAME, max_size=3, unique=True))
    inside = draw(st.sampled_from(["text", "object", "none", "bare"]))
    has_raw, has_ensemble, is_spaced, is_bare = (draw(st.booleans()) for _ in range(4))
    extra = draw(st.sampled_from([None, "text", "number", "list", "json"]))
    spaces = {} if is_spaced else {"separators": (",", ":")}

    def entry(pick):
        said = {"action": pick(WORD), "confidence": pick(PLAIN), "model": pick(NAME)}
        return said | ({"raw_confidence": pick(PLAIN)} if has_raw else {})

    def make(pick):
        said = {"event_id": pick(NAME), "ts": pick(WORD), "symbol": pick(NAME)}
        said["extra"] = {
            None: None, "text": pick(NAME), "number": pick(PLAIN),
            "list": [pick(PLAIN), {"deep": pick(WORD)}, True], "json": json.dumps({"a": pick(NAME)}),
        }[extra]  # fmt: skip
        said["model_breakdown"] = {name: entry(pick) for name in members}
        if has_ensemble:
            said["ensemble"] = entry(pick)
        if is_bare:
            said |= {"action": pick(WORD), "confidence": pick(PLAIN)}
        outer = {"event_type": pick(st.sampled_from(["trade.intent", "trade.intent", "other"]))}
        if inside == "bare":
            said = pick(st.sampled_from(["{}", "{}", "{ }", "[]", "{1}", "", "x"]))
            return json.dumps(outer | {"payload": said, "n": pick(PLAIN)}, **spaces)
        if inside == "none":
            return json.dumps(outer | said, ensure_ascii=False, **spaces)
        payload = json.dumps(said, ensure_ascii=False, **spaces) if inside == "text" else said
        return json.dumps(outer | {"payload": payload}, ensure_ascii=False, **spaces)

    return make


@st.composite
def rows(draw):
    """Draw events of one or two layouts, a few of them damaged at one place."""
    makes = draw(st.lists(layouts(), min_size=1, max_size=2))
    texts = []
    for _ in range(draw(st.integers(2, 12))):
        text = draw(st.sampled_from(makes))(draw).encode()
        if draw(st.integers(0, 5)) == 0:
            at = draw(st.integers(0, len(text) - 1))
            put = draw(
                st.sampled_from([b'"', b"\\", b"1", b" ", b"{", b"}", b",", b"\x01", b"", b"e"])
            )
            text = text[:at] + put + text[at + draw(st.integers(0, 1)) :]
        texts.append(text + b"\n")
    return texts


@settings(max_examples=300)
@given(rows())
def test_events_in_a_row_read_as_each_reads_alone(texts) -> None:
    try:
        "".join(text.decode() for text in texts)
    except UnicodeDecodeError:
        return  # no text at all is left to the careful way as a whole
    together_and_alone(texts)


def event(number: int = 0, payload=None, **more) -> bytes:
    said = {
        "event_id": f"event-{number}", "ts": "2026-05-15T18:18:14Z", "symbol": "BTC",
        "model_breakdown": {"a": {"action": "BUY", "confidence": 0.5 + number / 1e6, "model": "v1",
                                  "raw_confidence": 0.25}},
    }  # fmt: skip
    inner = said | (payload or {})
    return json.dumps(
        {"event_type": "trade.intent", "payload": json.dumps(inner)} | more
    ).encode()


def test_usual_events_are_read_by_the_first_of_them() -> None:
    texts = [event(n) for n in range(50)]
    assert learnt_and_used(texts) == 49
    assert together_and_alone(texts) == 50


@pytest.mark.parametrize(
    "other",
    [
        {"payload": {"event_id": 12}},
        {"payload": {"event_id": -12}},
        {"payload": {"event_id": 1.5}},
        {"payload": {"symbol": None}},
        {"payload": {"symbol": 'B"C'}},
        {"payload": {"symbol": "B\\C"}},
        {"payload": {"symbol": "B\tC"}},
        {"payload": {"model_breakdown": {}}},
        {"payload": {"model_breakdown": {"a": {"confidence": "0.5"}}}},
        {"payload": {"model_breakdown": {"a": {"confidence": None}}}},
        {"payload": {"model_breakdown": {"b": {"confidence": 0.5}}}},
        {"payload": {"extra": 1}},
        {"event_type": "heartbeat"},
        {"event_type": 5},
    ],
    ids=str,
)
def test_an_event_that_differs_in_more_than_values_is_read_by_itself(other) -> None:
    texts = [event(0), event(1), event(2, **other), event(3), event(4, **other)]
    together_and_alone(texts)
    together_and_alone([event(0, **other), event(1, **other), event(2)])


@pytest.mark.parametrize("first", [12, 0, "a"])
@pytest.mark.parametrize("then", [-1, 1.5, 10**18, "a", 7])
def test_an_id_that_is_a_number_is_whole_or_no_id(first, then) -> None:
    together_and_alone([event(0, {"event_id": first}), event(1, {"event_id": then})])


def test_text_that_is_a_number_is_never_learnt_as_a_text() -> None:
    said = {"model_breakdown": {"a": {"confidence": "0.5"}}}
    odd = {"model_breakdown": {"a": {"confidence": "high"}}}
    assert learnt_and_used([event(0, said), event(1, said)]) == -1
    assert together_and_alone([event(0, said), event(1, odd)]) == 1


def test_what_answers_around_a_payload_that_has_some_say_is_checked_in_every_event() -> None:
    around = {"model_breakdown": {"x": {"confidence": "0.5", "action": "BUY"}}}
    odd = {"model_breakdown": {"x": {"confidence": "high", "action": "BUY"}}}
    assert together_and_alone([event(0, **around), event(1, **around), event(2, **odd)]) == 2


def test_other_text_that_looks_like_a_payload_is_no_payload() -> None:
    notes = [{"note": json.dumps({"event_id": f"X{n}", "ts": "never"})} for n in range(4)]
    texts = [event(n, **note) for n, note in enumerate(notes)]
    texts += [json.dumps(note | json.loads(event(n))).encode() for n, note in enumerate(notes)]
    assert together_and_alone(texts) == 8


def test_an_event_of_more_values_than_are_kept_is_read_all_the_same() -> None:
    texts = [event(n, {"extra": [0.5 + n] * (MOST + 1)}) for n in range(3)]
    assert learnt_and_used(texts) == -1
    assert together_and_alone(texts) == 3


def test_where_nothing_is_alike_learning_is_tried_ever_more_rarely() -> None:
    """Two layouts in turn, of which the second begins to be alike only at the end."""
    unlike = [event(n, {f"extra{n}": n}) for n in range(4 * LONGEST_WAIT)]
    alike = [event(n) for n in range(3 * LONGEST_WAIT)]
    assert learnt_and_used(unlike + alike) > LONGEST_WAIT
    assert together_and_alone(unlike + alike) == len(unlike + alike)


def of_bare_text(payload: str) -> bytes:
    return json.dumps({"event_type": "heartbeat", "payload": payload, "n": 1}).encode()


@pytest.mark.parametrize("then", ["[]", "x", "", "{1}", "{'ts': 'never'}", "{ }", " {}"])
def test_a_payload_of_text_without_escapes_is_read_as_itself_in_every_event(then) -> None:
    texts = [of_bare_text("{}"), of_bare_text("{}"), of_bare_text(then), of_bare_text("{}")]
    together_and_alone(texts)
    together_and_alone([event(0), event(1), *texts])
    together_and_alone([texts[2], *texts])
    assert learnt_and_used(texts[:2]) == -1


def test_values_of_any_length_are_copied_whole() -> None:
    texts = [event(n, {"symbol": "x" * n, "extra": "y" * (40 - n)}) for n in range(40)]
    assert learnt_and_used(texts) == 39
    assert together_and_alone(texts) == 40


def test_a_confidence_that_is_missing_is_nan_and_not_that_of_the_event_before() -> None:
    texts = [event(0), event(1, {"model_breakdown": {"a": {"action": "BUY", "model": "v1"}}})]
    read = Scanner().read(whole_texts(texts))
    assert math.isnan(read.tape.belief[1, 0])


@pytest.mark.parametrize("behind", [b"}", b" ", b"x", b"\n", b'{"a":1}'])
def test_what_lies_behind_an_event_is_read_too(behind) -> None:
    plain = 3 if behind.isspace() else 1
    assert together_and_alone([event(0), event(1) + behind, event(2)]) == plain
