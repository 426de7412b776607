"""What probabilities would have earned, after costs, by the very code that trades.

A short driver of the trader's own functions: the same decision, clamp, bracket and venue
as live, one book, one vote. Nothing is simplified, so what is gated is what would trade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.base.units import Micros
from stairway.base.verdict import Finding
from stairway.decision.ensemble import EnsembleRules, Seat, decide_alone
from stairway.decision.intent import Abstain, Intent
from stairway.execution.costs import CostRules
from stairway.execution.facts import TradeClosed
from stairway.execution.orders import Command
from stairway.execution.state import Tick
from stairway.features.regime import Regime
from stairway.market.bars import PairBar, PairBars
from stairway.market.calendar import SessionRules
from stairway.models.ask import action_of
from stairway.models.prediction import Prediction
from stairway.simulation.fills import Luck, PaperRules
from stairway.simulation.venue import Venue
from stairway.trader.act import TraderRules, act
from stairway.trader.book import Book, begun, mark, open_book
from stairway.trader.observe import Seen, is_closing
from stairway.trader.settle import elapse, settle

_SEAT = Seat("backtest", "backtest", "shadow", 1.0)


@dataclass(frozen=True, slots=True)
class BacktestRules:
    """Everything that a back-test is run by."""

    trader: TraderRules
    ensemble: EnsembleRules
    costs: CostRules
    paper: PaperRules
    equity_micros: Micros
    seed: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """What came of it.

    Attributes
    ----------
    equity_usd : (n,) float64
        Worth at each close, after all costs.
    held : (n, 2) int64
        Signed lots after each close.
    trades
        Every closed position.
    """

    equity_usd: FloatArray
    held: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    trades: tuple[TradeClosed, ...]

    @property
    def returns(self) -> FloatArray:
        """Return per bar, (n,); the first is 0."""
        before = np.concatenate((self.equity_usd[:1], self.equity_usd[:-1]))
        return self.equity_usd / before - 1.0


def backtest(
    bars: PairBars,
    features: FloatArray,
    regimes: Callable[[int], Regime],
    confidences: FloatArray,
    rules: BacktestRules,
) -> Backtest:
    """Trade ``confidences`` on ``bars``.

    Parameters
    ----------
    features : (n, 2, 12) float64
    regimes
        What the detector said at each bar, by position.
    confidences : (n, 2) float64
        Probability of the upper barrier; NaN where there is none: nothing is wished for.

    Raises
    ------
    DataError
        If the shapes do not agree.
    """
    n = len(bars)
    if confidences.shape != (n, 2) or features.shape[:2] != (n, 2):
        msg = f"{n} bars need ({n}, 2) confidences, got {confidences.shape}"
        raise DataError(msg)
    luck = Luck(rules.seed, _SEAT.model)
    venue = Venue(rules.trader.instruments, rules.costs, rules.paper, luck)
    book = open_book("backtest", rules.equity_micros, session=int(bars.session[0]))
    equity, held = np.empty(n), np.zeros((n, 2), np.int64)
    trades: list[TradeClosed] = []
    for bar, seen in _sights(bars, features, regimes, rules.trader.session):
        book = _trade(begun(book), bar, venue, rules.trader, trades)
        book, sent = elapse(book, Tick(bar.time_ns))
        _send(venue, sent)
        book, marked = mark(book, bar, rules.trader.instruments)
        equity[bar.index], held[bar.index] = marked.equity_micros / 1e6, marked.held
        wishes = _wishes(seen, confidences[bar.index], rules)
        book, commands, _ = act(book, seen, wishes, rules.trader, bar.time_ns)
        _send(venue, commands)
    return Backtest(equity, held, tuple(trades))


def _sights(
    bars: PairBars,
    features: FloatArray,
    regimes: Callable[[int], Regime],
    session: SessionRules,
) -> Iterator[tuple[PairBar, Seen]]:
    """Every bar beside what was known at its close."""
    unchanged = (0, 0)
    before: PairBar | None = None
    for i, bar in enumerate(bars):
        closes = (float("nan"), float("nan"))
        if before is not None:
            closes = (before.bars[0].close, before.bars[1].close)
            same = [a == b for a, b in zip(before.bars, bar.bars, strict=True)]
            unchanged = (unchanged[0] + 1 if same[0] else 0, unchanged[1] + 1 if same[1] else 0)
        yield (
            bar,
            Seen(bar, features[i], regimes(i), unchanged, closes, is_closing(bar, session)),
        )
        before = bar


def _trade(
    book: Book, bar: PairBar, venue: Venue, rules: TraderRules, trades: list[TradeClosed]
) -> Book:
    for move in (venue.open, venue.range):
        move(bar)
        while said := tuple(venue.drain()):
            for event in said:
                book, commands, trade = settle(book, event, rules.instruments)
                _send(venue, commands)
                if trade is not None:
                    trades.append(trade)
    return book


def _wishes(seen: Seen, confidences: FloatArray, rules: BacktestRules) -> tuple[Intent, ...]:
    now = seen.bar.time_ns
    wishes: list[Intent] = []
    for one, confidence in zip(rules.trader.instruments, confidences.tolist(), strict=True):
        if not np.isfinite(confidence):
            finding = Finding("member.absent", "no out-of-fold probability here")
            wishes.append(Abstain(one.symbol, now, (finding,)))
            continue
        answer = Prediction(
            model=_SEAT.model,
            version="",
            digest=_SEAT.digest,
            symbol=one.symbol,
            as_of_ns=now,
            regime=seen.regime.label.value,
            raw=0.0,
            confidence=confidence,
            action=action_of(confidence, rules.ensemble.action_margin),
        )
        wishes.append(decide_alone(answer, _SEAT, rules.ensemble))
    return tuple(wishes)


def _send(venue: Venue, commands: Sequence[Command]) -> None:
    for command in commands:
        venue.submit(command)
