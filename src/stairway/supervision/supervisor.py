"""Is every model still healthy? A fold over closed trades and answers.

For each trade, and for each model it is credited to: count it once; raise a signal on a
run of losses and an alarm on proven drift; keep the record that weights are made from.
Nothing here acts: what comes out are facts, and the lifecycle decides what follows.

The loss rate that drift is measured against is set when a model leaves its shadow: it is
the bound on what it showed there. A model that goes back to the shadow is measured anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.base.verdict import Verdict, inconclusive
from stairway.decision.intent import Vote
from stairway.execution.facts import TradeClosed
from stairway.models.prediction import Answer
from stairway.supervision import drift, performance, quality_gate, weights
from stairway.supervision.credit import credited, readable_r
from stairway.supervision.dedupe import Dedupe, admit
from stairway.supervision.drift import Detector, DriftRules
from stairway.supervision.facts import (
    DriftDetected,
    DriftLevel,
    QualityMeasured,
    SupervisionFact,
    WeightsPublished,
)
from stairway.supervision.performance import Record
from stairway.supervision.quality_gate import QualityRules, Sample
from stairway.supervision.telemetry import Telemetry, hear
from stairway.supervision.weights import NOTHING_SPECIAL, WeightRules

_SHADOW = "shadow"


class SupervisionRules(Config, frozen=True):
    """What the supervisor keeps and when it speaks.

    Attributes
    ----------
    recent_trades
        Trades that a drift fact quotes the win rate and average R of.
    telemetry_window_events
        Answers of each model that the quality gate sees.
    late_hours
        A trade that closed this long before the newest is not counted any more.
    """

    recent_trades: Annotated[int, Meta(ge=1, le=10_000)]
    telemetry_window_events: Annotated[int, Meta(ge=1, le=10**6)]
    late_hours: Annotated[float, Meta(gt=0, le=87_600)]
    drift: DriftRules
    weights: WeightRules


class Practice(msgspec.Struct, frozen=True, tag="practice"):
    """Trades of the present stay in the shadow, from which a reference is taken."""

    since_ns: UtcNs
    trades: int = 0
    kept: int = 0


class Approved(msgspec.Struct, frozen=True, tag="approved"):
    """Trading for money since ``since_ns``, watched for drift."""

    since_ns: UtcNs
    detector: Detector


class Watch(msgspec.Struct, frozen=True):
    """All that is remembered of one model."""

    model: str
    record: Record = Record()
    regimes: dict[str, Record] = {}
    loss_run: int = 0
    stay: Practice | Approved | None = None
    ledger: Dedupe = Dedupe()
    telemetry: Telemetry = Telemetry()


class Supervisor(msgspec.Struct, frozen=True):
    """The fold's state: every model that was ever heard of, and who holds a seat."""

    rules: SupervisionRules
    watches: dict[str, Watch] = {}
    seats: tuple[str, ...] = ()


def start(rules: SupervisionRules) -> Supervisor:
    """Begin with nobody known.

    Examples
    --------
    >>> from stairway.testing.climbing import supervision_rules
    >>> start(supervision_rules()).watches
    {}
    """
    return Supervisor(rules)


def on_trade(
    state: Supervisor, trade: TradeClosed, regime: str | None = None
) -> tuple[Supervisor, tuple[SupervisionFact, ...]]:
    """Credit a closed trade to everybody it belongs to; say what is to be said.

    Parameters
    ----------
    regime
        Regime at entry, where known; otherwise the trade counts overall only.

    Examples
    --------
    >>> from stairway.testing.climbing import closed_trade, supervision_rules
    >>> state = start(supervision_rules())
    >>> for day in range(3):
    ...     state, facts = on_trade(state, closed_trade("d1", r=-1.0, day=day))
    >>> facts[0].level
    <DriftLevel.SIGNAL: 'signal'>
    """
    facts: list[SupervisionFact] = []
    touched = False
    for vote in credited(trade):
        before = state.watches.get(vote.digest, Watch(vote.model))
        after, said = _credit(before, vote, trade, regime, state.rules)
        state = _put(state, vote.digest, after)
        facts.extend(said)
        touched |= vote.digest in state.seats and after.record is not before.record
    if touched:
        facts.append(recommended(state, trade.closed_ns))
    return state, tuple(facts)


def on_answer(state: Supervisor, answer: Answer) -> Supervisor:
    """Remember one answer of one model for the quality gate."""
    watch = state.watches.get(answer.digest, Watch(answer.model))
    telemetry = hear(watch.telemetry, answer, state.rules.telemetry_window_events)
    return _put(state, answer.digest, msgspec.structs.replace(watch, telemetry=telemetry))


def on_seats(
    state: Supervisor, seats: Sequence[str], now_ns: UtcNs
) -> tuple[Supervisor, tuple[SupervisionFact, ...]]:
    """Say which digests vote from now on; publishes weights if that is a change."""
    ordered = tuple(sorted(set(seats)))
    if ordered == state.seats:
        return state, ()
    state = msgspec.structs.replace(state, seats=ordered)
    return state, (recommended(state, now_ns),) if ordered else ()


