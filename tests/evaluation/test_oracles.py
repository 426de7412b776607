"""The same figures by other people's code, and by the slow way round."""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from arch.covariance.kernel import Bartlett
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import binomtest, norm
from sklearn.calibration import calibration_curve
from sklearn.model_selection import TimeSeriesSplit

from stairway.evaluation import metrics
from stairway.evaluation.hac import newey_west_lags, standard_error_of_sum
from stairway.evaluation.sharpe import Sharpe, sharpe
from stairway.evaluation.skill import Forecasts, Skill, brier_skill
from stairway.evaluation.splits import PurgedWalkForward, SplitRules

DATA = Path(os.environ.get("STAIRWAY_DATA", Path(__file__).parents[3] / "shared" / "data"))
NO_DATA = pytest.mark.skipif(not DATA.exists(), reason="no recorded data: set STAIRWAY_DATA")


@given(
    hnp.arrays(np.float64, st.integers(30, 80), elements=st.floats(-5, 5, width=32)),
    st.integers(0, 12),
)
def test_the_long_run_variance_is_that_of_arch(terms: np.ndarray, lags: int) -> None:
    centred = terms - terms.mean()
    kernel = Bartlett(centred[:, None], bandwidth=lags, center=False, force_int=True)

    ours = standard_error_of_sum(centred, lags) ** 2 / terms.size

    assert ours == pytest.approx(float(np.asarray(kernel.cov.long_run).item()), abs=1e-9)


@pytest.mark.parametrize(("n", "hits"), [(10, 0), (10, 10), (37, 12), (400, 260)])
def test_the_interval_of_a_bin_is_wilson_s(n: int, hits: int) -> None:
    outcome = (np.arange(n) < hits).astype(float)
    (found,) = metrics.reliability(np.full(n, 0.5), outcome, 10).bins

    wilson = binomtest(hits, n).proportion_ci(0.95, method="wilson")

    assert found.low == pytest.approx(wilson.low, abs=1e-9)
    assert found.high == pytest.approx(wilson.high, abs=1e-9)


def test_bins_of_equal_mass_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(12)
    confidence = rng.permutation(np.linspace(0.05, 0.95, 1_000))
    outcome = (rng.uniform(size=1_000) < confidence).astype(float)

    hits, means = calibration_curve(outcome, confidence, n_bins=8, strategy="quantile")
    bins = metrics.reliability(confidence, outcome, 8).bins

    np.testing.assert_allclose([b.hit_frac for b in bins], hits, atol=0.01)
    np.testing.assert_allclose([b.confidence for b in bins], means, atol=0.01)


@pytest.mark.parametrize(("gap", "blocks"), [(0, 3), (4, 3), (7, 5)])
def test_without_label_spans_it_is_the_walk_forward_of_scikit_learn(
    gap: int, blocks: int
) -> None:
    # Given labels that end with their own row, so that nothing but the gap is left to do
    n, size = 120, 12
    first = n - blocks * size
    rules = SplitRules(
        n_blocks=blocks, first_train_frac=first / n, gap_bars=gap, embargo_frac=0.0
    )
    ours = list(PurgedWalkForward(rules, np.arange(n) + 1).split(np.zeros((n, 1))))

    theirs = list(TimeSeriesSplit(blocks, test_size=size, gap=gap).split(np.zeros((n, 1))))

    for (train, test), (their_train, their_test) in zip(ours, theirs, strict=True):
        assert train.tolist() == their_train.tolist()
        assert test.tolist() == their_test.tolist()


def test_lo_s_factor_is_the_sum_it_is_defined_as() -> None:
    # Given returns, and their correlations up to the lag, tapered
    rng = np.random.default_rng(6)
    shocks = rng.standard_normal(801)
    returns = 0.0005 + 0.01 * (shocks[1:] + 0.5 * shocks[:-1])
    unit = (returns - returns.mean()) / returns.std(ddof=1)
    lags, q = newey_west_lags(800), 252
    rho = {k: float(unit[k:] @ unit[:-k]) / 799 for k in range(1, lags + 1)}
    total = q + 2.0 * sum((q - k) * r * (1.0 - k / (lags + 1.0)) for k, r in rho.items())

    found = sharpe(returns, q, 0.95)

    assert isinstance(found, Sharpe)
    assert found.annual == pytest.approx(found.per_bar * q / math.sqrt(total))


