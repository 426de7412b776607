"""Rows in the form of the table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.journal.rows import follow, sealed
from stairway.adapters.journal.store import Row
from stairway.base.errors import DataError
from stairway.events.envelope import Head, chain
from stairway.events.streams import MAX_PAYLOAD_BYTES


@given(st.lists(st.binary(max_size=40), max_size=9), st.integers(0, 99), st.integers(1, 9**18))
def test_many_rows_are_what_one_after_the_other_would_be(payloads, position, first_ns):
    head, one_by_one = Head(position, "ab" * 32), []
    for n, payload in enumerate(payloads):
        head = Head(head.position + 1, chain(head.hash, "fill", head.position + 1, payload))
        row = Row("fill", head.position, first_ns + n, head.hash, payload)
        one_by_one.append(sealed(row))
    assert follow(Head(position, "ab" * 32), "fill", payloads, first_ns) == one_by_one


def test_one_event_that_is_too_large_refuses_all():
    with pytest.raises(DataError):
        follow(Head(), "fill", [b"x", bytes(MAX_PAYLOAD_BYTES + 1), b"y"], 1)


@pytest.mark.parametrize(
    "payloads", [["text"], [b"x", 7], [None], "text", b"bytes", [bytearray]]
)
def test_what_is_not_bytes_is_refused_by_its_kind(payloads):
    with pytest.raises(DataError, match=r"an event for 'fill' is .*, and an event is bytes"):
        follow(Head(), "fill", payloads, 1)


def test_whatever_holds_bytes_is_taken_as_bytes():
    rows = follow(Head(), "fill", [bytearray(b"a"), memoryview(b"b")], 1)
    assert [row[5] for row in rows] == [b"a", b"b"]


def test_an_instant_that_no_table_has_room_for_is_refused():
    assert follow(Head(), "fill", [b"x"], 2**63 - 2)
    with pytest.raises(DataError, match="set the clock of this machine right"):
        follow(Head(), "fill", [b"x"] * 2, 2**63 - 2)
