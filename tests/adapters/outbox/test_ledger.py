"""What Redis has is ours to the last byte, or nothing is sent."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.outbox.entries import envelope_of
from stairway.adapters.outbox.keys import EMPTY, entry_id, order_of, position_of
from stairway.adapters.outbox.ledger import (
    AlarmError,
    Shelf,
    require_ours,
    require_untouched,
    require_whole,
)
from stairway.events.envelope import GENESIS, Envelope, Head, chain

NS = 1_700_000_000_123_456_789
EVENT = Envelope("fill", 7, b"x", chain(GENESIS, "fill", 7, b"x"), NS)
SHELF = Shelf("fill", entry_id(NS, 7), 7, 7, 0, EVENT, Head())


def test_an_empty_stream_and_our_own_last_event_are_gone_on_from():
    require_ours(Shelf("fill", EMPTY, 0, 0, 0, None, Head()), None)
    require_ours(SHELF, EVENT)


def test_a_last_event_that_was_archived_is_known_by_its_id():
    require_ours(SHELF._replace(length=0, removed=7, last=None), EVENT)


@pytest.mark.parametrize(
    ("shelf", "ours"),
    [
        (SHELF, None),
        (SHELF._replace(last_id="0-7"), EVENT),
        (SHELF._replace(last_id=entry_id(NS, 8)), EVENT),
        (SHELF._replace(last=None), EVENT),
        (SHELF._replace(last=msgspec.structs.replace(EVENT, payload=b"y")), EVENT),
        (SHELF._replace(last=msgspec.structs.replace(EVENT, hash="0" * 64)), EVENT),
        (SHELF._replace(last=msgspec.structs.replace(EVENT, recorded_ns=NS + 1)), EVENT),
        (SHELF._replace(last_id="nonsense", last=None), None),
    ],
)
def test_anything_else_is_an_alarm(shelf, ours):
    with pytest.raises(AlarmError, match="nothing overwritten") as caught:
        require_ours(shelf, ours)
    assert caught.value.finding.code == "log.redis_foreign"


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_every_entry_is_there_or_counted_by_the_archiver(added, length, removed):
    shelf = SHELF._replace(added=added, length=length, removed=removed)
    if added - length == removed:
        require_untouched(shelf)
        return
    with pytest.raises(AlarmError) as caught:
        require_untouched(shelf)
    assert caught.value.finding.code == "log.redis_trimmed"


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_as_many_are_there_or_archived_as_the_last_position_says(position, length, removed):
    shelf = SHELF._replace(last_id=f"5-{position}", length=length, removed=removed)
    if length + removed == position:
        require_whole(shelf)
        return
    with pytest.raises(AlarmError, match=f"{length + removed} events are there") as caught:
        require_whole(shelf)
    assert caught.value.finding.code == "log.redis_holes"


def test_what_no_log_wrote_is_named_with_what_to_do_about_it():
    foreign = SHELF._replace(last_id="9-0", last=None, is_foreign=True, key="bus:main:fill")
    with pytest.raises(AlarmError, match=r"entry 9-0, which .*`DEL bus:main:fill`"):
        require_ours(foreign, None)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**7)), min_size=2))
def test_ids_grow_with_positions_and_give_them_back(steps):
    recorded_ns, ids = 0, []
    for position, (step_ns, _) in enumerate(steps, 1):
        recorded_ns += step_ns
        ids.append(entry_id(recorded_ns, position))
        assert position_of(ids[-1]) == position
    orders = [order_of(i.encode()) for i in ids]
    assert orders == sorted(set(orders))


@given(
    st.one_of(st.none(), st.binary(), st.lists(st.one_of(st.binary(), st.lists(st.binary()))))
)
def test_no_entry_of_a_stranger_is_an_event(entry):
    assert envelope_of("fill", entry) is None


@pytest.mark.parametrize("missing", [b"payload", b"hash", b"position", b"recorded_ns"])
def test_an_entry_without_one_of_its_fields_is_no_event(missing):
    fields = {
        b"payload": b"x", b"hash": EVENT.hash.encode(), b"position": b"7",
        b"recorded_ns": str(NS).encode(),
    }  # fmt: skip
    identity = entry_id(NS, 7).encode()
    assert envelope_of("fill", [identity, _flat(fields)]) == EVENT
    assert envelope_of("order", [identity, _flat(fields)]) is not None
    assert envelope_of("fill", [b"1-7", _flat(fields)]) is None
    del fields[missing]
    assert envelope_of("fill", [identity, _flat(fields)]) is None


def _flat(fields):
    return [part for pair in fields.items() for part in pair]
