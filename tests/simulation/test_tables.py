"""A course and its rules as numbers, or a sentence that says why not."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.tables import knobs_of, market_of, rows_of, starts_of
from stairway.testing.practice import env_rules, rough_course

COURSE = rough_course(400, seed=3)
RULES = env_rules(episode_steps=40)


@pytest.mark.parametrize("bars", [2, 10, 14])
def test_a_course_without_room_for_the_shortest_episode_is_refused(bars: int) -> None:
    course = replace(COURSE, first=3).part(0, bars) if bars > 3 else COURSE.part(100, 102)
    steps = bars - 1 - course.first
    rules = env_rules(min_episode_steps=steps + 1)
    with pytest.raises(DataError, match=rf"{bars} bars.*room for {steps} steps.*more bars"):
        PairBatch(course, rules, 1, seed=0)
    PairBatch(course, env_rules(min_episode_steps=max(steps, 1)), 1, seed=0)


def test_a_position_of_a_few_lots_is_refused() -> None:
    dear = replace(COURSE, lot_units=(5_000.0, 1.0))
    with pytest.raises(DataError, match=r"one lot costs up to .* less than 10 lots"):
        PairBatch(dear, RULES, 1, seed=0)


def test_a_position_of_ten_lots_is_taken_and_one_of_less_is_not() -> None:
    market = market_of(COURSE, RULES)
    dearest_usd = float(market[:, : kernels.VALUE].max()) / 1e6
    ten = 10.0 * dearest_usd / RULES.stake_frac
    market_of(COURSE, msgspec.structs.replace(RULES, equity_usd=ten * 1.001))
    with pytest.raises(DataError, match="less than 10 lots"):
        market_of(COURSE, msgspec.structs.replace(RULES, equity_usd=ten * 0.999))


def test_prices_are_whole_micros_of_a_lot() -> None:
    market = market_of(COURSE, RULES)
    assert market.shape == (400, kernels.MARKET)
    assert all(float(x).is_integer() for x in market[:, : kernels.SESSION].ravel())
    lots = np.array(COURSE.lot_units)
    opened = market[:, kernels.OPEN : kernels.OPEN + 2]
    assert np.abs(opened / 1e6 - COURSE.open * lots).max() < 1e-6
    closed = market[:, kernels.CLOSE : kernels.CLOSE + 2]
    assert np.abs(closed / 1e6 - COURSE.close * lots).max() < 1e-6
    assert np.array_equal(market[:, kernels.SESSION], COURSE.session)
    assert np.array_equal(market[:, kernels.LAST] == 1.0, COURSE.last_of_session)
    assert np.array_equal(market[:, kernels.SCORE], COURSE.score)
    assert np.array_equal(market[:, kernels.REGIME], COURSE.regime)


def test_rows_leave_room_for_positions() -> None:
    rows = rows_of(COURSE)
    assert rows.shape == (400, 26)
    assert rows.dtype == np.float32
    assert not rows[:, [12, 25]].any()
    assert np.array_equal(np.delete(rows, [12, 25], axis=1), COURSE.features)


def test_rules_are_read_into_their_places() -> None:
    rules = env_rules(
        overnight="hold",
        flat_by_close=False,
        flips="through_flat",
        observation_noise=0.25,
        risk_free_frac_per_year=0.0,
    )
    knobs = knobs_of(COURSE, rules, again=True)
    assert knobs.shape == (kernels.KNOBS,)
    assert knobs[kernels.START_MICROS] == 100_000 * 10**6
    assert knobs[kernels.NOISE] == 0.25
    assert knobs[[kernels.AGAIN, kernels.THROUGH_FLAT]].tolist() == [1.0, 1.0]
    switched = [kernels.REFUSE_LAST, kernels.FLAT_BY_CLOSE, kernels.RISK_FREE]
    assert knobs[switched].tolist() == [0.0, 0.0, 0.0]
    assert knobs[kernels.FIRST_START] == COURSE.first


@pytest.mark.parametrize(
    ("steps", "starts"), [(394, 1), (393, 2), (100, 295), (395, 390), (10_000, 390)]
)
def test_as_many_starts_as_leave_room(steps: int, starts: int) -> None:
    course = replace(COURSE, first=5)
    assert starts_of(course, env_rules(episode_steps=steps)) == starts