def recommended(state: Supervisor, now_ns: UtcNs) -> WeightsPublished:
    """Weights of the seated models, overall and for each regime that they traded in."""
    rules = state.rules.weights
    watches = {d: state.watches.get(d, Watch("")) for d in state.seats}
    overall = {d: weights.merit(w.record, NOTHING_SPECIAL, rules) for d, w in watches.items()}
    seen = sorted({regime for w in watches.values() for regime in w.regimes})
    by_regime = {
        regime: weights.recommend(
            {
                d: weights.merit(w.regimes.get(regime, Record()), overall[d], rules)
                for d, w in watches.items()
            },
            rules,
        )
        for regime in seen
    }
    return WeightsPublished(now_ns, weights.recommend(overall, rules), by_regime)


def quality(state: Supervisor, digest: str, rules: QualityRules) -> Verdict:
    """Judge a model's last answers. One that never answered is inconclusive."""
    watch = state.watches.get(digest)
    if watch is None:
        return inconclusive("gate.too_few", "no answer yet", 0, rules.min_events, 0)
    measured = quality_gate.measure(watch.telemetry.window)
    return quality_gate.judge(measured, watch.model, rules)


def measured_quality(
    state: Supervisor, digest: str, rules: QualityRules, now_ns: UtcNs
) -> QualityMeasured:
    """Judge a model's last answers, and keep the counts with the verdict."""
    watch = state.watches.get(digest, Watch(""))
    measured = quality_gate.measure(watch.telemetry.window)
    verdict = quality_gate.judge(measured, watch.model, rules)
    return QualityMeasured(now_ns, watch.model, digest, measured, verdict)


def windows(state: Supervisor, digests: Iterable[str]) -> tuple[tuple[Sample, ...], ...]:
    """Return the last answers of each of these models, oldest first."""
    return tuple(state.watches.get(d, Watch("")).telemetry.window for d in digests)


def _put(state: Supervisor, digest: str, watch: Watch) -> Supervisor:
    return msgspec.structs.replace(state, watches=state.watches | {digest: watch})


def _credit(
    watch: Watch, vote: Vote, trade: TradeClosed, regime: str | None, rules: SupervisionRules
) -> tuple[Watch, tuple[DriftDetected, ...]]:
    span_ns = int(rules.late_hours * NS_PER_HOUR)
    ledger, is_new = admit(watch.ledger, trade.trade_id, trade.closed_ns, span_ns)
    watch = msgspec.structs.replace(watch, ledger=ledger)
    if not is_new:
        return watch, ()
    r, keep = (
        readable_r(trade.r_multiple),
        max(rules.recent_trades, rules.weights.window_trades),
    )
    regimes = watch.regimes
    if regime is not None:
        regimes = regimes | {regime: performance.add(regimes.get(regime, Record()), r, keep)}
    stay, level = _follow(watch.stay, vote, trade.opened_ns, r, rules.drift)
    watch = msgspec.structs.replace(
        watch,
        record=performance.add(watch.record, r, keep),
        regimes=regimes,
        loss_run=drift.lengthen(watch.loss_run, r),
        stay=stay,
    )
    return watch, _said(watch, vote, trade.closed_ns, level, rules)


def _follow(
    stay: Practice | Approved | None, vote: Vote, opened_ns: UtcNs, r: float, rules: DriftRules
) -> tuple[Practice | Approved | None, float | None]:
    """Follow a model in and out of its shadow; the evidence at which drift rang, if it did.

    A trade opened before the present stay began is late: it belongs to the stay before.
    """
    if stay is not None and opened_ns < stay.since_ns:
        return stay, None
    if vote.stage == _SHADOW:
        practice = stay if isinstance(stay, Practice) else Practice(opened_ns)
        kept = practice.kept + (r >= 0)
        return Practice(practice.since_ns, practice.trades + 1, kept), None
    match stay:
        case Approved():
            approved = stay
        case Practice():
            rate = drift.reference_loss_rate(stay.kept, stay.trades, rules)
            approved = Approved(opened_ns, drift.watch(rate, rules))
        case None:
            rate = drift.reference_loss_rate(0, 0, rules)
            approved = Approved(opened_ns, drift.watch(rate, rules))
    detector, level = drift.listen(approved.detector, r, rules)
    return Approved(approved.since_ns, detector), level


def _said(
    watch: Watch, vote: Vote, closed_ns: UtcNs, level: float | None, rules: SupervisionRules
) -> tuple[DriftDetected, ...]:
    last = performance.recent(watch.record, rules.recent_trades)
    if last.win_rate is None or last.average_r is None:
        return ()
    rung: list[tuple[DriftLevel, str, float, float]] = []
    if drift.rings(watch.loss_run, rules.drift):
        signal = DriftLevel.SIGNAL
        rung.append((signal, "loss_run", float(watch.loss_run), float(rules.drift.loss_run)))
    if level is not None:
        rung.append((DriftLevel.DRIFT, "e_detector", level, rules.drift.run_length_trades))
    return tuple(
        DriftDetected(
            time_ns=closed_ns,
            model=vote.model,
            digest=vote.digest,
            level=at,
            detector=detector,
            value=value,
            bound=bound,
            trades=last.trades,
            recent_win_rate=last.win_rate,
            recent_average_r=last.average_r,
        )
        for at, detector, value, bound in rung
    )
