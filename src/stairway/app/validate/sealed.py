"""The proof that was sealed with a candidate, held against the registry and against today.

1. It is the one that was registered: its hash is that of the registry entry. Where the
   record names no such entry, it is held against ``training.json``, called by that name, and
   stays open: nobody but the registry counts tries.
2. What training says of the features and of the splits has to be what was sealed, and every
   figure that neither depends on the count of tries nor on drawn histories is measured again
   and has to come out the same. Where it does not, both are named.
3. Its gates answer anew, with the count of the registry.

``training.json`` bears no signature. A model that it does not name is looked up in the
registry, and a candidate with nothing sealed passes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import msgspec

from stairway.adapters.artifacts.directory import open_sealed
from stairway.app.catalog import CODEC
from stairway.app.folder import Ask, RunFolder
from stairway.app.record.engine import open_run
from stairway.app.settings import Settings
from stairway.app.validate.digits import told_both
from stairway.app.validate.report import Sealed
from stairway.base.errors import DataError
from stairway.base.verdict import Refuse, Verdict, inconclusive, passed, refuse
from stairway.evaluation.battery.study import BatteryReport
from stairway.evaluation.evidence import EVIDENCE_GATES
from stairway.evaluation.proof import Proof, from_bytes, hash_of, recounted
from stairway.evaluation.proof_of_returns import Figures
from stairway.lifecycle.facts import ModelRegistered
from stairway.lifecycle.stage import Stage
from stairway.training.report import CandidateReport

REGISTRY = "model.moved"
"""Stream on which models are registered."""

MEASURED_AGAIN = (
    "n_rows",
    "years",
    "names",
    "chosen",
    "trials.sharpe_variance",
    "net",
    "gross",
    "psr",
    "track",
    "mean.annual",
    "mean.block_rows",
    "mean.n_resamples",
    "shifts",
    "deflated.trials.sharpe_variance",
    "deflated.psr.shape",
    "choice",
    "sharpes",
    "baseline.annual",
    "baseline.best",
    "champion.annual",
    "champion.best",
    "standing.names",
    "honesty",
)
"""Figures that come out the same whenever they are measured; a dot leads into one of them."""

_GONE = (
    "the run left a result, and no record says who was registered, so nobody knows how many "
    "were tried; restore the record (log/) from a copy"
)
_NOT_YET = "no record says who was registered yet; finish the run with stairway run --resume"
_ROUNDING = 1e-9
_MOST = 3


@dataclass(frozen=True, slots=True)
class Registry:
    """Who was registered in a run, by digest, as the record has it.

    Attributes
    ----------
    entries
        Nobody where there is no record.
    climbed
        Whether the run left a result, and so must have a record.
    """

    entries: dict[str, ModelRegistered]
    climbed: bool = False

    def trials(self, digest: str | None) -> int:
        """Count tries as of a model's entry; of one that has none, all that there are."""
        mine = self.entries.get(digest or "")
        if mine is not None:
            return mine.trials
        return max((entry.trials for entry in self.entries.values()), default=1)

    def digest_of(self, model: str) -> str | None:
        """Digest of the model of this name that came in last; ``None`` where none did."""
        named = [entry for entry in self.entries.values() if entry.model == model]
        return max(named, key=lambda entry: entry.time_ns).digest if named else None


@dataclass(frozen=True, slots=True)
class Today:
    """What a seal is held against.

    Attributes
    ----------
    figures
        Measured now.
    causality, battery
        As ``training.json`` has them.
    """

    figures: Figures
    causality: Verdict
    battery: BatteryReport | None


class Again(NamedTuple):
    """What was sealed with a candidate, judged, and the proof itself where there is one."""

    sealed: Sealed
    proof: Proof | None


