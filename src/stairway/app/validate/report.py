"""What came of a validation: one verdict, the answers in order, and the data of a page."""

from __future__ import annotations

import hashlib
import shutil
import textwrap
from pathlib import Path

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse, Verdict, all_of
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.proof_of_returns import Figures, wealth
from stairway.evaluation.sceptic.answer import Answer, Question, marks_nothing

NOT_PROVED = 2
MOST_POINTS = 900
_WIDEST = 96

QUESTIONS = {
    Question.FUTURE: "Could it see the future?",
    Question.SPLITS: "Do the splits touch?",
    Question.CHANCE: "Is it better than chance?",
    Question.TRIES: "Than the best of so many tries?",
    Question.BASELINE: "Than the baseline?",
    Question.CHAMPION: "Than what is in charge?",
    Question.HONEST: "Are its probabilities honest?",
    Question.COSTS: "And after costs?",
}
"""As a sceptic asks them."""

SEALED = "Sealed with it: {0.named}; registered: {0.counted}"
"""Above what a sealed proof says."""


class Curve(msgspec.Struct, frozen=True):
    """Worth of 1 over time, thinned so that no peak and no trough is lost.

    Attributes
    ----------
    time_ns, worth, fall
        At the end of each row that is drawn; ``fall`` is the distance below the peak.
    """

    time_ns: tuple[int, ...]
    worth: tuple[float, ...]
    fall: tuple[float, ...]


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """The proof that was sealed with a candidate, read again.

    Attributes
    ----------
    sha256
        Its hash; ``None`` where nothing was sealed, which passes nothing.
    trials, registered
        Tries that it counts, and that the registry counts; ``None`` where that has no entry.
    checks
        ``entry``: training, seal and registry speak of one model. ``proof``: it is the one
        that was registered, and what is measured now says the same. Then each gate, answered
        anew with the count of the registry, or its own where it is not registered.
    """

    sha256: str | None
    trials: int
    registered: int | None
    checks: dict[str, Verdict]

    @property
    def named(self) -> str:
        """What was sealed, in words."""
        if self.sha256 is None:
            return "nothing"
        return f"proof {self.sha256:.12}, {self.trials} tries"

    @property
    def counted(self) -> str:
        """How many tries the registry counts, or that it has no entry."""
        return "no" if self.registered is None else str(self.registered)


