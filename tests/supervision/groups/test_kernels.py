"""Rows are of one group exactly where their values are equal."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stairway.supervision.groups.kernels import FULL, group

PAIRS = st.lists(st.tuples(st.integers(0, 5).map(lambda n: n << 32), st.integers(0, 3)))
"""Hashes that share a place in the table, and of which the second alone may differ."""


def grouped(pairs, room=64, run=group):
    one, two = (np.array([p[k] for p in pairs], np.uint64) for k in (0, 1))
    first, found = np.zeros(room, np.int64), np.zeros(len(pairs), np.int32)
    groups = run(one, two, np.zeros(2 * room, np.int32), first, found)
    return groups, found.tolist(), first[: max(groups, 0)].tolist()


@given(PAIRS)
def test_groups_are_numbered_in_the_order_in_which_they_are_met(pairs) -> None:
    known = list(dict.fromkeys(pairs))
    rows = [known.index(pair) for pair in pairs]
    expected = len(known), rows, [pairs.index(pair) for pair in known]
    assert grouped(pairs) == grouped(pairs, run=group.py_func) == expected


def test_more_groups_than_there_is_room_for_are_told() -> None:
    pairs = [(n, n) for n in range(5)]
    assert grouped(pairs, room=4)[0] == FULL
    assert grouped(pairs[:4], room=4)[0] == 4