def registry_of(folder: RunFolder, ask: Ask, settings: Settings) -> Registry:
    """Read who was registered; nobody where there is no record."""
    climbed = folder.result.is_file()
    if ask.log is None and not folder.log.is_dir():
        return Registry({}, climbed)
    log = open_run(folder.log, settings.log, ask.log, read_only=True)
    try:
        facts = list(map(CODEC.read, log.read(REGISTRY)))
    finally:
        log.close()
    return Registry(
        {
            fact.digest: fact
            for fact in facts
            if isinstance(fact, ModelRegistered) and fact.stage is not Stage.BASELINE
        },
        climbed,
    )


def read_again(
    folder: RunFolder, candidate: CandidateReport, registry: Registry, now: Today
) -> Again:
    """Read what was sealed with a candidate; where nothing was, nothing passes.

    Raises
    ------
    DataError
        If the artifact is not whole, or its proof cannot be read.
    """
    digest = candidate.digest or registry.digest_of(candidate.model)
    if digest is None:
        return Again(_unsealed(candidate), None)
    found = open_sealed(folder.models, digest, _key(folder))
    if isinstance(found, Refuse):
        raise DataError(_no_artifact(folder, digest, found))
    proof = refuse("proof.missing", "") if found.proof is None else from_bytes(found.proof)
    if isinstance(proof, Refuse):
        raise DataError(_no_artifact(folder, digest, proof))
    entry = registry.entries.get(digest)
    named = candidate.proof if entry is None else entry.proof
    counted = max(registry.trials(digest), 1 if entry else proof.trials)
    gates = [item for item in recounted(proof, counted) if item.gate in EVIDENCE_GATES]
    checks = {
        "entry": _entered(candidate, digest, proof, registry),
        "proof": same(proof, named, counted, now, registered=entry is not None),
        **{item.gate: item.verdict for item in gates},
    }
    sealed = Sealed(
        sha256=hash_of(proof),
        trials=proof.trials,
        registered=None if entry is None else counted,
        checks=checks,
    )
    return Again(sealed, proof)


def _unsealed(candidate: CandidateReport) -> Sealed:
    detail = (
        f"no proof is sealed with {candidate.model}, and none is registered: what the folder "
        "says of it is not vouched for; train it again"
    )
    return Sealed(
        sha256=None,
        trials=0,
        registered=None,
        checks={"entry": inconclusive("proof.unsealed", detail)},
    )


def _entered(
    candidate: CandidateReport, digest: str, proof: Proof, registry: Registry
) -> Verdict:
    """Say whether training, the seal and the registry speak of one and the same model."""
    name = f"model {digest[:12]}"
    if proof.model != candidate.model:
        detail = f"{name} was sealed as {proof.model}, and is handed in as {candidate.model}"
        return refuse("proof.entry", detail)
    if candidate.digest is None:
        detail = f"training.json names no sealed {candidate.model}, the registry names {name}"
        return refuse("proof.entry", detail)
    if registry.entries and digest not in registry.entries:
        there = registry.digest_of(candidate.model)
        other = "no model of this name" if there is None else f"model {there[:12]}"
        detail = f"{name} is not registered as {candidate.model}, {other} is"
        return inconclusive("proof.entry", detail)
    if not registry.entries:
        why = _GONE if registry.climbed else _NOT_YET
        detail = f"{name} was sealed as {candidate.model}, and is not registered: {why}"
        return inconclusive("proof.entry", detail)
    return passed("proof.entry", f"{name} is the one that was sealed as {candidate.model}")


