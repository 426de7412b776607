"""What is learnt from recorded bars, and what they must have in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stairway.base.errors import ConfigError
from stairway.base.hashing import array_hash, content_hash
from stairway.base.verdict import Pass, Refuse
from stairway.market.bars import PairBars
from stairway.simulation.bootstrap import Blocks
from stairway.simulation.garch import Garch
from stairway.simulation.learning import Past, enough_blocks, learn
from stairway.simulation.scenarios import Method, ScenarioRules
from stairway.simulation.switching import Switching
from stairway.testing.bars import random_walk
from stairway.testing.scenarios import scenario_rules
from stairway.testing.source import DAILY, intraday_session

HOURS = intraday_session(3_600)
PER_SESSION = 6
BOOTSTRAP = scenario_rules(methods=(Method.BOOTSTRAP,), block_bars=2, smooth_bars=1)


def hourly(sessions: int, seed: int = 1) -> PairBars:
    return random_walk(PER_SESSION * sessions, seed, bar_seconds=3_600)


def spoilt(bars: PairBars, start: int, seed: int) -> PairBars:
    """Bars whose rows from ``start`` on are of another world."""
    rng = np.random.Generator(np.random.PCG64(seed))
    columns = {
        name: np.concatenate((getattr(bars, name)[:start], rng.random((len(bars) - start, 2))))
        for name in ("open", "high", "low", "close", "volume")
    }
    return replace(bars, **columns)


def known(past: Past | Refuse) -> str:
    assert isinstance(past, Past)
    arrays = (past.deviation, past.windows.volatility, past.windows.trend, past.wardrobe.pure)
    return array_hash(*arrays) + past.bars.fingerprint + content_hash(dict(past.models))


def refused(answer: Past | Refuse) -> str:
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


def test_it_learns_what_the_bars_were_like() -> None:
    past = learn(hourly(21), 126, HOURS, BOOTSTRAP)
    assert isinstance(past, Past)
    assert len(past.bars) == 126
    assert len(past.windows) == 20, "the first session has no close before it"
    assert past.deviation == pytest.approx(past.wardrobe.returns.std(axis=0), rel=0.05)
    assert past.models == {}


@hypothesis_settings(max_examples=20)
@given(seed=st.integers(0, 10**6), until=st.integers(60, 119))
def test_nothing_behind_the_stated_row_changes_anything(seed: int, until: int) -> None:
    bars = hourly(20)
    honest = learn(bars, until, HOURS, BOOTSTRAP)
    assert known(learn(spoilt(bars, until, seed), until, HOURS, BOOTSTRAP)) == known(honest)
    assert known(learn(bars.part(0, until), until, HOURS, BOOTSTRAP)) == known(honest)


def test_the_models_are_fitted_on_nothing_behind_the_stated_row_either() -> None:
    rules = scenario_rules(block_bars=2, smooth_bars=1)
    bars = hourly(200, seed=3)
    honest = learn(bars, 900, HOURS, rules)
    assert known(learn(spoilt(bars, 900, 5), 900, HOURS, rules)) == known(honest)


def test_only_the_models_that_are_asked_for_are_fitted() -> None:
    def models(*methods: Method) -> dict[Method, type]:
        rules = scenario_rules(methods=methods, block_bars=2, smooth_bars=1)
        past = learn(hourly(120, seed=3), 720, HOURS, rules)
        assert isinstance(past, Past)
        return {method: type(model) for method, model in past.models.items()}

    assert models(Method.BOOTSTRAP) == {}
    assert models(Method.GARCH, Method.BOOTSTRAP, Method.GARCH) == {Method.GARCH: Garch}
    assert models(Method.SWITCHING) == {Method.SWITCHING: Switching}


@pytest.mark.parametrize("until", [0, -1, 61])
def test_rows_that_are_not_there_cannot_be_learnt_from(until: int) -> None:
    with pytest.raises(ConfigError, match=f"the first {until} of 60 bars"):
        learn(hourly(10), until, HOURS, BOOTSTRAP)


@pytest.mark.parametrize(
    ("sessions", "changes", "code"),
    [
        (1, {}, "scenario.no_sessions"),
        (4, {}, "scenario.windows"),
        (12, {"min_blocks": 4}, "scenario.blocks"),
        (12, {"extreme_frac": 0.05}, "scenario.blocks"),
        (12, {"methods": (Method.GARCH,)}, "scenario.garch_too_few"),
        (12, {"methods": (Method.BOOTSTRAP, Method.SWITCHING)}, "scenario.switching_too_few"),
    ],
)
def test_too_little_of_anything_is_refused_by_name(
    sessions: int, changes: dict[str, object], code: str
) -> None:
    rules = scenario_rules(**({"methods": (Method.BOOTSTRAP,), "block_bars": 2} | changes))
    answer = learn(hourly(sessions), PER_SESSION * sessions, HOURS, rules)
    assert refused(answer) == code


def test_a_market_that_stands_still_is_refused() -> None:
    bars = hourly(20)
    still = np.ones_like(bars.close)
    flat = replace(bars, open=still, high=still, low=still, close=still)
    assert refused(learn(flat, len(flat), HOURS, BOOTSTRAP)) == "scenario.flat_source"


def test_a_hole_in_the_bars_is_refused() -> None:
    bars = hourly(20)
    close = bars.close.copy()
    close[50, 0] = np.nan
    holed = replace(bars, close=close)
    assert isinstance(learn(holed, len(holed), HOURS, BOOTSTRAP), Refuse)


def test_daily_bars_are_learnt_from_in_windows_of_many() -> None:
    rules = scenario_rules(
        methods=(Method.BOOTSTRAP,), spell_sessions=20, sessions=40, block_bars=5, smooth_bars=1
    )
    past = learn(random_walk(301, 1), 301, DAILY, rules)
    assert isinstance(past, Past)
    assert len(past.windows) == 15


# -- blocks ----------------------------------------------------------------------------


def blocks(every: int, step: int, length: int) -> Blocks:
    start = step * np.arange(every)[None, :]
    nothing = np.zeros((1, every))
    return Blocks(np.array([length]), start, nothing, nothing)


def few(**changes: object) -> ScenarioRules:
    return scenario_rules(
        **({"extreme_frac": 0.5, "trend_frac": 0.5, "min_blocks": 5} | changes)
    )


def test_exactly_enough_blocks_pass() -> None:
    assert isinstance(enough_blocks(blocks(10, 6, 2), few()), Pass)
    short = enough_blocks(blocks(8, 6, 2), few())
    assert isinstance(short, Refuse)
    assert (short.findings[0].value, short.findings[0].bound) == (4.0, 5.0)


def test_the_rarer_regime_decides() -> None:
    assert isinstance(enough_blocks(blocks(10, 6, 2), few(trend_frac=0.3)), Refuse)
    assert isinstance(enough_blocks(blocks(10, 6, 2), few(extreme_frac=0.3)), Refuse)


@pytest.mark.parametrize(
    ("every", "length", "fits"), [(10, 5, True), (10, 6, False), (11, 5, True)]
)
def test_whichever_block_is_taken_another_must_lie_apart(
    every: int,
    length: int,
    fits: bool,  # noqa: FBT001 - what is expected
) -> None:
    answer = enough_blocks(blocks(every, 1, length), few())
    assert isinstance(answer, Pass) == fits
    start = np.arange(every)
    assert all((np.abs(start - first) >= length).any() for first in start) >= fits
