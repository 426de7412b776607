"""Who has a say: the shell around supervision and lifecycle.

Facts go in, facts come out, and every one is put on record. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta
from msgspec.structs import replace

from stairway.app.books import Books, book_name
from stairway.app.past import Past
from stairway.app.recorder import Recorder
from stairway.app.vitals import VitalRules, Vitals
from stairway.app.world import ARTIFACT_GATE
from stairway.base.config import Config
from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, Verdict, all_of, refuse
from stairway.decision.cadence import CadenceRules, Pace, Weather, predicted
from stairway.decision.ensemble import EnsembleRules, Seat, poll
from stairway.decision.facts import WeightsInForce, WeightSource
from stairway.decision.weights import (
    WeightChecks,
    WeightTable,
    choose,
    weight_of,
)
from stairway.execution.facts import TradeClosed
from stairway.lifecycle import climb as climbing
from stairway.lifecycle.climb import Climb
from stairway.lifecycle.facts import (
    Admission,
    Clock,
    GateGiven,
    ModelMoved,
    OperatorMoved,
    RampChanged,
    TradePaired,
)
from stairway.lifecycle.registry import Registry
from stairway.lifecycle.stage import Stage
from stairway.market.bars import PairBar
from stairway.models.baseline import BASELINE
from stairway.models.prediction import Answer
from stairway.supervision import supervisor as supervising
from stairway.supervision.agreement import MEMBERS_TO_AGREE, agreement_of, judge_agreement
from stairway.supervision.facts import DriftDetected, WeightsPublished
from stairway.supervision.quality_gate import QualityRules
from stairway.supervision.supervisor import Supervisor
from stairway.trader.observe import Seen

LIVING = (Stage.SHADOW, Stage.CANARY, Stage.CHAMPION)
QUALITY_GATE = "quality_gate"


class StewardRules(Config, frozen=True, kw_only=True):
    """How often the telemetry of a model is judged.

    ``quality_every_bars`` is the spacing of quality gates.
    """

    quality_every_bars: Annotated[int, Meta(ge=1, le=10_000)]


@dataclass(frozen=True, slots=True)
class Bylaws:
    """Every rule that the steward applies."""

    steward: StewardRules
    quality: QualityRules
    cadence: CadenceRules
    weights: WeightChecks
    vitals: VitalRules
    ensemble: EnsembleRules


@dataclass(slots=True)
class Steward:
    """Supervisor, lifecycle and the seats that follow from them.

    ``hand`` gives what an operator asked for at a bar, ``reopen`` checks an artifact by its
    digest; ``baseline`` is the digest of the sealed rule.
    """

    bylaws: Bylaws
    climb: Climb
    supervisor: Supervisor
    baseline: str
    symbols: tuple[str, str]
    seed: int
    hand: Callable[[PairBar], Sequence[OperatorMoved]]
    reopen: Callable[[str], Verdict]
    past: Past = field(default_factory=Past)
    vitals: dict[str, Vitals] = field(default_factory=dict[str, Vitals])
    baseline_is_whole: bool = True
    _offered: WeightTable | None = None
    _good: WeightTable | None = None
    _in_force: WeightsInForce | None = None
    _pace: Pace = field(default_factory=Pace)

    # -- what the desk asks ------------------------------------------------------------

    @property
    def registry(self) -> Registry:
        """Who stands where."""
        return self.climb.registry

    @property
    def living(self) -> tuple[str, ...]:
        """Digests of everybody who is asked at each bar, the baseline first.

        A baseline whose artifact is no longer whole is not asked. Then nobody enters: who
        has no last resort does not trade.
        """
        models = tuple(e.digest for e in self.registry.standing(*LIVING))
        return (self.baseline, *models) if self.baseline_is_whole else models

    @property
    def seats(self) -> Mapping[str, Seat]:
        """Champions, with the weight of their vote."""
        champions = self.registry.standing(Stage.CHAMPION)
        return {
            e.digest: Seat(e.model, e.digest, e.stage.value, self._weight(e.model))
            for e in champions
        }

    @property
    def ramp(self) -> float:
        """Share of full size that those in charge have earned; 1 for the baseline."""
        champions = self.registry.standing(Stage.CHAMPION)
        if not champions:
            return 1.0
        weights = [self._weight(e.model) for e in champions]
        earned = sum(w * e.share for w, e in zip(weights, champions, strict=True))
        return earned / sum(weights)

    def seat_of(self, digest: str | None) -> Seat | None:
        """Return the seat of a model in its own book."""
        entry = None if digest is None else self.registry.entries.get(digest)
        if entry is None:
            return None
        return Seat(entry.model, entry.digest, entry.stage.value, 1.0)

    # -- what the desk tells -----------------------------------------------------------

    def welcome(self, facts: Sequence[Admission], recorder: Recorder) -> None:
        """Register models and hand in the evidence that came with them."""
        for fact in facts:
            recorder.publish(fact)
            self._feed(fact, fact.time_ns, recorder)

    def by_hand(self, bar: PairBar, recorder: Recorder) -> None:
        """Do what an operator asked for at this bar."""
        for wish in self.hand(bar):
            recorder.publish(wish)
            self._feed(wish, bar.time_ns, recorder)

    def credit(
        self, trades: Sequence[TradeClosed], bar: PairBar, books: Books, recorder: Recorder
    ) -> None:
        """Tell supervision and lifecycle about trades that closed during ``bar``."""
        self.past.note(bar, books)
        for trade in trades:
            if trade.closed_ns > bar.time_ns:
                msg = f"{trade.trade_id} closed at {trade.closed_ns}, after bar {bar.index}"
                raise InvariantError(msg)
            regime = self.past.regime_before(trade.opened_ns)
            self.supervisor, said = supervising.on_trade(self.supervisor, trade, regime)
            self._hear(said, bar.time_ns, recorder)
            self._feed(trade, bar.time_ns, recorder)
            paired = self._paired(trade, books, bar)
            if paired is not None:
                recorder.publish(paired)
                self._feed(paired, bar.time_ns, recorder)

    def judge(
        self, answers: Sequence[Answer], seen: Seen, books: Books, recorder: Recorder
    ) -> None:
        """Judge what was answered at a close, and let the clock run."""
        now = seen.bar.time_ns
        self.past.weather(seen)
        for answer in answers:
            self.supervisor = supervising.on_answer(self.supervisor, answer)
        self._check_vitals(answers, seen, books, recorder)
        if seen.bar.index % self.bylaws.steward.quality_every_bars == 0:
            self._measure_quality(now, recorder)
        self._feed(Clock(now), now, recorder)
        self._weigh_if_due(answers, seen, recorder)

    # -- inside ------------------------------------------------------------------------

    def _feed(self, fact: Any, now: UtcNs, recorder: Recorder) -> None:
        """Tell the lifecycle, and put what follows on record."""
        self.climb, said = climbing.on(self.climb, fact, now)
        recorder.publish(*said)
        if any(isinstance(answer, ModelMoved | RampChanged) for answer in said):
            self._reseat(now, recorder)
        for answer in said:
            if isinstance(answer, ModelMoved):
                self._reverify(answer, now, recorder)

    def _reverify(self, moved: ModelMoved, now: UtcNs, recorder: Recorder) -> None:
        """Open the artifact of whoever takes charge once more, before it decides anything.

        A slot that a champion leaves to nobody is in the hands of the baseline.
        """
        if moved.after is Stage.CHAMPION:
            self._open_again(moved.model, moved.digest, now, recorder)
        elif moved.before is Stage.CHAMPION and self.registry.champion(moved.model) is None:
            verdict = self._open_again(BASELINE, self.baseline, now, recorder)
            self.baseline_is_whole = isinstance(verdict, Pass)

    def _open_again(self, model: str, digest: str, now: UtcNs, recorder: Recorder) -> Verdict:
        """Put on record, and tell the lifecycle, whether an artifact is still whole."""
        verdict = self.reopen(digest)
        gate = GateGiven(now, ARTIFACT_GATE, model, digest, verdict)
        recorder.publish(gate)
        self._feed(gate, now, recorder)
        return verdict

    def _reseat(self, now: UtcNs, recorder: Recorder) -> None:
        champions = [e.digest for e in self.registry.standing(Stage.CHAMPION)]
        self.supervisor, said = supervising.on_seats(self.supervisor, champions, now)
        self._hear(said, now, recorder)

    def _hear(self, said: Sequence[Any], now: UtcNs, recorder: Recorder) -> None:
        for fact in said:
            recorder.publish(fact)
            match fact:
                case WeightsPublished():
                    self._offer(fact, now, recorder)
                case DriftDetected():
                    self._feed(fact, now, recorder)
                case _:
                    pass

    def _offer(self, fact: WeightsPublished, now: UtcNs, recorder: Recorder) -> None:
        """Take new weights at once."""
        names = {d: e.model for d, e in self.registry.entries.items()}
        self._offered = WeightTable(
            fact.time_ns,
            {names[d]: w for d, w in fact.overall.items()},
            {r: {names[d]: w for d, w in t.items()} for r, t in fact.regimes.items()},
        )
        self._weigh(now, recorder)

    def _weigh_if_due(self, answers: Sequence[Answer], seen: Seen, recorder: Recorder) -> None:
        apart = self._dispersion(answers, seen.bar.time_ns)
        weather = Weather(seen.regime.volatility_ratio, apart, news=False)
        self._pace, due = predicted(self._pace, weather, self.bylaws.cadence)
        if due:
            self._weigh(seen.bar.time_ns, recorder)

    def _dispersion(self, answers: Sequence[Answer], now: UtcNs) -> float | None:
        """How far apart those seated stand, about the instrument that divides them most."""
        polls = (
            poll(
                [a for a in answers if a.symbol == s], self.seats, self.bylaws.ensemble, s, now
            )
            for s in self.symbols
        )
        return max((p.dispersion for p in polls if p.dispersion is not None), default=None)

    def _weigh(self, now: UtcNs, recorder: Recorder) -> None:
        """Choose the best weights that are sound; every change is put on record."""
        members = frozenset(e.model for e in self.registry.standing(Stage.CHAMPION))
        if not members:
            return
        offered = self._offered or refuse("weights.missing", "nothing was recommended yet")
        chosen = choose(offered, self._good, members, self.bylaws.weights, now)
        if chosen.source is WeightSource.OFFERED:
            self._good = self._offered
        before = self._in_force
        if before is None or replace(chosen, time_ns=before.time_ns) != before:
            recorder.publish(chosen)
        self._in_force = chosen

    def _weight(self, model: str) -> float:
        if self._in_force is None:
            return 1.0
        return weight_of(self._in_force, model, self.past.regime)

    def _measure_quality(self, now: UtcNs, recorder: Recorder) -> None:
        together = self._together()
        for entry in self.registry.standing(*LIVING):
            measured = supervising.measured_quality(
                self.supervisor, entry.digest, self.bylaws.quality, now
            )
            if together is not None and entry.stage is Stage.CHAMPION:
                both = all_of((measured.verdict, together))
                measured = replace(measured, verdict=both)
            recorder.publish(measured)
            gate = GateGiven(now, QUALITY_GATE, entry.model, entry.digest, measured.verdict)
            recorder.publish(gate)
            self._feed(gate, now, recorder)

    def _together(self) -> Verdict | None:
        """Judge whether those in charge agree, where the policy requires that they do."""
        rules = self.bylaws.quality
        if not rules.require_go:
            return None
        seated = [e.digest for e in self.registry.standing(Stage.CHAMPION)]
        if len(seated) < MEMBERS_TO_AGREE:
            return judge_agreement(None)
        windows = supervising.windows(self.supervisor, seated)
        return judge_agreement(agreement_of(windows, rules.min_events))

    def _check_vitals(
        self, answers: Sequence[Answer], seen: Seen, books: Books, recorder: Recorder
    ) -> None:
        rules = self.bylaws.vitals
        for entry in self.registry.standing(Stage.CANARY):
            vitals = self.vitals.get(entry.digest)
            if vitals is None or vitals.since_ns != entry.since_ns:
                vitals = self.vitals[entry.digest] = Vitals(entry.since_ns)
            own = [a for a in answers if a.digest == entry.digest]
            vitals.take(own, seen.bar.index, self.seed, rules)
            name = book_name(Stage.CANARY, entry.digest)
            if name in books:  # it is opened at the close at which the model became one
                drawdown = books.drawdown_frac(name)
                health = vitals.health(entry.digest, seen.bar.time_ns, drawdown)
                self._feed(health, seen.bar.time_ns, recorder)

    def _paired(self, trade: TradeClosed, books: Books, bar: PairBar) -> TradePaired | None:
        """Lay the trade of a model's own book beside what its incumbent made meanwhile."""
        kind = trade.book.partition(":")[0]
        if kind not in {"shadow", "canary"} or len(trade.votes) != 1:
            return None
        vote = trade.votes[0]
        incumbent = self.registry.champion(vote.model)
        if incumbent is not None and incumbent.digest == vote.digest:
            return None
        twin, k = books.twin_of(incumbent), self.symbols.index(trade.symbol)
        opened = self.past.index_before(trade.opened_ns)
        made = books.pnl_micros(twin, k) - self.past.pnl_micros(twin, k, opened)
        scale = books.equity_micros(trade.book) / books.equity_micros(twin)
        incumbent_r = made * scale / trade.risk_micros
        return TradePaired(
            bar.time_ns, trade.trade_id, vote.digest, vote.stage, trade.r_multiple, incumbent_r
        )
