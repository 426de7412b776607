"""Rules for tests of this folder, and the real bars where there are any."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from stairway.features.regime import RegimeRules
from stairway.features.spec import FeatureRules
from stairway.market.bars import PairBars
from stairway.market.instrument import Instrument

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("STAIRWAY_DATA", ROOT / "../shared/data"))
PRICES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Rules:
    features: FeatureRules
    regime: RegimeRules


def feature_rules(**changes: object) -> FeatureRules:
    settings: dict[str, object] = {
        "momentum_short_bars": 2,
        "momentum_long_bars": 5,
        "volatility_short_bars": 3,
        "volatility_long_bars": 6,
        "rsi_bars": 4,
        "ema_bars": 3,
        "volume_bars": 5,
        "clock": "year",
        "session_seconds": 86_400,
        "count_session_gaps": True,
    }
    return FeatureRules(**(settings | changes))  # pyright: ignore[reportArgumentType]


def regime_rules(**changes: object) -> RegimeRules:
    settings: dict[str, object] = {
        "session_bars": 4,
        "history_bars": 12,
        "min_samples": 5,
        "weight_momentum": 0.4,
        "weight_volatility": 0.3,
        "weight_divergence": 0.3,
        "max_score": 3.0,
        "crisis_enter": 2.0,
        "crisis_leave": 1.5,
        "crisis_divergence": 3.0,
        "trend_enter": 2.0,
        "trend_leave": 1.0,
        "count_session_gaps": True,
    }
    return RegimeRules(**(settings | changes))  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="session")
def small() -> Rules:
    """Windows so short that a few bars fill them."""
    return Rules(feature_rules(), regime_rules())


@pytest.fixture(scope="session")
def small_features() -> Callable[..., FeatureRules]:
    """Short windows, changed as asked."""
    return feature_rules


@pytest.fixture(scope="session")
def small_regime() -> Callable[..., RegimeRules]:
    """Short windows, changed as asked."""
    return regime_rules


@pytest.fixture(scope="session")
def daily() -> Rules:
    """Windows like those of the daily policy."""
    features = feature_rules(
        momentum_short_bars=5,
        momentum_long_bars=60,
        volatility_short_bars=10,
        volatility_long_bars=60,
        rsi_bars=14,
        ema_bars=20,
        volume_bars=60,
    )
    return Rules(features, regime_rules(session_bars=20, history_bars=250, min_samples=100))


@pytest.fixture(scope="session")
def intraday() -> Rules:
    """Windows like those of the intraday policy."""
    features = feature_rules(
        momentum_short_bars=15,
        momentum_long_bars=120,
        volatility_short_bars=30,
        volatility_long_bars=390,
        rsi_bars=14,
        ema_bars=60,
        volume_bars=390,
        clock="session",
        session_seconds=23_460,
        count_session_gaps=False,
    )
    weather = regime_rules(
        session_bars=391, history_bars=11_730, min_samples=100, count_session_gaps=False
    )
    return Rules(features, weather)


@pytest.fixture(scope="session")
def minutes() -> PairBars:
    """Seven weeks of NVDA and MSFT, one-minute bars."""
    folder = DATA / "stocks_1m_nvda_msft_2018"
    if not folder.is_dir():
        pytest.skip(f"no real minutes at {folder}; set STAIRWAY_DATA")
    tables = [pl.read_csv(next(folder.glob(f"{s}_1m_*.csv.gz"))) for s in ("NVDA", "MSFT")]
    zone = ZoneInfo("America/New_York").key
    opened = tables[0]["datetime_et"].str.to_datetime().dt.replace_time_zone(zone)
    close_ns = opened.dt.epoch("ns").to_numpy() + 60_000_000_000
    _, session = np.unique(opened.dt.date().to_numpy(), return_inverse=True)
    last = np.append(np.diff(session) > 0, True)
    return _pair(("NVDA", "MSFT"), tables, close_ns, session.astype(np.int64), last)


@pytest.fixture(scope="session")
def index_days() -> PairBars:
    """Nineteen years of S&P 500 and Nasdaq Composite, daily bars."""
    found = find_spec("arch")
    if found is None or found.origin is None:
        pytest.skip("the package arch, which carries daily index bars, is not installed")
    folder = Path(found.origin).parent / "data"
    tables = [pl.read_csv(next((folder / n).glob("*.csv.gz"))) for n in ("sp500", "nasdaq")]
    named = [t.rename({name: name.lower() for name in t.columns}) for t in tables]
    days = named[0]["date"].str.to_date("%m/%d/%Y").to_numpy()
    close_ns = days.astype("datetime64[ns]").astype(np.int64) + 21 * 3_600 * 10**9
    n = len(days)
    return _pair(("SPX", "IXIC"), named, close_ns, np.arange(n), np.zeros(n, np.bool_))


def _pair(
    symbols: tuple[str, str],
    tables: list[pl.DataFrame],
    close_ns: np.ndarray,
    session: np.ndarray,
    last: np.ndarray,
) -> PairBars:
    columns = [
        np.stack([t[name].cast(pl.Float64).to_numpy() for t in tables], axis=1)
        for name in PRICES
    ]
    first, second = (Instrument(symbol=s, tick_usd=0.01, lot_units=1.0) for s in symbols)
    return PairBars((first, second), close_ns, session, last, *columns)
