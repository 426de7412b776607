"""State is what the recorded facts add up to, in the order in which they came."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DamagedLogError
from stairway.events.envelope import Envelope
from stairway.events.fold import in_order


class FakeLog:
    """Streams in memory, numbered by one clock."""

    def __init__(self, appended):
        self.events = {}
        for ns, (stream, payload) in enumerate(appended):
            mine = self.events.setdefault(stream, [])
            mine.append(Envelope(stream, len(mine) + 1, payload, "", ns))

    def read(self, stream, after=0):
        return iter(self.events.get(stream, [])[after:])


appends = st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=3)), max_size=30)


@given(appends, st.lists(st.sampled_from("abcd"), max_size=5))
def test_events_of_several_streams_come_in_the_order_of_appending(appended, streams):
    found = [(e.stream, e.payload) for e in in_order(FakeLog(appended), streams)]
    assert found == [pair for pair in appended if pair[0] in streams]


def test_a_damaged_log_gives_no_state():
    damage = DamagedLogError("position 3")

    class Damaged(FakeLog):
        def read(self, stream, after=0):
            yield from super().read(stream, after)
            raise damage

    with pytest.raises(DamagedLogError):
        reduce(
            lambda seen, _e: seen + 1, in_order(Damaged([("a", b"1"), ("b", b"2")]), "ab"), 0
        )
