"""The sizing ladder: from a probability to lots, one audited rung at a time.

Everything is a *magnitude* in leverage (notional over equity); the side is put back on
when the order is made, so a short meets exactly the caps that a long meets.

1. ``edge``: ``|2p - 1|``.
2. ``volatility``: times target volatility over present volatility, both a year. This is
   the only rung that may enlarge.
3. ``var``: at most the limit over the value at risk of one unit of leverage.
4. ``heat``: times the room left, ``max(0, 1 - heat / max heat)``.
5. ``caps``: the least of what is left of the symbol's share, of leverage, and a fraction
   of Kelly; the binding one is named.
6. ``stress`` (crisis, or a correlation over the bound), ``regime``, ``disagreement`` and
   ``ramp``: times a factor of at most one.
7. ``lots``: rounded down.

A number that is missing or not finite, at the start or on the way, is a refusal.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import Lots
from stairway.base.verdict import Refuse, refuse
from stairway.decision.intent import Enter
from stairway.market.instrument import Instrument
from stairway.risk.account import (
    Account,
    Barrier,
    Sight,
    Terms,
    gross_micros,
    stop_frac,
    symbol_micros,
    target_frac,
)
from stairway.risk.inputs import unusable
from stairway.risk.limits import Fraction, RiskLimits

CRISIS = "crisis"
NO_CAP = "none"

_BPS = 1e-4
_MEAN_ABS_NORMAL = math.sqrt(2.0 / math.pi)


class SizingRules(Config, frozen=True, kw_only=True):
    """How a probability becomes a size.

    Attributes
    ----------
    target_volatility_frac
        Volatility that a full-size position should have, a year.
    kelly_fraction
        Share of the growth-optimal leverage that may be used.
    var_confidence
        Of the one-day value at risk.
    stress_correlation
        Correlation of the pair over which a position counts as the other's double.
    stress_factor
        Multiplier in a crisis, or over that correlation.
    regime_factor
        Multiplier by regime label. A label that is not listed is refused.
    min_lots
        Smaller orders are not sent.
    """

    target_volatility_frac: Fraction
    kelly_fraction: Fraction
    var_confidence: Annotated[float, Meta(gt=0.5, lt=1.0)]
    stress_correlation: Annotated[float, Meta(ge=-1.0, le=1.0)]
    stress_factor: Fraction
    regime_factor: dict[str, Fraction]
    min_lots: Annotated[int, Meta(ge=1, le=10**9)]


class RiskRules(Config, frozen=True, kw_only=True):
    """Limits and sizing together: everything the clamp is told beforehand."""

    limits: RiskLimits
    sizing: SizingRules


class Rung(msgspec.Struct, frozen=True):
    """One step of the sizing ladder: its name, and the magnitude after it.

    ``value`` is in leverage (notional over equity) up to the last rung, which is lots.
    ``bound`` is True where this step made the magnitude smaller.
    """

    name: str
    value: float
    bound: bool


class Sized(msgspec.Struct, frozen=True):
    """A size, and how it came about.

    ``binding`` names the tightest cap that bound (``var``, ``symbol``, ``leverage`` or
    ``kelly``), or ``none``.
    """

    lots: Lots
    ladder: tuple[Rung, ...]
    binding: str


def ladder(
    wish: Enter,
    sight: Sight,
    account: Account,
    instrument: Instrument,
    terms: Terms,
    rules: RiskRules,
) -> Sized | Refuse:
    """Walk ``wish`` down the ladder.

    Refuses what is not finite, a side that contradicts the probability, a regime without
    a factor, and whatever comes out below one order's least size.

    Examples
    --------
    >>> from stairway.testing import risk
    >>> sized = ladder(*risk.some_case())
    >>> sized.lots, sized.binding, [rung.name for rung in sized.ladder][:3]
    (156, 'none', ['edge', 'volatility', 'var'])
    """
    wrong = unusable(wish, sight, account, instrument, terms)
    if wrong is not None:
        return wrong
    if sight.regime not in rules.sizing.regime_factor:
        known = ", ".join(sorted(rules.sizing.regime_factor))
        return refuse("risk.unknown_regime", f"no factor for {sight.regime!r}; known: {known}")
    steps, cap = _steps(wish, sight, account, terms, rules)
    if not all(math.isfinite(value) for _, value in steps):
        return refuse("risk.not_finite", f"the size of {wish.symbol} overflowed on the ladder")
    lots, cut = _whole_lots(steps[-1][1], account, sight, instrument)
    rungs = (*_rungs(steps), Rung("lots", float(lots), bound=cut))
    if not lots >= rules.sizing.min_lots:
        return _nothing_left(wish, rungs, cap, rules.sizing.min_lots)
    return Sized(Lots(lots), rungs, cap)


def kelly_leverage(
    win_probability: float, sight: Sight, barrier: Barrier, side: int, fraction: float
) -> float:
    """Fraction of the growth-optimal leverage of one bracket, net of costs.

    ``fraction * mu / s2``: ``mu`` is the expected return of the bracket less its costs,
    ``s2`` its second moment, which is never under its variance, so the cap errs low. Where
    the horizon is too short to meet a barrier, the distance is what a random walk covers
    in that time: its mean absolute move for ``mu`` and its standard deviation for ``s2``.

    Returns
    -------
    Leverage; negative where costs eat the edge; NaN where nothing moves.

    Examples
    --------
    >>> seen = Sight(100.0, 99.0, 0.01, 252.0, 0.0, "range", 0, 0, 5.0, 0.02)
    >>> round(kelly_leverage(0.55, seen, Barrier(2.0, 2.0, 10), 1, 0.25), 4)
    0.9375
    """
    volatility, reach = sight.volatility_per_bar, math.sqrt(barrier.horizon_bars)
    loss_vol = stop_frac(sight, barrier, side) / volatility
    win_vol = target_frac(sight, barrier, side) / volatility
    lose_probability = 1.0 - win_probability
    mean_reach = _MEAN_ABS_NORMAL * reach
    mu = volatility * (
        win_probability * min(win_vol, mean_reach)
        - lose_probability * min(loss_vol, mean_reach)
    )
    s2 = volatility**2 * (
        win_probability * min(win_vol, reach) ** 2
        + lose_probability * min(loss_vol, reach) ** 2
    )
    return fraction * (mu - sight.cost_bps * _BPS) / s2 if s2 > 0.0 else math.nan


Steps = list[tuple[str, float]]


def _steps(
    wish: Enter, sight: Sight, account: Account, terms: Terms, rules: RiskRules
) -> tuple[Steps, str]:
    """Rungs 1 to 6, and the name of the binding cap."""
    sizing, limits = rules.sizing, rules.limits
    edge = abs(2.0 * wish.probability - 1.0)
    yearly = sight.volatility_per_bar * math.sqrt(sight.periods_per_year)
    wanted = edge * (sizing.target_volatility_frac / yearly)
    under_var = min(wanted, limits.max_var_frac / sight.var_frac)
    heat = account.heat_micros / account.equity_micros
    warm = under_var * max(0.0, 1.0 - heat / limits.max_heat_frac)
    cap, room = min(_caps(wish, sight, account, terms, rules), key=_second)
    capped = min(warm, max(0.0, room))
    binding = cap if capped < warm else "var" if under_var < wanted else NO_CAP
    stressed = sight.regime == CRISIS or sight.correlation > sizing.stress_correlation
    steps = [
        ("edge", edge),
        ("volatility", wanted),
        ("var", under_var),
        ("heat", warm),
        ("caps", capped),
    ]
    factors = (
        ("stress", sizing.stress_factor if stressed else 1.0),
        ("regime", sizing.regime_factor[sight.regime]),
        ("disagreement", wish.caution),
        ("ramp", terms.ramp),
    )
    for name, factor in factors:
        steps.append((name, steps[-1][1] * factor))
    return steps, binding


def _caps(
    wish: Enter, sight: Sight, account: Account, terms: Terms, rules: RiskRules
) -> tuple[tuple[str, float], ...]:
    """Room left under each cap, in leverage. Ties go to the first."""
    equity = account.equity_micros
    win = wish.probability if wish.side > 0 else 1.0 - wish.probability
    kelly = kelly_leverage(win, sight, terms.barrier, wish.side, rules.sizing.kelly_fraction)
    return (
        ("symbol", rules.limits.max_symbol_frac - symbol_micros(account, wish.symbol) / equity),
        ("leverage", rules.limits.max_leverage - gross_micros(account) / equity),
        # Written so that a NaN is the least: min() would step over it.
        ("kelly", kelly if math.isfinite(kelly) else -math.inf),
    )


def _second(cap: tuple[str, float]) -> float:
    return cap[1]


def _rungs(steps: Steps) -> list[Rung]:
    before = [steps[0][1], *(value for _, value in steps)]
    return [
        Rung(name, value, bound=value < was)
        for (name, value), was in zip(steps, before, strict=False)
    ]


def _whole_lots(
    leverage: float, account: Account, sight: Sight, instrument: Instrument
) -> tuple[int, bool]:
    """Lots, and whether rounding took anything away.

    Rounded down in integers: a float a hair too large must not buy a lot too many.
    """
    budget_micros = math.floor(leverage * account.equity_micros)
    lot_micros = instrument.ticks(sight.price_usd) * instrument.micros_per_tick_lot
    lots, rest = divmod(budget_micros, lot_micros)
    return lots, rest > 0


def _nothing_left(wish: Enter, rungs: tuple[Rung, ...], cap: str, min_lots: int) -> Refuse:
    """Say which rung took the size away."""
    gone = next((rung.name for rung in rungs if rung.value <= 0.0), "lots")
    match gone, cap:
        case "heat", _:
            code, why = "risk.no_heat_room", "all the risk that may be open is open"
        case "caps", "kelly":
            code, why = "risk.no_edge_after_costs", "costs are larger than the edge"
        case "caps", _:
            code, why = "risk.no_room", f"nothing is left under the {cap} cap"
        case "ramp", _:
            code, why = "risk.ramp_closed", "the model in charge has no capital"
        case _:
            code, why = "risk.below_min_lot", "the size is less than the least order"
    return refuse(code, f"{wish.symbol}: {why}", rungs[-1].value, min_lots)
