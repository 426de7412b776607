"""Prove a user's function: have it tried in a process of its own, say what came of it."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stairway.app.progress import Stages
from stairway.app.proof.aside import Gone, asked_aside
from stairway.app.proof.told import ProveAnswer, ProveJob, StudyAnswer
from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse, refuse
from stairway.features.facts import Proof
from stairway.features.prover import ProverRules
from stairway.features.usual import CUTS, LIMIT_S, SEED, WARM_UP_BARS

MIN_BARS, TOLERANCE, ALL_BARS = 200, 1e-9, 10**8
_UNPROVED, _CLEAN = 2, "causality.clean"
_WIDEST = 96
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Asked:
    """One function and what it is asked about.

    Attributes
    ----------
    function, source, symbol, labels
        ``MODULE:FUNCTION``, and what :func:`read_series` takes.
    cuts, seed
        Places at which each kind of future is tried, and the seed of their chance.
    warm_up_bars
        Fewest bars that the function must bear.
    limit_s
        How long one call may take.
    """

    function: str
    source: str
    symbol: str | None = None
    labels: Path | None = None
    cuts: int = CUTS
    seed: int = SEED
    warm_up_bars: int = WARM_UP_BARS
    limit_s: float = LIMIT_S

    @property
    def rules(self) -> ProverRules:
        """How hard the prover tries."""
        return ProverRules(
            cuts=self.cuts,
            max_bars=ALL_BARS,
            min_bars=MIN_BARS,
            min_prefix_bars=self.warm_up_bars,
            tolerance=TOLERANCE,
        )


class Proved(msgspec.Struct, frozen=True):
    """What came of it, with what was asked."""

    function: str
    source: str
    rules: ProverRules
    proof: Proof
    files: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where it is causal, else 2."""
        return 0 if isinstance(self.proof.verdict, Pass) else _UNPROVED

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self, width: int | None = None) -> str:
        """Say it in a few lines, as wide as the terminal."""
        width = min(width or shutil.get_terminal_size((80, 24)).columns, _WIDEST)
        lines = [_head(self.proof), *_details(self.proof), "", self._tried()]
        return "\n".join(_wrapped(line, width) for line in lines) + "\n"

    def _tried(self) -> str:
        proof = self.proof
        return (
            f"{self.function} on {self.source}: {proof.rows:,} bars, {_columns(proof)}, "
            f"{proof.probes} other futures, seed {proof.seed}"
        )


def proved(asked: Asked, progress: Stages) -> Proved:
    """Have it loaded, and tried on the bars.

    Raises
    ------
    ConfigError
        If there is no such function, file or column.
    DataError
        If the bars cannot be used. What the function does wrong is in the answer instead.
    """
    labels = None if asked.labels is None else str(asked.labels)
    job = ProveJob(
        function=asked.function,
        source=asked.source,
        symbol=asked.symbol,
        labels=labels,
        rules=asked.rules,
        seed=asked.seed,
        limit_s=asked.limit_s,
    )
    match asked_aside(job, progress):
        case ProveAnswer(proof=proof, files=files):
            return Proved(asked.function, asked.source, asked.rules, proof, files)
        case Gone() as gone:
            return _left(asked, gone)
        case StudyAnswer():
            return _left(asked, Gone("answered as a study does"))


def _left(asked: Asked, gone: Gone) -> Proved:
    """Refuse a function of which there is no answer."""
    detail = f"{asked.function} {gone.why}"
    if not gone.advised:
        detail += "; it must answer with one value for each bar"
    proof = Proof(refuse("causality.raised", detail), 0, 0, 0, asked.seed)
    return Proved(asked.function, asked.source, asked.rules, proof)


def _head(proof: Proof) -> str:
    match proof.verdict:
        case Pass():
            return f"Causal: no past value of {_columns(proof)} moved."
        case Refuse() if proof.offences:
            return f"Looks ahead: {len(proof.offences)} of {_columns(proof)}."
        case Refuse(findings) if findings[0].code == "causality.elsewhere":
            return f"Looks ahead: {len(findings)} of {_columns(proof)}, by another way in."
        case Refuse():
            return "Cannot be proved: the function did not answer as it must."
        case Inconclusive():
            return "Cannot be proved: there is too little to tell."


def _columns(proof: Proof) -> str:
    return "1 column" if proof.columns == 1 else f"{proof.columns} columns"


def _details(proof: Proof) -> list[str]:
    told = proof.verdict.findings
    if isinstance(proof.verdict, Pass):
        told = tuple(one for one in told if one.code != _CLEAN)
    return [_INDENT + _said(finding) for finding in told]


def _said(finding: Finding) -> str:
    return f"{finding.code}: {finding.detail}"


def _wrapped(line: str, width: int) -> str:
    if not line:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        width,
        subsequent_indent=indent + (_INDENT if indent else ""),
        break_long_words=False,
        break_on_hyphens=False,
    )
