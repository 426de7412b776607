"""Sealed models, opened: who they are, what evidence came with them, and their runtimes.

Nothing is taken from a folder of models but what the given public key has signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stairway.adapters.artifacts.directory import list_digests, open_sealed
from stairway.adapters.runtimes import forest
from stairway.app.folder import RunFolder
from stairway.app.settings import Settings, plain
from stairway.app.terms import terms_hash
from stairway.base.errors import ConfigError, DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding, Refuse, Verdict, passed
from stairway.features.spec import schema_hash
from stairway.lifecycle.facts import GateGiven, ModelRegistered
from stairway.market.bars import PairBars
from stairway.models.ask import same_schema
from stairway.models.baseline import baseline
from stairway.models.ports import ModelRuntime
from stairway.models.sealed import GateEvidence, SealedModel
from stairway.training.report import TrainingReport


@dataclass(frozen=True, slots=True)
class Origin:
    """Where artifacts lie, whom to believe about them, and what they must have been taught."""

    folder: Path
    key: bytes
    terms: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Models that are ready to climb.

    Attributes
    ----------
    runtimes
        By digest, the baseline among them.
    baseline
        Digest of the rule that needs no model.
    sealed
        In the order in which they are registered.
    turned_away
        Candidates that were refused before anything was trained: slot and evidence.
    first_index
        First bar that none of them was trained on.
    folder, key
        Where the artifacts lie, and whom to believe about them.
    """

    runtimes: Mapping[str, ModelRuntime]
    baseline: str
    sealed: tuple[SealedModel, ...]
    turned_away: tuple[tuple[str, tuple[GateEvidence, ...]], ...]
    first_index: int
    folder: Path
    key: bytes

    def reopen(self, digest: str) -> Verdict:
        """Check an artifact once more, from its bytes: before its model takes charge."""
        match open_sealed(self.folder, digest, self.key):
            case Refuse() as refused:
                return refused
            case sealed:
                detail = f"{sealed.manifest.passport.model} {sealed.manifest.version} is whole"
                return passed("artifact.whole", detail)

    def facts(self, now_ns: UtcNs) -> tuple[ModelRegistered | GateGiven, ...]:
        """Who is registered, and with which evidence, at the start of the climb."""
        facts: list[ModelRegistered | GateGiven] = []
        for model in self.sealed:
            passport = model.manifest.passport
            facts.append(
                ModelRegistered(
                    now_ns,
                    passport.model,
                    model.manifest.version,
                    model.digest,
                    passport.parent,
                    passport.trials,
                )
            )
            facts.extend(_gates(now_ns, passport.model, model.digest, passport.evidence))
        for name, evidence in self.turned_away:
            facts.extend(_gates(now_ns, name, "", evidence))
        return tuple(facts)


def made(
    folder: RunFolder, report: TrainingReport, settings: Settings, first_index: int
) -> Shelf:
    """Open what the run's own trainer has sealed."""
    digests = [c.digest for c in report.candidates if c.digest is not None]
    key = _key(folder.trust)
    sealed = [_open(folder.models, digest, key) for digest in digests]
    away = tuple((c.model, c.evidence) for c in report.candidates if c.digest is None)
    origin = Origin(folder.models, key, report.schema_hash)
    return _shelf(sealed, away, settings, first_index, origin)


def given(models: Path, trust: Path, settings: Settings, bars: PairBars) -> Shelf:
    """Open models that were sealed before; the climb begins after their last bar.

    Raises
    ------
    ConfigError
        If there is no model in the folder, or no bar is left that none was trained on.
    """
    digests = list_digests(models) if models.is_dir() else ()
    if not digests:
        msg = f"{models} holds no sealed model; a run leaves them in its models/ folder"
        raise ConfigError(msg)
    key = _key(trust)
    sealed = [_open(models, digest, key) for digest in digests]
    last_ns = max(s.manifest.passport.last_data_ns for s in sealed)
    first_index = int(np.searchsorted(bars.time_ns, last_ns, side="right"))
    if not first_index < len(bars):
        day = np.datetime64(last_ns, "ns").astype("datetime64[s]")
        msg = f"the models saw bars up to {day} UTC, and there are none after it to climb on"
        raise ConfigError(msg)
    terms = terms_hash(plain(settings), bars.instruments, planted=False)
    return _shelf(sealed, (), settings, first_index, Origin(models, key, terms))


def _shelf(
    sealed: Sequence[SealedModel],
    away: tuple[tuple[str, tuple[GateEvidence, ...]], ...],
    settings: Settings,
    first_index: int,
    origin: Origin,
) -> Shelf:
    runtimes: dict[str, ModelRuntime] = {}
    rule = baseline(settings.baseline, schema_hash(settings.features))
    runtimes[rule.card.digest] = rule
    for model in sealed:
        runtime = forest.load(model)
        verdict = same_schema(runtime.card, origin.terms)
        if isinstance(verdict, Refuse):
            raise ConfigError(_words(verdict.findings))
        runtimes[model.digest] = runtime
    return Shelf(
        runtimes=runtimes,
        baseline=rule.card.digest,
        sealed=tuple(sorted(sealed, key=lambda model: model.manifest.passport.model)),
        turned_away=away,
        first_index=first_index,
        folder=origin.folder,
        key=origin.key,
    )


def _open(folder: Path, digest: str, key: bytes) -> SealedModel:
    match open_sealed(folder, digest, key):
        case Refuse(findings):
            msg = (
                f"model {digest[:12]} is refused: {_words(findings)}; nothing of it was loaded"
            )
            raise DataError(msg)
        case sealed:
            return sealed


def _key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"the public key {path} cannot be read: {error.strerror}; a run leaves trust.pub"
        raise ConfigError(msg) from error


def _gates(
    now_ns: UtcNs, model: str, digest: str, evidence: Sequence[GateEvidence]
) -> list[GateGiven]:
    return [GateGiven(now_ns, e.gate, model, digest, e.verdict) for e in evidence]


def _words(findings: Sequence[Finding]) -> str:
    return "; ".join(f.detail for f in findings)
