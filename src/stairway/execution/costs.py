"""What a trade costs: fee, half the spread, and what its own size does to the price.

One definition for the simulated venue, for back-tests and for what the clamp expects::

    slip  = half_spread + impact_coef x sqrt(lots traded / lots traded by everybody)   [bp]
    fee   = notional x fee_bps / 10,000, rounded up to a whole micro

:func:`slip_bps` takes scalars only and compiles under numba as it stands, so that a
compiled environment can share it.
"""

from __future__ import annotations

import math
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import Micros

BPS = 10_000
_RATE = 1_000_000  # a fee is counted in millionths of a basis point

NotNegative = Annotated[float, Meta(ge=0.0, le=1_000.0)]
Share = Annotated[float, Meta(gt=0.0, le=1.0)]


class CostRules(Config, frozen=True, kw_only=True):
    """Settings under ``[costs]``.

    Attributes
    ----------
    fee_bps
        Fee on the notional of each fill.
    half_spread_bps
        Paid by every fill that takes: market orders and stops, not resting limits.
    impact_coef_bps
        Impact of an order as large as all that traded in the bar; goes with the square
        root of the share.
    max_participation_frac
        Largest share of a bar's volume that one order may be.
    """

    fee_bps: NotNegative
    half_spread_bps: NotNegative
    impact_coef_bps: NotNegative
    max_participation_frac: Share


def slip_bps(participation: float, half_spread_bps: float, impact_coef_bps: float) -> float:
    """How far a taking order trades from the price before it, in basis points.

    Parameters
    ----------
    participation
        Share of the bar's volume, in [0, 1]. NaN or negative gives NaN.

    Examples
    --------
    >>> slip_bps(0.04, half_spread_bps=1.0, impact_coef_bps=10.0)
    3.0
    """
    if not participation >= 0.0:
        return math.nan
    return half_spread_bps + impact_coef_bps * math.sqrt(participation)


def one_way_bps(rules: CostRules, participation: float) -> float:
    """Return all that one taking fill costs, in basis points of its notional."""
    return rules.fee_bps + slip_bps(participation, rules.half_spread_bps, rules.impact_coef_bps)


def round_trip_bps(rules: CostRules, participation: float) -> float:
    """Return what coming in and going out cost together, in basis points.

    Examples
    --------
    >>> free = CostRules(
    ...     fee_bps=0.5, half_spread_bps=1.0, impact_coef_bps=10.0, max_participation_frac=0.1
    ... )
    >>> round_trip_bps(free, 0.04)
    7.0
    """
    return 2.0 * one_way_bps(rules, participation)


def fee_micros(notional_micros: int, fee_bps: float) -> Micros:
    """Fee on a fill. Whole micros, rounded up: nobody rounds in our favour.

    Examples
    --------
    >>> fee_micros(1_000_001, 0.5)
    51
    """
    return Micros(-(-notional_micros * round(fee_bps * _RATE) // (BPS * _RATE)))
