"""Practice shows a policy what serving shows it, to the last bit of float32."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from stairway.adapters.sources import csv
from stairway.adapters.tables.settings import Columns, File
from stairway.features.spec import FEATURE_NAMES
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.models.normaliser import fit
from stairway.models.policy import observations, observe
from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.course import course, first_known, raw_rows
from stairway.testing.bars import random_walk
from stairway.testing.practice import CLIP, actions_for, env_rules, watch_rules
from stairway.testing.source import REFUSE, intraday_session
from stairway.trader import observe as trader

DATA = Path(os.environ.get("STAIRWAY_DATA", Path(__file__).parents[3] / "shared" / "data"))
REAL = DATA / "stocks_1m_nvda_msft_2018"
MINUTE = 60


def practised(bars: PairBars, steps: int, flips: str) -> tuple[np.ndarray, ...]:
    """What eight accounts saw, where, and holding what; and the rows and the normaliser."""
    rules = watch_rules(MINUTE)
    rows = raw_rows(bars, rules)
    normaliser = fit(rows[first_known(rows) :], CLIP)
    made = course(bars, rules, rules.session, normaliser)
    batch = PairBatch(made, env_rules(flips=flips), n_envs=8, seed=3)
    shown, bar, held = [batch.reset().copy()], [_bars(batch)], [_held(batch)]
    for actions in actions_for(steps, 8, seed=4):
        shown.append(batch.step(actions).copy())
        bar.append(_bars(batch))
        held.append(_held(batch))
    said = (np.concatenate(part) for part in (shown, bar, held))
    return (*said, rows.reshape(len(bars), 2, len(FEATURE_NAMES)), normaliser)


def _bars(batch: PairBatch) -> np.ndarray:
    return batch.books[:, kernels.BAR].astype(np.int64)


def _held(batch: PairBatch) -> np.ndarray:
    places = [kernels.FIRST_POSITION, kernels.SECOND_POSITION]
    return batch.books[:, places].astype(np.int64)


def require_equal(bars: PairBars, steps: int, flips: str) -> None:
    shown, bar, held, rows, normaliser = practised(bars, steps, flips)
    served = observations(rows[bar], held, normaliser)
    assert served.dtype == shown.dtype == np.float32
    np.testing.assert_array_equal(served.view(np.uint32), shown.view(np.uint32))
    assert len({tuple(pair) for pair in held.tolist()}) == 9


@pytest.mark.parametrize("flips", ["at_once", "through_flat"])
def test_each_observation_of_practice_is_the_one_that_serving_makes(flips: str) -> None:
    require_equal(random_walk(3 * 391, seed=5, bar_seconds=MINUTE), 400, flips)


def test_the_same_holds_on_recorded_minutes() -> None:
    if not REAL.exists():
        pytest.skip(f"no real bars at {REAL}: set STAIRWAY_DATA to the folder that holds them")
    require_equal(recorded(), 400, "at_once")


def recorded() -> PairBars:
    files = tuple(
        File(path=str(next(REAL.glob(f"{one}_1m_*"))), symbol=one, tick_usd=0.01, lot_units=1.0)
        for one in ("NVDA", "MSFT")
    )
    raw = csv.read(
        csv.Config(
            files=files,
            columns=Columns(time="datetime_et"),
            bar_seconds=MINUTE,
            tz="America/New_York",
            stamp="open",
        )
    )
    pair, _ = align(raw, REFUSE, intraday_session(MINUTE, "16:01"))
    return pair


def test_the_trader_sees_what_practice_sees() -> None:
    bars = random_walk(391, seed=6, bar_seconds=MINUTE)
    rules = watch_rules(MINUTE)
    rows = raw_rows(bars, rules)
    normaliser = fit(rows[first_known(rows) :], CLIP)
    made = course(bars, rules, rules.session, normaliser)
    watch = trader.start(rules)
    for index, bar in enumerate(bars):
        watch, seen = trader.observe(watch, bar)
        if index < made.first:
            continue
        live = observe(seen.rows, (0, 0), normaliser)
        np.testing.assert_array_equal(np.delete(live, [12, 25]), made.features[index])
