"""The Brier score comes apart into the same parts by hand, by oracle, and on real forecasts."""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import binomtest, norm
from sklearn.isotonic import IsotonicRegression

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive
from stairway.evaluation import bins, metrics
from stairway.evaluation.calibration import (
    Estimate,
    MeasureRules,
    Measures,
    corp,
    measure,
    murphy,
    normal_quantile,
    two_sided,
)
from stairway.evaluation.moments import Undefined

DATA = Path(os.environ.get("STAIRWAY_DATA", Path(__file__).parents[3] / "shared" / "data"))
REAL = DATA / "calibration_538"
NO_DATA = pytest.mark.skipif(
    not REAL.is_dir(), reason="no recorded forecasts: set STAIRWAY_DATA"
)
RULES = MeasureRules(min_samples=100, n_bins=10, eps=1e-6, level=0.95)
ANY = Estimate(0.0, 0.0, 0.0)
FORECASTS = st.integers(1, 80).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.floats(0.0, 1.0).map(lambda p: round(p, 2))),
        hnp.arrays(np.int64, n, elements=st.integers(0, 1)).map(lambda y: y.astype(float)),
    )
)


def honest(n: int, seed: int, bend: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.2, 0.8, n)
    return p, (rng.random(n) < p**bend).astype(np.float64)


# --- taken apart


@given(FORECASTS)
def test_over_distinct_forecasts_three_parts_make_the_score(
    forecasts: tuple[np.ndarray, np.ndarray],
) -> None:
    p, y = forecasts
    found = murphy(bins.by_value(p, y), ANY, 0.95, 1.0)
    parts = found.reliability.value - found.resolution.value + found.uncertainty.value

    assert parts == pytest.approx(metrics.brier(p, y), abs=1e-12)
    assert found.within_variance == pytest.approx(0.0, abs=1e-12)
    assert found.within_covariance == pytest.approx(0.0, abs=1e-12)


@given(FORECASTS, st.integers(1, 12), st.booleans())
def test_over_bins_the_two_terms_within_them_make_it_exact_again(
    forecasts: tuple[np.ndarray, np.ndarray],
    n_bins: int,
    equal_mass: bool,  # noqa: FBT001
) -> None:
    p, y = forecasts
    table = (bins.by_mass if equal_mass else bins.by_width)(p, y, n_bins)
    found = murphy(table, ANY, 0.95, 1.0)
    three = found.reliability.value - found.resolution.value + found.uncertainty.value

    total = three + found.within_variance - found.within_covariance
    assert total == pytest.approx(metrics.brier(p, y), abs=1e-12)


def test_the_parts_are_those_of_the_textbook() -> None:
    p = np.array([0.1, 0.1, 0.3, 0.3, 0.9, 0.9, 0.9, 0.9])
    y = np.array([0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0])
    found = murphy(bins.by_value(p, y), ANY, 0.95, 1.0)

    assert found.reliability.value == pytest.approx((2 * 0.1**2 + 2 * 0.2**2 + 4 * 0.15**2) / 8)
    assert found.resolution.value == pytest.approx((2 * 0.5**2 + 0 + 4 * 0.25**2) / 8)
    assert found.uncertainty.value == pytest.approx(0.25)


@given(FORECASTS.filter(lambda both: 0.0 < both[1].mean() < 1.0))
def test_the_nearest_honest_forecast_is_scikit_learns(
    forecasts: tuple[np.ndarray, np.ndarray],
) -> None:
    p, y = forecasts
    found = corp(p, y)
    fitted = IsotonicRegression().fit(p, y).predict(p)
    saved = float(np.mean((fitted - y) ** 2))

    assert found.miscalibration == pytest.approx(metrics.brier(p, y) - saved, abs=1e-12)
    assert found.discrimination == pytest.approx(float(y.var()) - saved, abs=1e-12)
    parts = found.miscalibration - found.discrimination + found.uncertainty
    assert parts == pytest.approx(found.brier, abs=1e-12)
    assert min(found.miscalibration, found.discrimination) >= 0.0


def test_order_that_tells_nothing_has_no_discrimination() -> None:
    found = corp(np.linspace(0.9, 0.1, 100), np.linspace(0, 1, 100).round())

    assert found.discrimination == pytest.approx(0.0, abs=1e-12)
    assert found.miscalibration == pytest.approx(found.brier - 0.25)


# --- bands


