"""The twelve features of one instrument: their names, windows and identity.

All are computed from bars at or before the one they stand at. ``r`` is the log return of
one bar, close to close; sums and deviations run over the trailing window named beside
them, the newest bar included. A value is NaN until its window has filled, and where it
is not defined (a deviation of something that does not move divides nothing).

============================  =======================================================
``log_return``                r, dimensionless
``momentum_short``, ``_long`` sum of r over ``momentum_*_bars``
``volatility_short``,         standard deviation (ddof 1) of r over
``_long``                     ``volatility_*_bars``, per bar
``volatility_ratio``          volatility_short / volatility_long
``rsi``                       100 gains / (gains + losses), sums over ``rsi_bars``
``ema_distance``              p - EMA(p), p the sum of all r so far, weight of the newest
                              bar 2 / (``ema_bars`` + 1)
``volume_z``                  z of log(1 + volume) over ``volume_bars`` (ddof 1)
``range``                     log(high / low)
``time_sin``, ``time_cos``    sine and cosine of 2 pi x phase; phase is the time since
                              the session's first close over ``session_seconds``, or the
                              day of the year over 365.2425
============================  =======================================================
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.hashing import content_hash

FEATURE_NAMES = (
    "log_return",
    "momentum_short",
    "momentum_long",
    "volatility_short",
    "volatility_long",
    "volatility_ratio",
    "rsi",
    "ema_distance",
    "volume_z",
    "range",
    "time_sin",
    "time_cos",
)
"""Columns of a feature row, in order."""

VOLATILITY_LONG = FEATURE_NAMES.index("volatility_long")
"""Column that barriers and sizing are measured with."""

_FORMULAS = 1
"""Raised whenever a formula above changes, so that old models no longer fit."""

AtLeastOne = Annotated[int, Meta(ge=1, le=10**6)]
AtLeastTwo = Annotated[int, Meta(ge=2, le=10**6)]


class Clock(StrEnum):
    """What the two time features tell."""

    SESSION = "session"
    """How far the session has gone: for bars within a day."""

    YEAR = "year"
    """How far the year has gone: for daily bars, where the session's time never moves."""


class FeatureRules(Config, frozen=True, kw_only=True):
    """Windows of the bar features.

    Attributes
    ----------
    momentum_short_bars, momentum_long_bars, volatility_short_bars, volatility_long_bars
        Trailing windows of returns; each short one is shorter than its long one.
    rsi_bars, ema_bars, volume_bars
        Trailing windows; ``ema_bars`` is the span of the mean.
    clock
        Meaning of the time features.
    session_seconds
        From a session's first close to one bar after its last close; read with the
        session clock only.
    count_session_gaps
        True: the return of a session's first bar reaches back to the close before it.
        False: it starts at the bar's own open, and nights are not in any feature.
    """

    momentum_short_bars: AtLeastOne
    momentum_long_bars: AtLeastTwo
    volatility_short_bars: AtLeastTwo
    volatility_long_bars: AtLeastTwo
    rsi_bars: AtLeastTwo
    ema_bars: AtLeastTwo
    volume_bars: AtLeastTwo
    clock: Clock
    session_seconds: Annotated[int, Meta(ge=1, le=31_622_400)]
    count_session_gaps: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_order("momentum", self.momentum_short_bars, self.momentum_long_bars)
        _require_order("volatility", self.volatility_short_bars, self.volatility_long_bars)

    @property
    def warm_up_bars(self) -> int:
        """How many bars it takes until every window has filled.

        Examples
        --------
        >>> from stairway.features.spec import FeatureRules
        >>> FeatureRules(
        ...     momentum_short_bars=5, momentum_long_bars=20, volatility_short_bars=10,
        ...     volatility_long_bars=60, rsi_bars=14, ema_bars=20, volume_bars=60,
        ...     clock="year", session_seconds=86400, count_session_gaps=True,
        ... ).warm_up_bars
        61
        """
        returns = max(
            self.momentum_long_bars, self.volatility_long_bars, self.rsi_bars, self.ema_bars
        )
        return max(returns + 1, self.volume_bars)


def schema_hash(rules: FeatureRules) -> str:
    """Identity of what a model is fed: names, order, formulas and windows.

    A model sealed under one hash is never asked with features of another.
    """
    return content_hash((_FORMULAS, FEATURE_NAMES, rules))


def _require_order(name: str, short_bars: int, long_bars: int) -> None:
    if not short_bars < long_bars:
        msg = (
            f"features.{name}_short_bars is {short_bars} and {name}_long_bars is "
            f"{long_bars}; the short window must be shorter: change one of them"
        )
        raise ConfigError(msg)
