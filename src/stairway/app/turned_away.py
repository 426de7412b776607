"""Candidates that nothing was sealed of: refused before training, or too little for it.

One candidate that cannot be made or judged ends no run: it stands in ``training.json`` with
a verdict that says how much there was, how much is needed, and what to change. The others,
and the rule, go on without it.
"""

from __future__ import annotations

from stairway.app.practised import PractisedRun
from stairway.base.errors import NothingLearntError, TooLittleError
from stairway.base.verdict import Verdict, inconclusive, refuse
from stairway.models.manifest import Family, GateEvidence
from stairway.training.candidate import binding_verdict
from stairway.training.report import CandidateReport

_MORE = "give more bars, or raise [run] train_frac"
_LATER = (
    "train it on a source that ends earlier, give this run later bars, or raise [run] "
    "train_frac"
)
_OTHERWISE = "lower [learner] learning_rate of the practice file, or give another seed"


def unsealed(model: str, *evidence: GateEvidence) -> CandidateReport:
    """Report a candidate that nothing was sealed of, with why."""
    return CandidateReport(
        model=model,
        digest=None,
        version=None,
        verdict=binding_verdict(evidence),
        evidence=evidence,
        metrics={},
        reliability={},
        oof=None,
        proof=None,
    )


def unseeing(model: str, causality: Verdict) -> CandidateReport:
    """Report a candidate that was not trained, since its features can see the future."""
    return unsealed(model, GateEvidence("causality", causality))


def unjudged(
    family: Family,
    practised: PractisedRun | None,
    seen: tuple[Verdict, Verdict],
    error: TooLittleError | NothingLearntError,
) -> CandidateReport:
    """Report a candidate that could not be made, or not be judged; others may be.

    Parameters
    ----------
    practised
        The training run that a policy was taken from; ``None`` where it was to be taught.
    seen
        What the causality prover and the leak battery said before anything was made.

    Examples
    --------
    >>> from stairway.base.verdict import passed
    >>> few = TooLittleError("50 samples are needed; given are 20", 20, 50)
    >>> good = passed("causality.clean", "proved"), passed("leak.none", "nothing leaks")
    >>> told = unjudged(Family.XGBOOST, None, good, few)
    >>> told.verdict.findings[0].detail
    'xgboost: 50 samples are needed; given are 20; give more bars, or raise [run] train_frac'
    """
    taken = practised if family is Family.POLICY else None
    who = family.value if taken is None else f"the policy of {taken.called}"
    match error:
        case TooLittleError():
            detail = f"{who}: {error}; {_MORE if taken is None else _LATER}"
            verdict = inconclusive("evidence.too_little", detail, error.given, error.needed)
        case NothingLearntError():
            detail = f"{who}: {error}; {_OTHERWISE}"
            verdict = refuse("evidence.nothing_learnt", detail)
    causality, battery = seen
    no_account = inconclusive("evidence.no_account", f"{who} was not made: it has no account")
    return unsealed(
        family.value,
        GateEvidence("causality", causality),
        GateEvidence("leak_battery", battery),
        GateEvidence("after_cost_sharpe", no_account),
        GateEvidence("deflated_sharpe", no_account),
        GateEvidence("calibration_skill", verdict),  # the last word is the reason
    )
