from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.features.weather import kernels
from stairway.features.weather.kernels import CRISIS, RANGE, TREND

ANY = st.floats(-10.0, 10.0) | st.just(math.nan)
LABELS = st.sampled_from([RANGE, TREND, CRISIS])


def knobs() -> np.ndarray:
    values = np.zeros(kernels.KNOBS)
    values[kernels.SESSION_BARS], values[kernels.HISTORY_BARS] = 3, 6
    values[kernels.MIN_SAMPLES] = 2
    values[kernels.WEIGHT_MOMENTUM : kernels.CLIP] = 0.4, 0.3, 0.3
    values[kernels.CLIP] = 3.0
    values[kernels.CRISIS_ENTER], values[kernels.CRISIS_LEAVE] = 2.0, 1.5
    values[kernels.CRISIS_DIVERGENCE] = 3.0
    values[kernels.TREND_ENTER], values[kernels.TREND_LEAVE] = 2.0, 1.0
    return values


def label(before: int, t: float = 0.0, ratio: float = 1.0, divergence_z: float = 0.0) -> int:
    return kernels.label_of(before, t, ratio, divergence_z, knobs())


@pytest.mark.parametrize("before", [RANGE, TREND])
def test_crisis_begins_at_its_bound_and_not_before(before: int) -> None:
    assert label(before, ratio=2.0) == CRISIS
    assert label(before, ratio=math.nextafter(2.0, 0.0)) != CRISIS


def test_crisis_ends_below_a_lower_bound_only() -> None:
    assert label(CRISIS, ratio=1.5) == CRISIS
    assert label(CRISIS, ratio=math.nextafter(1.5, 0.0)) == RANGE


@pytest.mark.parametrize("before", [RANGE, TREND, CRISIS])
def test_divergence_over_its_bound_is_crisis_and_at_it_is_not(before: int) -> None:
    assert label(before, divergence_z=math.nextafter(3.0, 4.0)) == CRISIS
    assert label(before, divergence_z=3.0) != CRISIS


@pytest.mark.parametrize("before", [RANGE, CRISIS])
def test_a_trend_begins_at_its_bound_and_not_before(before: int) -> None:
    assert label(before, t=2.0) == TREND
    assert label(before, t=math.nextafter(2.0, 0.0)) == RANGE


def test_a_trend_ends_below_a_lower_bound_only() -> None:
    assert label(TREND, t=1.0) == TREND
    assert label(TREND, t=math.nextafter(1.0, 0.0)) == RANGE


def test_crisis_comes_before_trend() -> None:
    assert label(TREND, t=5.0, ratio=2.5) == CRISIS


def test_what_is_not_known_is_no_reason_to_leave_the_range() -> None:
    assert label(RANGE, t=math.nan, ratio=math.nan, divergence_z=math.nan) == RANGE


def test_labels_do_not_flap_between_the_two_bounds() -> None:
    ratios = [2.1, 1.9, 1.6, 1.9, 1.6, 1.4, 1.6, 1.9, 1.6]
    now, seen = RANGE, []
    for ratio in ratios:
        now = label(now, ratio=ratio)
        seen.append(now)
    assert seen == [CRISIS] * 5 + [RANGE] * 4


@given(LABELS, ANY, ANY, ANY)
def test_compiled_and_plain_labels_agree(
    before: int, t: float, ratio: float, divergence_z: float
) -> None:
    plain = kernels.label_of.py_func(before, t, ratio, divergence_z, knobs())
    assert label(before, t, ratio, divergence_z) == plain


ROWS = st.lists(st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1)), min_size=12, max_size=12)


@given(ROWS)
def test_compiled_and_plain_detectors_agree(returns: list[tuple[float, float]]) -> None:
    close = 100.0 * np.exp(np.cumsum(np.array(returns), axis=0))
    table = np.stack((close, close, close, close, np.ones_like(close)), axis=2)
    clock = np.stack((np.arange(12), np.arange(12)), axis=1)
    compiled = kernels.run_regime(knobs(), clock, table)
    plain = kernels.run_regime.py_func(knobs(), clock, table)
    for one, other in zip(compiled[:4], plain[:4], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    assert compiled[4] == plain[4] == -1


def test_covariance_is_that_of_the_session() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    r = rng.standard_normal((30, 2))
    sums, nothing = np.zeros(kernels.REGIME_SUMS), np.zeros(kernels.ROW)
    for i, row in enumerate(r):
        full = np.append(row, [0.0, 0.0, 0.0])
        gone = np.append(r[i - 10], [0.0, 0.0, 0.0]) if i >= 10 else nothing
        kernels.take_returns(sums, full, gone, nothing)
    assert kernels.covariance_of(sums, 10) == pytest.approx(np.cov(r[-10:].T)[0, 1], rel=1e-12)
    assert kernels.covariance_of.py_func(sums, 10) == kernels.covariance_of(sums, 10)


def test_a_mean_of_nothing_but_one_value_has_no_t_statistic() -> None:
    sums, nothing = np.zeros(kernels.REGIME_SUMS), np.zeros(kernels.ROW)
    for _ in range(5):
        kernels.take_returns(sums, np.full(kernels.ROW, 0.01), nothing, nothing)
    assert math.isnan(kernels.t_statistic(sums, 5))


def test_samples_that_were_not_known_do_not_leave_a_trace() -> None:
    sums = np.zeros(kernels.REGIME_SUMS)
    unknown = np.array([0.1, 0.1, math.nan, math.nan, math.nan])
    kernels.take_samples(sums, np.array([0.1, 0.1, 1.0, 2.0, 3.0]), unknown)
    assert np.isfinite(sums).all()
    assert kernels.mean_of(sums, kernels.DIVERGENCE, 1) == 3.0
