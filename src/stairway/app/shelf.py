"""Sealed models, opened: who they are, what evidence came with them, and their runtimes.

Nothing is taken from a folder of models but what the given public key has signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stairway.adapters.artifacts.directory import list_digests, open_sealed
from stairway.app import plugins
from stairway.app.folder import RunFolder
from stairway.app.settings import Settings, plain
from stairway.app.terms import terms_hash
from stairway.base.errors import ConfigError, DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding, Refuse, Verdict, passed
from stairway.evaluation.proof import Proof, from_bytes, recounted
from stairway.lifecycle.facts import Admission, GateGiven, ModelRegistered, ProofGiven
from stairway.lifecycle.stage import Stage
from stairway.market.bars import PairBars
from stairway.models.ask import same_schema
from stairway.models.baseline import BaselineRules
from stairway.models.bodies.rule import RuleBody
from stairway.models.families import KINDS
from stairway.models.manifest import GateEvidence
from stairway.models.ports import Runtime
from stairway.models.sealed import SealedModel
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
        By digest, the rule's among them.
    rule
        The static rule, which trades where no model may.
    sealed
        All others, in the order in which they are registered.
    turned_away
        Candidates that were refused before anything was trained: slot and evidence.
    first_index
        First bar that none of them was trained on.
    folder, key
        Where the artifacts lie, and whom to believe about them.
    """

    runtimes: Mapping[str, Runtime]
    rule: SealedModel
    sealed: tuple[SealedModel, ...]
    turned_away: tuple[tuple[str, tuple[GateEvidence, ...]], ...]
    first_index: int
    folder: Path
    key: bytes

    @property
    def baseline(self) -> str:
        """Digest of the rule."""
        return self.rule.digest

    def reopen(self, digest: str) -> Verdict:
        """Check an artifact once more, from its bytes: before its model takes charge."""
        match open_sealed(self.folder, digest, self.key):
            case Refuse() as refused:
                return refused
            case sealed:
                detail = f"{sealed.manifest.passport.model} {sealed.manifest.version} is whole"
                return passed("artifact.whole", detail)

    def facts(self, now_ns: UtcNs) -> tuple[Admission, ...]:
        """Who is registered, and with which evidence, at the start of the climb.

        Trials are counted as models are registered: those of one training were tried
        together, and those of another training come on top.
        """
        facts: list[Admission] = []
        counted = trials_of(self.sealed)
        for model in self.sealed:
            facts.extend(_admitted(model, Stage.CANDIDATE, counted[model.digest], now_ns))
        facts.extend(_admitted(self.rule, Stage.BASELINE, 1, now_ns))
        for name, evidence in self.turned_away:
            facts.extend(_gates(now_ns, name, "", evidence))
        return tuple(facts)


def made(
    folder: RunFolder, report: TrainingReport, settings: Settings, first_index: int
) -> Shelf:
    """Open what the run's own trainer has sealed.

    Raises
    ------
    ConfigError
        If a model was taught on other terms, or the rule is not that of the policy.
    DataError
        If an artifact is not whole, or the trainer's key did not sign it.
    """
    named = (report.baseline, *(c.digest for c in report.candidates))
    digests = [digest for digest in named if digest is not None]
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
        If there is no model or no rule in the folder, two of one name, if no bar is left
        that none was trained on, if a model was taught on other terms, or the rule is not
        the policy's.
    DataError
        If an artifact is not whole, or another key signed it.
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
    rule = _rule(sealed, settings.baseline, origin.folder)
    _require_one_each(sealed, origin.folder)
    runtimes: dict[str, Runtime] = {}
    for model in sealed:
        runtime = _load(model)
        verdict = same_schema(runtime.card, origin.terms)
        if isinstance(verdict, Refuse):
            raise ConfigError(_words(verdict.findings))
        runtimes[model.digest] = runtime
    others = [model for model in sealed if model is not rule]
    return Shelf(
        runtimes=runtimes,
        rule=rule,
        sealed=tuple(sorted(others, key=lambda model: model.manifest.passport.model)),
        turned_away=away,
        first_index=first_index,
        folder=origin.folder,
        key=origin.key,
    )


