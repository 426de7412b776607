from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.evaluation.hac import critical_value, standard_error_of_sum
from stairway.evaluation.skill import (
    Forecasts,
    Skill,
    Unscored,
    brier_skill,
    climatology,
    independent_samples,
    share_up,
)

ANY = "range"


def forecasts_of(confidence: np.ndarray, outcome: np.ndarray, horizon: int = 1) -> Forecasts:
    n = outcome.shape[0]
    bar = np.repeat(np.arange(n)[:, None], 2, axis=1)
    return Forecasts(confidence, outcome, bar, bar + horizon, np.full(n, ANY))


def coin_tosses(seed: int, n: int, horizon: int) -> Forecasts:
    """A forecaster who knows nothing, on overlapping outcomes of two like instruments."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal(n + horizon)
    ahead = np.array([steps[i : i + horizon].sum() for i in range(n)])
    outcome = np.repeat((ahead > 0.0).astype(np.int64)[:, None], 2, axis=1)
    trail = np.convolve(rng.standard_normal(n + 20), np.ones(20) / 4.5, "valid")[:n]
    confidence = np.clip(0.5 + 0.05 * np.repeat(trail[:, None], 2, axis=1), 0.01, 0.99)
    return forecasts_of(confidence, outcome, horizon)


def every(forecasts: Forecasts) -> np.ndarray:
    return np.ones(forecasts.regime.size, bool)


def skill_of(forecasts: Forecasts, rows: np.ndarray | None = None) -> Skill:
    found = brier_skill(forecasts, every(forecasts) if rows is None else rows, 200.0, 0.95)
    assert isinstance(found, Skill), found
    return found


@given(st.integers(1, 60), st.integers(1, 8), st.integers(0, 100))
def test_climatology_counts_what_was_known_at_each_close(
    n: int, horizon: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    outcome = rng.integers(-1, 2, (n, 2))
    end = np.arange(n)[:, None] + rng.integers(1, horizon + 1, (n, 2))

    found = climatology(outcome, end, 4.0)

    for t in range(n):
        known = [
            outcome[i, k]
            for i in range(n)
            for k in range(2)
            if outcome[i, k] >= 0 and end[i, k] - 1 <= t
        ]
        assert found[t] == pytest.approx((2.0 + sum(known)) / (4.0 + len(known)))


def test_climatology_does_not_move_when_the_future_does() -> None:
    outcome = np.ones((50, 2), np.int64)
    end = np.arange(50)[:, None] + np.array([5, 5])
    changed = outcome.copy()
    changed[26:] = 0

    before, after = climatology(outcome, end, 4.0), climatology(changed, end, 4.0)

    assert before[:30].tolist() == after[:30].tolist()
    assert before[30] != after[30]


def test_a_forecast_that_repeats_climatology_has_no_skill() -> None:
    outcome = np.random.default_rng(0).integers(0, 2, (300, 2))
    bar = np.repeat(np.arange(300)[:, None], 2, axis=1)
    rival = np.repeat(climatology(outcome, bar + 1, 200.0)[:, None], 2, axis=1)

    found = skill_of(forecasts_of(rival, outcome))

    assert found.skill == pytest.approx(0.0, abs=1e-12)
    assert found.low <= 0.0 <= found.high


def test_skill_is_the_share_of_the_rival_s_error_that_is_gone() -> None:
    outcome = np.random.default_rng(0).integers(0, 2, (500, 2))
    found = skill_of(forecasts_of(0.3 + 0.4 * outcome, outcome))

    assert found.brier == pytest.approx(0.09)
    assert found.skill == pytest.approx(1.0 - 0.09 / found.brier_climatology)
    assert found.low > 0.5
    assert found.n == 1_000


def test_the_rival_learns_as_it_goes() -> None:
    # Given a market that goes up all but once, and a forecaster who never says so
    outcome = np.ones((2_000, 2), np.int64)
    outcome[0, 0] = 0
    flat = forecasts_of(np.full((2_000, 2), 0.5), outcome)

    # Then the rival finds out, and there is no skill in not having done so
    assert skill_of(flat).brier_climatology < 0.03
    assert skill_of(flat).high < 0.0


def test_bars_without_an_answer_or_an_outcome_are_not_scored() -> None:
    outcome = np.random.default_rng(0).integers(0, 2, (100, 2))
    confidence = np.full((100, 2), 0.6)
    confidence[:10] = math.nan
    outcome[90:] = -1

    assert skill_of(forecasts_of(confidence, outcome)).n == 160


def test_only_the_bars_asked_for_are_scored() -> None:
    outcome = np.random.default_rng(0).integers(0, 2, (100, 2))
    said = forecasts_of(np.full((100, 2), 0.6), outcome)
    rows = np.arange(100) < 30

    assert skill_of(said, rows).n == 60


def test_nothing_to_score_is_not_a_score_of_zero() -> None:
    said = forecasts_of(np.full((9, 2), math.nan), np.ones((9, 2), np.int64))

    assert isinstance(brier_skill(said, every(said), 20.0, 0.95), Unscored)
    assert isinstance(brier_skill(said, np.zeros(9, bool), 20.0, 0.95), Unscored)


@pytest.mark.parametrize("only", [0, 1])
def test_of_one_outcome_alone_there_is_no_skill_and_the_other_is_named(only: int) -> None:
    outcome = np.full((300, 2), only)
    said = forecasts_of(np.full((300, 2), 0.99), outcome)
    assert brier_skill(said, every(said), 20.0, 0.95) == Unscored(
        f"all 600 outcomes are {only}; at least 1 that is {1 - only} is needed", 600
    )
    outcome[7, 1] = 1 - only
    assert isinstance(brier_skill(said, every(said), 20.0, 0.95), Skill)


def test_bars_of_one_outcome_among_others_have_skill() -> None:
    """Climatology knows both, so it is a rival on these bars too."""
    outcome = np.repeat(np.array([[0, 0], [1, 1]]), 50, axis=0)
    said = forecasts_of(np.full((100, 2), 0.6), outcome)
    assert skill_of(said, np.arange(100) >= 50).n == 100


@pytest.mark.parametrize("horizon", [1, 8])
def test_a_forecaster_who_knows_nothing_rarely_has_skill_with_confidence(horizon: int) -> None:
    runs = 250
    lucky = sum(skill_of(coin_tosses(seed, 500, horizon)).low > 0.0 for seed in range(runs))

    assert lucky / runs <= 0.05


def test_two_instruments_that_move_as_one_are_no_more_evidence_than_one() -> None:
    # Given the same forecasts twice, and the same with the second instrument left out
    both = coin_tosses(3, 600, 5)
    alone = replace(both, confidence=both.confidence.copy())
    alone.confidence[:, 1] = math.nan

    # Then the interval is as wide
    wide, narrow = skill_of(alone), skill_of(both)
    assert narrow.high - narrow.low == pytest.approx(wide.high - wide.low, rel=0.01)
    assert narrow.n_independent == pytest.approx(wide.n_independent)


def test_overlapping_labels_widen_the_interval() -> None:
    # Given outcomes that overlap, and the same pairs in an order that unties them
    said = coin_tosses(3, 1_000, 10)
    order = np.random.default_rng(0).permutation(1_000)
    alone = forecasts_of(said.confidence[order], said.outcome[order], horizon=1)

    wide, narrow = skill_of(said), skill_of(alone)

    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)
    assert wide.n_independent < 0.15 * narrow.n_independent


def test_samples_are_worth_their_uniqueness() -> None:
    said = coin_tosses(3, 600, 10)

    assert independent_samples(said, said.scored) == pytest.approx(61, abs=1.5)


@pytest.mark.parametrize("bad", [1.2, -0.1, math.inf, -math.inf])
def test_a_confidence_outside_its_range_is_a_breach_and_not_evidence(bad: float) -> None:
    confidence = np.full((5, 2), 0.5)
    confidence[3, 1] = bad

    with pytest.raises(DataError, match="contract violation"):
        forecasts_of(confidence, np.ones((5, 2), np.int64))


def test_columns_of_different_length_are_an_error() -> None:
    with pytest.raises(DataError, match="columns of one length"):
        forecasts_of(np.full((4, 2), 0.5), np.ones((5, 2), np.int64))


def test_no_labels_means_no_horizon() -> None:
    said = forecasts_of(np.full((4, 2), 0.5), np.full((4, 2), -1))

    assert said.horizon_bars == 0


def test_an_interval_knows_labels_of_twice_their_reach_and_only_the_bars_judged() -> None:
    # Given labels of 8 bars, and a tenth of a long history that is judged
    said, horizon = coin_tosses(5, 2_000, 8), 8
    rows = np.arange(2_000) % 100 < 10
    found = skill_of(said, rows)

    # When the error is worked out by hand, with lags of twice the reach of a label
    rival = climatology(said.outcome, said.end, 200.0)[:, None]
    saved, rivals = (
        np.where(rows[:, None], (one - said.outcome) ** 2, 0.0)
        for one in (said.confidence, rival)
    )
    influence = ((1.0 - found.skill) * rivals - saved).sum(axis=1) / rivals.sum()
    error = standard_error_of_sum(influence, 2 * horizon)

    # Then the interval is that many errors wide, the lags held against the bars judged
    assert found.interval is not None
    low, high = found.interval
    assert (high - low) / 2.0 == pytest.approx(critical_value(0.95, 200, 2 * horizon) * error)


def scattered(n_judged: int) -> tuple[Forecasts, np.ndarray]:
    """Forecasts with one label of 30 bars, and so many bars of them far apart."""
    rng = np.random.default_rng(0)
    outcome = rng.integers(0, 2, (2_000, 2))
    said = forecasts_of(0.4 + 0.2 * outcome, outcome)
    said.end[100] = 130
    rows = np.zeros(2_000, bool)
    rows[300 + 9 * np.arange(n_judged)] = True
    return said, rows


def test_where_labels_reach_over_all_bars_there_is_no_interval_and_it_says_so() -> None:
    few, enough = (skill_of(*scattered(n)) for n in (61, 62))

    assert few.interval is None
    assert (few.low, few.high, few.n_bars, few.needed_bars) == (None, None, 61, 62)
    assert few.missing == "no interval: 62 bars are needed, 61 were judged"
    assert enough.interval is not None
    assert (enough.n_bars, enough.needed_bars, enough.missing) == (0, 0, "")


@pytest.mark.parametrize("n_judged", [61, 62])
def test_a_skill_with_or_without_an_interval_reads_back(n_judged: int) -> None:
    found = skill_of(*scattered(n_judged))

    assert msgspec.json.decode(msgspec.json.encode(found), type=Skill) == found


@pytest.mark.parametrize(
    "change",
    [
        {"low": None},
        {"high": None},
        {"low": None, "high": None},
        {"n_bars": 5, "needed_bars": 6},
        {"low": None, "n_bars": 5, "needed_bars": 6},
        {"low": None, "high": None, "n_bars": 6, "needed_bars": 6},
    ],
    ids=["low", "high", "both", "bars", "one-end", "enough"],
)
def test_an_interval_cannot_be_left_out_without_saying_why(change: dict[str, object]) -> None:
    found = skill_of(*scattered(62))

    with pytest.raises(DataError, match="interval"):
        msgspec.structs.replace(found, **change)


def test_labels_in_nanoseconds_have_no_interval_rather_than_fill_the_memory() -> None:
    hour = 3_600_000_000_000
    end = np.repeat((np.arange(50)[:, None] + 1) * hour, 2, axis=1)
    outcome = np.random.default_rng(0).integers(0, 2, (50, 2))
    said = Forecasts(np.full((50, 2), 0.5), outcome, end - hour, end, np.full(50, ANY))

    found = skill_of(said)

    assert found.interval is None
    assert found.needed_bars > hour


@pytest.mark.parametrize("level", [-0.5, 0.0, 1.0, 1.5, math.nan])
def test_a_skill_at_no_confidence_is_an_error(level: float) -> None:
    said = coin_tosses(1, 100, 1)
    nothing = np.zeros(100, bool)

    for rows in (every(said), nothing):
        with pytest.raises(DataError, match="level of confidence"):
            brier_skill(said, rows, 20.0, level)


@pytest.mark.parametrize("bad", [2, 7, -2])
def test_an_outcome_that_is_no_label_is_an_error_that_names_it(bad: int) -> None:
    outcome = np.random.default_rng(0).integers(-1, 2, (40, 2))
    outcome[7, 1] = bad

    with pytest.raises(DataError, match=f"outcome 7 of instrument 1 is {bad}, neither"):
        forecasts_of(np.full((40, 2), 0.5), outcome)


@pytest.mark.parametrize("bad", [0.5, math.nan])
def test_half_an_outcome_is_none(bad: float) -> None:
    outcome = np.zeros((40, 2))
    outcome[3, 0] = bad

    with pytest.raises(DataError, match="outcome 3 of instrument 0"):
        forecasts_of(np.full((40, 2), 0.5), outcome)


def test_the_share_of_up_is_one_formula_for_one_count_and_for_many() -> None:
    known, ups = np.array([0.0, 4.0]), np.array([0.0, 3.0])

    assert share_up(known, ups, 2.0).tolist() == [share_up(0, 0, 2.0), share_up(4, 3, 2.0)]
