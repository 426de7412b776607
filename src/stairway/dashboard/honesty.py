"""Whether live probabilities came true, as the record says it last of each model and regime."""

from __future__ import annotations

from itertools import groupby

import msgspec

from stairway.dashboard.figures.reliability import Diagrams, diagram
from stairway.dashboard.views import RunView
from stairway.dashboard.words import plain, short, word
from stairway.evaluation.calibration import Estimate
from stairway.evaluation.moments import Undefined
from stairway.supervision.facts import CalibrationTracked


class Honesty(msgspec.Struct, frozen=True):
    """One model in one regime, over all outcomes that were known at the end.

    Attributes
    ----------
    model, digest, regime
        Who, and where.
    outcomes
        How many were known.
    skill, brier, log_loss
        With their bands; ``None`` where outcomes are too few.
    ece_corrected, ece_bound
        Calibration error less what chance makes of a perfect forecaster, and what that one
        stays under; ``None`` where outcomes are too few.
    spiegelhalter_p
        Probability of being as far off under perfect calibration, where there is one.
    verdict, why
        ``refuse`` is an alarm: skill is, with confidence, below that of the base rate.
    """

    model: str
    digest: str
    regime: str
    outcomes: int
    skill: Estimate | None
    brier: Estimate | None
    log_loss: Estimate | None
    ece_corrected: float | None
    ece_bound: float | None
    spiegelhalter_p: float | None
    verdict: str
    why: str


def honesty(seen: RunView) -> tuple[Honesty, ...]:
    """List what was read last of every model, in each regime that had an outcome."""
    return tuple(map(_row, _last(seen)))


def pictures(seen: RunView) -> tuple[Diagrams, ...]:
    """Draw the reliability diagrams of those with enough outcomes."""
    found: list[Diagrams] = []
    for (model, digest), facts in groupby(_last(seen), lambda one: (one.model, one.digest)):
        drawn = (
            diagram(fact.regime, fact.tracked.reliability)
            for fact in facts
            if fact.tracked is not None
        )
        shown = tuple(one for one in drawn if one is not None)
        if shown:
            found.append(Diagrams(f"{model} {short(digest)}", shown))
    return tuple(found)


def banded(found: Estimate | None) -> str:
    """Write a number with its band.

    Examples
    --------
    >>> banded(Estimate(0.0213, -0.01, 0.05)), banded(None)
    ('0.021 (-0.010 to 0.050)', '')
    """
    if found is None:
        return ""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def said(one: Honesty) -> str:
    """Say in a word what a row of figures came to; what the row shows is not said again."""
    if one.skill is None:
        return plain(one.why).removesuffix(" outcomes")
    return {"pass": "skilled", "refuse": "alarm"}.get(one.verdict, "unproven")


def _last(seen: RunView) -> list[CalibrationTracked]:
    last = {(f.model, f.digest, f.regime): f for f in seen.calibration}
    return [last[key] for key in sorted(last)]


def _row(fact: CalibrationTracked) -> Honesty:
    found = fact.tracked
    p = None if found is None else found.spiegelhalter_p
    return Honesty(
        model=fact.model,
        digest=fact.digest,
        regime=fact.regime,
        outcomes=fact.n,
        skill=None if found is None else found.skill,
        brier=None if found is None else found.murphy.brier,
        log_loss=None if found is None else found.log_loss,
        ece_corrected=None if found is None else found.reliability.ece_corrected,
        ece_bound=None if found is None else found.reliability.ece_bound,
        spiegelhalter_p=None if isinstance(p, Undefined) else p,
        verdict=word(fact.verdict),
        why=fact.verdict.findings[0].detail,
    )