@pytest.mark.parametrize("part", ["brier", "reliability", "resolution", "uncertainty"])
def test_a_band_holds_the_truth_about_as_often_as_it_says(part: str) -> None:
    steps, runs, inside = np.array([0.15, 0.35, 0.55, 0.75]), 300, 0
    truth = murphy(_endless(steps, steps**1.5), Estimate(_score(steps), 0.0, 0.0), 0.95, 1.0)
    rng = np.random.default_rng(7)
    for _ in range(runs):
        p = rng.choice(steps, 800)
        y = (rng.random(800) < p**1.5).astype(float)
        found = measure(p, y, RULES)
        assert isinstance(found, Measures)
        band, value = getattr(found.murphy, part), getattr(truth, part).value
        inside += band.low <= value <= band.high

    assert 0.9 <= inside / runs <= 0.99


def _endless(p: np.ndarray, rate: np.ndarray) -> np.ndarray:
    ones = np.full(p.size, 1.0)
    return np.column_stack([ones, p, p * p, rate, p * rate]) * 1e6


def _score(p: np.ndarray) -> float:
    rate = p**1.5
    return float(np.mean(rate * (1 - p) ** 2 + (1 - rate) * p**2))


@given(FORECASTS, st.integers(1, 5))
def test_bands_are_the_spread_of_what_single_forecasts_add(
    forecasts: tuple[np.ndarray, np.ndarray], n_bins: int
) -> None:
    p, y = forecasts
    found = murphy(bins.by_width(p, y, n_bins), ANY, 0.95, 1.0)
    place = np.array([bins.place_of(one, n_bins) for one in p.tolist()])
    told, came = (
        np.array([column[place == k].mean() for k in place.tolist()]) for column in (p, y)
    )
    off, apart = told - came, came - y.mean()
    adds = {
        "reliability": off**2 + 2.0 * off * ((p - told) - (y - came)),
        "resolution": apart**2 + 2.0 * apart * (y - came),
        "uncertainty": (1.0 - 2.0 * y.mean()) * (y - y.mean()),
    }
    for part, values in adds.items():
        band = getattr(found, part)
        half = normal_quantile(0.95) * float(values.std()) / math.sqrt(p.size)
        assert band.high - band.value == pytest.approx(half, abs=1e-6)


def test_fewer_independent_samples_make_wider_bands() -> None:
    alone, overlapping = (measure(*honest(2_000, 1), RULES, frac) for frac in (1.0, 0.25))

    assert isinstance(alone, Measures)
    assert isinstance(overlapping, Measures)
    for one, other in (
        (alone.murphy.brier, overlapping.murphy.brier),
        (alone.murphy.resolution, overlapping.murphy.resolution),
        (alone.log_loss, overlapping.log_loss),
    ):
        assert other.high - other.value == pytest.approx(2.0 * (one.high - one.value))
    assert isinstance(alone.spiegelhalter_z, float)
    assert overlapping.spiegelhalter_z == pytest.approx(alone.spiegelhalter_z / 2.0)


# --- all at once


def test_one_call_takes_the_measures_that_others_take_one_by_one() -> None:
    p, y = honest(1_000, 2, bend=2.0)
    p[0] = 0.0
    found = measure(p, y, RULES)

    assert isinstance(found, Measures)
    assert found.murphy.brier.value == pytest.approx(metrics.brier(p, y))
    loss = metrics.log_loss(p, y, 1e-6)
    assert (found.log_loss.value, found.clipped) == (pytest.approx(loss[0]), loss[1])
    assert found.clipped == 1
    assert found.reliability == metrics.reliability(p, y, 10)
    z = metrics.spiegelhalter_z(p, y)
    assert isinstance(z, float)
    assert found.spiegelhalter_z == pytest.approx(z)
    assert found.spiegelhalter_p == pytest.approx(2.0 * norm.sf(abs(z)))


@pytest.mark.parametrize(
    ("n", "frac", "short"), [(99, 1.0, 99), (1_000, 0.05, 50), (1_000, math.nan, None)]
)
def test_too_few_forecasts_say_how_many_are_needed(
    n: int, frac: float, short: float | None
) -> None:
    found = measure(*honest(n, 3), RULES, frac)

    assert isinstance(found, Inconclusive)
    assert (found.findings[0].code, found.findings[0].bound) == ("calibration.too_few", 100.0)
    assert found.findings[0].value == short


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_one_outcome_alone_is_no_evidence(only: float) -> None:
    found = measure(np.full(500, 0.4), np.full(500, only), RULES)

    assert isinstance(found, Inconclusive)
    (said,) = found.findings
    assert (said.code, said.value, said.bound, said.n) == ("calibration.one_outcome", 0, 1, 500)
    assert said.detail.startswith(f"all 500 outcomes are {only:g}; at least 1 that is ")
    assert corp(np.full(500, 0.4), np.full(500, only)) == Undefined(said.detail)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan, math.inf])
