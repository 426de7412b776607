"""Which policy is in force, and who is in charge, as one signed statement after another.

A generation says everything that a worker has to know; the next one names it as its parent
and carries the next number. Going back is a new generation that says what an old one said.
Only what a trusted key signed is believed, and only in the one way it can be written; and
since a key may sign for several stores, each generation also says where its store began.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from msgspec import Meta

from stairway.base.hashing import digest
from stairway.base.units import UtcNs
from stairway.base.verdict import Refuse, refuse
from stairway.events.envelope import GENESIS
from stairway.lifecycle.stage import Stage

_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]

Keys: TypeAlias = Mapping[str, bytes]
"""Public keys that are trusted now, 32 bytes each, by their id."""

_REMEMBERED = 4_096


class Generation(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What is in force.

    Attributes
    ----------
    number
        1 for the first; the next one carries the next.
    parent
        Identity of the generation before; ``GENESIS`` for the first.
    origin
        Where its store began: :func:`mark` of the first generation; the first says nothing.
    policy
        Digest of the active policy's settings.
    stage
        How far the policy itself has come: what it may act with.
    champions
        Digest of the model in charge, by slot. A slot that is not named is the baseline's.
    issued_ns
        When it was signed, by the signer's clock. Decides nothing.
    why
        For people.
    """

    number: Annotated[int, Meta(ge=1, lt=2**53)]
    parent: _Digest
    origin: _Digest = GENESIS
    policy: _Digest
    stage: Stage
    champions: Annotated[dict[_Name, _Digest], Meta(max_length=256)]
    issued_ns: UtcNs
    why: Annotated[str, Meta(max_length=1_000)]


class SignedGeneration(msgspec.Struct, frozen=True, tag="policy.generation"):
    """A generation as it is recorded: its one writing, who signed it, and the signature."""

    body: bytes
    key_id: str
    signature: bytes

    @property
    def identity(self) -> str:
        """SHA-256 of what it says. Two signatures under the same words are one statement."""
        return digest(self.body)


def key_id(public_key: bytes) -> str:
    """Name a public key: SHA-256 of its 32 bytes."""
    return digest(public_key)


def mark(first: SignedGeneration) -> str:
    """Name a store by how it began: what was said first, and who signed it.

    Two runs on equal settings say the same first; the key that each made tells them apart.

    Examples
    --------
    >>> one, other = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    >>> first = after(None, "ab" * 32, Stage.SHADOW, {}, UtcNs(0), "begin")
    >>> mark(sign(first, one)) == mark(sign(first, other))
    False
    """
    return digest(first.key_id.encode() + b"\n" + first.body)


def sign(generation: Generation, key: Ed25519PrivateKey) -> SignedGeneration:
    """Write a generation down and sign it.

    Raises
    ------
    msgspec.ValidationError
        If it says what no generation may say.

    Examples
    --------
    >>> key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    >>> first = after(None, "ab" * 32, Stage.SHADOW, {}, UtcNs(0), "begin")
    >>> public = key.public_key().public_bytes_raw()
    >>> opened(sign(first, key), {key_id(public): public}) == first
    True
    """
    body = msgspec.json.encode(generation, order="sorted")
    msgspec.json.decode(body, type=Generation)
    return SignedGeneration(body, key_id(key.public_key().public_bytes_raw()), key.sign(body))


def opened(signed: SignedGeneration, keys: Keys) -> Generation | Refuse:
    """Return what was signed, or say why it is not believed. The signature comes first."""
    public_key = keys.get(signed.key_id)
    if public_key is None:
        detail = f"signed by key {signed.key_id[:12]!r}, which is not trusted"
        return refuse("policy.key", detail)
    if not _is_signed(public_key, signed.signature, signed.body):
        detail = "the generation, or its signature, was changed after it was signed"
        return refuse("policy.signature", detail)
    try:
        generation = msgspec.json.decode(signed.body, type=Generation)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return refuse("policy.form", f"a signed generation cannot be read: {error}")
    if msgspec.json.encode(generation, order="sorted") != signed.body:
        return refuse("policy.form", "a signed generation is not in its canonical writing")
    first = generation.number == 1
    if {generation.parent == GENESIS, generation.origin == GENESIS} != {first}:
        detail = "the first generation, and no other, has no parent and no origin"
        return refuse("policy.parent", detail, generation.number)
    return generation


@lru_cache(maxsize=_REMEMBERED)
def _is_signed(public_key: bytes, signature: bytes, body: bytes) -> bool:
    """Check a signature; once, since a store shows all that it ever held at each look."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, body)
    except (InvalidSignature, ValueError):
        return False
    return True


def after(
    before: tuple[Generation, SignedGeneration] | None,
    policy: str,
    stage: Stage,
    champions: Mapping[str, str],
    issued_ns: UtcNs,
    why: str,
) -> Generation:
    """Make the generation that follows ``before``, given as it was signed; unsigned."""
    number, parent, origin = 1, GENESIS, GENESIS
    if before is not None:
        says, signed = before
        number, parent = says.number + 1, signed.identity
        origin = mark(signed) if says.number == 1 else says.origin
    return Generation(
        number=number,
        parent=parent,
        origin=origin,
        policy=policy,
        stage=stage,
        champions=dict(champions),
        issued_ns=issued_ns,
        why=why,
    )
