"""The questions of a sceptic, in the order in which they are asked, and what was shown.

Only what was shown counts: a question without an answer is ``Inconclusive`` and says what
would answer it, and one check that does not pass keeps its whole question from passing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import assert_never

import msgspec

from stairway.base.verdict import (
    Finding,
    Inconclusive,
    Pass,
    Verdict,
    all_of,
    inconclusive,
    passed,
    refuse,
)
from stairway.evaluation.beside import short, told_apart
from stairway.evaluation.moments import Undefined
from stairway.evaluation.significance.sample import Unmeasured

_NEARLY_CERTAIN, _NEARLY_NEVER = 0.9999, 0.0001
_PLACES = 4

NOT_SHOWN = "proof.not_shown"
"""Beginning of the code of what was not given; its last part says what that is."""

UNJUDGED = "proof.unjudged"
"""Code of what was not judged. It may go so, but nothing good was found of it either."""


class Question(StrEnum):
    """What is asked of an edge, the deadliest first."""

    FUTURE = "future"
    SPLITS = "splits"
    CHANCE = "chance"
    TRIES = "tries"
    BASELINE = "baseline"
    CHAMPION = "champion"
    HONEST = "honest"
    COSTS = "costs"


class Answer(msgspec.Struct, frozen=True):
    """What was shown to one question.

    Attributes
    ----------
    question
        Which one.
    verdict
        All checks together.
    checks
        Each with a name of its own.
    """

    question: Question
    verdict: Verdict
    checks: dict[str, Verdict]


def answer(question: Question, checks: dict[str, Verdict]) -> Answer:
    """Put the checks of a question together; no check at all is not a pass.

    Examples
    --------
    >>> answer(Question.TRIES, {}).verdict.findings[0].code
    'gate.empty'
    """
    return Answer(question, all_of(checks.values()), checks)


def in_order(given: Iterable[Answer]) -> tuple[Answer, ...]:
    """Every question once and in order; one that nobody answered was not shown.

    Examples
    --------
    >>> [one.question.value for one in in_order([])][:3]
    ['future', 'splits', 'chance']
    """
    by_question = {one.question: one for one in given}
    return tuple(
        by_question.get(question) or answer(question, {question.value: unasked(question)})
        for question in Question
    )


def unasked(question: Question) -> Inconclusive:
    """Say what would answer a question that nothing was given for."""
    match question:
        case Question.FUTURE:
            what = "the function that makes the features, and bars to try it on"
        case Question.SPLITS:
            what = "everything from bars to profit, so that its splits can be looked at"
        case Question.CHANCE | Question.TRIES:
            what = "the returns of every configuration that was tried"
        case Question.BASELINE:
            what = "the baseline's returns at the same rows"
        case Question.CHAMPION:
            what = "the returns, at the same rows, of what is in charge now"
        case Question.HONEST:
            what = "the probabilities that were said, and what came"
        case Question.COSTS:
            what = "the returns before costs, or the costs"
        case _:
            assert_never(question)
    return not_shown(question.value, what)


def not_shown(name: str, what: str) -> Inconclusive:
    """Say what is missing, under a code of its own.

    Examples
    --------
    >>> not_shown("costs", "the costs").findings[0].detail
    'not shown: give the costs'
    """
    return inconclusive(f"{NOT_SHOWN}.{name}", f"not shown: give {what}")


def unmeasured(code: str, why: Unmeasured) -> Verdict:
    """Turn a missing number into a verdict: too little is not known, undefined is refused.

    Examples
    --------
    >>> unmeasured("proof.psr", Undefined("the 500 returns are constant")).findings[0].detail
    'undefined: the 500 returns are constant'
    """
    if isinstance(why, Undefined):
        return refuse(f"{code}.undefined", f"undefined: {why.reason}")
    return why


def held_against(good: bool, finding: Finding) -> Verdict:  # noqa: FBT001 - what was found
    """Pass where it is good, refuse otherwise; the finding is the same.

    Examples
    --------
    >>> type(held_against(float("nan") > 0.0, Finding("x", "y"))).__name__
    'Refuse'
    """
    said = (finding.code, finding.detail, finding.value, finding.bound, finding.n)
    return passed(*said) if good else refuse(*said)


def of(probability: float) -> str:
    """Say a probability to four places; none rounds to 0 or 1, which are certainties.

    Examples
    --------
    >>> of(0.9995), of(0.99996), of(3e-9)
    ('of 0.9995', 'over 0.9999', 'under 0.0001')
    """
    if probability > _NEARLY_CERTAIN:
        return f"over {_NEARLY_CERTAIN:g}"
    if probability < _NEARLY_NEVER:
        return f"under {_NEARLY_NEVER:.4f}"
    return f"of {probability:.{_PLACES}f}"


def against(probability: float, bound: float) -> tuple[str, str]:
    """Say a probability and what it is held against, never the same where they differ.

    Examples
    --------
    >>> against(0.0168, 0.05 / 3), against(0.950004, 0.95), against(0.2, 0.05)
    (('of 0.0168', '0.0167'), ('of 0.950004', '0.95'), ('of 0.2000', '0.05'))
    """
    value, other = told_apart(probability, bound, _PLACES)
    said = of(probability)
    return (f"of {value}" if said.startswith("of ") else said), short(other)


def marks_nothing(verdict: Verdict, finding: Finding) -> bool:
    """Tell whether a passing check only names what was not judged.

    Examples
    --------
    >>> rare = passed(UNJUDGED, "in crisis: not judged")
    >>> marks_nothing(rare, rare.findings[0])
    True
    """
    return isinstance(verdict, Pass) and finding.code == UNJUDGED


def percent(fraction: float) -> str:
    """Write a fraction with its sign.

    Examples
    --------
    >>> percent(0.0312)
    '+3.12 %'
    """
    return f"{100.0 * fraction:+.2f} %"