def test_what_is_no_probability_is_an_error(p: float) -> None:
    for judge in (corp, lambda p, y: measure(p, y, RULES)):
        with pytest.raises(DataError, match="outside"):
            judge(np.append(np.full(200, 0.5), p), np.tile(1.0, 201))


def test_lengths_that_differ_are_an_error() -> None:
    with pytest.raises(DataError, match="one row each"):
        measure(np.full(200, 0.5), np.ones(199), RULES)


def test_what_is_undefined_stays_so() -> None:
    assert two_sided(Undefined("why")) == Undefined("why")


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_a_confidence_that_is_none_is_an_error(level: float) -> None:
    with pytest.raises(DataError, match="confidence"):
        normal_quantile(level)


# --- four sets of real forecasts, with reference values


def recorded(name: str, p: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """Each game twice, a tie once as either outcome: what is linear in it stays the same."""
    with gzip.open(REAL / f"{name}.csv.gz") as file:
        table = pl.read_csv(file.read(), infer_schema_length=None, null_values=["NA"])
    table = table.select(pl.col(p).cast(pl.Float64), pl.col(y).cast(pl.Float64)).drop_nulls()
    said, came = table[p].to_numpy(), table[y].to_numpy()
    ties = came == 0.5
    first = np.where(ties, 0.0, came)
    return np.tile(said, 2), np.concatenate([first, np.where(ties, 1.0, came)])


@NO_DATA
@pytest.mark.parametrize(
    ("name", "columns", "n", "ties", "base", "score", "loss", "error"),
    [
        ("nba_games", ("prob1", "prob1_outcome"), 8_886, 0, 0.5717, 0.214654, 0.619093, 0.048352),
        ("nfl_games", ("prob1", "prob1_outcome"), 1_889, 7, 0.5471, 0.220106, 0.631971, 0.032213),
        ("nfl_elo_games_1920_2020", ("elo_prob1", "result1"), 16_810, 316, 0.5785, 0.208382,
         0.614012, 0.007160),
        ("world_cup_matches_men", ("prob1", "prob1_outcome"), 176, 0, None, 0.200976, None, None),
    ],
    ids=["nba", "nfl", "nfl-elo", "world-cup"],
)  # fmt: skip
def test_real_forecasts_score_as_recorded(
    name: str,
    columns: tuple[str, str],
    n: int,
    ties: int,
    base: float | None,
    score: float,
    loss: float | None,
    error: float | None,
) -> None:
    p, y = recorded(name, *columns)
    assert p.size == 2 * n
    # A tie scores (p - 1/2)^2, which is a quarter less than the mean of both outcomes.
    assert metrics.brier(p, y) - 0.25 * ties / n == pytest.approx(score, abs=5e-7)
    if base is not None:
        assert y.mean() == pytest.approx(base, abs=5e-5)
    if loss is not None:
        assert metrics.log_loss(p, y, 1e-15)[0] == pytest.approx(loss, abs=5e-7)
    if error is not None:
        found = metrics.reliability_of(bins.by_width(p, y, 10), 0.5)
        assert found.ece == pytest.approx(error, abs=5e-7)


@NO_DATA
def test_real_forecasts_come_apart_exactly() -> None:
    p, y = recorded("nba_games", "prob1", "prob1_outcome")
    found = corp(p, y)
    exact = murphy(bins.by_value(p, y), ANY, 0.95, 0.5)

    assert found.brier == pytest.approx(
        exact.reliability.value - exact.resolution.value + exact.uncertainty.value
    )
    assert 0.0 < found.miscalibration < 0.01 < found.discrimination < found.uncertainty


@pytest.mark.parametrize("level", [0.6, 0.95, 0.99])
def test_the_diagram_is_as_sure_as_was_asked(level: float) -> None:
    p, y = honest(1_000, 4)
    found = measure(p, y, msgspec.structs.replace(RULES, level=level))
    assert isinstance(found, Measures)

    for one in found.reliability.bins:
        wilson = binomtest(round(one.hit_frac * one.n), one.n).proportion_ci(level, "wilson")
        assert (one.low, one.high) == pytest.approx((wilson.low, wilson.high))
    # What chance shows on average is the bound of one half.
    half = metrics.reliability(p, y, RULES.n_bins, level=0.5).ece_bound
    usual = metrics.reliability(p, y, RULES.n_bins).ece_bound
    assert (found.reliability.ece_bound - half) / (usual - half) == pytest.approx(
        norm.ppf(level) / norm.ppf(0.95)
    )


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, math.nan])
def test_a_diagram_at_no_confidence_is_an_error(level: float) -> None:
    with pytest.raises(DataError, match="level of confidence"):
        metrics.reliability(*honest(100, 4), 10, level=level)
