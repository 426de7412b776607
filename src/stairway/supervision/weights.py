"""How much each model should be listened to.

1. Average R and win rate over a model's last trades, shrunk towards nothing special
   (0 R, an even chance) as though ``prior_trades`` such trades had been seen as well.
   For a regime, shrunk towards the same model's overall figures instead.
2. Score = exp(gain_r * average R + gain_win * (win rate - 1/2)).
3. Water-filling: scores are scaled until the parts, each kept between floor and cap, sum
   to one. Weights are whole multiples of 2**-20, so that they sum to exactly 1 in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, NamedTuple

from msgspec import Meta

from stairway.base.config import Config
from stairway.supervision.performance import Record

_UNITS = 1 << 20
_HALVINGS = 200
_LOWEST_LOG = -60.0
"""A score this far below the best is nothing; lower ones would only strain the halving."""


class WeightRules(Config, frozen=True):
    """How trades become weights.

    Attributes
    ----------
    window_trades
        Trades that count, the last ones.
    prior_trades
        Trades without any edge that are mixed in: the strength of the shrinkage.
    gain_r, gain_win
        Score per R of average profit and per unit of win rate.
    floor, cap
        Least and most of a weight, as fractions of one.
    cap_spread
        Cap is never below this over the number of members.
    """

    window_trades: Annotated[int, Meta(ge=1, le=10_000)]
    prior_trades: Annotated[float, Meta(gt=0, le=1e6)]
    gain_r: Annotated[float, Meta(ge=0, le=100)]
    gain_win: Annotated[float, Meta(ge=0, le=100)]
    floor: Annotated[float, Meta(ge=0, le=1)]
    cap: Annotated[float, Meta(gt=0, le=1)]
    cap_spread: Annotated[float, Meta(ge=1, le=100)]


class Merit(NamedTuple):
    """Shrunken figures of one model."""

    average_r: float
    win_rate: float


NOTHING_SPECIAL = Merit(0.0, 0.5)


def merit(record: Record, prior: Merit, rules: WeightRules) -> Merit:
    """Shrink a record towards ``prior``.

    Examples
    --------
    >>> from stairway.testing.climbing import weight_rules
    >>> merit(Record(recent=(1.0,) * 10), NOTHING_SPECIAL, weight_rules())
    Merit(average_r=0.5, win_rate=0.75)
    """
    last = record.recent[-rules.window_trades :]
    total = len(last) + rules.prior_trades
    return Merit(
        (math.fsum(last) + rules.prior_trades * prior.average_r) / total,
        (sum(r > 0 for r in last) + rules.prior_trades * prior.win_rate) / total,
    )


def recommend(merits: Mapping[str, Merit], rules: WeightRules) -> dict[str, float]:
    """Weights of all models; they sum to exactly 1. Nobody to weigh gives nothing.

    Examples
    --------
    >>> from stairway.testing.climbing import weight_rules
    >>> recommend({"a": NOTHING_SPECIAL, "b": NOTHING_SPECIAL}, weight_rules())
    {'a': 0.5, 'b': 0.5}
    """
    if not merits:
        return {}
    return water_fill({name: _log_score(merits[name], rules) for name in merits}, rules)


def water_fill(log_scores: Mapping[str, float], rules: WeightRules) -> dict[str, float]:
    """Scale scores until the parts, each between floor and cap, sum to one."""
    members = len(log_scores)
    floor = min(math.ceil(rules.floor * _UNITS), _UNITS // members)
    cap = math.floor(min(max(rules.cap, rules.cap_spread / members), 1.0) * _UNITS)
    cap = max(cap, -(-_UNITS // members))
    top = max(log_scores.values())
    names = sorted(log_scores)
    scores = [math.exp(max(log_scores[name] - top, _LOWEST_LOG)) for name in names]
    level = _level(scores, floor, cap)
    parts = [min(max(score * level, floor), cap) for score in scores]
    units = _round(parts, cap)
    return {name: unit / _UNITS for name, unit in zip(names, units, strict=True)}


def _log_score(of: Merit, rules: WeightRules) -> float:
    return rules.gain_r * of.average_r + rules.gain_win * (of.win_rate - 0.5)


def _level(scores: list[float], floor: int, cap: int) -> float:
    """Find the scale at which the kept parts sum to one, by halving."""
    low, high = 0.0, cap / min(scores)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if sum(min(max(score * middle, floor), cap) for score in scores) < _UNITS:
            low = middle
        else:
            high = middle
    return high


def _round(parts: list[float], cap: int) -> list[int]:
    """Whole units that sum to one: what was cut off goes to the largest remainders."""
    units = [math.floor(part) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda i: units[i] - parts[i])
    missing = _UNITS - sum(units)
    while missing > 0:
        for i in by_remainder:
            if missing > 0 and units[i] < cap:
                units[i] += 1
                missing -= 1
    return units
