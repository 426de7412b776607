"""Where answers and fills come from: models and a venue, or the record of them.

The loop is the same for a live run, a run under a virtual clock and a replay. What
differs is who it asks, and that is this port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, cast

from stairway.app.catalog import CODEC, ORDERS
from stairway.base.arrays import FloatArray
from stairway.base.errors import InvariantError
from stairway.base.verdict import Verdict
from stairway.events.fold import in_order
from stairway.events.ports import EventLog
from stairway.execution.facts import CommandSent, VenueSaid
from stairway.execution.orders import Command, VenueEvent
from stairway.execution.ports import Broker
from stairway.lifecycle.facts import GateGiven
from stairway.market.bars import PairBar
from stairway.models.ask import Question, ask, ask_pair
from stairway.models.ports import ModelCard, ModelRuntime, PairRuntime, Runtime
from stairway.models.prediction import Answer, Exclusion, ExclusionCode, Prediction
from stairway.trader.observe import Seen

ARTIFACT_GATE = "artifact"
"""Gate that opens a model's artifact again before it takes charge."""

Heard: TypeAlias = tuple[tuple[str, VenueEvent], ...]
"""What the venue said at one go: (book, event)."""


class Account(Broker, Protocol):
    """A broker that is shown the market, because it simulates one."""

    def open(self, bar: PairBar) -> None:
        """Trade the open of ``bar``."""
        ...

    def range(self, bar: PairBar) -> None:
        """Trade inside ``bar``."""
        ...


class World(Protocol):
    """Whoever answers the loop's questions."""

    def heard(self, bar: PairBar) -> Iterator[Heard]:
        """Yield, batch by batch, (book, event) of what the venue says during ``bar``.

        What is sent between two batches takes effect inside the same bar.
        """
        ...

    def answers(self, seen: Seen, digests: Sequence[str]) -> list[Answer]:
        """Ask every model of ``digests`` about both instruments."""
        ...

    def send(self, book: str, command: Command) -> None:
        """Pass a command on. It is on disk already."""
        ...

    def reopen(self, digest: str) -> Verdict:
        """Check a model's artifact once more, from its bytes."""
        ...


@dataclass(slots=True)
class LiveWorld:
    """Models that are loaded, and one account at the venue for each book.

    ``open_account`` is told the book's name by its slot: ``shadow:lightgbm``.
    """

    runtimes: Mapping[str, Runtime]
    stand_in: Callable[[int, Runtime], Runtime]
    open_account: Callable[[str], Account]
    symbols: tuple[str, str]
    action_margin: float
    artifacts: Callable[[str], Verdict]
    _accounts: dict[str, Account] = field(default_factory=dict[str, "Account"])
    _bar: PairBar | None = None

    def heard(self, bar: PairBar) -> Iterator[Heard]:
        """Let the venue trade the open, then the range of the bar."""
        self._bar = bar
        for account in self._accounts.values():
            account.open(bar)
        yield from self._drain()
        for account in self._accounts.values():
            account.range(bar)
        yield from self._drain()

    def answers(self, seen: Seen, digests: Sequence[str]) -> list[Answer]:
        """Ask the models, one by one; whoever fails is excluded with the reason."""
        now, regime = seen.bar.time_ns, seen.regime.label.value
        first, second = (Question(s, now, regime, self.action_margin) for s in self.symbols)
        found: list[Answer] = []
        for digest in digests:
            found.extend(self._answers(digest, seen, (first, second)))
        return found

    def send(self, book: str, command: Command) -> None:
        """Hand it to the book's account; a new one starts at the present bar."""
        account = self._accounts.get(book)
        if account is None:
            account = self._accounts[book] = self.open_account(self._slot(book))
            if self._bar is not None:
                account.open(self._bar)
                account.range(self._bar)
        account.submit(command)

    def reopen(self, digest: str) -> Verdict:
        """Ask whoever keeps the artifacts."""
        return self.artifacts(digest)

    def _slot(self, book: str) -> str:
        """Name ``book`` by its slot: digests change with every edit, luck should not."""
        kind, _, digest = book.partition(":")
        runtime = self.runtimes.get(digest)
        return book if runtime is None else f"{kind}:{runtime.card.model}"

    def _drain(self) -> Iterator[Heard]:
        while batch := tuple(
            (name, event)
            for name, account in self._accounts.items()
            for event in account.drain()
        ):
            yield batch

    def _answers(
        self, digest: str, seen: Seen, questions: tuple[Question, Question]
    ) -> tuple[Answer, ...]:
        """Ask one model about both instruments: at once where it looks at both."""
        runtime = self.runtimes.get(digest)
        if runtime is None:
            nobody = ModelCard("unknown", "unknown", digest, "")
            why = ExclusionCode.NO_MODEL, "it is not loaded"
            return tuple(_excluded(nobody, digest, one, *why) for one in questions)
        asked = self.stand_in(seen.bar.index, runtime)
        # Not isinstance: asking a protocol costs more than asking the model.
        if hasattr(asked, "predict_pair"):
            try:
                return ask_pair(cast("PairRuntime", asked), seen.rows, questions)
            except Exception as error:  # noqa: BLE001 - a member that raises is excluded, by name
                why = ExclusionCode.RAISED, type(error).__name__
                return tuple(_excluded(runtime.card, digest, one, *why) for one in questions)
        rows = zip(questions, seen.rows, strict=True)
        alone = cast("ModelRuntime", asked)
        return tuple(_answer(alone, digest, one, row) for one, row in rows)