def test_a_constant_hair_of_risk_gives_the_same_ratio_in_any_currency() -> None:
    returns = np.random.default_rng(3).normal(2e-9, 1e-8, 600)

    small, large = sharpe(returns, 252.0, 0.95), sharpe(returns * 1e6, 252.0, 0.95)

    assert isinstance(small, Sharpe)
    assert isinstance(large, Sharpe)
    assert small.annual == pytest.approx(large.annual, rel=1e-9)


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95, 0.99])
def test_an_interval_widens_with_the_confidence_asked_for(level: float) -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.01, 5_000)
    found = sharpe(returns, 252.0, level)
    assert isinstance(found, Sharpe)

    half = (found.high_iid - found.low_iid) / 2.0
    expected = norm.ppf(0.5 + level / 2.0) * math.sqrt((1 + found.per_bar**2 / 2) / 5_000)

    assert half == pytest.approx(expected * math.sqrt(252))
    assert found.high - found.low == pytest.approx(2.0 * half, rel=0.1)


def by_block_bootstrap(said: Forecasts, skill: Skill, block: int) -> tuple[float, float]:
    """Interval of the skill by resampling whole blocks of bars, the slow way."""
    rng, n = np.random.default_rng(1), said.regime.size
    rival = 1.0 - skill.brier / skill.brier_climatology
    assert rival == pytest.approx(skill.skill)
    error = ((said.confidence - said.outcome) ** 2).sum(axis=1)
    reference = np.full((n, 2), skill.brier_climatology).sum(axis=1)
    found = []
    for _ in range(600):
        starts = rng.integers(0, n, n // block + 1)
        rows = (starts[:, None] + np.arange(block)).ravel()[:n] % n
        found.append(1.0 - error[rows].sum() / reference[rows].sum())
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def test_the_interval_of_the_skill_is_about_that_of_a_block_bootstrap() -> None:
    # Given two thousand forecasts of outcomes that overlap by six bars
    rng, n, horizon = np.random.default_rng(0), 2_000, 6
    steps = rng.standard_normal(n + horizon)
    ahead = np.array([steps[i : i + horizon].sum() for i in range(n)])
    outcome = np.repeat((ahead > 0.0).astype(np.int64)[:, None], 2, axis=1)
    confidence = 1.0 / (1.0 + np.exp(-0.5 * (ahead + 3.0 * rng.standard_normal(n))))
    bar = np.repeat(np.arange(n)[:, None], 2, axis=1)
    said = Forecasts(
        np.repeat(confidence[:, None], 2, axis=1),
        outcome,
        bar,
        bar + horizon,
        np.full(n, "range"),
    )

    skill = brier_skill(said, np.ones(n, bool), 200.0, 0.95)
    assert isinstance(skill, Skill)
    low, high = by_block_bootstrap(said, skill, block=40)

    assert skill.high - skill.low == pytest.approx(high - low, rel=0.25)


REFERENCES = [
    ("nba_games.csv.gz", "prob1", "prob1_outcome", 8_886, 0.214654, 0.619093, 0.048352),
    ("nfl_elo_games_1920_2020.csv.gz", "elo_prob1", "result1", 16_494, None, None, 0.007160),
]


@NO_DATA
@pytest.mark.parametrize(("name", "said", "came", "n", "brier", "loss", "ece"), REFERENCES)
def test_recorded_forecasts_give_the_scores_written_beside_them(
    name: str,
    said: str,
    came: str,
    n: int,
    brier: float | None,
    loss: float | None,
    ece: float,
) -> None:
    with gzip.open(DATA / "calibration_538" / name) as file:
        table = pl.read_csv(file.read(), infer_schema_length=None)
    table = table.filter(pl.col(came).cast(pl.Float64) != 0.5)  # a tie came neither way
    confidence = table[said].to_numpy().astype(np.float64)
    outcome = table[came].to_numpy().astype(np.float64)

    found = metrics.reliability(confidence, outcome, 10)

    assert confidence.size == n
    assert found.ece == pytest.approx(ece, abs=0.006)
    if brier is not None and loss is not None:
        assert metrics.brier(confidence, outcome) == pytest.approx(brier, abs=1e-6)
        assert metrics.log_loss(confidence, outcome, 1e-9)[0] == pytest.approx(loss, abs=1e-6)


@NO_DATA
def test_fifty_years_of_football_are_calibrated_and_a_season_of_basketball_is_not() -> None:
    errors = {}
    for name, said, came, *_ in REFERENCES:
        with gzip.open(DATA / "calibration_538" / name) as file:
            table = pl.read_csv(file.read(), infer_schema_length=None)
        table = table.filter(pl.col(came).cast(pl.Float64) != 0.5)
        found = metrics.reliability(
            table[said].to_numpy().astype(np.float64),
            table[came].to_numpy().astype(np.float64),
            10,
        )
        errors[name[:3]] = found.ece / found.ece_bound

    assert errors["nfl"] < 1.5
    assert errors["nba"] > 2.0
