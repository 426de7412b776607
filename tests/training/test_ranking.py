"""The median and the worst seed are the same whoever asks, and NaN is never the better one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import InvariantError
from stairway.testing.cycles import standing
from stairway.training.ranking import Kept, kept, ranked


def order(*attainments: float, diverged: tuple[int, ...] = ()) -> list[int]:
    ranking = ranked(
        [standing(s, a, diverged=s in diverged) for s, a in enumerate(attainments, start=1)]
    )
    return [s.seed for s in ranking.ordered]


def test_the_worst_comes_first() -> None:
    assert order(0.9, 0.2, 0.5) == [2, 3, 1]


def test_a_seed_that_diverged_is_worse_than_any_that_did_not() -> None:
    assert order(0.9, 0.2, 0.5, diverged=(1,)) == [1, 2, 3]


def test_what_is_not_a_number_is_worse_than_any_number() -> None:
    assert order(0.9, math.nan, 0.0) == [2, 3, 1]


def test_equal_seeds_are_in_the_order_of_their_numbers() -> None:
    assert order(0.5, 0.5, 0.5) == [1, 2, 3]


@pytest.mark.parametrize(("n", "place"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
def test_the_median_is_the_lower_middle(n: int, place: int) -> None:
    ranking = ranked([standing(s, s / 10) for s in range(n)])
    assert ranking.middle.seed == place


def test_the_median_is_taken_of_those_that_did_not_diverge() -> None:
    seeds = [standing(s, s / 10, diverged=s >= 3) for s in range(5)]
    assert ranked(seeds).middle.seed == 1
    assert ranked(seeds).worst.seed == 3


def test_where_all_diverged_the_worst_is_the_median_too() -> None:
    ranking = ranked([standing(s, s / 10, diverged=True) for s in range(3)])
    assert ranking.healthy == ()
    assert ranking.middle == ranking.worst


def test_no_seed_at_all_is_our_own_mistake() -> None:
    with pytest.raises(InvariantError, match="at least one"):
        ranked([])


@given(st.permutations(range(5)))
def test_the_order_of_asking_does_not_matter(places: list[int]) -> None:
    seeds = [standing(s, (s % 3) / 10, diverged=s == 4) for s in range(5)]
    assert ranked([seeds[i] for i in places]) == ranked(seeds)


def test_a_cycle_is_summed_up_by_the_medians_of_its_healthy_seeds() -> None:
    seeds = [
        standing(1, 0.5, hold_rate=0.5, trades_per_day=10.0, return_frac=0.1),
        standing(2, 0.7, hold_rate=0.6, trades_per_day=30.0, return_frac=0.2),
        standing(3, 0.6, hold_rate=0.9, trades_per_day=20.0, return_frac=0.0),
        standing(4, 0.9, hold_rate=0.0, trades_per_day=99.0, return_frac=9.0, diverged=True),
    ]
    found = kept(3, ranked(seeds))
    assert (found.cycle, found.progress, found.worst_progress) == (3, 0.6, 0.5)
    assert (found.figures.hold_rate, found.figures.trades_per_day) == (0.6, 20.0)
    assert found.figures.return_frac == 0.1


@pytest.mark.parametrize(("come", "middle"), [((0.2, 0.6), 0.2), ((0.1, 0.3, 0.5, 0.9), 0.3)])
def test_between_two_middle_seeds_progress_is_that_of_the_lower(
    come: tuple[float, ...], middle: float
) -> None:
    found = kept(1, ranked([standing(s, 0.5, progress=p) for s, p in enumerate(come)]))
    assert (found.progress, found.worst_progress) == (middle, min(come))


def test_progress_that_is_no_number_is_the_least_there_is() -> None:
    come = (0.4, math.nan, 0.6)
    found = kept(1, ranked([standing(s, 0.5, progress=p) for s, p in enumerate(come)]))
    assert found.worst_progress == -math.inf
    assert found.progress == 0.4


def test_drawdown_is_summed_up_by_its_median_too() -> None:
    falls = (0.01, 0.02, 0.5)
    seeds = [standing(s, 0.5, drawdown_frac=fall) for s, fall in enumerate(falls)]
    assert kept(1, ranked(seeds)).figures.drawdown_frac == 0.02


def summed(cycle: int, *come: float, passed: bool = False) -> Kept:
    seeds = [standing(s, 0.5, progress=p) for s, p in enumerate(come)]
    return kept(cycle, ranked(seeds), passed=passed)


def test_the_best_that_was_kept_is_what_counts_for_the_median_and_the_worst_apart() -> None:
    both = summed(1, 0.5, 0.9).followed_by(summed(2, 0.6, 0.7)).followed_by(summed(3, 0.4, 0.5))
    assert (both.cycle, both.progress, both.worst_progress) == (3, 0.6, 0.6)
    assert (both.progress_by, both.worst_by) == (2, 2)
    assert not both.passed


def test_from_the_first_that_passed_on_only_those_that_passed_count() -> None:
    first = summed(1, 0.9).followed_by(summed(2, 0.3, passed=True))
    assert first == summed(2, 0.3, passed=True)
    later = first.followed_by(summed(3, 0.5, passed=True))
    assert (later.cycle, later.progress, later.passed) == (3, 0.5, True)


def test_the_cycle_that_reached_most_is_remembered_and_the_first_where_several_did() -> None:
    best = summed(1, 0.7, 0.7).followed_by(summed(2, 0.7, 0.7)).followed_by(summed(3, 0.2, 0.9))
    assert (best.cycle, best.progress_by, best.worst_by) == (3, 1, 1)
    raised = best.followed_by(summed(4, 0.5, 0.9, 0.9))
    assert (raised.progress, raised.progress_by) == (0.9, 4)
    assert (raised.worst_progress, raised.worst_by) == (0.7, 1)


def test_what_was_reached_without_a_seed_that_diverged_is_nobody_s_mark() -> None:
    best = summed(1, 0.5).followed_by(summed(2, 0.9), everybody=False)
    assert (best.cycle, best.progress, best.progress_by, best.worst_by) == (2, 0.5, 1, 1)
