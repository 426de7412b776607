"""The loop: one bar, start to finish, for every book there is.

1. The bar is recorded; the venue trades it, and every book settles what was said.
2. Books are marked at the close; closed trades are credited to supervision and lifecycle.
3. The bar is observed, every living model is asked, and its answers are recorded; what it
   said earlier is held against what came.
4. Whoever stands on a new step gets the book that belongs to it.
5. The policy store says how much may be entered: full size, less, or nothing.
6. Each book decides; what it sends is on disk before it leaves.

The desk holds state and calls pure functions; who answers is the world's business, and
what was said is the recorder's. A replay is this same loop with the record as the world.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from stairway.app.books import Books
from stairway.app.clock import tick_ns
from stairway.app.facts import RunFinished, Timing
from stairway.app.latency import Latencies
from stairway.app.recorder import Recorder
from stairway.app.steward import Steward
from stairway.app.world import World
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding
from stairway.decision.ensemble import (
    EnsembleRules,
    Routes,
    Seat,
    decide,
    decide_alone,
    decide_baseline,
)
from stairway.decision.intent import Abstain, Intent
from stairway.execution.facts import CommandSent, TradeClosed, VenueSaid
from stairway.execution.orders import Command, VenueEvent
from stairway.execution.state import Tick
from stairway.lifecycle.facts import PolicyHeld
from stairway.lifecycle.leash import LOOSE, Leash
from stairway.market.bars import PairBar
from stairway.models.prediction import Answer
from stairway.supervision import tracking
from stairway.supervision.tracking import Tracker
from stairway.trader.act import TraderRules, act
from stairway.trader.book import Book, begun, mark
from stairway.trader.observe import Seen, Watch, observe
from stairway.trader.settle import elapse, settle

CAPITAL = "capital"


@dataclass(slots=True)
class Desk:
    """Everything that changes from bar to bar.

    ``answered_ns`` is the clock: it says at which instant the answers about a bar were in.
    ``authority`` says what is held of the policy store at a close; ``None`` where none is
    asked.
    """

    rules: TraderRules
    ensemble: EnsembleRules
    watch: Watch
    steward: Steward
    tracker: Tracker
    books: Books
    world: World
    recorder: Recorder
    answered_ns: Callable[[PairBar, Sequence[Answer]], UtcNs]
    authority: Callable[[UtcNs], PolicyHeld | None]
    latencies: Latencies = field(default_factory=Latencies)
    _held: PolicyHeld | None = None

    def step(self, bar: PairBar) -> None:
        """Handle one bar and hand its facts to the record."""
        self.recorder.publish(bar)
        self.steward.by_hand(bar, self.recorder)
        trades = self._trade(bar)
        self._mark(bar)
        self.steward.credit(trades, bar, self.books, self.recorder)
        started = tick_ns()
        self.watch, seen = observe(self.watch, bar)
        observed = tick_ns()
        digests = self.steward.living
        answers = self.world.answers(seen, digests)
        answered = tick_ns()
        self.recorder.publish(*answers)
        self.steward.judge(answers, seen, self.books, self.recorder)
        self._track(seen, answers)
        self.books.follow(self.steward.registry, bar, self.recorder)
        now_ns = self.answered_ns(bar, answers)
        deciding = tick_ns()
        leash = self._leash(bar.time_ns)
        sent = self._decide(seen, answers, now_ns, leash)
        decided = tick_ns()
        self._send(sent, bar.index)
        self._time(bar.index, (started, observed, answered, deciding, decided))
        self.recorder.commit()

    def finish(self, bar: PairBar) -> None:
        """Say that the last bar was handled, and wait until everything is on disk."""
        self._read_tracks(bar.time_ns)
        self.recorder.publish(RunFinished(bar.index, bar.time_ns, self.recorder.telemetry()))
        self.recorder.flush()

    # -- the venue ---------------------------------------------------------------------

    def _trade(self, bar: PairBar) -> list[TradeClosed]:
        """Let the venue trade the bar and every book settle what it hears."""
        for name, book in self.books.items():
            self.books[name] = begun(book)
        trades: list[TradeClosed] = []
        for batch in self.world.heard(bar):
            sent: list[tuple[str, Command]] = []
            for name, event in batch:
                commands, trade = self._hear(name, event, bar.index)
                sent.extend((name, command) for command in commands)
                if trade is not None:
                    trades.append(trade)
            self._send(sent, bar.index)
        self._elapse(bar)
        return trades

    def _hear(
        self, name: str, event: VenueEvent, index: int
    ) -> tuple[Sequence[Command], TradeClosed | None]:
        self.recorder.publish(VenueSaid(index, name, event))
        book, commands, trade = settle(self.books[name], event, self.rules.instruments)
        self.books[name] = book
        if trade is not None:
            self.recorder.publish(trade)
        return commands, trade

    def _elapse(self, bar: PairBar) -> None:
        """Let the clock of every open bracket run to the close."""
        sent: list[tuple[str, Command]] = []
        for name, book in self.books.items():
            after, commands = elapse(book, Tick(bar.time_ns))
            self.books[name] = after
            sent.extend((name, command) for command in commands)
        self._send(sent, bar.index)

    def _send(self, sent: Sequence[tuple[str, Command]], index: int) -> None:
        """Put commands on record, wait for the disk where money is at stake, let them go."""
        if not sent:
            return
        for name, command in sent:
            self.recorder.publish(CommandSent(index, name, command))
        if any(Books.is_real(name) for name, _ in sent):
            self.recorder.flush()
        for name, command in sent:
            self.world.send(name, command)

    # -- the close ---------------------------------------------------------------------

    def _mark(self, bar: PairBar) -> None:
        for name, book in self.books.items():
            if _rests(book) and book.account.equity_micros == book.cash_micros:
                continue
            self.books[name], fact = mark(book, bar, self.rules.instruments)
            self.books.note(fact)
            self.recorder.publish(fact)

    def _track(self, seen: Seen, answers: Sequence[Answer]) -> None:
        """Hold the models' probabilities against what came; the rule has none of its own."""
        models = [a for a in answers if a.digest != self.steward.baseline]
        self.tracker = tracking.on_close(
            self.tracker, seen.bar, seen.volatility_per_bar, models
        )
        if seen.bar.index % self.tracker.rules.every_bars == 0:
            self._read_tracks(seen.bar.time_ns)

    def _read_tracks(self, now_ns: UtcNs) -> None:
        self.tracker, facts = tracking.readings(self.tracker, now_ns)
        self.recorder.publish(*facts)

    def _leash(self, time_ns: UtcNs) -> Leash:
        """Ask how much may be entered; put it on record where it changed."""
        held = self.authority(time_ns)
        if held is None:
            return LOOSE
        if held is not self._held:
            self.recorder.publish(held)
            self._held = held
        return held.leash

    def _decide(
        self, seen: Seen, answers: Sequence[Answer], now_ns: UtcNs, leash: Leash
    ) -> list[tuple[str, Command]]:
        by_digest: dict[str, list[Answer]] = {}
        for answer in answers:
            by_digest.setdefault(answer.digest, []).append(answer)
        sent: list[tuple[str, Command]] = []
        for name, book in self.books.items():
            if _rests(book):
                continue
            if leash.may_enter:
                wishes = self._wishes(name, seen, answers, by_digest)
            else:
                wishes = self._none(seen, leash)
            ramp = leash.size_frac * (self.steward.ramp if name == CAPITAL else 1.0)
            self.books[name], commands, fact = act(book, seen, wishes, self.rules, now_ns, ramp)
            self.recorder.publish(fact)
            sent.extend((name, command) for command in commands)
        return sent

    def _none(self, seen: Seen, leash: Leash) -> tuple[Intent, ...]:
        """Wish for nothing new; what is open goes on to its exit."""
        why = (Finding(leash.cause, "the policy store allows nothing new"),)
        return tuple(
            Abstain(one.symbol, seen.bar.time_ns, why) for one in self.rules.instruments
        )

    def _wishes(
        self,
        name: str,
        seen: Seen,
        answers: Sequence[Answer],
        by_digest: Mapping[str, Sequence[Answer]],
    ) -> tuple[Intent, ...]:
        """Ask the mandate of a book what it wishes for, per instrument."""
        baseline = by_digest.get(self.steward.baseline, ())
        seat = self.steward.seat_of(self.books.digest_of(name))
        wishes: list[Intent] = []
        for k, one in enumerate(self.rules.instruments):
            if not k < len(baseline):
                gone = Finding("baseline.absent", "the baseline did not answer")
                wishes.append(Abstain(one.symbol, seen.bar.time_ns, (gone,)))
            elif name == CAPITAL:
                wishes.append(self._council(seen, answers, baseline[k], one.symbol))
            elif seat is None:
                wishes.append(decide_baseline(baseline[k], self.ensemble))
            else:
                wishes.append(self._alone(seat, by_digest, k, one.symbol, seen))
        return tuple(wishes)

    def _council(
        self, seen: Seen, answers: Sequence[Answer], baseline: Answer, symbol: str
    ) -> Intent:
        about = [a for a in answers if a.symbol == symbol]
        routes = Routes(baseline, None)
        seats = self.steward.seats
        return decide(about, seats, routes, self.ensemble, symbol, seen.bar.time_ns)

    def _alone(
        self,
        seat: Seat,
        by_digest: Mapping[str, Sequence[Answer]],
        k: int,
        symbol: str,
        seen: Seen,
    ) -> Intent:
        own = by_digest.get(seat.digest, ())
        if not k < len(own):
            gone = Finding("member.absent", f"{seat.model} did not answer")
            return Abstain(symbol, seen.bar.time_ns, (gone,))
        return decide_alone(own[k], seat, self.ensemble)

    def _time(self, index: int, ticks_ns: tuple[int, int, int, int, int]) -> None:
        """Keep how long each stage took; ``judge`` is supervision, ahead of deciding."""
        spans = dict(
            zip(
                ("observe", "answer", "judge", "decide"),
                (b - a for a, b in pairwise(ticks_ns)),
                strict=True,
            )
        )
        stages = {**spans, "decision": sum(spans.values())}
        self.latencies.record(stages)
        self.recorder.publish(Timing(index, stages))


def _rests(book: Book) -> bool:
    """Whether a book was ended and has nothing left to lead out."""
    return book.entries_frozen and book.is_flat
