"""What a sealed model is made of, and when its bytes may be believed.

A bundle (what the trainer knows) is packed into a manifest and three blobs; the manifest
names every blob by its hash, so its own hash is the identity of the model. Unpacking is
the same road backwards, with a refusal at every turn where the bytes are not what the
manifest says, or the model does not do what it did when it was sealed:

1. the manifest is decoded strictly and must be the canonical writing of itself;
2. every blob has the size and SHA-256 that the manifest states;
3. the forest and the calibration are structurally sound;
4. the recorded parity rows give the recorded margins.

Signatures, files and their names are the business of ``adapters/artifacts``, which must
have checked the signature before anything here is called. No code is ever loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from stairway.base.errors import DataError, InvariantError
from stairway.base.hashing import digest
from stairway.base.units import NS_PER_SECOND, UtcNs
from stairway.base.verdict import Pass, Refuse, Verdict, refuse
from stairway.models import calibration as calibrations
from stairway.models import forest as forests
from stairway.models import parity as parities
from stairway.models.calibration import Calibration
from stairway.models.forest import Forest
from stairway.models.parity import Parity

SCHEMA_VERSION = 1
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Form(StrEnum):
    """What a blob may be. The value is also its file name; there are no other files."""

    FOREST = "forest.safetensors"
    CALIBRATION = "calibration.json"
    PARITY = "parity.safetensors"


class Family(StrEnum):
    """Which library grew the trees."""

    LIGHTGBM = "lightgbm"
    XGBOOST = "xgboost"


PARITY_TOLERANCE: dict[Family, float] = {Family.LIGHTGBM: 0.0, Family.XGBOOST: 1e-5}
"""How far a margin may lie from the library's own. XGBoost adds up in 32 bits."""


class GateEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gate's answer about this model, as it stood when the model was sealed."""

    gate: str
    verdict: Verdict


class Passport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model comes from and what is known about it.

    Attributes
    ----------
    model, family
        Slot name (``"lightgbm"``), and the library that grew the trees.
    last_data_ns
        Close time of the last bar it was trained on: the version label derives from it.
    feature_names, schema_hash
        What its rows hold, in order, and the hash of how they are computed.
    data_fingerprint, code_fingerprint
        Hashes of the bars and of the code that trained it.
    libraries
        Versions of everything that took part.
    parent
        Digest of the model it was made from, if any.
    trials
        How many candidates were tried before this one was chosen, itself included.
    metrics
        Figures of the training run, by name; finite.
    evidence
        Every gate's verdict; refusals too.
    """

    model: str
    family: Family
    last_data_ns: UtcNs
    feature_names: tuple[str, ...]
    schema_hash: str
    data_fingerprint: str
    code_fingerprint: str
    libraries: dict[str, str]
    trials: Annotated[int, Meta(ge=1)]
    metrics: dict[str, float]
    evidence: tuple[GateEvidence, ...]
    parent: str | None = None


class Blob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a sealed model."""

    form: Form
    size: Count
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a model but its numbers. Its SHA-256 is the model's identity."""

    schema_version: int
    version: str
    passport: Passport
    blobs: tuple[Blob, ...]


class _Version(msgspec.Struct, frozen=True):
    schema_version: int


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """What the trainer hands over to be sealed."""

    passport: Passport
    forest: Forest
    calibration: Calibration
    parity: Parity


@dataclass(frozen=True, slots=True, eq=False)
class SealedModel:
    """A model whose bytes were checked, ready for a runtime."""

    digest: str
    manifest: Manifest
    forest: Forest
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class Packed:
    """The bytes of a sealed model, before they are signed and written."""

    digest: str
    manifest: bytes
    blobs: dict[Form, bytes]


