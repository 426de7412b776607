"""What to type to answer a question that is open."""

from __future__ import annotations

import msgspec

from stairway.base.verdict import Finding, Inconclusive, Verdict
from stairway.evaluation.sceptic.answer import NOT_SHOWN, Answer, answer

HINTS = {
    "future": "--function MODULE:FUNCTION --bars FILE, or --study",
    "splits": "--study MODULE:OBJECT --bars FILE",
    "baseline": "--baseline NAME",
    "champion": "--champion NAME; where nothing is in charge, name the baseline again",
    "honest": "--probabilities FILE",
    "timing": "--probabilities FILE, or --position NAME --market NAME",
    "costs": "--gross NAME, or --cost NAME",
}
"""Options, by the last part of the code of what was not shown."""


def with_hints(answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """Put the option that would answer it behind everything that was not shown."""
    return tuple(
        answer(one.question, {name: _hinted(check) for name, check in one.checks.items()})
        for one in answers
    )


def _hinted(verdict: Verdict) -> Verdict:
    match verdict:
        case Inconclusive(findings):
            return Inconclusive(tuple(map(_with_hint, findings)))
        case _:
            return verdict


def _with_hint(finding: Finding) -> Finding:
    base, _, what = finding.code.rpartition(".")
    if base != NOT_SHOWN or what not in HINTS:
        return finding
    return msgspec.structs.replace(finding, detail=f"{finding.detail} ({HINTS[what]})")
