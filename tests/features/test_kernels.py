from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.features import engine, kernels
from stairway.features.spec import FEATURE_NAMES
from stairway.features.weather import kernels as weather
from stairway.features.windows import kernels as windows
from stairway.market.bars import PairBars
from stairway.testing.strategies import valid_pair_bars

COMPILED = [
    getattr(module, name)
    for module in (kernels, weather, windows)
    for name in dir(module)
    if hasattr(getattr(module, name), "py_func")
]


def prices(*rows: tuple[float, float, float, float]) -> np.ndarray:
    """Bars as (open, high, low, close), behind one on which the decision is made."""
    return np.array([(100.0, 100.0, 100.0, 100.0), *rows])


def touch(*rows: tuple[float, float, float, float]) -> tuple[int, int, float]:
    """Which of 110 and 90 is met first."""
    return kernels.first_touch(prices(*rows), 0, len(rows), 110.0, 90.0)


def test_places_of_the_row_are_the_names_of_the_features_in_order() -> None:
    places = {
        "log_return": kernels.LOG_RETURN,
        "momentum_short": kernels.MOMENTUM_SHORT,
        "momentum_long": kernels.MOMENTUM_LONG,
        "volatility_short": kernels.VOLATILITY_SHORT,
        "volatility_long": kernels.VOLATILITY_LONG,
        "volatility_ratio": kernels.VOLATILITY_RATIO,
        "rsi": kernels.STRENGTH,
        "ema_distance": kernels.EMA_DISTANCE,
        "volume_z": kernels.VOLUME_Z,
        "range": kernels.HIGH_LOW,
        "time_sin": kernels.TIME_SIN,
        "time_cos": kernels.TIME_COS,
    }
    assert [places[name] for name in FEATURE_NAMES] == list(range(kernels.FEATURES))


@pytest.mark.parametrize("kernel", COMPILED, ids=lambda k: f"{k.__module__}.{k.__name__}")
def test_no_kernel_is_compiled_with_fastmath(kernel) -> None:
    """It would delete both the NaN checks and the rests of the exact sums."""
    assert not kernel.targetoptions.get("fastmath", False)


@settings(max_examples=15)
@given(bars=valid_pair_bars(max_size=16))
def test_compiled_and_plain_features_agree(small, bars: PairBars) -> None:
    state = engine.start(small.features)
    clock, table = engine.columns_of(bars)
    inputs = (state.memory, state.marks, state.layout, clock, table)
    compiled, plain = kernels.run_features(*inputs), kernels.run_features.py_func(*inputs)
    for one, other in zip(compiled[:3], plain[:3], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    assert compiled[3] == plain[3] == -1


def test_the_upper_barrier_is_met_by_a_high_at_it() -> None:
    assert touch((100, 110, 95, 100)) == (1, 1, 110.0)


def test_the_lower_barrier_is_met_by_a_low_at_it() -> None:
    assert touch((100, 105, 90, 100)) == (0, 1, 90.0)


def test_of_two_barriers_inside_one_bar_the_lower_counts() -> None:
    assert touch((100, 120, 80, 115)) == (0, 1, 90.0)


def test_a_bar_that_opens_beyond_the_upper_barrier_has_met_that_one_first() -> None:
    assert touch((100, 101, 99, 100), (112, 120, 80, 85)) == (1, 2, 110.0)


def test_a_bar_that_opens_beyond_the_lower_barrier_is_left_at_its_open() -> None:
    assert touch((100, 101, 99, 100), (85, 120, 80, 115)) == (0, 2, 85.0)


def test_the_first_bar_that_meets_a_barrier_decides() -> None:
    assert touch((100, 109, 91, 100), (100, 111, 99, 100), (100, 101, 80, 90)) == (1, 2, 110.0)


def test_without_a_touch_the_last_close_is_left() -> None:
    assert touch((100, 109, 91, 100), (100, 109, 91, 104)) == (-1, 2, 104.0)


def test_the_bar_of_the_decision_itself_meets_nothing() -> None:
    wild = np.array([(100.0, 200.0, 1.0, 100.0), (100.0, 101.0, 99.0, 100.0)])
    assert kernels.first_touch(wild, 0, 1, 110.0, 90.0)[0] == -1


PRICE = st.floats(50.0, 150.0)
BARS = st.lists(st.tuples(PRICE, PRICE, PRICE, PRICE), min_size=3, max_size=12).map(
    lambda rows: np.array([(o, max(o, h, lo, c), min(o, h, lo, c), c) for o, h, lo, c in rows])
)


@given(BARS, st.floats(0.001, 0.2) | st.just(math.nan) | st.just(0.0), st.integers(1, 5))
def test_compiled_and_plain_labels_agree(bars: np.ndarray, sigma: float, horizon: int) -> None:
    n = len(bars)
    last = np.arange(n) + horizon
    last = np.where(last < n, last, -1)
    inputs = (bars, np.full(n, sigma), last, 1.0, 1.5)
    for one, other in zip(
        kernels.label_bars(*inputs), kernels.label_bars.py_func(*inputs), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@given(BARS, st.floats(80.0, 99.0), st.floats(101.0, 120.0))
def test_compiled_and_plain_touches_agree(bars: np.ndarray, lower: float, upper: float) -> None:
    found = kernels.first_touch(bars, 0, len(bars) - 1, upper, lower)
    assert found == kernels.first_touch.py_func(bars, 0, len(bars) - 1, upper, lower)