def same(
    proof: Proof, named: str | None, counted: int, now: Today, *, registered: bool
) -> Verdict:
    """Say whether a proof is the one that was named, and says what is said now.

    Parameters
    ----------
    named
        Its hash, as the registry has it, or ``training.json`` where that has none.
    counted
        Tries that it is held against.
    registered
        Whether it is the registry that named it.
    """
    sha256 = hash_of(proof)
    if named != sha256:
        other = (named or "none")[:12]
        told = f"{other} is registered" if registered else f"training.json names {other}"
        return refuse("proof.hash", f"the sealed proof is {sha256[:12]}, and {told}")
    if counted < proof.trials:
        detail = f"the sealed proof counts {proof.trials} tries, the registry {counted}"
        return refuse("proof.trials", detail, counted, proof.trials)
    if proof.shown is None:
        return refuse("proof.contradicted", "sealed: nothing was measured; now it can be")
    apart = [*told_otherwise(proof, now), *differences(proof.shown.figures, now.figures)]
    if apart:
        more = f", and {len(apart) - _MOST} more" if len(apart) > _MOST else ""
        detail = f"what is sealed is not what is found now: {'; '.join(apart[:_MOST])}{more}"
        return refuse("proof.contradicted", detail, len(apart), 0)
    known = "was registered" if registered else "training.json names"
    detail = f"proof {sha256[:12]} is the one that {known}, and is measured the same now"
    return passed("proof.same", detail, n=proof.shown.figures.n_rows)


def told_otherwise(proof: Proof, now: Today) -> Iterator[str]:
    """Name all that training says otherwise of the features or the splits than was sealed."""
    yield from _apart("causality", _plain(proof.causality), _plain(now.causality))
    yield from _apart("battery", _plain(proof.battery), _plain(now.battery))


def differences(sealed: Figures, now: Figures) -> Iterator[str]:
    """Name every figure that differs, with both values."""
    before, after = _plain(sealed), _plain(now)
    for name in MEASURED_AGAIN:
        yield from _apart(name, _within(before, name), _within(after, name))


def _within(told: Any, name: str) -> Any:
    for part in name.split("."):
        told = None if told is None else told[part]
    return told


def _plain(told: Figures | Verdict | BatteryReport | None) -> Any:
    return msgspec.json.decode(msgspec.json.encode(told))


def _apart(name: str, sealed: Any, now: Any) -> Iterator[str]:
    if isinstance(sealed, dict) and isinstance(now, dict):
        one, other = cast("dict[str, Any]", sealed), cast("dict[str, Any]", now)
        for key in sorted({*one, *other}):
            yield from _apart(f"{name}.{key}", one.get(key), other.get(key))
    elif isinstance(sealed, list) and isinstance(now, list):
        yield from _apart_in_order(name, cast("list[Any]", sealed), cast("list[Any]", now))
    elif not _alike(sealed, now):
        was, is_ = _both(sealed, now)
        yield f"{name} was {was} and is {is_}"


def _apart_in_order(name: str, sealed: list[Any], now: list[Any]) -> Iterator[str]:
    if len(sealed) != len(now):
        yield f"{name} had {len(sealed)} values and has {len(now)}"
        return
    for k, (one, other) in enumerate(zip(sealed, now, strict=True)):
        yield from _apart(f"{name}[{k}]", one, other)


def _alike(sealed: Any, now: Any) -> bool:
    if isinstance(sealed, float) and isinstance(now, float | int):
        return math.isclose(sealed, now, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
    return bool(sealed == now)


def _both(sealed: Any, now: Any) -> tuple[str, str]:
    if isinstance(sealed, float) and isinstance(now, float | int):
        return told_both(sealed, now)
    return _said(sealed), _said(now)


def _said(value: Any) -> str:
    match value:
        case None:
            return "not measured"
        case float():
            return f"{value:.6g}"
        case dict():
            return "measured"
        case _:
            return str(value)


def _key(folder: RunFolder) -> bytes:
    try:
        return folder.trust.read_bytes()
    except OSError as error:
        msg = f"{folder.trust} cannot be read ({error.strerror}); restore it from a copy"
        raise DataError(msg) from error


def _no_artifact(folder: RunFolder, digest: str, why: Refuse) -> str:
    said = why.findings[0].detail or "it holds no proof"
    return (
        f"model {digest[:12]} of {folder.models} is refused: {said}; restore it from a copy, "
        "or start a new run"
    )
