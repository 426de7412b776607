"""Courses and rules to practise by, made up: for tests, examples and benchmarks."""

from __future__ import annotations

from typing import Any

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.execution.costs import CostRules
from stairway.features.regime import RegimeRules
from stairway.features.spec import FeatureRules
from stairway.market.bars import PairBars
from stairway.models.normaliser import WIDTH, fit
from stairway.simulation.course import Course, course, first_known, raw_rows
from stairway.simulation.env_rules import EnvRules
from stairway.testing.bars import DAY_SECONDS, random_walk
from stairway.testing.source import DAILY, intraday_session
from stairway.trader.observe import WatchRules

COSTS = CostRules(
    fee_bps=0.5, half_spread_bps=0.5, impact_coef_bps=10.0, max_participation_frac=0.05
)
CLIP = 5.0


def watch_rules(bar_seconds: int = DAY_SECONDS) -> WatchRules:
    """Rules with short windows, so that few bars are lost to warming up."""
    daily = bar_seconds >= DAY_SECONDS
    features = FeatureRules(
        momentum_short_bars=5,
        momentum_long_bars=20,
        volatility_short_bars=10,
        volatility_long_bars=60,
        rsi_bars=14,
        ema_bars=20,
        volume_bars=60,
        clock="year" if daily else "session",  # pyright: ignore[reportArgumentType]
        session_seconds=23_400,
        count_session_gaps=daily,
    )
    weather = RegimeRules(
        session_bars=20,
        history_bars=250,
        min_samples=60,
        weight_momentum=0.4,
        weight_volatility=0.3,
        weight_divergence=0.3,
        max_score=3.0,
        crisis_enter=2.0,
        crisis_leave=1.5,
        crisis_divergence=3.0,
        trend_enter=2.0,
        trend_leave=1.0,
        count_session_gaps=daily,
    )
    session = DAILY if daily else intraday_session(bar_seconds)
    return WatchRules(features=features, regime=weather, session=session)


def course_of(bars: PairBars, bar_seconds: int = DAY_SECONDS) -> Course:
    """Make ``bars`` ready to be walked, normalised by all of their own rows."""
    rules = watch_rules(bar_seconds)
    rows = raw_rows(bars, rules)
    return course(bars, rules, rules.session, fit(rows[first_known(rows) :], CLIP))


def made_course(n: int, seed: int, bar_seconds: int = DAY_SECONDS) -> Course:
    """Walk at random for ``n`` bars: the same arguments, the same course.

    Examples
    --------
    >>> made_course(200, seed=1).fingerprint == made_course(200, seed=1).fingerprint
    True
    """
    return course_of(random_walk(n, seed, bar_seconds), bar_seconds)


def rough_course(
    n: int, seed: int, *, volatility: float = 0.004, per_session: int = 25
) -> Course:
    """Make a course that no market would: gaps, bars without volume, sessions cut short.

    Features are noise, and one session in four ends without a bar that is called its last.

    Examples
    --------
    >>> rough = rough_course(60, seed=2)
    >>> len(rough), bool((rough.value_usd == 0.0).any())
    (60, True)
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    noise: FloatArray = volatility * rng.standard_normal((2, n, 2))
    walk: FloatArray = np.exp(np.cumsum(noise[0], axis=0))
    close = np.column_stack((50.0 * walk[:, 0], 200.0 * walk[:, 1])).round(2)
    open_ = (close * np.exp(noise[1])).round(2)
    session = np.arange(n, dtype=np.int64) // per_session
    last = np.diff(session, append=session[-1:] + 1) > 0
    volume_usd = np.exp(rng.normal(13.0, 2.0, size=(n, 2)))
    return Course(
        symbols=("ALPHA", "BETA"),
        time_ns=np.arange(1, n + 1, dtype=np.int64) * 60_000_000_000,
        features=rng.standard_normal((n, WIDTH)).astype(np.float32),
        open=open_,
        close=close,
        value_usd=np.where(rng.random((n, 2)) < 0.05, 0.0, volume_usd),  # noqa: PLR2004
        session=session,
        last_of_session=last & (session % 4 != 3),  # noqa: PLR2004 - one in four
        score=np.clip(rng.standard_normal(n), -3.0, 3.0),
        regime=np.arange(n, dtype=np.int64) // 7 % 3,
        first=int(rng.integers(0, 6)),
        bars_per_session=per_session,
        periods_per_year=252.0 * per_session,
        lot_units=(1.0, 0.01),
    )


def env_rules(**changes: Any) -> EnvRules:
    """Rules with costs and short episodes, and what a test wants otherwise.

    Examples
    --------
    >>> env_rules(episode_steps=7).episode_steps
    7
    """
    usual: dict[str, Any] = {
        "equity_usd": 100_000.0,
        "stake_frac": 0.5,
        "costs": COSTS,
        "episode_steps": 100,
        "min_episode_steps": 5,
        "max_session_drawdown_frac": 0.02,
        "risk_free_frac_per_year": 0.02,
        "flat_by_close": True,
        "overnight": "refuse_entry",
        "flips": "at_once",
        "observation_noise": 0.0,
        "feature_clip": CLIP,
    }
    return EnvRules(**(usual | changes))


def actions_for(steps: int, n_envs: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Actions at random, (steps, n_envs)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.integers(0, 9, size=(steps, n_envs), dtype=np.int64)
