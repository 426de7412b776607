"""How often a limit made an order smaller, and what refused one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from stairway.dashboard.views import RunView

_WORDS = {
    "none": "nothing: the wish fitted",
    "symbol": "share of one instrument",
    "leverage": "leverage of the book",
    "kelly": "a fraction of Kelly",
    "var": "value at risk",
    "book.frozen": "the book was closed to new trades",
    "risk.below_min_lot": "smaller than the smallest order",
    "risk.daily_loss": "the day's loss was spent",
    "risk.drawdown": "the book had fallen too far",
    "risk.duplicate": "there was an order like it already",
    "risk.frozen_feed": "the feed stood still",
    "risk.frozen_symbol": "the instrument was frozen",
    "risk.gross": "gross exposure",
    "risk.halted": "the book was halted",
    "risk.heat": "too much at risk at once",
    "risk.max_lots": "too many lots in one order",
    "risk.max_notional": "too much money in one order",
    "risk.message_rate": "too many messages",
    "risk.net": "net exposure",
    "risk.no_edge_after_costs": "the edge would not have paid its costs",
    "risk.no_heat_room": "no room left for more risk",
    "risk.no_room": "no room left under the caps",
    "risk.open_orders": "too many open orders",
    "risk.price_collar": "the price had jumped",
    "risk.ramp_closed": "its share of the capital was nothing",
    "risk.stale_bar": "the bar was too old",
    "risk.symbol_share": "share of one instrument",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One cap or refusal, and how often it spoke.

    ``real_frac`` and ``virtual_frac`` are shares of all wishes of such books.
    """

    code: str
    meaning: str
    real: int
    virtual: int
    real_frac: float
    virtual_frac: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What became of every wish for a trade."""

    wishes: int
    orders: tuple[Limit, ...]
    refused: tuple[Limit, ...]


def limits(seen: RunView) -> Limits:
    """Count over real and virtual books apart, the most frequent first."""
    orders, refused = _both(seen.bindings), _both(seen.refusals)
    real = sum(orders[0].values()) + sum(refused[0].values())
    virtual = sum(orders[1].values()) + sum(refused[1].values())
    return Limits(real + virtual, _rows(*orders, real, virtual), _rows(*refused, real, virtual))


def _both(counts: Mapping[str, Counter[str]]) -> tuple[Counter[str], Counter[str]]:
    real, virtual = Counter[str](), Counter[str]()
    for book, found in counts.items():
        (real if book == "capital" or book.startswith("canary:") else virtual).update(found)
    return real, virtual


def _rows(
    real: Counter[str], virtual: Counter[str], all_real: int, all_virtual: int
) -> tuple[Limit, ...]:
    codes = sorted(real | virtual, key=lambda code: (-real[code], -virtual[code], code))
    return tuple(
        Limit(
            code=code,
            meaning=_WORDS.get(code, code),
            real=real[code],
            virtual=virtual[code],
            real_frac=real[code] / max(all_real, 1),
            virtual_frac=virtual[code] / max(all_virtual, 1),
        )
        for code in codes
    )
