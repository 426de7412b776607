"""``proof.html``: what a sceptic would ask, in order, in one file that loads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from stairway.app.folder import write_whole
from stairway.app.validate.report import (
    QUESTIONS,
    SEALED,
    ModelProof,
    Report,
    headline,
    told_once,
)
from stairway.base.verdict import Finding, Pass, Verdict, all_of
from stairway.dashboard import words
from stairway.dashboard.figures.plain import Figure
from stairway.dashboard.figures.reliability import LARGE, Diagram, diagram
from stairway.dashboard.proof import figures, tables
from stairway.dashboard.report import environment, plotly_script
from stairway.evaluation.sceptic.answer import Answer, Question, marks_nothing

_SHORT = {
    Question.FUTURE: "the future",
    Question.SPLITS: "the splits",
    Question.CHANCE: "chance",
    Question.TRIES: "so many tries",
    Question.BASELINE: "the baseline",
    Question.CHAMPION: "what is in charge",
    Question.HONEST: "honesty",
    Question.COSTS: "costs",
}
_SHORT_SEALED = "what was sealed"

PAGE, DATA = "proof.html", "proof.json"


class Line(NamedTuple):
    """One finding."""

    word: str
    text: str
    code: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it is set."""

    question: str
    key: str
    word: str
    short: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """One model as it is set."""

    proof: ModelProof
    word: str
    headline: str
    missed: str
    asked: tuple[Asked, ...]
    sealed: Asked | None
    equity: Figure | None
    timing: tuple[tuple[str, Figure], ...]
    halves: Figure | None
    tries: Figure | None
    surrogates: Figure | None
    diagrams: tuple[Diagram, ...]
    parts: Figure | None
    honesty: tables.HonestTable
    accounts: tuple[tables.AccountRow, ...]
    standing: tuple[tables.StandingRow, ...]
    folds: tuple[tables.FoldRow, ...]
    aside: tuple[tables.Fact, ...]


def write_proof(folder: Path, report: Report) -> None:
    """Write ``proof.html`` and ``proof.json``, each whole or not at all.

    Raises
    ------
    ConfigError
        If there is no room or no permission, or Plotly is not installed.
    """
    write_whole(folder / PAGE, page(report).encode())
    write_whole(folder / DATA, report.as_json().encode())


def page(report: Report) -> str:
    """Set the whole page."""
    shown = tuple(_shown(one, report) for one in report.proofs)
    return (
        environment()
        .get_template("proof.html.j2")
        .render(
            report=report,
            shown=shown,
            headline=_headline(report),
            word=words.word(report.verdict),
            confidence=tables.confidence(report.level),
            named=frozenset(one.name for one in report.proofs),
            plotly=Markup(plotly_script()),  # noqa: S704 - a file of the installed wheel
        )
    )


def _headline(report: Report) -> str:
    if len(report.proofs) == 1:
        return headline(report.proofs[0])
    good = sum(isinstance(one.verdict, Pass) for one in report.proofs)
    return f"{good} of {len(report.proofs)} candidates proved."


def _shown(proof: ModelProof, report: Report) -> Shown:
    found, battery = proof.figures, proof.battery
    honesty = () if found is None else found.honesty
    measured = [one for one in honesty if one.measures is not None]
    drawn = [
        diagram(one.regime, one.measures.reliability, LARGE)
        for one in measured
        if one.measures is not None
    ]
    earned = None if battery is None else battery.surrogate_figures
    return Shown(
        proof=proof,
        word=words.word(proof.verdict),
        headline=headline(proof),
        missed=_missed(proof),
        asked=tuple(map(_asked, proof.answers)),
        sealed=_sealed(proof),
        equity=figures.equity(proof),
        timing=()
        if found is None
        else tuple((one.name, figures.timing(one)) for one in found.shifts),
        halves=None if found is None or found.choice is None else figures.halves(found.choice),
        tries=None if found is None else figures.tries(found, report.periods_per_year),
        surrogates=None if earned is None or not earned.t else figures.surrogates(earned.t),
        diagrams=tuple(one for one in drawn if one is not None),
        parts=figures.parts(honesty),
        honesty=tables.honest_table(honesty),
        accounts=() if found is None else tables.account_rows(found),
        standing=() if found is None else tables.standing_rows(found),
        folds=() if battery is None else tables.fold_rows(battery),
        aside=() if found is None else tables.aside(found),
    )


def _missed(proof: ModelProof) -> str:
    """Say in a line which questions it did not pass."""
    by_word = {"refuse": "Refused", "inconclusive": "Open"}
    short = [*(_SHORT[one.question] for one in proof.answers), _SHORT_SEALED]
    pairs = list(zip(short, proof.parts, strict=False))
    said = {
        word: [what for what, verdict in pairs if words.word(verdict) == key]
        for key, word in by_word.items()
    }
    return " ".join(f"{word}: {', '.join(which)}." for word, which in said.items() if which)


def _asked(one: Answer) -> Asked:
    return Asked(
        question=QUESTIONS[one.question],
        key=one.question.value,
        word=words.word(one.verdict),
        short=_short(one.verdict),
        lines=_lines(one.checks),
    )


def _short(verdict: Verdict) -> str:
    """Give the first finding, which decided it."""
    return _plain(verdict.findings[0]) if verdict.findings else ""


def _sealed(proof: ModelProof) -> Asked | None:
    """Show what was sealed with a candidate like the answer to a question."""
    if proof.sealed is None:
        return None
    verdict = all_of(proof.sealed.checks.values())
    return Asked(
        question=SEALED.format(proof.sealed),
        key="sealed",
        word=words.word(verdict),
        short=_short(verdict),
        lines=_lines(proof.sealed.checks),
    )


def _lines(checks: dict[str, Verdict]) -> tuple[Line, ...]:
    return tuple(
        Line(_word(verdict, finding), _plain(finding), finding.code)
        for verdict, finding in told_once(checks)
    )


def _word(verdict: Verdict, finding: Finding) -> str:
    return "unjudged" if marks_nothing(verdict, finding) else words.word(verdict)


def _plain(finding: Finding) -> str:
    return words.plain(finding.detail).replace(" %", "\N{NO-BREAK SPACE}%")
