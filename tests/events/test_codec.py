"""Facts to bytes and back, strictly."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.events.codec import Codec


class Opened(msgspec.Struct, frozen=True, tag="door.opened"):
    time_ns: int
    by: str
    notes: dict[str, float] = {}


class Closed(msgspec.Struct, frozen=True, tag="door.closed"):
    time_ns: int


CODEC = Codec(Opened | Closed)
facts = st.one_of(
    st.builds(Closed, st.integers(-(2**63), 2**63 - 1)),
    st.builds(
        Opened,
        st.integers(0, 2**62),
        st.text(max_size=9),
        st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False), max_size=4),
    ),
)


@given(facts)
def test_a_fact_comes_back_as_it_was(fact):
    assert CODEC.decode(CODEC.encode(fact)) == fact


def test_the_same_fact_gives_the_same_bytes_however_it_was_put_together():
    one = Opened(1, "x", {"a": 1.0, "b": 2.0})
    two = Opened(1, "x", {"b": 2.0, "a": 1.0})
    assert CODEC.encode(one) == CODEC.encode(two)


@given(st.binary(max_size=40))
def test_bytes_that_are_no_fact_are_refused_and_never_crash(payload):
    fact = None
    with suppress(DataError):
        fact = CODEC.decode(payload)
    assert fact is None or isinstance(fact, Opened | Closed)


@pytest.mark.parametrize(
    "stranger",
    [
        {"type": "door.painted", "time_ns": 1},
        {"type": "door.closed"},
        {"type": "door.closed", "time_ns": "1"},
        {"type": "door.closed", "time_ns": 1.5},
        {"time_ns": 1},
        [1, 2],
        None,
    ],
)
def test_a_fact_of_another_version_is_refused(stranger):
    with pytest.raises(DataError, match="no fact that this version knows"):
        CODEC.decode(msgspec.msgpack.encode(stranger))


@given(facts, st.data())
def test_a_fact_that_is_cut_short_is_refused(fact, data):
    payload = CODEC.encode(fact)
    with pytest.raises(DataError):
        CODEC.decode(payload[: data.draw(st.integers(0, len(payload) - 1))])


OLD = Codec[Opened | Closed](
    Opened | Closed, {"door.closed": lambda fields: {"time_ns": 0, **fields}}
)


def test_a_fact_in_an_earlier_form_is_brought_up_to_the_form_of_today():
    earlier = msgspec.msgpack.encode({"type": "door.closed"})
    with pytest.raises(DataError):
        CODEC.decode(earlier)
    assert OLD.decode(earlier) == Closed(0)


def test_a_fact_of_today_is_not_touched_by_what_reads_earlier_ones():
    assert OLD.decode(CODEC.encode(Closed(7))) == Closed(7)


@pytest.mark.parametrize(
    "stranger",
    [
        {"type": "door.closed", "time_ns": "1"},
        {"type": "door.painted"},
        {"type": ["door.closed"]},
        {"type": None},
        {},
        ["door.closed"],
        7,
    ],
)
def test_what_is_in_no_earlier_form_either_is_refused(stranger):
    with pytest.raises(DataError, match="no fact that this version knows"):
        OLD.decode(msgspec.msgpack.encode(stranger))


@given(st.binary(max_size=40))
def test_bytes_that_are_no_fact_never_crash_the_reading_of_earlier_forms(payload):
    with suppress(DataError):
        assert isinstance(OLD.decode(payload), Opened | Closed)