def _require_one_each(sealed: Sequence[SealedModel], folder: Path) -> None:
    """Refuse two models under one label: nobody could tell their evidence apart.

    A slot may have several versions: that is how a successor climbs beside its champion.
    """
    there: dict[tuple[str, str], SealedModel] = {}
    for model in sealed:
        name, version = model.manifest.passport.model, model.manifest.version
        other = there.setdefault((name, version), model)
        if other is not model:
            msg = (
                f"{folder} holds two sealed models named {name!r} of one version, "
                f"{_label(other)} and {_label(model)}, which nobody could tell apart: move one "
                "away"
            )
            raise ConfigError(msg)


def _label(model: SealedModel) -> str:
    return f"{model.manifest.version} ({model.digest[:12]})"


def _rule(sealed: Sequence[SealedModel], policy: BaselineRules, folder: Path) -> SealedModel:
    """Find the one last resort, and refuse any that is not what the policy asks for."""
    rules = [(model, model.body) for model in sealed if isinstance(model.body, RuleBody)]
    if len(rules) != 1:
        msg = (
            f"{folder} holds {len(rules)} sealed rules, and exactly one must be there to trade "
            "where no model may; a run leaves its own in its models/ folder: give all of it"
        )
        raise ConfigError(msg)
    (model, body), *_ = rules
    if body.rules != policy:
        msg = (
            f"the sealed rule has {_numbers(body.rules)}, and [baseline] of the policy asks "
            f"for {_numbers(policy)}; use the policy it was sealed under, or train again"
        )
        raise ConfigError(msg)
    return model


def _numbers(rules: BaselineRules) -> str:
    return f"max_edge {rules.max_edge} and scale_sigmas {rules.scale_sigmas}"


def _load(model: SealedModel) -> Runtime:
    """Hand a model to the runtime that serves its family."""
    kind = KINDS[model.manifest.passport.family]
    return plugins.load("runtimes", kind.runtime).load(model)


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


def trials_of(sealed: Sequence[SealedModel]) -> dict[str, int]:
    """Count trials up to each model, by digest, over the trainings in order of their data."""
    trainings: dict[tuple[UtcNs, str, str, str], list[SealedModel]] = {}
    for model in sealed:
        said = model.manifest.passport
        once = (
            said.last_data_ns,
            said.data_fingerprint,
            said.schema_hash,
            said.code_fingerprint,
        )
        trainings.setdefault(once, []).append(model)
    counted: dict[str, int] = {}
    before = 0
    for once in sorted(trainings):
        together = trainings[once]
        before += max(model.manifest.passport.trials for model in together)
        counted |= dict.fromkeys((model.digest for model in together), before)
    return counted


def _admitted(model: SealedModel, stage: Stage, trials: int, now_ns: UtcNs) -> list[Admission]:
    """Register one model with its proof; gates that depend on the count answer anew."""
    passport = model.manifest.passport
    registered = ModelRegistered(
        now_ns,
        passport.model,
        model.manifest.version,
        model.digest,
        passport.parent,
        trials,
        stage,
        model.proof_hash,
    )
    proof = _proof(model)
    if proof is None:
        return [registered, *_gates(now_ns, passport.model, model.digest, passport.evidence)]
    given = ProofGiven(now_ns, passport.model, model.digest, proof)
    said = recounted(proof, trials)
    return [registered, given, *_gates(now_ns, passport.model, model.digest, said)]


def _proof(model: SealedModel) -> Proof | None:
    """Read the proof of a model; ``None`` where it has none: it is registered all the same.

    Raises
    ------
    DataError
        If it has one that cannot be read, or that says another thing than its passport.
    """
    if model.proof is None:
        return None
    passport = model.manifest.passport
    proof = from_bytes(model.proof)
    if isinstance(proof, Refuse):
        msg = f"the proof of model {model.digest[:12]} is refused: {_words(proof.findings)}"
        raise DataError(msg)
    if (proof.model, proof.evidence) != (passport.model, passport.evidence):
        msg = (
            f"the proof of model {model.digest[:12]} is not the one of its passport: restore "
            "the folder of the model, or train again"
        )
        raise DataError(msg)
    return proof


def _gates(
    now_ns: UtcNs, model: str, digest: str, evidence: Sequence[GateEvidence]
) -> list[GateGiven]:
    return [GateGiven(now_ns, e.gate, model, digest, e.verdict) for e in evidence]


def _words(findings: Sequence[Finding]) -> str:
    return "; ".join(f.detail for f in findings)
