"""What one step of practice is worth: four terms, each by its own name.

::

    reward = profit + hold_bonus - ticket_cost - downside

The functions take scalars only and are compiled as they stand by ``simulation.kernels``,
so the batched environment and whoever wants to check it by hand run the same lines. What
``scale_bps``, ``bonus``, ``ticket`` and the weight of the downside are, is set by
``simulation.terms``.
"""

from __future__ import annotations

import math

from stairway.models.observation import HOLD_BOTH

_BPS = 10_000.0


def profit_bps(before_micros: float, after_micros: float, risk_free_bps: float) -> float:
    """Change of log equity over one bar, net of costs, beyond the interest of that bar.

    Parameters
    ----------
    before_micros
        Equity at the close before; positive.
    after_micros
        Equity at this close. A logarithm of nothing is no number: less than one micro
        counts as one, and the episode is over anyway.

    Examples
    --------
    >>> round(profit_bps(1e12, 1.001e12, risk_free_bps=0.5), 3)
    9.495
    """
    return _BPS * math.log(max(after_micros, 1.0) / before_micros) - risk_free_bps


def profit(step_profit_bps: float, scale_bps: float) -> float:
    """Profit of a step in units of its usual size.

    Examples
    --------
    >>> profit(11.0, scale_bps=5.5)
    2.0
    """
    return step_profit_bps / scale_bps


def hold_bonus(action: int, bonus: float) -> float:
    """Return what is paid for holding both, by intent: the action counts, not the fill.

    Examples
    --------
    >>> hold_bonus(4, bonus=0.01), hold_bonus(5, bonus=0.01)
    (0.01, 0.0)
    """
    return bonus if action == HOLD_BOTH else 0.0


def ticket_cost(fills: int, ticket: float) -> float:
    """Return what is charged for position changes: 0, 1 or 2 in a step.

    Examples
    --------
    >>> ticket_cost(2, ticket=0.25)
    0.5
    """
    return ticket * fills


def downside(step_profit_bps: float, scale_bps: float, weight: float) -> float:
    """Weighted square of a loss, in units of the usual profit; 0 for a gain.

    Examples
    --------
    >>> downside(-11.0, scale_bps=5.5, weight=0.1), downside(11.0, scale_bps=5.5, weight=0.1)
    (0.4, 0.0)
    """
    loss = min(step_profit_bps, 0.0) / scale_bps
    return weight * loss * loss
