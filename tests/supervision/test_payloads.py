"""The fast way and the careful way read the same: answers, notes and refusals."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stairway.base.errors import DataError, StairwayError
from stairway.supervision import payloads
from stairway.supervision.answers import INTENT, NO_TIME, Answers, Names
from stairway.supervision.events.kernels import MEMBERS
from stairway.supervision.field_map import read_map, recognise
from stairway.supervision.instants import Clock
from stairway.supervision.lines import Lines
from stairway.supervision.notes import Notes
from stairway.supervision.payloads import Payloads
from stairway.supervision.picking import parsed
from stairway.supervision.ports import ENTRY_ID, Documents, Table
from stairway.supervision.reading import Reading
from stairway.supervision.times import Times
from stairway.testing.telemetry import messages, telemetry

STAMPS = {"iso": "2026-05-15T18:18:14Z", "ms": 1_778_869_094_000}
CODED = {
    "model": "models",
    "symbol": "symbols",
    "reason": "reasons",
    "regime": "regimes",
    "word": "words",
}


def heard(chunk, *, plain, unit="iso", ahead=False):
    """Read a chunk; give each column, codes as the names they stand for, and notes."""
    names, notes = Names(), Notes()
    reader = Payloads(names, notes, Times(Clock(unit)), plain=plain)
    try:
        found = reader.read(chunk, 0, reader.look(chunk) if ahead else ())
    except StairwayError as error:
        return type(error), str(error)
    said = {name: getattr(found, name).tolist() for name in Answers.__dataclass_fields__}
    for column, known in CODED.items():
        words = [*getattr(names, known).names, None]
        said[column] = [words[code] for code in said[column]]
    said["confidence"] = [repr(c) for c in said["confidence"]]
    said["quoted"] = [
        (notes.page.confidence(place), notes.page.time(place)) for place in range(len(chunk))
    ]
    return said, notes


def both(texts, *, ahead=False, **more):
    chunk = Documents(texts, 1)
    fast, slow = (heard(chunk, plain=p, ahead=ahead and p, **more) for p in (True, False))
    assert fast == slow
    return fast


def fast_alone(texts):
    """Whether the compiled loops read all of it."""
    reader = Payloads(Names(), Notes(), Times(Clock("iso")))
    _, n = reader._fast(Documents(texts, 1), 0)
    return n == len(texts)


def plain_event(number=0, **more):
    payload = {"event_id": f"e{number}", "ts": STAMPS["iso"], "symbol": "BTC"} | more
    return {"event_type": "trade.intent", "payload": json.dumps(payload)}


ODD_TEXT = st.text(max_size=4) | st.sampled_from(
    ["BUY", "sell", " HOLD ", "nan", "", "v1", "é", "null", "0.5"]
)
NUMBER = st.floats(allow_nan=True) | st.floats(0, 1) | st.integers() | st.integers(-2, 2)
ODD = st.none() | st.booleans() | ODD_TEXT | NUMBER | st.lists(st.integers(), max_size=2)
BELIEF = st.floats(0, 1) | st.sampled_from([0, 1, "0.5", None, 1.05]) | ODD
LABEL = st.sampled_from(["BUY", "HOLD", "SELL", 1, -1, None]) | ODD
ENTRY = st.fixed_dictionaries(
    {},
    optional={"action": LABEL, "confidence": BELIEF, "model": ODD_TEXT | ODD, "raw_confidence": BELIEF,
              "reason": ODD_TEXT | ODD, "features": st.dictionaries(ODD_TEXT, ODD, max_size=2)},
)  # fmt: skip
PAYLOAD = st.fixed_dictionaries(
    {},
    optional={
        "event_type": ODD_TEXT, "event_id": ODD_TEXT | st.integers() | ODD, "symbol": ODD_TEXT | ODD,
        "ts": st.just(STAMPS["iso"]) | st.datetimes(timezones=st.timezones()).map(str) | ODD,
        "timestamp": st.just(STAMPS["iso"]) | ODD, "regime": ODD_TEXT | ODD,
        "model_breakdown": st.dictionaries(ODD_TEXT, ENTRY | ODD, max_size=3) | ODD,
        "ensemble": ENTRY | ODD, "action": LABEL, "confidence": BELIEF, "reason": ODD_TEXT | ODD,
        "extra": st.recursive(ODD, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ODD_TEXT, inner, max_size=2), max_leaves=4),
    },
)  # fmt: skip


@st.composite
def records(draw):
    """Draw one line: usual, odd in one of many ways, or no record at all."""
    payload = draw(PAYLOAD)
    dumped = json.dumps(
        payload, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
    )
    inside = draw(st.sampled_from(["text", "text", "object", "none", "repr", "twice"]))
    if inside == "twice" and len(dumped) > 2:
        dumped = "{" + dumped.strip()[1:-1] + "," + dumped.strip()[1:-1] + "}"
    outer = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "event_type": st.sampled_from(["trade.intent", "heartbeat", None, 5]),
                "symbol": ODD_TEXT,
                "ts": st.just(STAMPS["iso"]),
            },
        )
    )
    if inside == "none":
        return json.dumps(outer | payload)
    shown = {"object": payload, "repr": repr(payload)}.get(inside, dumped)
    return json.dumps(outer | {"payload": shown}, ensure_ascii=draw(st.booleans()))


@settings(max_examples=150)
@given(
    st.lists(
        records() | st.integers(0, 9).map(lambda n: json.dumps(plain_event(n))),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["iso", "ms"]),
)
@example(['{"payload": "{\\"ts\\": 0.0}"}'], "iso")
@example(['{"payload": "{\\"ts\\": 7}"}', '{"payload": "{\\"ts\\": 1e22}"}'], "iso")
def test_both_ways_read_the_same_whatever_is_said(texts, unit) -> None:
    both([text.encode() for text in texts], unit=unit)


@settings(max_examples=60)
@given(
    st.lists(
        records() | st.integers(0, 9).map(lambda n: json.dumps(plain_event(n))),
        min_size=5,
        max_size=20,
    ),
    st.sampled_from(["iso", None]),
)
def test_what_was_looked_at_ahead_is_read_the_same_block_by_block(texts, unit) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payloads, "_BLOCK", 4)
        patch.setattr(payloads, "_FEW", 1)
        both([text.encode() for text in texts], unit=unit, ahead=True)


def test_behind_an_odd_event_the_rest_of_its_block_is_looked_at_again() -> None:
    said = {"a": {"action": "BUY", "confidence": 0.5}}
    texts = [json.dumps(plain_event(n, model_breakdown=said)).encode() for n in range(12)]
    texts[1] = json.dumps({"payload": repr({"model_breakdown": said})}).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payloads, "_BLOCK", 4)
        patch.setattr(payloads, "_FEW", 1)
        found, _ = both(texts, ahead=True)
    assert found["place"] == list(range(12))


def test_a_block_that_was_looked_at_is_not_looked_at_again() -> None:
    texts = [
        json.dumps(message).encode() for message in messages(telemetry("healthy", events=9))
    ]
    chunk, reader = Documents(texts, 1), Payloads(Names(), Notes(), Times(Clock("iso")))
    looked = reader.look(chunk)
    reader._scanner = None  # type: ignore[assignment] # nobody may ask it now
    assert len(reader.read(chunk, 0, looked)) == 9 * 6


def test_a_last_line_that_may_be_cut_is_not_looked_at_ahead() -> None:
    reading = Reading(recognise(["event_type", "payload"]))
    texts = [json.dumps(plain_event()).encode()]
    for open_end, blocks in ((False, 1), (True, 0)):
        _, looked = reading.look(Documents(texts, 1, open_end=open_end))
        assert len(looked) == blocks


@settings(max_examples=80)
@given(st.integers(0, 10**9), st.data())
def test_both_ways_read_the_same_of_a_text_that_was_damaged_anywhere(number, data) -> None:
    said = {"a": {"action": "BUY", "confidence": 0.5, "model": "v1", "raw_confidence": 0.25}}
    text = bytearray(json.dumps(plain_event(number, model_breakdown=said)).encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at : at + 1] = data.draw(
        st.sampled_from(
            [b"", b'"', b"\\", b"{", b"}", b",", b"0", b".", b"e", b"\n", b"\xff", b" ", b":"]
        )
    )
    both([json.dumps(plain_event()).encode(), bytes(text)])


def test_the_usual_events_are_read_the_fast_way_and_as_carefully() -> None:
    texts = [json.dumps(m).encode() for m in messages(telemetry("violation", events=400))]
    assert fast_alone(texts)
    said, notes = both(texts)
    assert len(said["model"]) == 2_400
    assert notes.passed_over == {}
    assert said["confidence"].count("1.05") == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"model_breakdown": {"a": {"confidence": "0.25", "action": 1, "x": [1, {"y": None}]}}},
        {"ensemble": {"confidence": 0.12345678901234567, "action": "BUY"}, "regime": "calm"},
        {"confidence": 1, "action": "SELL", "reason": "why", "features": {"a": [[], {}]}},
        {"ts": None, "timestamp": "2026-05-15 18:18:14.5+01:30", "event_id": 17},
        {"ts": None, "model_breakdown": {}, "symbol": None, "event_id": None},
    ],
    ids=["text", "ensemble", "intent", "stamps", "nothing"],
)
def test_what_bots_usually_say_needs_no_care(changed) -> None:
    texts = [json.dumps(plain_event(0, **changed)).encode()]
    assert fast_alone(texts)
    both(texts)


@pytest.mark.parametrize(
    "text",
    [
        b'{"payload": "{\\"ts\\": 1, \\"ts\\": 2}"}',
        b'{"payload": "{\\"model_breakdown\\": {\\"a\\": {}, \\"a\\": {}}}"}',
        b'{"payload": "{\\"event_id\\": 1.0}"}',
        b'{"payload": "{\\"confidence\\": 0.12345678901234567890123}"}',
        b'{"payload": "{\\"symbol\\": \\"\\\\u00e9\\"}"}',
        b'{"payload": "{\\"ts\\": \\"2026-05-15T18:18:14\\"}"}',
        b'{"payload": "{}"} {}',
    ],
    ids=[
        "key twice",
        "member twice",
        "broken id",
        "digits",
        "escape",
        "no zone",
        "two records",
    ],
)
def test_what_two_readers_might_take_in_two_ways_is_left_to_the_careful_way(text) -> None:
    assert not fast_alone([text])
    both([text])


@pytest.mark.parametrize("members", [MEMBERS, MEMBERS + 1, 3 * MEMBERS])
def test_more_members_than_are_kept_room_for_are_read_all_the_same(members) -> None:
    crowd = {f"m{i}": {"action": "BUY", "confidence": i / 1_000} for i in range(members)}
    texts = [json.dumps(plain_event(n, model_breakdown=crowd)).encode() for n in range(40)]
    assert fast_alone(texts[:1]) == (members == MEMBERS)
    said, _ = both(texts)
    assert len(said["model"]) == 40 * members


@pytest.mark.parametrize("letter", [b"\x01", b"\t", b"\x1f"])
def test_a_control_letter_in_a_text_is_not_read_over(letter) -> None:
    text = b'{"event_type": "trade' + letter + b'", "payload": "{}"}'
    assert not fast_alone([text])


def test_one_odd_event_among_thousands_costs_few_of_them_the_fast_way() -> None:
    texts = [json.dumps(plain_event(n)).encode() for n in range(3_000)]
    texts[1_500] = json.dumps(plain_event(1_500, symbol="\u00e9")).encode()
    said, _ = both(texts)
    assert said["place"] == list(range(3_000))
    assert said["symbol"][1_500] == "\u00e9"


def test_a_fault_is_named_by_its_line_on_both_ways() -> None:
    texts = [json.dumps(plain_event(n)).encode() for n in range(700)]
    texts[600] = b"{oops}"
    _, message = both(texts)
    assert "line 601 is neither JSON nor a Python value" in message
    texts[600] = json.dumps(plain_event(600, ts=1_778_869_094)).encode()
    assert both(texts)[0]["time_ns"][600] < 0
    numbers = [
        json.dumps(plain_event(n, ts=1_778_869_094_000 + n)).encode() for n in range(700)
    ]
    numbers[650] = json.dumps(plain_event(650, ts=1_778_869_094)).encode()
    assert "line 651: 1778869094 is no instant" in both(numbers, unit="ms")[1]


def test_more_words_than_are_kept_are_read_all_the_same() -> None:
    texts = [
        json.dumps(
            plain_event(n, confidence=0.5, reason=f"{n % 40_000:x} " + "x" * 40)
        ).encode()
        for n in range(45_000)
    ]
    chunk = Documents(texts, 1)
    said, _ = heard(chunk, plain=True)
    assert said["reason"][17] == "11 " + "x" * 40
    assert set(said["reason"][1_000:40_000]) == {"(other reasons)"}


def entries(payloads, **more):
    n = len(payloads)
    frame = pl.DataFrame(
        {ENTRY_ID: [f"{1_778_869_094_000 + k}-0" for k in range(n)], "payload": payloads} | more
    )
    return Table(frame, 1, "entry")


def test_entries_of_a_stream_read_the_same_on_both_ways() -> None:
    payloads = [json.loads(json.dumps(plain_event(n)))["payload"] for n in range(600)]
    payloads[300] = "{'symbol': 'ETH', 'confidence': 0.5}"
    kinds = ["trade.intent", "heartbeat", None] * 200
    for beside in ({}, {"symbol": ["X"] * 600}, {"ts": [STAMPS["iso"]] * 600}):
        chunk = entries(payloads, event_type=kinds, **beside)
        fast, slow = (heard(chunk, plain=plain) for plain in (True, False))
        assert fast == slow
        assert fast[1].passed_over == {"heartbeat": 200}


def test_entries_take_the_time_of_their_id_until_one_says_its_own() -> None:
    silent = json.dumps({"symbol": "A", "confidence": 0.5})
    told = json.dumps({"symbol": "A", "confidence": 0.5, "ts": 1_778_869_095_000})
    chunk = entries([silent] * 400 + [told] + [silent] * 400)
    fast, slow = (heard(chunk, plain=plain, unit="ms") for plain in (True, False))
    assert fast == slow
    assert fast[1].from_ids == 400
    assert fast[0]["dated"] == [False] * 400 + [True] * 401
    assert fast[0]["time_ns"][399:402] == [
        1_778_869_094_399 * 10**6,
        1_778_869_095_000 * 10**6,
        -(2**63),
    ]


def test_lines_are_cut_out_of_one_piece_of_memory() -> None:
    text = bytearray(b'{"a":1}\n{"b":2}\n')
    lines = Lines(text, np.array([0, 8]), np.array([8, 16]))
    assert list(lines) == [b'{"a":1}\n', b'{"b":2}\n']
    assert (lines[-1], len(lines[1:]), lines[1:][0]) == (b'{"b":2}\n', 1, b'{"b":2}\n')


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        '{"event_type": "trade.intent", "payload": ' + DEEP + "}",
        json.dumps({"event_type": "trade.intent", "payload": f'{{"features": {DEEP}}}'}),
        json.dumps({"event_type": "trade.intent", "payload": DEEP}),
        '{"extra": ' + DEEP + "}",
    ],
    ids=["payload", "inside", "payload text", "beside"],
)
def test_a_line_that_is_nested_without_end_is_refused_by_its_number(text) -> None:
    texts = [json.dumps(plain_event(n)).encode() for n in range(20)]
    texts[17] = text.encode()
    _, message = both(texts)
    assert message == "line 18 is nested too deeply"


def test_so_is_one_that_is_met_before_the_layout_is_known() -> None:
    with pytest.raises(DataError, match=r"^line 2 is nested too deeply$"):
        parsed([b"{}", b'{"extra": ' + DEEP.encode() + b"}"], lambda row: f"line {row + 1}")


def test_a_last_line_without_an_end_is_refused_alike() -> None:
    texts = [json.dumps(plain_event()).encode(), b'{"extra": ' + DEEP.encode() + b"}"]
    reading = Reading(recognise(["event_type", "payload"]))
    with pytest.raises(DataError, match=r"^line 2 is nested too deeply$"):
        reading.read(Documents(texts, 1, open_end=True))


def test_a_cell_that_is_nested_without_end_holds_nothing() -> None:
    mapped = read_map(
        '[fields]\ntime="ts"\nsymbol="symbol"\nmodel="m"\naction="a"\nconfidence="x.p"\n', "m"
    )
    cells = {"ts": [1_778_869_094] * 2, "symbol": ["B"] * 2, "m": ["m"] * 2, "a": ["BUY"] * 2}
    rows = pl.DataFrame(cells | {"x": ['{"p": 0.5}', '{"p": 0.5, "y": ' + DEEP + "}"]})
    read = Reading(recognise(rows.columns, mapped)).read(Table(rows, 2, "line"))
    assert [repr(c) for c in read.confidence.tolist()] == ["0.5", "nan"]


@pytest.mark.parametrize(
    ("name", "beside"),
    [("symbol", "ETH"), ("regime", "calm"), ("event_id", "e9"), ("ts", STAMPS["iso"])],
)
def test_what_a_payload_lacks_is_taken_from_beside_it_by_both_ways(
    name: str, beside: str
) -> None:
    whole = {"regime": "wild", **json.loads(plain_event()["payload"])}
    entry = {"action": "BUY", "confidence": 0.6}
    payload = {k: v for k, v in whole.items() if k != name} | {"model_breakdown": {"m": entry}}
    frame = pl.DataFrame(
        {
            "event_type": ["trade.intent"] * 3,
            "payload": [json.dumps(payload)] * 3,
            name: [beside] * 3,
        }
    )
    fast, slow = (heard(Table(frame, 1, "row"), plain=plain) for plain in (True, False))
    assert fast == slow
    said = dict(fast[0])
    if name in said:
        assert said[name] == [beside] * 3
    elif name == "ts":
        assert NO_TIME not in said["time_ns"]
    else:
        assert 0 not in said["event"]


INSIDE = {"ensemble": {"a": 1}, "model_breakdown": {"a": {}}, "payload": {}, "regime": "x"}


@pytest.mark.parametrize("name", INSIDE)
def test_an_answer_may_have_fields_that_only_events_have(name) -> None:
    entry = {"action": "BUY", "confidence": 0.5, name: INSIDE[name]}
    odd = {"symbol": 5, "raw_confidence": [1], "payload": {"a": 1}}
    texts = [plain_event(n, model_breakdown={"m": entry}, **odd) for n in range(2)]
    said, _ = both([json.dumps(text).encode() for text in texts])
    assert said["confidence"] == ["0.5"] * 2
    assert said["symbol"] == ["5"] * 2


HALF = "\ud83d"


@pytest.mark.parametrize(
    "text",
    [
        '{"event_type":"heartbeat","payload":"{\\"note\\":\\"\\ud83d\\"}"}',
        json.dumps({"event_type": "trade.intent", "payload": {"symbol": HALF}}),
        json.dumps({"event_type": HALF}),
        json.dumps(plain_event(event_id=HALF)),
        json.dumps(plain_event(model_breakdown={HALF: {"action": "BUY", "confidence": 0.5}})),
        json.dumps({"event_type": "trade.intent", "payload": "{'symbol': '\\ud83d'}"}),
        json.dumps({"event_type": "trade.intent", "payload": "{'symbol': '\\U0000d83d'}"}),
    ],
    ids=["payload", "object", "type", "id", "member", "python", "long code"],
)
def test_half_a_character_in_what_is_read_is_refused_by_its_line(text) -> None:
    texts = [json.dumps(plain_event(n)).encode() for n in range(5)]
    texts[3] = text.encode()
    kind, message = both(texts)
    assert (kind, message.partition(" (")[0]) == (DataError, "line 4 has half a character")


def test_half_a_character_in_what_is_not_read_and_a_whole_one_are_read_over() -> None:
    events = [plain_event(0, note=HALF), plain_event(1, symbol="\U0001f680"), plain_event(2)]
    said, _ = both([json.dumps(one).encode() for one in events])
    assert said["symbol"] == ["BTC", "\U0001f680", "BTC"]


def test_an_id_is_the_same_whatever_ids_lie_beside_it() -> None:
    ids = [1.5, 1, 10**30, 1e-7, "x", 2]
    texts = [json.dumps(plain_event(event_id=one)).encode() for one in ids]
    together, _ = both(texts)
    assert together["event"] == [both([text])[0]["event"][0] for text in texts]


@pytest.mark.parametrize("number", ["-0", "-7"])
def test_an_id_below_nothing_is_left_to_the_careful_way(number) -> None:
    """As text it would differ from the 0 that it is."""
    text = '{"event_type":"trade.intent","event_id":%s,"payload":{"ts":"2026-05-15T18:18:14Z"}}'
    assert fast_alone([(text % "0").encode()])
    assert not fast_alone([(text % number).encode()])
    both([(text % one).encode() for one in ("0", number, "0")])


@pytest.mark.parametrize("name", ["ensemble", "model_breakdown"])
@pytest.mark.parametrize("odd", [{"symbol": 5}, {"ensemble": 5}, {"reason": ["why"]}])
def test_what_an_event_says_does_not_hang_on_the_events_beside_it(name, odd) -> None:
    member = {"m": {"action": "BUY", "confidence": 0.5}}
    usual = [
        json.dumps(plain_event(n, **{"model_breakdown": member, name: None})).encode()
        for n in range(2)
    ]
    beside = json.dumps(plain_event(2, **({"model_breakdown": member} | odd))).encode()
    for texts in (usual, [*usual, beside], [beside, *usual]):
        said, _ = both(texts)
        mine = [at for at, place in enumerate(said["place"]) if texts[place] != beside]
        assert len(mine) == 2
        assert {said["model"][at] for at in mine} == ({"m"} if name == "ensemble" else {INTENT})


@given(PAYLOAD)
@example({"ensemble": None})
@example({"model_breakdown": None, "ensemble": {"confidence": None}})
def test_what_python_wrote_means_what_the_same_in_json_means(payload) -> None:
    """The first is always read value by value, the second only where it fits no field."""

    def read(text):
        record = json.dumps({"payload": text}).encode()
        told = heard(Documents([record], 1), plain=False)
        return told[0] if isinstance(told[0], dict) else told[0].__name__

    assert read(repr(payload)) == read(json.dumps(payload))


@pytest.mark.parametrize("beside", [{}, {"regime": 5}], ids=["usual", "odd"])
def test_a_text_in_another_coding_that_nobody_reads_is_read_over(beside) -> None:
    latin = json.dumps(plain_event(0, model_breakdown={"m": {"confidence": 0.5}})).encode()
    latin = latin.replace(b'{"event_type"', b'{"note": "caf\xe9", "event_type"')
    said, _ = both([latin, json.dumps(plain_event(1) | beside).encode()])
    assert said["symbol"] == ["BTC", "BTC"]
    assert said["regime"] == [None, "5" if beside else None]
