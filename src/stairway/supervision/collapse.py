"""Where confidence dies, on its way from a score to an order.

A stage is dead when the gate's own rules say so: constant, hardly spread, narrow, too few
values, or one value with too much of the mass. A member is followed from its raw score to
its calibrated confidence, and all of them to the ensemble and to the intent. Confidence dies
at the first dead stage, and what came before tells why: alive there, so this step killed it;
or not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from stairway.base.verdict import Finding, Refuse
from stairway.supervision.answers import Stage
from stairway.supervision.constants import Traced, mass, trace
from stairway.supervision.quality_gate import Counted, QualityRules, judge_spread
from stairway.supervision.silence import Silence
from stairway.supervision.succession import Who
from stairway.supervision.tally import Tally, Told

_ENOUGH = 2


class Before(StrEnum):
    """What was known of the stage before the one at which confidence died."""

    ALIVE = "alive"
    UNKNOWN = "not recorded"


@dataclass(frozen=True, slots=True)
class Death:
    """One stage of one member at which variance dies.

    Attributes
    ----------
    before
        Whether the stage before was alive, or never recorded.
    std, std_before
        Standard deviation of confidence here and at the stage before.
    reasons
        What the rules of the gate say of it.
    value_ppm, count, share
        The commonest confidence, and how much of the mass it has.
    share_before
        Share of that same value at the stage before; ``None`` if unknown.
    told
        When it was said and with what; ``None`` where that was not kept.
    exact
        Whether ``told`` covers every answer with the value, and all it had.
    """

    stage: Stage
    member: str
    before: Before
    std: float
    std_before: float | None
    reasons: tuple[Finding, ...]
    value_ppm: int
    count: int
    share: float
    share_before: float | None
    told: Told | None
    exact: bool

    @property
    def sentence(self) -> str:
        """Say it to a person, in one sentence."""
        value = f"{self.value_ppm / 1e6:g} in {self.count:,} answers ({self.share:.1%})"
        if self.before is Before.ALIVE:
            where = f"dies at {self.stage.name.lower()}: alive before it"
            where += f" (std {self.std_before:.3g})" if self.std_before is not None else ""
        else:
            where = f"is dead at {self.stage.name.lower()}, and nothing earlier is recorded"
        return f"{self.member} {where}, std {self.std:.3g} there, most often {value}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found on the way of confidence.

    Attributes
    ----------
    deaths
        In the order of the stages, then of the largest share.
    leaks
        Constants that are heavy but have not killed the stage they were met at.
    alive
        Who is alive at which stage.
    too_few
        Who has less than ``min_events`` answers at a stage: nothing is said of those.
    silent
        Who stopped answering while others went on, whatever was said until then.
    broken
        Who has too few because its answers break the contract, and how many do.
    """

    deaths: tuple[Death, ...]
    leaks: tuple[Traced, ...]
    alive: tuple[tuple[str, Stage], ...]
    too_few: tuple[tuple[str, Stage], ...]
    silent: dict[tuple[str, Stage], Silence]
    broken: dict[tuple[str, Stage], int]


def enough(rules: QualityRules) -> int:
    """Return how many answers it takes before anything is said of a model at a stage.

    Examples
    --------
    >>> from stairway.testing.climbing import quality_rules
    >>> enough(quality_rules()) == max(quality_rules().min_events, 2)
    True
    """
    return max(rules.min_events, _ENOUGH)


def diagnose(
    tally: Tally, rules: QualityRules, silences: Mapping[Who, Silence] | None = None
) -> Diagnosis:
    """Follow confidence through the stages, and name where it dies.

    Parameters
    ----------
    silences
        Who has been silent, from :func:`~stairway.supervision.silence.silences`.

    Examples
    --------
    >>> from stairway.supervision.answers import Names
    >>> from stairway.testing.climbing import quality_rules
    >>> diagnose(Tally(Names()), quality_rules()).deaths
    ()
    """
    counted = {who: tally.measured(*who) for who in tally.heard()}
    least = enough(rules)
    judged = {who: judge_spread(m, rules) for who, m in counted.items() if m.events >= least}
    dead = {who: v for who, v in judged.items() if isinstance(v, Refuse)}
    deaths: list[Death] = []
    for (model, stage), verdict in dead.items():
        before = _before(model, stage, counted)
        if before and all(who in dead for who in before):
            continue
        source = next((who for who in before if who in judged and who not in dead), None)
        deaths.append(_death(tally, (model, stage), source, counted, verdict))
    silent = {who: one for who, one in (silences or {}).items() if one.is_death(rules)}
    broken = {
        who: m.violations
        for who, m in counted.items()
        if m.events < least <= m.events + m.violations
    }
    killed = {(death.member, death.stage, death.value_ppm) for death in deaths}
    return Diagnosis(
        deaths=tuple(sorted(deaths, key=lambda d: (d.stage, -d.share))),
        leaks=tuple(
            one
            for one in trace(tally)
            if (one.model, one.stage, one.constant.value_ppm) not in killed
            and (one.model, one.stage) not in dead
        ),
        alive=tuple(who for who in judged if who not in dead and who not in silent),
        too_few=tuple(who for who in counted if who not in judged and who not in broken),
        silent=silent,
        broken=broken,
    )


def _before(
    model: str, stage: Stage, counted: dict[tuple[str, Stage], Counted]
) -> list[tuple[str, Stage]]:
    """Return what feeds a stage: the same member's score, all members, or the ensemble."""
    match stage:
        case Stage.RAW:
            return []
        case Stage.CALIBRATED:
            return [(model, Stage.RAW)] if (model, Stage.RAW) in counted else []
        case Stage.ENSEMBLE | Stage.INTENT:
            nearest = max((s for _, s in counted if s < stage), default=None)
            return [who for who in counted if who[1] == nearest]


def _death(
    tally: Tally,
    who: tuple[str, Stage],
    source: tuple[str, Stage] | None,
    counted: dict[tuple[str, Stage], Counted],
    verdict: Refuse,
) -> Death:
    (model, stage), here = who, counted[who]
    values = tally.spread(model, stage)
    value = int(values.ppm[values.count.argmax()])
    told = tally.told(model, value, stage)
    return Death(
        stage=stage,
        member=model,
        before=Before.ALIVE if source else Before.UNKNOWN,
        std=here.std,
        std_before=counted[source].std if source else None,
        reasons=verdict.findings,
        value_ppm=value,
        count=here.commonest,
        share=here.commonest / here.events,
        share_before=_share(tally, source, value, counted) if source else None,
        told=told,
        exact=told is not None and told.is_all_of(here.commonest),
    )


def _share(
    tally: Tally,
    who: tuple[str, Stage],
    value: int,
    counted: dict[tuple[str, Stage], Counted],
) -> float:
    return mass(tally.spread(*who), value) / counted[who].events
