"""The five scenarios from the minutes of NVDA and MSFT, and from twenty years of index days.

The settings are those that are shipped, as far as they are beside the minutes here.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.adapters.sources import csv, sample
from stairway.app import settings as policies
from stairway.base.verdict import Pass
from stairway.features.engine import batch
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.simulation.conditions import can_be_traded
from stairway.simulation.drawing import Drawn, draw_all
from stairway.simulation.garch import Garch
from stairway.simulation.learning import Past, learn
from stairway.simulation.scenarios import Method, Scenario
from stairway.simulation.switching import Switching
from stairway.testing.scenarios import scenario_rules

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("STAIRWAY_DATA", ROOT.parent / "shared" / "data"))
FOLDER = DATA / "stocks_1m_nvda_msft_2018"
EXAMPLE = ROOT / "examples" / "nvda_msft_minutes.toml"
TRAIN = 17 * 391
needs_bars = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="no recorded minutes: set STAIRWAY_DATA"
)
needs_sample = pytest.mark.skipif(find_spec("arch") is None, reason="no sample bars: no arch")
Markets = Mapping[Scenario, tuple[Drawn, ...]]


@pytest.fixture(scope="module")
def minutes() -> PairBars:
    text = EXAMPLE.read_text("utf-8").replace("../shared/data", str(DATA))
    source = tomllib.loads(text)["source"]
    source.pop("kind")
    rules = policies.load("intraday")
    return align(csv.read(msgspec.convert(source, csv.Config)), rules.bars, rules.session)[0]


@pytest.fixture(scope="module")
def past(minutes: PairBars) -> Past:
    rules = scenario_rules(sessions=20, model_sessions=60, draws=3)
    found = learn(minutes, TRAIN, policies.load("intraday").session, rules)
    assert isinstance(found, Past)
    return found


@pytest.fixture(scope="module")
def markets(past: Past) -> Markets:
    found = draw_all(past, np.random.Generator(np.random.PCG64(7)))
    assert isinstance(found, dict), found
    return found


@needs_bars
def test_every_market_is_made_at_the_first_try(markets: Markets) -> None:
    made = [one for each in markets.values() for one in each]
    assert len(made) == 15
    assert all(one.provenance.tries == 1 for one in made)
    assert all(len(one.bars) == 20 * 391 for one in made)
    assert all(isinstance(can_be_traded(one.bars, 0.3), Pass) for one in made)


@needs_bars
def test_the_models_found_what_is_known_of_minutes(past: Past) -> None:
    garch, moods = past.models[Method.GARCH], past.models[Method.SWITCHING]
    assert isinstance(garch, Garch)
    assert 0.9 < garch.first.persistence < 1.0
    assert 0.9 < garch.second.persistence < 1.0
    assert 4.0 < garch.freedom < 30.0
    assert 0.5 < garch.correlation < 0.7
    assert isinstance(moods, Switching)
    assert moods.covariance[1][0] > 1.5 * moods.covariance[0][0]
    assert all(0.8 < stay < 1.0 for stay in moods.stay)


@needs_bars
def test_a_storm_is_about_twice_a_calm(markets: Markets) -> None:
    for high, low in zip(
        markets[Scenario.HIGH_VOLATILITY], markets[Scenario.LOW_VOLATILITY], strict=True
    ):
        storm, calm = (
            float(np.diff(np.log(one.bars.close), axis=0).std()) for one in (high, low)
        )
        assert storm > 1.6 * calm


@needs_bars
def test_no_trend_is_wilder_than_twice_the_longest_recorded_one(
    past: Past, markets: Markets
) -> None:
    for one in markets[Scenario.TRENDING]:
        reached = one.verdict.findings[0].value
        assert reached is not None
        assert reached < 2.0 * past.windows.trend.max()


@needs_bars
def test_the_open_and_the_close_of_a_session_are_still_the_busiest(markets: Markets) -> None:
    for each in markets.values():
        for one in each:
            volume = one.bars.volume.reshape(-1, 391, 2).mean(axis=0)
            assert (volume[0] > 2.0 * volume[100:290].mean(axis=0)).all()
            assert (volume[-1] > 2.0 * volume[100:290].mean(axis=0)).all()


@needs_bars
def test_large_moves_still_come_with_large_volume(past: Past, markets: Markets) -> None:
    def tie(bars: PairBars) -> float:
        size = np.abs(np.log(bars.close / bars.open))[:, 0]
        return float(np.corrcoef(size, np.log(bars.volume[:, 0] + 1.0))[0, 1])

    recorded = tie(past.bars)
    for each in markets.values():
        for one in each:
            assert tie(one.bars) > 0.5 * recorded


@needs_bars
def test_every_feature_is_known_once_the_windows_are_full(markets: Markets) -> None:
    rules = policies.load("intraday").features
    for each in markets.values():
        for one in each:
            assert np.isfinite(batch(one.bars, rules)[391:]).all()


@needs_sample
def test_daily_bars_of_indices_make_all_five_as_well() -> None:
    policy = policies.load("daily")
    days, _ = align(sample.read(sample.Config()), policy.bars, policy.session)
    rules = scenario_rules(
        sessions=600,
        draws=3,
        block_bars=20,
        spell_sessions=60,
        model_sessions=3_000,
        smooth_bars=1,
        trend_frac=0.35,
        max_jump_frac=0.5,
        tries=10,
    )
    past = learn(days, 2_600, policy.session, rules)
    assert isinstance(past, Past)
    found = draw_all(past, np.random.Generator(np.random.PCG64(7)))
    assert isinstance(found, dict), found
    for each in found.values():
        for one in each:
            assert len(one.bars) == 600
            assert not one.bars.last_of_session.any()
            assert np.isfinite(batch(one.bars, policy.features)[120:]).all()
