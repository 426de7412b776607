"""What changed at a cutover is seen, what is chance is not, and the instant is *after*."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.supervision.answers import NO_TIME, columns
from stairway.supervision.cutover import (
    Comparison,
    Sides,
    apart,
    cliffs_delta,
    compare,
    mixed,
)
from stairway.supervision.tally import Spread
from stairway.testing.answers import EVERY_NS, START_NS, lively, names

RNG = np.random.default_rng
PPM = st.lists(st.integers(0, 20), min_size=1, max_size=30)


def spread(values: Any) -> Spread:
    inside = np.clip(np.asarray(values, np.int64), 0, 1_000_000)
    return Spread(*np.unique(inside, return_counts=True))


def sides(said: dict[str, Any], event: int) -> Sides:
    """Cut at the instant of an event, counting from 0."""
    cut = Sides(names(), UtcNs(START_NS + event * EVERY_NS))
    cut.add(columns(**said))
    return cut


def comparison(said: dict[str, Any], event: int) -> Comparison:
    return compare(sides(said, event), RNG(5), permutations=499)


def test_an_event_at_the_instant_belongs_to_after() -> None:
    cut = sides(lively(100, RNG(1)), 59)
    assert cut.before.measured("mlp").events == 59
    assert cut.after.measured("mlp").events == 41


def test_an_answer_of_no_time_cannot_hide_before_the_cutover() -> None:
    said = lively(10, RNG(1))
    said["time_ns"][4] = NO_TIME
    cut = sides(said, 5)
    assert cut.before.examples == []
    assert [e.fault for e in cut.after.examples] == ["absent"]


@pytest.mark.parametrize("dated", [False, True])
def test_what_is_sent_again_across_the_cutover_repeats_unless_it_says_another_time(
    *,
    dated: bool,
) -> None:
    said = lively(10, RNG(1))
    again = {k: np.concatenate([v, v]) for k, v in said.items()}
    again["time_ns"][30:] += 100 * EVERY_NS
    cut = sides(again | {"dated": np.full(60, dated)}, 50)
    found = cut.after.measured("mlp")
    assert cut.before.measured("mlp").events == 10
    assert (found.events, found.repeats, found.reused) == ((10, 0, 10) if dated else (0, 10, 0))
    assert ("nothing but 30 repeats" in str(compare(cut, RNG(1)).warnings)) is not dated


@given(st.lists(st.integers(0, 300), max_size=4), st.integers(0, 100))
def test_no_cut_of_the_stream_changes_a_side(at: list[int], event: int) -> None:
    said = columns(**lively(100, RNG(1)))
    whole, pieces = sides(lively(100, RNG(1)), event), sides(lively(0, RNG(1)), event)
    ends = [0, *sorted(at), 300]
    for a, b in itertools.pairwise(ends):
        pieces.add(said.where(slice(a, b)))
    for one, other in ((whole.before, pieces.before), (whole.after, pieces.after)):
        assert one.measured("mlp") == other.measured("mlp")
        assert one.events.votes[0].tolist() == other.events.votes[0].tolist()


def test_a_repeat_on_one_side_counts_once_there() -> None:
    said = lively(10, RNG(1))
    cut = sides({k: np.concatenate([v, v]) for k, v in said.items()}, 5)
    for side in (cut.before, cut.after):
        assert (side.measured("mlp").events, side.measured("mlp").repeats) == (5, 5)


# -- what changed --------------------------------------------------------------------------


def test_a_cap_that_was_patched_is_seen_in_every_figure() -> None:
    said = lively(1_200, RNG(1))
    capped = (said["event"] <= 600) & (said["model"] == 1) & (RNG(2).random(3_600) < 0.73)
    said["confidence"][capped], said["action"][capped] = 0.75, 1
    found = comparison(said, 600)
    mlp = next(d for d in found.deltas if d.model == "mlp")
    assert mlp.hold_frac[0] > mlp.hold_frac[1]
    assert mlp.std[0] < mlp.std[1]
    assert mlp.before.events == mlp.after.events == 600
    assert mlp.confidence is not None
    assert mlp.actions is not None
    assert min(mlp.confidence.ks_p, mlp.confidence.energy_p) < 0.005
    assert mlp.confidence.ks_p == mlp.actions.p == 1 / 500
    assert mlp.confidence.effect == "large"
    assert mlp.confidence.cliffs_delta < 0
    for other in (d for d in found.deltas if d.model != "mlp"):
        assert other.confidence is not None
        assert min(other.confidence.ks_p, other.confidence.energy_p) > 0.005
        assert other.confidence.effect == "negligible"


def test_chance_alone_is_hardly_ever_called_a_change() -> None:
    p = []
    for seed in range(60):
        one, two = (RNG([seed, k]).normal(5e5, 1.6e5, 150) for k in (0, 1))
        p.append(apart(spread(one), spread(two), (150, 150), RNG(seed), 99).ks_p)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) < 0.15


def test_sticky_answers_need_a_larger_change_to_be_believed() -> None:
    one, two = RNG(1).normal(5e5, 1.6e5, 400), RNG(2).normal(5.5e5, 1.6e5, 400)
    free = apart(spread(one), spread(two), (400, 400), RNG(3), 499)
    sticky = apart(spread(one), spread(two), (22, 22), RNG(3), 499)
    assert min(free.ks_p, free.energy_p) < 0.005 < min(sticky.ks_p, sticky.energy_p)
    assert free.ks == sticky.ks
    assert (free.worth, sticky.worth) == ((400, 400), (22, 22))
    actions = (100, 200, 100), (130, 140, 130)
    assert mixed(*actions, (400, 400), RNG(3), 499).p < 0.01
    assert mixed(*actions, (22, 22), RNG(3), 499).p > 0.1


def test_a_handful_after_the_cutover_is_not_tested() -> None:
    found = comparison(lively(100, RNG(1)), 99)
    assert all(d.confidence is None and d.actions is None for d in found.deltas)
    assert [d.after.events for d in found.deltas] == [1, 1, 1]


def test_a_side_without_answers_has_no_figures() -> None:
    found = comparison(lively(100, RNG(1)), 200)
    assert found.warnings == ("nothing was said after the cutover",)
    assert all(d.hold_frac[1] is d.std[1] is d.width[1] is None for d in found.deltas)


# -- against other people's statistics -----------------------------------------------------


@given(PPM, PPM)
def test_distances_are_those_of_their_definitions(one: list[int], two: list[int]) -> None:
    found = apart(spread(one), spread(two), (2, 2), RNG(1), 1)
    below = [[np.mean(np.array(side) <= x) for x in range(21)] for side in (one, two)]
    assert found.ks == pytest.approx(np.abs(np.subtract(*below)).max())
    energy = stats.energy_distance(np.array(one) / 1e6, np.array(two) / 1e6) ** 2
    assert found.energy == pytest.approx(energy, abs=1e-15)
    assert found.cliffs_delta == pytest.approx(
        np.mean([np.sign(b - a) for a in one for b in two])
    )


def test_what_chance_does_as_often_as_always_is_no_evidence() -> None:
    same = apart(spread([5] * 9), spread([5] * 9), (9, 9), RNG(1), 99)
    assert (same.ks, same.ks_p, same.energy_p) == (0.0, 1.0, 1.0)


def test_the_permutation_null_is_that_of_the_exact_test() -> None:
    one, two = RNG(1).normal(4e5, 1e5, 30), RNG(2).normal(4.5e5, 1e5, 30)
    exact = stats.ks_2samp(one.astype(int), two.astype(int), method="exact").pvalue
    found = apart(spread(one), spread(two), (30, 30), RNG(3), 1999)
    assert found.ks_p == pytest.approx(exact, abs=0.03)


def test_chi_square_is_that_of_scipy() -> None:
    table = np.array([[50, 80, 70], [90, 60, 50]])
    found = mixed(*table.tolist(), (200, 200), RNG(1), 999)
    expected = stats.chi2_contingency(table)
    assert found.chi_square == pytest.approx(expected.statistic)
    assert found.cramers_v == pytest.approx(stats.contingency.association(table))
    assert found.p == pytest.approx(expected.pvalue, abs=0.003)


def test_effects_without_any_answers_are_no_number() -> None:
    assert np.isnan(cliffs_delta(spread([]), spread([1])))


# -- what speaks against comparing ---------------------------------------------------------


def hourly(hours: Any, regime: Any = -1) -> dict[str, Any]:
    n = len(hours)
    said = {"model": [0] * n, "symbol": [0] * n, "action": [2] * n, "confidence": [0.5] * n}
    return said | {"time_ns": np.array(hours) * NS_PER_HOUR, "regime": np.resize(regime, n)}


def warned(said: dict[str, Any], hour: int) -> tuple[str, ...]:
    cut = Sides(names(), UtcNs(hour * NS_PER_HOUR))
    cut.add(columns(**said))
    return compare(cut, RNG(1), 9).warnings


def test_other_hours_of_the_day_are_warned_of() -> None:
    assert warned(hourly(np.arange(48)), 24) == ()
    (warning,) = warned(hourly(np.arange(24)), 12)
    assert "different hours of the day (0% in common, UTC)" in warning


def test_half_of_the_hours_in_common_is_enough() -> None:
    assert warned(hourly([0, 1, 2, 3, 24, 25, 34, 35]), 24) == ()
    assert len(warned(hourly([0, 1, 2, 3, 24, 33, 34, 35]), 24)) == 1


def test_other_regimes_are_warned_of() -> None:
    assert warned(hourly(np.arange(48), [0, 1]), 24) == ()
    (other,) = warned(hourly(np.arange(48), [0] * 24 + [1] * 24), 24)
    assert "different regimes (0% in common)" in other
    (one,) = warned(hourly(np.arange(48), [0] * 24 + [-1] * 24), 24)
    assert "on one side only" in one


def test_cliffs_delta_has_a_chance_of_its_own() -> None:
    rng = np.random.default_rng(1)
    wide, narrow = (np.arange(500_000 - w, 500_001 + w, w // 100) for w in (300_000, 30_000))
    one, two = (Spread(v, np.ones(len(v), np.int64)) for v in (wide, narrow))
    spread = apart(one, two, (200, 200), rng, 199)
    assert (spread.ks_p < 0.01, spread.cliffs_p > 0.5) == (True, True)
    moved = apart(one, Spread(narrow + 200_000, two.count), (200, 200), rng, 199)
    assert moved.cliffs_p < 0.01
