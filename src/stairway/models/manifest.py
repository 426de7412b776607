"""What is said about a sealed model, and which files it may be made of.

Two closed lists are kept here: the *forms* that a blob may have, and the *families* that
a model may belong to. Which forms a family has is in :mod:`stairway.models.families`. A
file that is on no list cannot be named, so it cannot be opened, whoever signed it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from stairway.base.errors import DataError
from stairway.base.units import NS_PER_SECOND, UtcNs
from stairway.base.verdict import Refuse, Verdict, refuse

_LAST_NS = 4_102_444_800_000_000_000
"""The year 2100: what is later was no data."""

SCHEMA_VERSION = 2
NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Form(StrEnum):
    """What a blob may be. The value is also its file name; there are no other files."""

    FOREST = "forest.safetensors"
    RULE = "rule.json"
    POLICY = "policy.safetensors"
    ARCHITECTURE = "architecture.json"
    CALIBRATION = "calibration.json"
    PARITY = "parity.safetensors"
    PROOF = "proof.json"


class Family(StrEnum):
    """What kind of model it is, by how it came about."""

    LIGHTGBM = "lightgbm"
    XGBOOST = "xgboost"
    RULE = "rule"
    POLICY = "policy"


class GateEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gate's answer about this model, as it stood when the model was sealed."""

    gate: str
    verdict: Verdict


class Passport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model comes from and what is known about it.

    Attributes
    ----------
    model, family
        Slot name (``"lightgbm"``), and what kind of model it is.
    last_data_ns
        Close time of the last bar it was trained on: the version label derives from it.
        A rule is trained on none; it has that of the run that sealed it.
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


def decode(content: bytes) -> Manifest | Refuse:
    """Decode a manifest strictly: this version, no unknown field, the canonical writing.

    Examples
    --------
    >>> decode(b"{}").findings[0].code
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
    wrong = _misnamed(manifest)
    return manifest if wrong is None else wrong


def _misnamed(manifest: Manifest) -> Refuse | None:
    """Refuse a name that is no name, and a version that its data do not have."""
    passport = manifest.passport
    if not is_name(passport.model):
        return refuse("artifact.name", f"{passport.model!r} is no name of a model")
    if not 0 <= passport.last_data_ns <= _LAST_NS:
        detail = "the last instant of its data is none"
        return refuse("artifact.version", detail, float(passport.last_data_ns), float(_LAST_NS))
    if manifest.version != version_label(passport.last_data_ns):
        return refuse("artifact.version", "its version is not that of its last data")
    return None


def require_sealable(passport: Passport) -> None:
    """Raise unless a passport reads back as it was written, under a name that is one.

    Raises
    ------
    DataError
        If a name is not allowed, or a figure is not finite.
    """
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