def _answer(runtime: ModelRuntime, digest: str, question: Question, row: FloatArray) -> Answer:
    try:
        return ask(runtime, row, question)
    except Exception as error:  # noqa: BLE001 - a member that raises is excluded, by name
        return _excluded(
            runtime.card, digest, question, ExclusionCode.RAISED, type(error).__name__
        )


def _excluded(
    card: ModelCard, digest: str, question: Question, code: ExclusionCode, why: str
) -> Exclusion:
    return Exclusion(
        card.model, card.version, digest, question.symbol, question.as_of_ns, code, why
    )


@dataclass(slots=True)
class RecordedWorld:
    """What models and venue were recorded to have said."""

    log: EventLog
    _answers: Iterator[Answer] = field(init=False)
    _orders: Iterator[CommandSent | VenueSaid] = field(init=False)
    _next: CommandSent | VenueSaid | None = field(init=False)
    _reopened: Iterator[GateGiven] = field(init=False)

    def __post_init__(self) -> None:
        answers = (CODEC.read(e) for e in self.log.read("model.answer"))
        self._answers = (a for a in answers if isinstance(a, Prediction | Exclusion))
        orders = (CODEC.read(e) for e in in_order(self.log, ORDERS))
        self._orders = (o for o in orders if isinstance(o, CommandSent | VenueSaid))
        self._next = next(self._orders, None)
        gates = (CODEC.read(e) for e in self.log.read("gate.verdict"))
        self._reopened = (
            g for g in gates if isinstance(g, GateGiven) and g.gate == ARTIFACT_GATE
        )

    def heard(self, bar: PairBar) -> Iterator[Heard]:
        """Yield what was recorded during this bar, in the batches in which it was heard."""
        while batch := self._batch(bar.index):
            yield batch

    def _batch(self, index: int) -> Heard:
        """Take one run of answers that no command interrupts; past commands are skipped."""
        while isinstance(self._next, CommandSent) and self._next.index <= index:
            self._next = next(self._orders, None)
        batch: list[tuple[str, VenueEvent]] = []
        while isinstance(self._next, VenueSaid) and self._next.index == index:
            batch.append((self._next.book, self._next.event))
            self._next = next(self._orders, None)
        return tuple(batch)

    def answers(self, seen: Seen, digests: Sequence[str]) -> list[Answer]:
        """Return what was recorded at this bar."""
        found: list[Answer] = []
        for digest in (d for d in digests for _ in seen.bar.bars):
            answer = next(self._answers, None)
            if answer is None:
                break
            if (answer.as_of_ns, answer.digest) != (seen.bar.time_ns, digest):
                msg = (
                    f"the next recorded answer is of {answer.model} {answer.digest[:12]} at "
                    f"{answer.as_of_ns}; asked was {digest[:12]}, at bar {seen.bar.index} "
                    f"of {seen.bar.time_ns}"
                )
                raise InvariantError(msg)
            found.append(answer)
        return found

    def send(self, book: str, command: Command) -> None:
        """Do nothing: it was sent when it was recorded."""

    def reopen(self, digest: str) -> Verdict:
        """Return what was found then."""
        gate = next(self._reopened, None)
        if gate is None or gate.digest != digest:
            msg = f"the record says nothing about opening the artifact {digest[:12]} again"
            raise InvariantError(msg)
        return gate.verdict