def version_label(last_data_ns: UtcNs) -> str:
    """Name a version after the last instant of its data, in UTC.

    Examples
    --------
    >>> version_label(1_514_851_200_000_000_000)
    'v20180102_000000'
    """
    return datetime.fromtimestamp(last_data_ns // NS_PER_SECOND, UTC).strftime("v%Y%m%d_%H%M%S")


def is_name(text: str) -> bool:
    """Say whether ``text`` may name a model: ASCII, no path in it, no dots in a row.

    Examples
    --------
    >>> [is_name(text) for text in ("lightgbm", "a..b", "../x", "")]
    [True, False, False, False]
    """
    return NAME.fullmatch(text) is not None and ".." not in text


def is_digest(text: str) -> bool:
    """Say whether ``text`` is 64 lower-case hexadecimal digits.

    Examples
    --------
    >>> is_digest("0" * 64), is_digest("0" * 63 + "/")
    (True, False)
    """
    return DIGEST.fullmatch(text) is not None


def canonical(manifest: Manifest) -> bytes:
    """Write a manifest in the one way it can be written."""
    return msgspec.json.encode(manifest, order="sorted")


def pack(bundle: Bundle) -> Packed:
    """Turn a bundle into bytes; the same bundle always gives the same digest.

    Raises
    ------
    DataError
        If the passport cannot be sealed (a name, a figure that is not finite).
    InvariantError
        If what was packed would be refused when it is opened.
    """
    _require_sealable(bundle.passport)
    blobs = {
        Form.FOREST: forests.to_bytes(bundle.forest),
        Form.CALIBRATION: calibrations.to_bytes(bundle.calibration),
        Form.PARITY: parities.to_bytes(bundle.parity),
    }
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        version=version_label(bundle.passport.last_data_ns),
        passport=bundle.passport,
        blobs=tuple(Blob(form, len(raw), digest(raw)) for form, raw in blobs.items()),
    )
    written = canonical(manifest)
    opened = unpack(written, blobs)
    if isinstance(opened, Refuse):
        found = opened.findings[0]
        msg = f"{bundle.passport.model} cannot be sealed: {found.code}: {found.detail}"
        raise InvariantError(msg)
    return Packed(opened.digest, written, blobs)


def read_manifest(content: bytes) -> Manifest | Refuse:
    """Decode a manifest whose signature was found good.

    Examples
    --------
    >>> read_manifest(b"{}").findings[0].code
    'artifact.manifest'
    """
    try:
        written_by = msgspec.json.decode(content, type=_Version).schema_version
        if written_by != SCHEMA_VERSION:
            detail = "the manifest is of another version of Stairway: train the model again"
            return refuse("artifact.version", detail, written_by, SCHEMA_VERSION)
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return refuse("artifact.manifest", f"the manifest cannot be read: {error}")
    if canonical(manifest) != content:
        return refuse("artifact.manifest", "the manifest is not in its canonical writing")
    if sorted(blob.form for blob in manifest.blobs) != sorted(Form):
        return refuse("artifact.blobs", f"blobs must be exactly {', '.join(sorted(Form))}")
    return manifest


def unpack(manifest_bytes: bytes, blobs: Mapping[Form, bytes]) -> SealedModel | Refuse:
    """Check bytes against their manifest, structure, and recorded behaviour, in that order."""
    manifest = read_manifest(manifest_bytes)
    if isinstance(manifest, Refuse):
        return manifest
    for blob in manifest.blobs:
        bad = _differs(blob, blobs.get(blob.form))
        if bad is not None:
            return bad
    parts = _parse(manifest, blobs)
    if isinstance(parts, Refuse):
        return parts
    forest, calibration, parity = parts
    replayed = parities.replay(forest, parity, PARITY_TOLERANCE[manifest.passport.family])
    if not isinstance(replayed, Pass):
        return Refuse(replayed.findings)
    return SealedModel(digest(manifest_bytes), manifest, forest, calibration)


def _parse(
    manifest: Manifest, blobs: Mapping[Form, bytes]
) -> tuple[Forest, Calibration, Parity] | Refuse:
    n_features = len(manifest.passport.feature_names)
    forest = forests.from_bytes(blobs[Form.FOREST], n_features)
    if isinstance(forest, Refuse):
        return forest
    calibration = calibrations.from_bytes(blobs[Form.CALIBRATION])
    if isinstance(calibration, Refuse):
        return calibration
    parity = parities.from_bytes(blobs[Form.PARITY], n_features)
    return parity if isinstance(parity, Refuse) else (forest, calibration, parity)


def _require_sealable(passport: Passport) -> None:
    if not is_name(passport.model):
        msg = f"model name {passport.model!r} is not allowed; use a-z, 0-9, and . _ - inside"
        raise DataError(msg)
    try:
        again = msgspec.json.decode(msgspec.json.encode(passport), type=Passport)
    except msgspec.ValidationError as error:
        msg = f"the passport of {passport.model} cannot be sealed ({error}): use finite metrics"
        raise DataError(msg) from error
    if again.metrics != passport.metrics or again.feature_names != passport.feature_names:
        msg = f"the passport of {passport.model} does not read back as it was written"
        raise DataError(msg)


def _differs(blob: Blob, content: bytes | None) -> Refuse | None:
    if content is None or len(content) != blob.size:
        size = None if content is None else len(content)
        return refuse("artifact.size", f"{blob.form} is missing or cut", size, blob.size)
    if digest(content) != blob.sha256:
        return refuse("artifact.hash", f"{blob.form} is not the file that was signed")
    return None
