"""When the bytes of a sealed model may be believed.

A bundle (what the trainer knows) is packed into a manifest and blobs; the manifest names
every blob by its hash, so its own hash is the identity of the model. Unpacking is the
same road backwards, with a refusal at every turn where the bytes are not what the
manifest says, or the model does not do what it did when it was sealed:

1. the manifest is decoded strictly and must be the canonical writing of itself;
2. it names exactly the blobs that its family has, beside which a proof may lie, and a slot
   that its family may fill;
3. every blob has the size and SHA-256 that the manifest states;
4. the body that they make is structurally sound;
5. the recorded parity rows give the recorded margins.

Signatures, files and their names are the business of ``adapters/artifacts``, which must
have checked the signature before anything here is called. No code is ever loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stairway.base.errors import InvariantError
from stairway.base.hashing import digest
from stairway.base.verdict import Pass, Refuse, refuse
from stairway.models.baseline import BASELINE
from stairway.models.families import KINDS, Body
from stairway.models.manifest import (
    SCHEMA_VERSION,
    Blob,
    Family,
    Form,
    Manifest,
    Passport,
    canonical,
    decode,
    require_sealable,
    version_label,
)


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """What the trainer hands over to be sealed.

    ``proof`` is the canonical writing of all that speaks for the model and against it. Its
    content is read by whoever lets models climb; here it is bytes that the identity covers.
    """

    passport: Passport
    body: Body
    proof: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SealedModel:
    """A model whose bytes were checked, ready for a runtime; ``proof`` where it has one."""

    digest: str
    manifest: Manifest
    body: Body
    proof: bytes | None = None

    @property
    def proof_hash(self) -> str | None:
        """SHA-256 of the proof, as the signed manifest states it."""
        blobs = self.manifest.blobs
        return next((blob.sha256 for blob in blobs if blob.form is Form.PROOF), None)


@dataclass(frozen=True, slots=True)
class Packed:
    """The bytes of a sealed model, before they are signed and written."""

    digest: str
    manifest: bytes
    blobs: dict[Form, bytes]


def pack(bundle: Bundle) -> Packed:
    """Turn a bundle into bytes; the same bundle always gives the same digest.

    Raises
    ------
    DataError
        If the passport cannot be sealed (a name, a figure that is not finite).
    InvariantError
        If what was packed would be refused when it is opened.
    """
    require_sealable(bundle.passport)
    blobs = bundle.body.blobs()
    if bundle.proof is not None:
        blobs = {**blobs, Form.PROOF: bundle.proof}
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
    """Decode a manifest whose signature was found good; it is one that its family may have.

    Examples
    --------
    >>> read_manifest(b"{}").findings[0].code
    'artifact.manifest'
    """
    manifest = decode(content)
    if isinstance(manifest, Refuse):
        return manifest
    family = manifest.passport.family
    kind = KINDS.get(family)
    if kind is None:
        detail = f"models of the family {family} cannot be opened; {', '.join(KINDS)} can"
        return refuse("artifact.family", detail)
    forms = sorted(blob.form for blob in manifest.blobs)
    if forms not in (sorted(kind.forms), sorted((*kind.forms, *_beside(family)))):
        detail = f"the blobs of {family} must be exactly {', '.join(sorted(kind.forms))}"
        return refuse("artifact.blobs", detail)
    if (manifest.passport.model == BASELINE) is not (family is Family.RULE):
        detail = f"a rule fills the slot {BASELINE!r} and nobody else does; it is a {family}"
        return refuse("artifact.slot", detail)
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
    kind = KINDS[manifest.passport.family]
    body = kind.read(blobs, manifest.passport)
    if isinstance(body, Refuse):
        return body
    replayed = body.replay(kind.tolerance)
    if not isinstance(replayed, Pass):
        return Refuse(replayed.findings)
    stated = any(blob.form is Form.PROOF for blob in manifest.blobs)
    proof = blobs[Form.PROOF] if stated else None
    return SealedModel(digest(manifest_bytes), manifest, body, proof)


def _beside(family: Family) -> tuple[Form, ...]:
    """Return what may lie beside a body: a rule never climbs, and has nothing to prove."""
    return () if family is Family.RULE else (Form.PROOF,)


def _differs(blob: Blob, content: bytes | None) -> Refuse | None:
    if content is None or len(content) != blob.size:
        size = None if content is None else len(content)
        return refuse("artifact.size", f"{blob.form} is missing or cut", size, blob.size)
    if digest(content) != blob.sha256:
        return refuse("artifact.hash", f"{blob.form} is not the file that was signed")
    return None
