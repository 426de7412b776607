"""Better than the baseline, and than what is in charge? Resampled, all tries together."""

from __future__ import annotations

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Finding, Verdict
from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.moments import Moments, Undefined, moments
from stairway.evaluation.sceptic.answer import (
    Question,
    against,
    held_against,
    percent,
    unasked,
    unmeasured,
)
from stairway.evaluation.sceptic.luck import enough, together
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.rules import ProofRules
from stairway.evaluation.significance.bootstrap import Resampling
from stairway.evaluation.significance.confidence_set import confidence_set
from stairway.evaluation.significance.sample import Unmeasured
from stairway.evaluation.significance.spa import superior_ability

IN_CHARGE, THE_RULE = "what is in charge", "the baseline"
"""Names of those that the columns are compared with."""


class Lead(msgspec.Struct, frozen=True):
    """How far the chosen one is ahead of a rival.

    Attributes
    ----------
    annual
        Difference of mean returns a year, not compounded.
    p_value
        Probability of a best lead as great where none of the columns leads (SPA,
        consistent), or where the chosen one alone does not, whichever is more.
    best
        Column that leads by most.
    """

    annual: float
    p_value: float
    best: str


class Standing(msgspec.Struct, frozen=True):
    """Who cannot be told from the best (model confidence set).

    Attributes
    ----------
    names, p_values
        All that were compared; the best has 1.
    members
        Those in the set.
    """

    names: tuple[str, ...]
    p_values: tuple[float, ...]
    members: tuple[str, ...]


def ahead_of(
    question: Question,
    rival: FloatArray | None,
    record: Record,
    rules: tuple[EvidenceRules, ProofRules],
    rng: np.random.Generator,
) -> tuple[Lead | None, Verdict]:
    """Test that no column is ahead of a rival; what is in charge stays unless it is shown."""
    if rival is None:
        return None, unasked(question)
    evidence, proof = rules
    code = f"proof.{question.value}"
    who = THE_RULE if question is Question.BASELINE else IN_CHARGE
    apart = [k for k in range(len(record.names)) if _differs(record.net[:, k], rival)]
    if record.chosen not in apart:
        same = Undefined(f"it earns the same as {who}, but for a constant at every row")
        return None, enough(record, evidence, unmeasured(code, same))
    # Summed before they are put side by side: a second copy of a long table would not fit.
    net, _ = together(record.net, proof.resample_rows)
    table = np.column_stack([together(rival[:, None], proof.resample_rows)[0], net[:, apart]])
    resampling = Resampling(n_resamples=proof.resamples, block_rows=None)
    own = apart.index(record.chosen) + 1
    every = superior_ability(-table[:, 0], -table[:, 1:], resampling, rng)
    alone = every
    if len(apart) > 1:
        alone = superior_ability(-table[:, 0], -table[:, own : own + 1], resampling, rng)
    if isinstance(every, Unmeasured):
        return None, enough(record, evidence, unmeasured(code, every))
    if isinstance(alone, Unmeasured):
        return None, enough(record, evidence, unmeasured(code, alone))
    annual = float(np.mean(record.returns - rival)) * record.periods_per_year
    p_value = max(every.p_consistent, alone.p_consistent)
    allowed = 1.0 - evidence.level
    as_much, at_most = against(p_value, allowed)
    none_is = f"none of {len(record.names)} is" if len(record.names) > 1 else "it is not"
    said = Finding(
        code,
        f"{percent(annual)} a year ahead of {who}; where {none_is} ahead, chance"
        f" shows as much with a probability {as_much}, and at most {at_most} is allowed",
        p_value,
        allowed,
        record.n_rows,
    )
    lead = Lead(annual, p_value, record.names[apart[every.best]])
    verdict = held_against(p_value <= allowed and annual > 0.0, said)
    return lead, enough(record, evidence, verdict)


def standing(
    record: Record,
    evidence: EvidenceRules,
    proof: ProofRules,
    rng: np.random.Generator,
) -> tuple[Standing | None, Verdict]:
    """Tell whether the chosen one is among those that cannot be told from the best."""
    code = "proof.confidence_set"
    if record.champion is None:
        return None, unasked(Question.CHAMPION)
    given = {IN_CHARGE: record.champion}
    # The rule may be what is in charge: nobody is compared with himself.
    if record.baseline is not None and not np.array_equal(record.baseline, record.champion):
        given[THE_RULE] = record.baseline
    names = (*record.names, *given)
    beside = np.column_stack(list(given.values()))
    table = np.hstack([together(one, proof.resample_rows)[0] for one in (record.net, beside)])
    resampling = Resampling(n_resamples=proof.resamples, block_rows=None)
    found = confidence_set(-table, evidence.level, resampling, rng)
    if isinstance(found, Unmeasured):
        return None, enough(record, evidence, unmeasured(code, found))
    place = Standing(names, found.p_values, tuple(names[k] for k in found.members))
    p_value, allowed = found.p_values[record.chosen], 1.0 - evidence.level
    inside = record.chosen in found.members
    said = Finding(
        code,
        f"{len(found.members)} of {len(names)} cannot be told from the best, and "
        f"{record.names[record.chosen]} is {'one' if inside else 'none'} of them",
        p_value,
        allowed,
        record.n_rows,
    )
    return place, enough(record, evidence, held_against(inside, said))


def _differs(own: FloatArray, rival: FloatArray) -> bool:
    return isinstance(moments(np.ascontiguousarray(own - rival)), Moments)
