"""Bars made up from a seed, for tests and benchmarks that need no particular market.

They are valid by construction: what :func:`random_walk` gives passes every check of
``market.quality`` and keeps the sessions of a New York exchange (09:30 to 16:00, on
weekdays, holidays ignored), so a test may feed it to any step as if it had been read.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.units import NS_PER_SECOND
from stairway.market.bars import PairBars
from stairway.market.instrument import Instrument

DAY_SECONDS = 86_400
SESSION_SECONDS = 23_400
DAILY_VOLATILITY = 0.012
CORRELATION = 0.6
INSTRUMENTS = (
    Instrument(symbol="ALPHA", tick_usd=0.01, lot_units=1.0),
    Instrument(symbol="BETA", tick_usd=0.01, lot_units=1.0),
)

_FIRST_DAY = date(2015, 1, 5)
_EXCHANGE = ZoneInfo("America/New_York")
_START_USD = np.array([100.0, 40.0])
_VOLUME_UNITS = np.array([2.0e6, 5.0e5])


def random_walk(n: int, seed: int, bar_seconds: int = DAY_SECONDS) -> PairBars:
    """Two correlated geometric walks without drift; the same arguments, the same bars.

    Parameters
    ----------
    n
        How many bars. A beginning of a longer walk is not a shorter walk.
    seed
        Any whole number of at least 0.
    bar_seconds
        ``86400`` gives daily bars, each a session of its own and never the last of one.
        Less gives sessions of ``23400 // bar_seconds`` bars that end at 16:00.

    Examples
    --------
    >>> bars = random_walk(500, seed=7)
    >>> len(bars), bars.symbols, bars.fingerprint == random_walk(500, seed=7).fingerprint
    (500, ('ALPHA', 'BETA'), True)
    >>> minutes = random_walk(391, seed=7, bar_seconds=60)
    >>> int(minutes.session[-1]), int(minutes.last_of_session.sum())
    (1, 1)
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    returns = _correlated(rng, n) * DAILY_VOLATILITY * np.sqrt(bar_seconds / DAY_SECONDS)
    gaps = 0.2 * returns[::-1]
    log_close = np.log(_START_USD) + np.cumsum(returns + gaps, axis=0)
    log_open = log_close - returns
    scale = np.abs(returns).mean() if n else 0.0
    reach = rng.exponential(0.5 * scale, size=(2, n, 2))
    open_, close = np.exp(log_open), np.exp(log_close)
    volume: FloatArray = np.floor(_VOLUME_UNITS * np.exp(rng.normal(0.0, 0.3, size=(n, 2))))
    return walk_on(
        bar_seconds,
        open_,
        np.maximum(open_, close) * np.exp(reach[0]),
        np.minimum(open_, close) * np.exp(-reach[1]),
        close,
        volume,
    )


def walk_on(
    bar_seconds: int,
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
) -> PairBars:
    """Put columns of shape (n, 2) on the clock of the made-up exchange."""
    n = len(close)
    per_session = 1 if bar_seconds >= DAY_SECONDS else SESSION_SECONDS // bar_seconds
    session = np.arange(n, dtype=np.int64) // per_session
    place = np.arange(n, dtype=np.int64) % per_session
    until_close_ns = (per_session - 1 - place) * bar_seconds * NS_PER_SECOND
    closes_ns = _closes_ns(int(session[-1]) + 1 if n else 0)
    last = (place == per_session - 1) & (per_session > 1)
    return PairBars(
        INSTRUMENTS,
        closes_ns[session] - until_close_ns,
        session,
        last,
        open_,
        high,
        low,
        close,
        volume,
    )


def _correlated(rng: np.random.Generator, n: int) -> FloatArray:
    own = rng.standard_normal((n, 2))
    own[:, 1] = CORRELATION * own[:, 0] + np.sqrt(1.0 - CORRELATION**2) * own[:, 1]
    return own


def _closes_ns(sessions: int) -> IntArray:
    days: list[int] = []
    day = _FIRST_DAY
    while len(days) < sessions:
        if day.weekday() < 5:  # noqa: PLR2004 - Saturday
            close = datetime.combine(day, time(16), _EXCHANGE).astimezone(UTC)
            days.append(int(close.timestamp()) * NS_PER_SECOND)
        day += timedelta(days=1)
    return np.array(days, dtype=np.int64)
