"""The stairs: where each model stands, and why; and who may touch money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from stairway.app.world import ARTIFACT_GATE
from stairway.base.verdict import Pass, Verdict
from stairway.dashboard.views import RunView
from stairway.dashboard.words import (
    counted,
    day,
    listed,
    percent,
    r_multiple,
    sentence,
    short,
    with_names,
    word,
)
from stairway.lifecycle.facts import GateGiven, ModelMoved
from stairway.lifecycle.stage import Stage
from stairway.models.baseline import BASELINE

_ON_THE_FLOOR = "a static rule that needs no evidence; trades while no model is in charge"
REFUSED = "refused"

RISE = (Stage.CANDIDATE.value, Stage.SHADOW.value, Stage.CANARY.value, Stage.CHAMPION.value)
"""Stages that are steps, the lowest first."""

_WITH_MONEY = {Stage.CANARY.value, Stage.CHAMPION.value}
_ASIDE = ("rollback", "gate", "operator", "superseded")
_MEASURED = "measured."


class Step(msgspec.Struct, frozen=True):
    """One model's place.

    Attributes
    ----------
    model, version, digest
        Its slot, a label, and what it is for certain; the latter two are empty for one that
        was never sealed.
    stage
        Where it stands; ``refused`` for one that was never trained, ``baseline`` for the
        static rule.
    verdict
        ``pass``, ``refuse`` or ``inconclusive``: what the last gate that decided said.
    why
        One sentence per finding that keeps it there or brought it there.
    since
        Date (UTC) on which it came there, or nothing where it never moved.
    reached
        Highest stage that it ever stood on.
    share
        Part of the capital that it may use now, in [0, 1]; 1 for a baseline in charge.
    trades, average_r
        Closed trades of its own vote alone, in books where nobody else has a say.
    """

    model: str
    version: str
    digest: str
    stage: str
    verdict: str
    why: tuple[str, ...]
    since: str
    reached: str
    share: float
    trades: int
    average_r: float | None

    @property
    def may_touch_money(self) -> bool:
        """True where it has a part of the capital, however small."""
        return self.share > 0.0

    @property
    def is_model(self) -> bool:
        """False for the static rule, which needs no model."""
        return self.stage != Stage.BASELINE.value


def stairs(seen: RunView) -> tuple[Step, ...]:
    """Put every model on its step, the highest first, the baseline last.

    One that was turned away before training has no digest, and stands below all others.
    """
    steps = [_step(seen, r.model, r.version, r.digest) for r in seen.registered]
    turned_away = dict.fromkeys(g.model for g in seen.gates if not g.digest)
    steps.extend(_turned_away(seen, model) for model in turned_away)
    steps.sort(key=lambda step: -_height(step.stage))
    in_charge = not any(step.stage == Stage.CHAMPION.value for step in steps)
    return (*steps, _baseline(seen, in_charge=in_charge))


def headline(steps: Sequence[Step]) -> str:
    """Say who may touch money, in one sentence.

    Examples
    --------
    >>> rule = Step("baseline", "", "e3", "baseline", "pass", (), "", "baseline", 1.0, 9, 0.1)
    >>> headline([rule])
    'No model may touch money. The static rule trades.'
    """
    if any(not step.is_model and step.verdict == "refuse" for step in steps):
        return "Nobody may enter: the sealed rule, which is the last resort, is not whole."
    champions = _called(step for step in steps if step.stage == Stage.CHAMPION.value)
    canaries = _called(step for step in steps if step.stage == Stage.CANARY.value)
    said: list[str] = []
    if champions:
        said.append(f"{listed(champions)} may trade the capital.")
    if canaries:
        noun = "a canary" if len(canaries) == 1 else "canaries"
        whole = "it" if champions else "the capital"
        said.append(f"{listed(canaries)} may trade a small share of {whole}, as {noun}.")
    if not said:
        return "No model may touch money. The static rule trades."
    if not champions:
        said.append("The static rule trades the rest.")
    return " ".join(said)


def standing(step: Step) -> str:
    """Say what one model may do, without its reasons.

    Examples
    --------
    >>> day = "2015-07-17"
    >>> standing(Step("m", "", "d", "shadow", "refuse", (), day, "champion", 0.0, 9, 0.1))
    'may not: it was champion, and fell back to shadow on 2015-07-17'
    """
    when = f" since {step.since}" if step.since else ""
    match step.stage:
        case "champion":
            return f"may trade {percent(step.share, 0, signed=False)} of full size{when}"
        case "canary":
            return f"may trade {percent(step.share, 0, signed=False)} of the capital{when}"
        case "refused":
            return "may not: it was turned away before it was trained"
        case "baseline" if step.verdict == "refuse":
            return "may not: its sealed file is no longer what was signed"
        case "baseline":
            return "trades the capital" if step.share else "stands by, should every model fall"
        case _:
            return f"may not: {_without_money(step)}"


def _without_money(step: Step) -> str:
    fell = step.reached in _WITH_MONEY and step.reached != step.stage
    on = f" on {step.since}" if step.since else ""
    match step.stage:
        case "candidate":
            return "no evidence carried it off the ground"
        case "retired" if step.reached == Stage.CANDIDATE.value:
            return f"a gate refused its evidence{on}"
        case "quarantined" | "retired":
            past = f"it was {step.reached}, and " if fell else "it "
            return f"{past}was {step.stage}{on}"
        case _ if fell:
            return f"it was {step.reached}, and fell back to {step.stage}{on}"
        case _:
            return "it answers on virtual money only" + (f" since {step.since}" if on else "")


def _called(steps: Iterable[Step]) -> list[str]:
    return [step.model for step in steps]


def _height(stage: str) -> int:
    return RISE.index(stage) if stage in RISE else -1


def _step(seen: RunView, model: str, version: str, digest: str) -> Step:
    moves = [m for m in seen.moves if m.digest == digest]
    stage = moves[-1].after.value if moves else Stage.CANDIDATE.value
    verdict, why = _reason(seen, digest, moves)
    been = [m.after.value for m in moves]
    own = {f"{kind}:{digest}" for kind in ("shadow", "canary", "twin")}
    trades, average_r = _record(seen, own)
    shares = [r.share for r in seen.ramps if r.digest == digest]
    return Step(
        model=model,
        version=version,
        digest=digest,
        stage=stage,
        verdict=word(verdict),
        why=why,
        since=day(moves[-1].time_ns) if moves else "",
        reached=max([*been, Stage.CANDIDATE.value], key=_height),
        share=shares[-1] if shares and stage in _WITH_MONEY else 0.0,
        trades=trades,
        average_r=average_r,
    )


def _reason(
    seen: RunView, digest: str, moves: Sequence[ModelMoved]
) -> tuple[Verdict, tuple[str, ...]]:
    """Find what put it where it is, and what has kept it there since."""
    set_aside = moves[-1] if moves and moves[-1].cause.startswith(_ASIDE) else None
    since = moves[-1].time_ns if set_aside is not None else 0
    blocking = _blocking([g for g in seen.gates if g.digest == digest and g.time_ns >= since])
    words = [w for gate in blocking for w in _words(gate.verdict, seen)]
    if set_aside is not None:
        fell = _words(set_aside.verdict, seen)
        return set_aside.verdict, tuple(dict.fromkeys((*fell, *words)))
    if blocking:
        return blocking[-1].verdict, tuple(dict.fromkeys(words))
    verdict = moves[-1].verdict if moves else Pass()
    return verdict, _words(verdict, seen)


def _blocking(gates: Sequence[GateGiven]) -> list[GateGiven]:
    """Keep the last word of each gate that did not pass; measurements decide nothing."""
    last = {g.gate: g for g in gates if not g.gate.startswith(_MEASURED)}
    return [g for g in last.values() if not isinstance(g.verdict, Pass)]


def _turned_away(seen: RunView, model: str) -> Step:
    gates = [g for g in seen.gates if g.model == model and not g.digest]
    said = next((g for g in reversed(gates) if not isinstance(g.verdict, Pass)), gates[-1])
    why = _words(said.verdict, seen)
    return Step(model, "", "", REFUSED, word(said.verdict), why, "", REFUSED, 0.0, 0, None)


def _baseline(seen: RunView, *, in_charge: bool) -> Step:
    trades, average_r = _record(seen, {"twin:baseline"})
    digest = seen.started.baseline
    opened = [g for g in seen.gates if g.digest == digest and g.gate == ARTIFACT_GATE]
    damaged = _blocking(opened)
    words = tuple(w for gate in damaged for w in _words(gate.verdict, seen))
    return Step(
        model=BASELINE,
        version="" if seen.rule is None else seen.rule.version,
        digest=digest,
        stage=Stage.BASELINE.value,
        verdict=word(damaged[-1].verdict if damaged else Pass()),
        why=words or (_ON_THE_FLOOR,),
        since="",
        reached=Stage.BASELINE.value,
        share=1.0 if in_charge and not damaged else 0.0,
        trades=trades,
        average_r=average_r,
    )


def _record(seen: RunView, books: set[str]) -> tuple[int, float | None]:
    rs = [trade.r_multiple for trade in seen.trades if trade.book in books]
    return len(rs), (sum(rs) / len(rs) if rs else None)


def record(step: Step) -> str:
    """Say how a model's own trades went, in a few words.

    Examples
    --------
    >>> record(Step("m", "", "d", "shadow", "pass", (), "", "shadow", 0.0, 1181, 0.3775))
    '1,181 trades, +0.38 R on average'
    """
    if step.average_r is None:
        return "no trades"
    return f"{counted(step.trades, 'trade')}, {r_multiple(step.average_r)} on average"


def title(step: Step) -> str:
    """Give name and short digest.

    Examples
    --------
    >>> title(Step("m", "", "31963c0d90", "shadow", "pass", (), "", "shadow", 0.0, 0, None))
    'm 31963c0d'
    """
    return f"{step.model} {short(step.digest)}".strip()


def _words(verdict: Verdict, seen: RunView) -> tuple[str, ...]:
    return tuple(with_names(sentence(f), seen.names) for f in verdict.findings)
