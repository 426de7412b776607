"""Prove a user's function: load it, read bars, try it, say what came of it."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stairway.app.progress import Stages
from stairway.app.proof.series import read_series
from stairway.app.userfunc import apart, load, within
from stairway.base.errors import DataError
from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse
from stairway.features.facts import Proof
from stairway.features.function import prove_function
from stairway.features.prover import ProverRules

CUTS, SEED, LIMIT_S, WARM_UP_BARS = 12, 1, 60.0, 64
MIN_BARS, TOLERANCE, ALL_BARS = 200, 1e-9, 10**8
_UNPROVED = 2
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
    """Load, read and try.

    Raises
    ------
    ConfigError
        If there is no such function, file or column.
    DataError
        If the bars cannot be used. What the function does wrong is in the answer instead.
    """
    function = load(asked.function)
    series = read_series(asked.source, asked.symbol, asked.labels)
    begun = False

    def heard(done: int, total: int) -> None:
        nonlocal begun
        if not begun:
            progress.begin("trying other futures", total)
            begun = True
        progress.advance(done)

    try:
        with apart():
            proof = prove_function(
                within(function, asked.limit_s), series, asked.rules, asked.seed, heard
            )
    except DataError as error:
        msg = f"{asked.source}: {error}"
        raise DataError(msg) from error
    return Proved(asked.function, asked.source, asked.rules, proof)


def _head(proof: Proof) -> str:
    match proof.verdict:
        case Pass():
            return f"Causal: no past value of {_columns(proof)} moved."
        case Refuse() if proof.offences:
            return f"Looks ahead: {len(proof.offences)} of {_columns(proof)}."
        case Refuse():
            return "Cannot be proved: the function did not answer as it must."
        case Inconclusive():
            return "Cannot be proved: there is too little to tell."


def _columns(proof: Proof) -> str:
    return "1 column" if proof.columns == 1 else f"{proof.columns} columns"


def _details(proof: Proof) -> list[str]:
    if isinstance(proof.verdict, Pass):
        return []
    return [_INDENT + _said(finding) for finding in proof.verdict.findings]


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
