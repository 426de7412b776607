"""Records made up fact by fact: told, folded in memory, or written through the real log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.adapters.logs import sqlite
from stairway.app import settings as policies
from stairway.app.catalog import CODEC, stream_of
from stairway.app.facts import LAYOUT, DrillAnnounced, Funded, RunFinished, RunStarted
from stairway.app.folder import Ask, Plan, RunFolder, create, write_json
from stairway.base.units import Lots, Micros, UtcNs
from stairway.base.verdict import Finding, Pass, Refuse, Verdict, inconclusive, passed, refuse
from stairway.dashboard.views import RunView, fold
from stairway.decision.facts import WeightsInForce, WeightSource
from stairway.decision.intent import Enter, Route, Vote
from stairway.evaluation.metrics import Bin, Reliability
from stairway.events.envelope import GENESIS, Envelope, Head, chain
from stairway.execution.facts import TradeClosed
from stairway.lifecycle.facts import GateGiven, ModelMoved, ModelRegistered, RampChanged
from stairway.lifecycle.stage import Stage
from stairway.market.facts import DataReport, TableReport
from stairway.models.manifest import GateEvidence
from stairway.risk.clamp import clamp
from stairway.testing import risk
from stairway.testing.bars import random_walk
from stairway.trader.facts import Decided, Marked
from stairway.training.report import CandidateReport, TrainingReport

A, B, BASE = "a" * 64, "b" * 64, "e" * 64
BARS, FIRST = 80, 20
MILLION = 1_000_000 * 1_000_000


class MemoryLog:
    """Just enough of a log to be read."""

    def __init__(self, facts: Sequence[Any]) -> None:
        self._kept: dict[str, list[Envelope]] = defaultdict(list)
        for recorded_ns, fact in enumerate(facts):
            stream, payload = stream_of(fact), CODEC.encode(fact)
            kept = self._kept[stream]
            before = kept[-1].hash if kept else GENESIS
            position = len(kept) + 1
            digest = chain(before, stream, position, payload)
            kept.append(Envelope(stream, position, payload, digest, recorded_ns))

    def streams(self) -> tuple[str, ...]:
        return tuple(sorted(self._kept))

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        return iter(self._kept[stream][after:])

    def head(self, stream: str) -> Head:
        kept = self._kept[stream]
        return Head(kept[-1].position, kept[-1].hash) if kept else Head()


class Teller:
    """Tells a run fact by fact, and shows what a reader would see of it."""

    def __init__(self, bar_seconds: int = 86_400, bars: int = BARS, first: int = FIRST) -> None:
        self.bars = random_walk(bars, seed=5, bar_seconds=bar_seconds)
        self.first = first
        self.settings = policies.plain(policies.load("daily", {}))
        self.report = self._report(bar_seconds)
        self.facts: list[Any] = [
            RunStarted(
                layout=LAYOUT,
                version="0.1.0",
                seed=7,
                settings=self.settings,
                instruments=self.bars.instruments,
                bars_fingerprint=self.bars.fingerprint,
                bars=len(self.bars),
                first_index=first,
                baseline=BASE,
                admitted=(),
            ),
            self.report,
            *self.bars,
        ]
        self._trades = 0

    def at(self, index: int) -> UtcNs:
        return UtcNs(int(self.bars.time_ns[index]))

    def tell(self, *facts: Any) -> Teller:
        self.facts.extend(facts)
        return self

    def model(self, model: str = "lightgbm", digest: str = A) -> Teller:
        at = self.at(self.first)
        return self.tell(ModelRegistered(at, model, "v2018", digest, None, 1))

    def rule(self) -> Teller:
        """Register the static rule, as every run does."""
        at = self.at(self.first)
        return self.tell(
            ModelRegistered(at, "baseline", "v2018", BASE, None, 1, Stage.BASELINE)
        )

    def gate(
        self,
        gate: str,
        verdict: Verdict,
        index: int = FIRST,
        model: str = "lightgbm",
        digest: str = A,
    ) -> Teller:
        return self.tell(GateGiven(self.at(index), gate, model, digest, verdict))

    def move(
        self,
        index: int,
        before: str,
        after: str,
        cause: str,
        verdict: Verdict | None = None,
        model: str = "lightgbm",
        digest: str = A,
    ) -> Teller:
        said = (
            passed("promotion.trades", "60 trades", 60, 50, 60) if verdict is None else verdict
        )
        grade = "suspected" if cause.startswith("rollback") else ""
        return self.tell(
            ModelMoved(
                self.at(index), model, digest, Stage(before), Stage(after), cause, said, grade
            )
        )

    def ramp(
        self, index: int, share: float, model: str = "lightgbm", digest: str = A
    ) -> Teller:
        return self.tell(RampChanged(self.at(index), model, digest, share))

    def mark(
        self, book: str, index: int, equity: float, held: tuple[int, int] = (0, 0)
    ) -> Teller:
        return self.tell(Marked(index, book, Micros(round(equity * MILLION)), held, (0, 0)))

    def marks(self, book: str, equities: Sequence[float], start: int = FIRST) -> Teller:
        for k, equity in enumerate(equities):
            self.mark(book, start + k, equity)
        return self

    def fund(self, index: int, source: str, target: str, equity: float) -> Teller:
        return self.tell(Funded(index, source, target, round(equity * MILLION)))

    def weigh(self, index: int, **overall: float) -> Teller:
        at = self.at(index)
        return self.tell(WeightsInForce(at, WeightSource.OFFERED, overall, {}, ()))

    def trade(self, book: str, r: float, digest: str = A) -> Teller:
        self._trades += 1
        vote = Vote("lightgbm", digest, "shadow", 1.0, 0.6)
        return self.tell(
            TradeClosed(
                trade_id=f"{book}/{self._trades}",
                book=book,
                symbol=self.bars.symbols[0],
                model="lightgbm",
                route=Route.MEMBER,
                votes=(vote,),
                side=1,
                lots=Lots(1),
                opened_ns=self.at(FIRST),
                closed_ns=self.at(FIRST + 1),
                entry_usd=1.0,
                exit_usd=1.0,
                pnl_micros=Micros(1),
                fees_micros=Micros(0),
                risk_micros=Micros(1),
                r_multiple=r,
                pnl_frac=0.0,
                exit="target",
            )
        )

    def decide(self, book: str, outcome: Any, index: int = FIRST) -> Teller:
        symbol, at = self.bars.symbols[0], self.at(index)
        vote = Vote("lightgbm", A, "champion", 1.0, 0.6)
        wish = Enter(symbol, at, 1, 0.6, Route.ENSEMBLE, (vote,))
        return self.tell(Decided(index, at, book, (wish,), (outcome,)))

    def announce(self, index: int, kind: str, detail: str) -> Teller:
        return self.tell(DrillAnnounced(index, kind, detail))

    def finish(self) -> Teller:
        last = len(self.bars) - 1
        return self.tell(RunFinished(last, self.at(last), "t"))

    def view(self) -> RunView:
        return fold(MemoryLog(self.facts), Path("runs/told"))

    def write(
        self, root: Path, training: TrainingReport | None = None, *, drill: bool = False
    ) -> RunFolder:
        """Leave what a real run leaves: request, record and what training found."""
        folder = create(root)
        write_json(folder.ask, self.ask(drill=drill))
        if training is not None:
            write_json(folder.training, training)
        small = {**self.settings["log"], "ballast_bytes": 4096}
        log = sqlite.open_log(folder.log, msgspec.convert(small, sqlite.Config))
        for fact in self.facts:
            log.append(stream_of(fact), [CODEC.encode(fact)])
        log.flush()
        log.close()
        return folder

    def ask(self, *, drill: bool = False) -> Ask:
        plan = Plan(60, 50, "xgboost", 40, 8, 55) if drill else None
        return Ask(
            layout=LAYOUT,
            version="0.1.0",
            source="sample",
            source_options={},
            policy_name="daily",
            policy=self.settings,
            seed=7,
            first_index=self.first,
            instruments=tuple(msgspec.to_builtins(i) for i in self.bars.instruments),
            data_report=self.report,
            bars_fingerprint="f",
            plan=plan,
        )

    def _report(self, bar_seconds: int) -> DataReport:
        first, second = self.bars.symbols
        n = len(self.bars)
        return DataReport(
            tables=(
                TableReport(first, n + 3, n, {"duplicate": 2, "no_partner": 1}),
                TableReport(second, n, n, {}),
            ),
            bars=n,
            sessions=n,
            gaps=0,
            cut_short=0,
            first_ns=self.at(0),
            last_ns=self.at(n - 1),
            bar_seconds=bar_seconds,
            fingerprint="f" * 64,
        )


def an_order() -> Any:
    """Born where orders are born, bound by the share of one instrument or by nothing."""
    return clamp(*risk.some_case())


def marked(teller: Teller) -> None:
    """Money: a slow climb of the capital, a canary of its own, a twin that loses."""
    for k in range(BARS - FIRST):
        index, lent = FIRST + k, 0.01 if 30 < FIRST + k <= 40 else 0.0
        if lent:
            teller.mark(f"canary:{A}", index, lent + 0.00002 * (index - 30))
        held = (100 * (k % 3 - 1), 0)
        teller.mark("capital", index, 1.0 + 0.001 * max(k - 2, 0) - lent, held)
        teller.mark("twin:baseline", index, 1.0 - 0.0005 * k)


def misfortunes(teller: Teller, name: str) -> None:
    """Everything a drill announces."""
    teller.announce(0, "leak", "a candidate is offered with a feature that sees the future")
    teller.announce(0, "edge", "an edge is planted")
    teller.announce(40, "freeze", "the feed repeats itself for 8 bars")
    teller.announce(50, "collapse", f"{name} answers a constant from here")
    teller.announce(55, "kill", "the process is killed with kill -9")
    teller.announce(60, "edge_dies", "the planted edge is switched off")


def whole_story(teller: Teller, name: str = "lightgbm") -> Teller:
    """One model climbs to the top and falls; one is refused; one is turned away."""
    looks_ahead = "column SP500.momentum_short at row 0 moved: it looks at least 1 bars ahead"
    misfortunes(teller, name)
    teller.gate(
        "causality", refuse("causality.ahead", looks_ahead, 1, 0, 204), 20, "leaking", ""
    )
    teller.model(name, A).model("xgboost", B).rule()
    teller.gate(
        "causality", passed("causality.clean", "nothing moved", 0.0, 1e-9, 204), 20, name
    )
    teller.gate("measured.skill.trend", refuse("evidence.skill", "in trend", -0.1, 0), 20, name)
    skill = refuse("evidence.skill", "over all bars: no skill", -0.03, 0.0, 298)
    teller.gate("calibration_skill", skill, 20, "xgboost", B)
    teller.gate("causality", passed("causality.clean", "nothing moved"), 20, "baseline", BASE)
    teller.move(20, "candidate", "retired", "gate.refused", skill, "xgboost", B)
    teller.move(20, "candidate", "shadow", "promotion.shadow", model=name)
    teller.gate(
        "quality_gate", inconclusive("gate.too_few", "41 of 200", 41, 200, 41), 24, name
    )
    teller.gate("quality_gate", passed("gate.std", "spread", 0.2, 0.05, 300), 28, name)
    teller.move(30, "shadow", "canary", "promotion.canary", model=name).ramp(30, 0.01, name)
    teller.fund(30, "capital", f"canary:{A}", 0.01)
    teller.move(40, "canary", "champion", "promotion.champion", model=name).ramp(40, 0.05, name)
    teller.fund(40, f"canary:{A}", "capital", 0.0102)
    teller.weigh(40, **{name: 1.0}).ramp(45, 0.25, name)
    worse = refuse("drift.detected", "e_detector rang after 10 recent trades", 1408, 1000)
    teller.gate("quality_gate", refuse("gate.constant", "constant", 0, 0.01, 300), 58, name)
    teller.move(62, "champion", "shadow", "rollback.drift", worse, model=name)
    marked(teller)
    teller.marks(f"shadow:{A}", [1.01, 0.99, 1.02], 21)
    teller.trade(f"shadow:{A}", 1.5).trade(f"shadow:{A}", -0.5).trade(
        "twin:baseline", 0.25, BASE
    )
    teller.trade("capital", 3.0)
    teller.decide("capital", an_order()).decide("capital", an_order())
    frozen = Refuse((Finding("risk.frozen_feed", "the feed stands still"),))
    teller.decide(f"shadow:{A}", frozen, 41).decide("capital", None, 42)
    return teller.finish()


def a_training(name: str = "lightgbm") -> TrainingReport:
    """What training found out: one candidate with diagrams, one that was turned away."""
    bins = tuple(
        Bin(100, 0.1 * k, 0.1 * k, 0.1 * k - 0.05, 0.1 * k + 0.05) for k in range(1, 9)
    )
    whole, odd = Reliability(bins, 0.02, 0.0, 0.08), Reliability(bins[:3], 0.3, 0.2, 0.1)
    clean = passed("causality.clean", "no past value of 30 columns moved", 0.0, 1e-9, 204)
    good = CandidateReport(
        name, A, "v2018", Pass(), (GateEvidence("causality", clean),), {},
        {"trend": odd, "all": whole, "crisis": Reliability((), 0.0, 0.0, 0.0)}, None, None,
    )  # fmt: skip
    leaking = CandidateReport(
        "leaking", None, None, refuse("causality.ahead", "x"), (), {}, {}, None, None
    )
    return TrainingReport(20, "d" * 64, "c" * 64, "5" * 64, clean, (good, leaking), BASE)


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
def minutes() -> Teller:
    return Teller(bar_seconds=60)


@pytest.fixture(scope="session")
def digests() -> tuple[str, str, str]:
    """The model that climbs, the one that is refused, and the static rule."""
    return A, B, BASE


@pytest.fixture(scope="session")
def story() -> RunView:
    return whole_story(Teller()).view()


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The whole story, written through the real log, as a drill leaves it."""
    root = tmp_path_factory.mktemp("runs") / "drill-1"
    return whole_story(Teller()).write(root, a_training(), drill=True)


@pytest.fixture
def tell_whole_story() -> Any:
    return whole_story


@pytest.fixture
def training() -> Any:
    return a_training


@pytest.fixture
def order() -> Any:
    return an_order()
