"""Do a live model's probabilities come true? Outcomes as they become known, per regime.

At each close, by the very rules that labels are made by (:mod:`stairway.features.labels`):

1. Every open label that this bar decides is taken: a barrier was met, or its time is up.
2. What was said at its decision is counted, for each model in the regime it answered in,
   beside the climatology of that moment: one for all models, of all outcomes known then.
3. A label is opened for each instrument, with all that was said of it at this close.

A bar costs as much as labels are open, at most two for each bar of the horizon, and never
more the longer a run goes on. Nothing here acts: what comes out are facts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.errors import InvariantError
from stairway.base.units import UtcNs
from stairway.base.verdict import Inconclusive, Refuse, Verdict, inconclusive, passed, refuse
from stairway.evaluation import calibration_state as tallies
from stairway.evaluation.calibration_state import (
    CalibrationState,
    Outcome,
    Tracked,
    TrackRules,
)
from stairway.features.labels import LabelRules
from stairway.market.bars import PairBar
from stairway.models.prediction import Answer, Prediction
from stairway.supervision.facts import CalibrationTracked


class TrackingRules(TrackRules, frozen=True, kw_only=True):
    """How the calibration of live models is tracked.

    Attributes
    ----------
    every_bars
        Bars between two readings that are put on record.
    """

    every_bars: Annotated[int, Meta(ge=1, le=10**6)]


class Said(msgspec.Struct, frozen=True):
    """What one model said of one instrument."""

    digest: str
    regime: str
    confidence: float


class Label(msgspec.Struct, frozen=True):
    """A decision whose outcome is not known yet.

    Attributes
    ----------
    index, k, session
        Bar of the decision, place of the instrument, and the session of the bar.
    width
        One volatility, in the price's unit.
    climatology
        Share of "up" among the outcomes known at the decision.
    said
        Of this instrument, by every model that answered.
    entry
        Open of the next bar; NaN until it is there.
    """

    index: int
    k: int
    session: int
    width: float
    climatology: float
    said: tuple[Said, ...]
    entry: float = math.nan


class Tracker(msgspec.Struct, frozen=True):
    """The fold's state.

    Attributes
    ----------
    open
        Labels that are not decided, in the order of their bars.
    close
        Of both instruments at the bar before.
    known, ups
        Outcomes since the beginning, and those that went up.
    models, names
        Tallies and slot of each model, by digest.
    told
        Outcomes at the last reading, by digest and regime.
    """

    rules: TrackingRules
    labels: LabelRules
    symbols: tuple[str, str]
    open: tuple[Label, ...] = ()
    close: tuple[float, float] = (math.nan, math.nan)
    known: int = 0
    ups: int = 0
    models: dict[str, CalibrationState] = {}
    names: dict[str, str] = {}
    told: dict[str, dict[str, int]] = {}


def start(rules: TrackingRules, labels: LabelRules, symbols: tuple[str, str]) -> Tracker:
    """Begin with nothing said.

    Examples
    --------
    >>> from stairway.testing.climbing import label_rules, tracking_rules
    >>> start(tracking_rules(), label_rules(), ("A", "B")).known
    0
    """
    return Tracker(rules, labels, symbols)


def on_close(
    state: Tracker,
    bar: PairBar,
    volatility_per_bar: tuple[float, float],
    answers: Iterable[Answer],
) -> Tracker:
    """Take in one bar, and what was said at its close.

    Parameters
    ----------
    volatility_per_bar
        Deviation of one bar's log return, per instrument; where it is NaN, zero or
        infinite no label is opened.
    answers
        Of the models that are tracked. Exclusions say nothing.
    """
    state = _decided(state, bar)
    climatology = tallies.share_up(state.known, state.ups, state.rules.prior_n)
    said = [a for a in answers if isinstance(a, Prediction) and a.honours_contract]
    fresh = (
        Label(
            bar.index,
            k,
            bar.session,
            volatility_per_bar[k] * bar.bars[k].close,
            climatology,
            tuple(Said(a.digest, a.regime, a.confidence) for a in said if a.symbol == symbol),
        )
        for k, symbol in enumerate(state.symbols)
    )
    ends = state.labels.within_session and bar.last_of_session
    opened = () if ends else tuple(one for one in fresh if 0.0 < one.width < math.inf)
    first, second = bar.bars
    return msgspec.structs.replace(
        state,
        open=(*state.open, *opened),
        close=(first.close, second.close),
        names=state.names | {a.digest: a.model for a in said},
    )


def readings(state: Tracker, now_ns: UtcNs) -> tuple[Tracker, tuple[CalibrationTracked, ...]]:
    """Read what changed since the last reading: a fact for each model and regime."""
    facts: list[CalibrationTracked] = []
    told = dict(state.told)
    for digest, tally in sorted(state.models.items()):
        before = told.get(digest, {})
        now = {regime: one.n for regime, one in tally.tallies.items()}
        if now == before:
            continue
        told[digest] = now
        for regime, found in tallies.read(tally).items():
            if now[regime] != before.get(regime, 0):
                tracked = found if isinstance(found, Tracked) else None
                facts.append(
                    CalibrationTracked(
                        time_ns=now_ns,
                        model=state.names[digest],
                        digest=digest,
                        regime=regime,
                        n=now[regime],
                        tracked=tracked,
                        verdict=judge(found),
                    )
                )
    return msgspec.structs.replace(state, told=told), tuple(facts)


def judge(found: Tracked | Inconclusive) -> Verdict:
    """Alarm where skill is, with confidence, below that of climatology.

    Examples
    --------
    >>> judge(inconclusive("calibration.too_few", "3 of 1000 outcomes")).findings[0].detail
    '3 of 1000 outcomes'
    """
    if isinstance(found, Inconclusive):
        return found
    skill, n = found.skill, round(found.n * found.independent_frac)
    detail = (
        f"skill {skill.value:.3f}, from {skill.low:.3f} to {skill.high:.3f}, "
        f"in {found.n} outcomes"
    )
    # Written so that a NaN refuses.
    if not skill.high >= 0.0:
        return refuse("calibration.no_skill", detail, skill.high, 0.0, n)
    if skill.low > 0.0:
        return passed("calibration.skilled", detail, skill.low, 0.0, n)
    return inconclusive("calibration.skill_unproven", detail, skill.low, 0.0, n)


def _decided(state: Tracker, bar: PairBar) -> Tracker:
    """Take every label that this bar decides."""
    waiting: list[Label] = []
    models, known, ups = dict(state.models), state.known, state.ups
    for label in state.open:
        if _time_was_up(label, bar, state.labels):
            if math.isnan(label.entry):  # Nothing could be entered before the session ended.
                continue
            outcome = int(state.close[label.k] > label.entry)
        else:
            label = _entered(label, bar)  # noqa: PLW2901 - the same label, a bar older
            met = _met(label, bar, state.labels)
            if met is None:
                waiting.append(label)
                continue
            outcome = met
        known, ups = known + 1, ups + outcome
        for said in label.said:
            models[said.digest] = _counted(models, said, label, outcome, state.rules)
    return msgspec.structs.replace(
        state, open=tuple(waiting), models=models, known=known, ups=ups
    )


def _time_was_up(label: Label, bar: PairBar, rules: LabelRules) -> bool:
    """Whether the session ended at the bar before, though no calendar had said so."""
    return rules.within_session and bar.session != label.session


def _entered(label: Label, bar: PairBar) -> Label:
    if not math.isnan(label.entry):
        return label
    return msgspec.structs.replace(label, entry=bar.bars[label.k].open)


def _met(label: Label, bar: PairBar, rules: LabelRules) -> int | None:
    """Outcome by this bar, ``None`` where it is still open; as ``kernels.first_touch``."""
    one = bar.bars[label.k]
    upper = label.entry + rules.target_vol * label.width
    lower = label.entry - rules.stop_vol * label.width
    if one.open <= lower:
        return 0
    if one.open >= upper:
        return 1
    if one.low <= lower:
        return 0
    if one.high >= upper:
        return 1
    over = bar.index >= label.index + rules.horizon_bars
    over |= rules.within_session and bar.last_of_session
    return int(one.close > label.entry) if over else None


def _counted(
    models: dict[str, CalibrationState],
    said: Said,
    label: Label,
    outcome: int,
    rules: TrackRules,
) -> CalibrationState:
    before = models.get(said.digest) or tallies.empty(rules)
    told = Outcome(said.regime, said.confidence, label.climatology, outcome)
    after = tallies.add(before, told)
    if isinstance(after, Refuse):
        msg = f"what {said.digest[:12]} said at bar {label.index}: {after.findings[0].detail}"
        raise InvariantError(msg)
    return after
