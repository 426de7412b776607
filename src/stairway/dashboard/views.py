"""One run as a reader wants it: a fold over the record, and nothing but the record.

Everything that is shown, in the terminal, as JSON or as a picture, is read from here, so
no two of them can disagree.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stairway.adapters.logs import sqlite
from stairway.app.catalog import CODEC, Fact
from stairway.app.facts import DrillAnnounced, Funded, RunFinished, RunStarted
from stairway.app.folder import open_existing
from stairway.app.record.engine import open_run
from stairway.app.recorder import run_hash
from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.base.verdict import Refuse
from stairway.decision.facts import WeightsInForce
from stairway.decision.intent import Enter
from stairway.events.fold import in_order
from stairway.events.ports import EventLog
from stairway.execution.facts import TradeClosed
from stairway.lifecycle.facts import (
    GateGiven,
    ModelMoved,
    ModelRegistered,
    OperatorMoved,
    PolicyHeld,
    ProbationChanged,
    RampChanged,
    TradePaired,
)
from stairway.lifecycle.stage import Stage
from stairway.market.bars import PairBar
from stairway.market.facts import DataReport
from stairway.risk.clamp import ClampedOrder
from stairway.supervision.facts import (
    CalibrationTracked,
    DriftDetected,
    QualityMeasured,
    WeightsPublished,
)
from stairway.trader.facts import Decided, Marked

UNSHOWN = frozenset({"fill", "order", "model.answer", "timing", "policy.generation"})
"""Streams of single orders, answers, durations and signatures: most of a record, and none of a
report."""


@dataclass
class RunView:
    """A run, by subject. Lists are in the order of the record.

    ``rule`` is how the static rule was registered; ``registered`` are all others.
    ``bindings`` counts, per book, which cap or rung made an order smaller, ``refusals``
    the code of what refused it, and ``routes`` how the orders of the capital came about.
    """

    started: RunStarted
    finished: bool = False
    run_hash: str = ""
    report: DataReport | None = None
    rule: ModelRegistered | None = None
    announced: list[DrillAnnounced] = field(default_factory=list[DrillAnnounced])
    bars: list[PairBar] = field(default_factory=list[PairBar])
    marks: dict[str, list[Marked]] = field(default_factory=lambda: defaultdict(list))
    funded: list[Funded] = field(default_factory=list[Funded])
    registered: list[ModelRegistered] = field(default_factory=list[ModelRegistered])
    moves: list[ModelMoved] = field(default_factory=list[ModelMoved])
    ramps: list[RampChanged] = field(default_factory=list[RampChanged])
    probations: list[ProbationChanged] = field(default_factory=list[ProbationChanged])
    by_hand: list[OperatorMoved] = field(default_factory=list[OperatorMoved])
    policies: list[PolicyHeld] = field(default_factory=list[PolicyHeld])
    gates: list[GateGiven] = field(default_factory=list[GateGiven])
    drifts: list[DriftDetected] = field(default_factory=list[DriftDetected])
    weights: list[WeightsPublished] = field(default_factory=list[WeightsPublished])
    in_force: list[WeightsInForce] = field(default_factory=list[WeightsInForce])
    quality: list[QualityMeasured] = field(default_factory=list[QualityMeasured])
    calibration: list[CalibrationTracked] = field(default_factory=list[CalibrationTracked])
    trades: list[TradeClosed] = field(default_factory=list[TradeClosed])
    paired: list[TradePaired] = field(default_factory=list[TradePaired])
    bindings: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    refusals: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    routes: Counter[str] = field(default_factory=Counter[str])

    @property
    def symbols(self) -> tuple[str, str]:
        """Names of both instruments."""
        first, second = self.started.instruments
        return first.symbol, second.symbol

    @property
    def names(self) -> dict[str, str]:
        """Model of each digest, the baseline included."""
        return {r.digest: r.model for r in self.registered} | {
            self.started.baseline: "baseline"
        }

    @property
    def bar_seconds(self) -> int:
        """Spacing of the bars; a day where the record does not say."""
        return 86_400 if self.report is None else self.report.bar_seconds

    @property
    def is_drill(self) -> bool:
        """True where misfortunes were announced."""
        return bool(self.announced)

    @cached_property
    def time_ns(self) -> IntArray:
        """Close time of every bar, (n,) int64."""
        return np.array([bar.time_ns for bar in self.bars], np.int64)

    @cached_property
    def close(self) -> FloatArray:
        """Closes in USD, (n, 2)."""
        rows = [(bar.bars[0].close, bar.bars[1].close) for bar in self.bars]
        return np.array(rows, np.float64).reshape(-1, 2)

    def index_at(self, time_ns: int) -> int:
        """Bar during which, or at whose close, something happened."""
        last = len(self.bars) - 1
        return min(int(np.searchsorted(self.time_ns, time_ns, side="left")), last)

    @property
    def first_index(self) -> int:
        """First bar of the climb that is on record."""
        return min(self.started.first_index, max(len(self.bars) - 1, 0))


def view(root: Path) -> RunView:
    """Read the record of the run in ``root``.

    Raises
    ------
    DataError
        If the record is damaged or has not begun.
    """
    folder, ask = open_existing(root)
    # Only [log] is needed for reading, so a policy of another time does not stand in the way.
    log = open_run(folder.log, _log_config(ask.policy, root), ask.log, read_only=True)
    try:
        return fold(log, root)
    finally:
        log.close()


def fold(log: EventLog, root: Path) -> RunView:
    """Fold a log that is open; ``root`` is named where it has not begun."""
    started = next(map(CODEC.read, log.read("run")), None)
    if not isinstance(started, RunStarted):
        msg = f"the record of {root} has not begun; finish it: stairway run --resume {root}"
        raise DataError(msg)
    seen = RunView(started)
    for envelope in in_order(log, [name for name in log.streams() if name not in UNSHOWN]):
        _take(seen, CODEC.read(envelope))
    seen.run_hash = run_hash(log)
    return seen


def _log_config(policy: Mapping[str, Any], root: Path) -> sqlite.Config:
    try:
        return msgspec.convert(policy["log"], sqlite.Config)
    except (KeyError, msgspec.ValidationError) as error:
        msg = (
            f"run.json of {root} does not say how its log is kept ([log]: {error}); "
            "use the version of stairway that wrote it"
        )
        raise DataError(msg) from error


_LISTS: dict[type, str] = {
    DrillAnnounced: "announced",
    PairBar: "bars",
    Funded: "funded",
    ModelRegistered: "registered",
    ModelMoved: "moves",
    RampChanged: "ramps",
    ProbationChanged: "probations",
    OperatorMoved: "by_hand",
    PolicyHeld: "policies",
    GateGiven: "gates",
    DriftDetected: "drifts",
    WeightsPublished: "weights",
    WeightsInForce: "in_force",
    QualityMeasured: "quality",
    CalibrationTracked: "calibration",
    TradeClosed: "trades",
    TradePaired: "paired",
}


def _take(seen: RunView, fact: Fact) -> None:
    """Put one fact where it belongs."""
    if isinstance(fact, ModelRegistered) and fact.stage is Stage.BASELINE:
        seen.rule = fact
        return
    name = _LISTS.get(type(fact))
    if name is not None:
        getattr(seen, name).append(fact)
        return
    match fact:
        case Marked(book=book):
            seen.marks[book].append(fact)
        case Decided():
            _count(seen, fact)
        case DataReport():
            seen.report = fact
        case RunFinished():
            seen.finished = True
        case _:
            pass


def _count(seen: RunView, fact: Decided) -> None:
    """Count which route was taken, and what the clamp did to each wish."""
    for intent, outcome in zip(fact.intents, fact.outcomes, strict=True):
        match outcome:
            case ClampedOrder(binding=binding):
                seen.bindings[fact.book][binding] += 1
                if isinstance(intent, Enter) and fact.book == "capital":
                    seen.routes[intent.route.value] += 1
            case Refuse(findings):
                seen.refusals[fact.book][findings[0].code] += 1
            case None:
                pass