class ModelProof(msgspec.Struct, frozen=True, kw_only=True):
    """One configuration, proved or not.

    Attributes
    ----------
    name
        Of the column or the candidate.
    verdict
        All answers together.
    answers
        In order.
    figures
        What was measured; ``None`` where there were no returns to measure.
    curves
        Worth over time: ``net``, and ``gross``, ``baseline``, ``champion`` where given.
    battery
        What the leak battery found, where it ran.
    sealed
        Of a candidate: the proof that was sealed with it, and whether it says the same.
    """

    name: str
    verdict: Verdict
    answers: tuple[Answer, ...]
    figures: Figures | None
    curves: dict[str, Curve]
    battery: BatteryReport | None = None
    sealed: Sealed | None = None

    @property
    def parts(self) -> tuple[Verdict, ...]:
        """What is headed by a verdict of its own: each answer, and what was sealed."""
        sealed = () if self.sealed is None else (all_of(self.sealed.checks.values()),)
        return (*(one.verdict for one in self.answers), *sealed)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a validation.

    Attributes
    ----------
    subject, command
        What was looked at, and what to type for the same again.
    version
        Of Stairway.
    policy, policy_digest
        Whose bounds, and their hash.
    periods_per_year, level
        Rows of a year, and confidence of all that is said.
    read
        Hash (SHA-256) of each file of a user's own that was read; of a run, also of what its
        registry has of the models.
    verdict
        All models together.
    proofs
        One for each model.
    """

    subject: str
    command: str
    version: str
    policy: str
    policy_digest: str
    periods_per_year: float
    level: float
    seed: int
    read: dict[str, str]
    verdict: Verdict
    proofs: tuple[ModelProof, ...]

    @property
    def exit_code(self) -> int:
        """0 where every answer of every model is a pass, else 2."""
        return 0 if isinstance(self.verdict, Pass) else NOT_PROVED

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self, width: int | None = None) -> str:
        """Say it in lines as wide as the terminal, the verdict first."""
        width = min(width or shutil.get_terminal_size((80, 24)).columns, _WIDEST)
        lines: list[str] = []
        for proof in self.proofs:
            lines += [headline(proof), ""]
            for one in proof.answers:
                lines.append(f"  {_mark(one.verdict)} {QUESTIONS[one.question]}")
                lines += _said(one.checks, width)
            if proof.sealed is not None:
                verdict = all_of(proof.sealed.checks.values())
                lines.append(f"  {_mark(verdict)} {SEALED.format(proof.sealed)}")
                lines += _said(proof.sealed.checks, width)
            lines.append("")
        return "\n".join(lines)


def headline(proof: ModelProof) -> str:
    """Say the verdict on one model in a sentence.

    Examples
    --------
    >>> none = ModelProof(name="a", verdict=Pass(), answers=(), figures=None, curves={})
    >>> headline(none)
    'a: proved, as far as anybody can ask.'
    """
    n = len(proof.parts)
    bad = [one for one in proof.parts if isinstance(one, Refuse)]
    open_ = [one for one in proof.parts if isinstance(one, Inconclusive)]
    if isinstance(proof.verdict, Pass):
        return f"{proof.name}: proved, as far as anybody can ask."
    if all(isinstance(one.verdict, Pass) for one in proof.answers):
        return f"{proof.name}: not proved, what was sealed with it does not bear it out."
    if bad:
        rest = f", {len(open_)} open" if open_ else ""
        return f"{proof.name}: not proved, {len(bad)} of {n} refused{rest}."
    what = "questions" if proof.sealed is None else "headings"
    return f"{proof.name}: not proved, {len(open_)} of {n} {what} are open."


def curve(time_ns: IntArray, returns: FloatArray) -> Curve:
    """Draw returns as worth; the first point is 1, at the time of the first row.

    Examples
    --------
    >>> curve(np.array([5, 6]), np.array([0.5, -0.5])).worth
    (1.0, 1.5, 0.75)
    """
    worth, fall = wealth(returns)
    if not returns.size:
        return Curve((), (), ())
    at = np.concatenate([time_ns[:1], time_ns])
    rows = thinned(worth)
    return Curve(
        tuple(at[rows].tolist()),
        tuple(round(one, 6) for one in worth[rows].tolist()),
        tuple(round(one, 6) for one in fall[rows].tolist()),
    )


def thinned(values: FloatArray, most: int = MOST_POINTS) -> IntArray:
    """Choose rows to draw: both ends, and low and high of each stretch.

    Examples
    --------
    >>> thinned(np.array([0.0, 5.0, 1.0, -9.0, 2.0, 3.0]), 4).tolist()
    [0, 1, 3, 5]
    """
    n = values.size
    if n <= most:
        return np.arange(n)
    kept = {0, n - 1}
    for rows in np.array_split(np.arange(n), max(most // 2 - 1, 1)):
        kept.add(int(rows[np.argmin(values[rows])]))
        kept.add(int(rows[np.argmax(values[rows])]))
    return np.array(sorted(kept), np.int64)


def fingerprint(path: Path) -> str:
    """Hash of a file's content.

    Raises
    ------
    DataError
        If it is gone since it was read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        msg = f"{path} was read, and cannot be read again ({error.strerror}); put it back"
        raise DataError(msg) from error


def _mark(verdict: Verdict) -> str:
    match verdict:
        case Pass():
            return "pass   "
        case Refuse():
            return "REFUSED"
        case Inconclusive():
            return "open   "


def told_once(checks: dict[str, Verdict]) -> list[tuple[Verdict, Finding]]:
    """List the findings of all checks, each sentence once for each verdict.

    What another sentence of the same verdict says with more beside it is said by that one
    alone. No sentence stands for one of another verdict.

    Examples
    --------
    >>> twice = {"a": Pass((Finding("x", "two"),)), "b": Pass((Finding("y", "two; too"),))}
    >>> [finding.detail for _, finding in told_once(twice)]
    ['two; too']
    """
    said = {
        (_sign(verdict, finding), finding.detail): (verdict, finding)
        for verdict in checks.values()
        for finding in verdict.findings
    }
    return [
        one
        for (sign, detail), one in said.items()
        if not any(
            sign == mark and other != detail and other.startswith(detail)
            for mark, other in said
        )
    ]


def _said(checks: dict[str, Verdict], width: int) -> list[str]:
    return [
        _wrapped(_sign(verdict, finding), finding, width)
        for verdict, finding in told_once(checks)
    ]


def _sign(verdict: Verdict, finding: Finding) -> str:
    if marks_nothing(verdict, finding):
        return "."
    return {"pass   ": "+", "REFUSED": "-"}.get(_mark(verdict), "?")


def _wrapped(sign: str, finding: Finding, width: int) -> str:
    return textwrap.fill(
        f"{sign} {finding.detail}",
        width,
        initial_indent=" " * 10,
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
    )
