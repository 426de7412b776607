"""A little run: real rules, real books, a real log and venue, and models that echo a feature.

Its windows are short, so that something happens within a few dozen bars.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from stairway.events.fold import in_order
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.adapters.runtimes.rule import RuleRuntime
from stairway.app import settings as policies
from stairway.app.authority import Authority
from stairway.app.catalog import CODEC, Fact
from stairway.app.climb import Hand, furnish, walk
from stairway.app.collapse import Collapse
from stairway.app.desk import Desk
from stairway.app.facts import LAYOUT, RunStarted
from stairway.app.progress import Silent
from stairway.app.recorder import Recorder
from stairway.app.settings import Settings
from stairway.app.world import Heard, LiveWorld, World
from stairway.base.arrays import FloatArray
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, Verdict, passed
from stairway.events.envelope import Head
from stairway.events.ports import EventLog
from stairway.execution.orders import Command
from stairway.features.spec import FEATURE_NAMES, schema_hash
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.evaluation.proof import hash_of
from stairway.lifecycle.facts import (
    Admission,
    GateGiven,
    ModelRegistered,
    OperatorMoved,
    ProofGiven,
)
from stairway.lifecycle.stage import Stage
from stairway.market.bars import PairBar, PairBars
from stairway.models.ports import ModelCard, ModelRuntime
from stairway.simulation.fills import Luck
from stairway.simulation.venue import Venue
from stairway.testing.proofs import proof_of
from stairway.testing.bars import random_walk
from stairway.testing.log import small_settings
from stairway.trader.book import Book
from stairway.trader.observe import observe

MODELS = ("lightgbm", "xgboost")
FIRST = 60
QUICK = {
    "STAIRWAY__FEATURES__MOMENTUM_LONG_BARS": "12",
    "STAIRWAY__FEATURES__VOLATILITY_LONG_BARS": "12",
    "STAIRWAY__FEATURES__VOLUME_BARS": "12",
    "STAIRWAY__REGIME__SESSION_BARS": "10",
    "STAIRWAY__REGIME__HISTORY_BARS": "20",
    "STAIRWAY__REGIME__MIN_SAMPLES": "20",
    "STAIRWAY__LABELS__HORIZON_BARS": "3",
}


@dataclass(frozen=True, slots=True)
class Echo:
    """A model that believes in its momentum, more or less."""

    card: ModelCard
    gain: float

    def predict(self, row: FloatArray, regime: str) -> tuple[float, float]:
        del regime
        momentum = float(row[FEATURE_NAMES.index("momentum_short")])
        confidence = 0.5 + 0.3 * math.tanh(self.gain * momentum)
        return math.log(confidence / (1.0 - confidence)), confidence


@dataclass(slots=True)
class LittleRun:
    """Everything that decides how it goes, and ways to let it go."""

    settings: Settings
    bars: PairBars
    runtimes: dict[str, ModelRuntime]
    baseline: str
    hand: tuple[OperatorMoved, ...] = ()
    config: Config = field(default_factory=lambda: Config(**small_settings()))
    first_index: int = FIRST
    reopen: Callable[[str], Verdict] = lambda _: passed("artifact.whole", "it is whole")
    authority: Authority | None = None

    def order(self, index: int, model: str, after: Stage) -> None:
        """Let a person move a model at a bar."""
        wish = OperatorMoved(self.bars.at(index).time_ns, model * 8, after, "ada", "a test")
        self.hand = (*self.hand, wish)

    def start(self) -> RunStarted:
        now = self.bars.at(self.first_index).time_ns
        return RunStarted(
            layout=LAYOUT,
            version="0",
            seed=7,
            settings=policies.plain(self.settings),
            instruments=self.bars.instruments,
            bars_fingerprint=self.bars.fingerprint,
            bars=len(self.bars),
            first_index=self.first_index,
            baseline=self.baseline,
            admitted=(
                *(f for model in MODELS for f in admitted(now, model)),
                ModelRegistered(now, "baseline", "v1", self.baseline, None, 1, Stage.BASELINE),
            ),
        )

    def live(self) -> LiveWorld:
        settings, pair = self.settings, self.bars.instruments

        def open_account(name: str) -> Venue:
            return Venue(pair, settings.costs, settings.paper, Luck(7, name))

        margin = settings.ensemble.action_margin
        symbols = self.bars.symbols
        runtimes, still = self.runtimes, Collapse(None)
        return LiveWorld(runtimes, still, open_account, symbols, margin, self.reopen)

    def desk(
        self, log: EventLog, world: World | None = None, *, read_only: bool = False
    ) -> Desk:
        recorder = Recorder(log, read_only=read_only)
        hand = Hand(log, self.hand)
        authority = self.authority or Authority((), 0, None)
        return furnish(self.start(), world or self.live(), recorder, hand, authority)

    def steps(self, desk: Desk, until: int | None = None) -> Iterator[PairBar]:
        """Handle bar after bar; yield each once it is done."""
        start = self.start()
        for bar in self.bars.part(0, until or len(self.bars)):
            if bar.index < start.first_index:
                desk.recorder.publish(bar)
                desk.watch, _ = observe(desk.watch, bar)
                continue
            if bar.index == start.first_index:
                desk.steward.welcome(start.admitted, desk.recorder)
            desk.step(bar)
            yield bar

    def go(self, log: EventLog, until: int | None = None, world: World | None = None) -> Desk:
        """Publish the start and walk to the end, or to ``until``."""
        desk = self.desk(log, world)
        desk.recorder.publish(self.start())
        walk(desk, self.start(), self.bars.part(0, until or len(self.bars)), Silent())
        desk.recorder.flush()
        return desk


def admitted(now_ns: UtcNs, model: str) -> Sequence[Admission]:
    """A model that has a proof, and passed every gate that stands before the shadow."""
    digest, proof = model * 8, proof_of(model)
    return (
        ModelRegistered(now_ns, model, "v1", digest, None, 1, proof=hash_of(proof)),
        ProofGiven(now_ns, model, digest, proof),
        *(GateGiven(now_ns, gate, model, digest, Pass()) for gate in EVIDENCE_GATES),
    )


@pytest.fixture(scope="session")
def quick() -> Settings:
    """The daily policy with short windows."""
    quick = policies.load("daily", QUICK)
    often = msgspec.structs.replace(quick.limits, duplicate_window_s=0.0)
    return msgspec.structs.replace(quick, limits=often)


def new_little(quick: Settings) -> LittleRun:
    schema = schema_hash(quick.features)
    rule = RuleRuntime(ModelCard("baseline", "v1", "baseline" * 8, schema), quick.baseline)
    runtimes: dict[str, ModelRuntime] = {rule.card.digest: rule}
    for model, gain in zip(MODELS, (20.0, -15.0), strict=True):
        card = ModelCard(model, "v1", model * 8, schema)
        runtimes[card.digest] = Echo(card, gain)
    return LittleRun(quick, random_walk(FIRST + 60, seed=11), runtimes, rule.card.digest)


@pytest.fixture
def little(quick: Settings) -> LittleRun:
    return new_little(quick)


class Eavesdropper:
    """A log and a world that note in which order they were used; both are real inside."""

    def __init__(self, log: EventLog, world: World) -> None:
        self.log, self.world = log, world
        self.used: list[tuple[str, object]] = []
        self.batches: dict[int, list[Heard]] = {}

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        self.used.extend((stream, payload) for payload in payloads)
        return self.log.append(stream, payloads, expected)

    def flush(self) -> None:
        self.used.append(("flush", None))
        self.log.flush()

    def send(self, book: str, command: Command) -> None:
        self.used.append(("send", (book, command)))
        self.world.send(book, command)

    def heard(self, bar: PairBar) -> Iterator[Heard]:
        for batch in self.world.heard(bar):
            self.batches.setdefault(bar.index, []).append(batch)
            yield batch
            self.used.append(("batch", bar.index))

    def __getattr__(self, name: str) -> object:
        return getattr(self.world if hasattr(self.world, name) else self.log, name)


@dataclass(frozen=True, slots=True)
class Story:
    """A run in which both models climb by hand and one steps down again."""

    run: LittleRun
    log: EventLog
    desk: Desk
    heard: Eavesdropper
    books: list[dict[str, Book]]

    def facts(self, *streams: str) -> list[Fact]:
        return [CODEC.decode(e.payload) for e in in_order(self.log, streams)]


@pytest.fixture(scope="session")
def story(quick: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    run = new_little(quick)
    run.order(75, "lightgbm", Stage.CANARY)
    run.order(80, "xgboost", Stage.CANARY)
    run.order(95, "lightgbm", Stage.CHAMPION)
    run.order(105, "xgboost", Stage.SHADOW)
    log = open_log(tmp_path_factory.mktemp("story") / "log", run.config)
    heard = Eavesdropper(log, run.live())
    desk = run.desk(heard, heard)
    desk.recorder.publish(run.start())
    books = [dict(desk.books) for _ in run.steps(desk)]
    desk.finish(run.bars.at(len(run.bars) - 1))
    yield Story(run, log, desk, heard, books)
    log.close()


@pytest.fixture
def new_log(tmp_path: Path) -> Iterator[Callable[..., EventLog]]:
    """Open logs by name; all are closed at the end."""
    opened: list[EventLog] = []

    def opener(name: str = "log", *, read_only: bool = False) -> EventLog:
        log = open_log(tmp_path / name, Config(**small_settings()), read_only=read_only)
        opened.append(log)
        return log

    yield opener
    for log in opened:
        log.close()
