"""Rates are counts over steps, and of no steps there are none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import InvariantError
from stairway.features.regime import LABELS
from stairway.simulation import kernels
from stairway.simulation.counts import counts_of


def tally(**places: float) -> np.ndarray:
    made = np.zeros(kernels.TALLY)
    for name, value in places.items():
        made[getattr(kernels, name)] = value
    return made


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("STEPS", "steps"),
        ("ALL_FILLS", "fills"),
        ("NO_FILLS", "no_fills"),
        ("FORCED", "forced"),
        ("ENDED", "ended"),
        ("LOST", "terminated"),
        ("ENDED_BARS", "ended_bars"),
        ("SUM_PROFIT", "profit_bps"),
        ("SUM_SQUARE", "profit_square_bps2"),
        ("SUM_REWARD", "reward"),
        ("SUM_REWARD_SQUARE", "reward_square"),
        ("SUM_SCORE", "score"),
        ("DEEPEST", "drawdown_frac"),
    ],
)
def test_every_place_of_the_tally_has_its_name(place: str, field: str) -> None:
    counts = counts_of(tally(**{place: 7.0}))
    assert getattr(counts, field) == 7
    others = [n for n in counts._fields if n not in {field, "chosen", "regimes"}]
    assert not any(getattr(counts, name) for name in others)
    assert not any((*counts.chosen, *counts.regimes))


def test_actions_are_counted_one_by_one() -> None:
    made = tally()
    made[kernels.CHOSEN :] = range(9)
    counts = counts_of(made)
    assert counts.chosen == tuple(range(9))
    assert counts.holds == 4


def test_regimes_are_counted_one_by_one() -> None:
    made = tally()
    made[kernels.REGIMES : kernels.CHOSEN] = (5, 6, 7)
    counts = counts_of(made)
    assert (counts.regimes, sum(counts.chosen)) == ((5, 6, 7), 0)
    assert len(counts.regimes) == len(LABELS)


@given(st.integers(1, 10**6), st.floats(0.0, 1.0), st.floats(0.0, 100.0))
def test_rates_are_what_the_controller_reads(steps: int, share: float, bps: float) -> None:
    made = tally(
        STEPS=steps,
        ALL_FILLS=round(steps * share),
        NO_FILLS=steps - round(steps * share),
        SUM_SQUARE=steps * bps**2,
        SUM_SCORE=-0.5 * steps,
    )
    made[kernels.CHOSEN + 4] = steps // 2
    rates = counts_of(made).rates(bars_per_session=391)
    assert rates.steps == steps
    assert rates.hold_rate == (steps // 2) / steps
    assert rates.fills_per_session == pytest.approx(round(steps * share) / steps * 391)
    assert rates.no_fill_share == pytest.approx(1.0 - round(steps * share) / steps)
    assert math.isclose(rates.rms_profit_bps, bps, abs_tol=1e-9)
    assert rates.score == -0.5


def test_nothing_counted_has_no_rates() -> None:
    with pytest.raises(InvariantError, match="no step was counted"):
        counts_of(tally()).rates(391)
