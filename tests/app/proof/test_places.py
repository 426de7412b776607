"""A position knows the bars that were known at its close, as a loop over all pairs says."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.proof.places import places_of
from stairway.features.series import Futures

LATE = st.lists(st.integers(0, 6), min_size=1, max_size=12)
DAY_NS = 86_400_000_000_000


@given(LATE)
def test_what_a_position_is_told_is_every_bar_that_was_known_at_its_close(
    late: list[int],
) -> None:
    closed = np.arange(len(late))
    known = closed + late
    bars = {"time_ns": closed, "available_ns": known}
    found = places_of(bars, Futures(bars))
    told = [{row for row in closed if known[row] <= at} for at in closed]
    assert [set(np.flatnonzero(found.place <= at)) for at in found.told] == told
    assert found.late(closed).tolist() == [row for row in closed if late[row] > 0]
    assert found.starts.tolist() == [int((known < at).sum()) for at in sorted(set(known))]


def test_without_a_later_instant_each_position_knows_its_own_bar() -> None:
    rows = np.arange(5)
    for bars in ({"close": rows}, {"time_ns": rows * DAY_NS}):
        found = places_of(bars, Futures(bars))
        assert found.told.tolist() == found.place.tolist() == rows.tolist()
        assert not found.late(rows).size


def test_a_cut_behind_a_place_parts_no_two_bars_of_one_instant() -> None:
    bars = {"time_ns": np.arange(4), "available_ns": np.array([2, 2, 2, 3])}
    found = places_of(bars, Futures(bars))
    assert [found.behind(at) for at in (-1, 0, 1, 2, 3)] == [0, 3, 3, 3, 3]


def test_how_late_is_said_in_days_and_hours() -> None:
    bars = {"time_ns": np.array([0, 1]), "available_ns": np.array([30 * DAY_NS, 31 * DAY_NS])}
    assert places_of(bars, Futures(bars)).how_late(0) == "30 days, 0:00:00"
