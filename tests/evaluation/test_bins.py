from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stairway.evaluation import bins

FORECASTS = st.integers(1, 80).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, n, elements=st.floats(0.0, 1.0)),
        hnp.arrays(np.int64, n, elements=st.integers(0, 1)).map(lambda y: y.astype(float)),
    )
)


@given(FORECASTS, st.integers(1, 12))
def test_no_forecast_is_lost_however_bins_are_cut(
    forecasts: tuple[np.ndarray, np.ndarray], n_bins: int
) -> None:
    p, y = forecasts
    for table in (
        bins.by_value(p, y),
        bins.by_mass(p, y, n_bins),
        bins.by_width(p, y, n_bins),
    ):
        expected = [p.size, p.sum(), p @ p, y.sum(), p @ y]
        np.testing.assert_allclose(table.sum(axis=0), expected, atol=1e-9)


@given(FORECASTS, st.integers(1, 12))
def test_bins_of_equal_mass_hold_a_share_each_unless_forecasts_are_equal(
    forecasts: tuple[np.ndarray, np.ndarray], n_bins: int
) -> None:
    p, y = forecasts
    table = bins.by_mass(p, y, n_bins)

    assert len(table) <= n_bins
    assert table[:, bins.N].min() >= 1.0
    if np.unique(p).size == p.size >= n_bins:
        assert np.ptp(table[:, bins.N]) <= 1.0


@given(st.floats(0.0, 1.0), st.integers(2, 100))
def test_one_forecast_falls_where_many_do(p: float, n_bins: int) -> None:
    table = bins.by_width(np.array([p]), np.zeros(1), n_bins)

    assert np.flatnonzero(table[:, bins.N]).tolist() == [bins.place_of(p, n_bins)]
