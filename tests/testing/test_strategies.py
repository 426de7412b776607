"""Drawn bars keep every promise of ``PairBars``, and cover the odd shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from stairway.market.bars import PairBars
from stairway.market.quality import screen
from stairway.testing.source import REFUSE, as_raw
from stairway.testing.strategies import valid_pair_bars


@given(valid_pair_bars())
def test_both_legs_pass_the_screen(bars: PairBars) -> None:
    raw = as_raw(bars)
    assert screen(raw.first, REFUSE).keep.all()
    assert screen(raw.second, REFUSE).keep.all()


@given(valid_pair_bars())
def test_sessions_count_from_zero_and_last_bars_end_them(bars: PairBars) -> None:
    assert bars.session[0] == 0
    assert set(np.diff(bars.session).tolist()) <= {0, 1}
    ends = np.flatnonzero(bars.last_of_session[:-1])
    assert (np.diff(bars.session)[ends] == 1).all()


@given(st.integers(0, 20), st.data())
def test_sizes_are_kept(size: int, data: st.DataObject) -> None:
    assert len(data.draw(valid_pair_bars(min_size=size, max_size=size))) == size


@pytest.mark.parametrize(
    "odd",
    [
        lambda bars: len(bars) > 1 and (bars.volume == 0).any(),
        lambda bars: len(bars) > 1 and (bars.high == bars.low).any(),
        lambda bars: (
            len(bars) > 1 and (np.abs(bars.close[1:] / bars.close[:-1] - 1) > 0.1).any()
        ),
        lambda bars: bars.last_of_session.any(),
    ],
    ids=["silent", "flat", "jump", "end of session"],
)
def test_odd_shapes_are_found(odd: object) -> None:
    assert find(valid_pair_bars(min_size=2), odd) is not None
