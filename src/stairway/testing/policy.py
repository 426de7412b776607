"""Signed generations for tests: said by whom one likes, spoilt in the usual ways."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stairway.base.hashing import digest
from stairway.base.units import UtcNs
from stairway.events.envelope import GENESIS
from stairway.lifecycle.generation import (
    Generation,
    Keys,
    SignedGeneration,
    key_id,
    mark,
    sign,
)
from stairway.lifecycle.leash import StaleRules
from stairway.lifecycle.stage import Stage

KEY, OTHER_KEY, STRANGER = (
    Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3)
)


def public(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of its public half."""
    return key.public_key().public_bytes_raw()


TRUSTED: Keys = {key_id(public(key)): public(key) for key in (KEY, OTHER_KEY)}


def some_stale_rules() -> StaleRules:
    """Return bounds of a minute and of ten; the store is looked at twice a minute."""
    return StaleRules(refresh_s=30.0, reduce_after_s=60.0, reduce_frac=0.5, close_after_s=600.0)


def generation(
    number: int, word: str = "a", store: str = "here", **changes: object
) -> Generation:
    """Return the generation that has ``number`` in the history called ``word``.

    All histories of a store begin with the same first generation.
    """
    parent = origin = GENESIS
    said = store
    if number > 1:
        parent = signed(number - 1, word, store=store).identity
        origin = mark(signed(1, store=store))
        said = f"{store} {word}"
    usual: dict[str, object] = {
        "number": number,
        "parent": parent,
        "origin": origin,
        "policy": digest(f"{said} {number}".encode()),
        "stage": Stage.SHADOW,
        "champions": {"lightgbm": digest(said.encode())},
        "issued_ns": UtcNs(number),
        "why": f"history {said}",
    }
    return Generation(**(usual | changes))  # type: ignore[arg-type] -- as given by the test


def signed(
    number: int,
    word: str = "a",
    key: Ed25519PrivateKey = KEY,
    store: str = "here",
    **changes: object,
) -> SignedGeneration:
    """Return it, signed.

    Examples
    --------
    >>> signed(2).identity == signed(2, key=OTHER_KEY).identity != signed(2, "b").identity
    True
    """
    return sign(generation(number, word, store, **changes), key)


def spoilt(statement: SignedGeneration, how: str) -> SignedGeneration:
    """Return it as it may come back from a disk, or from somebody with a plan.

    ``how`` is ``bit`` (of the body), ``signature``, ``cut``, ``stranger`` (signed by a key
    that nobody trusts), ``claimed`` (the same, said to be by a trusted one) or ``empty``.
    """
    body = statement.body
    match how:
        case "bit":
            return msgspec.structs.replace(
                statement, body=body[:9] + bytes([body[9] ^ 1]) + body[10:]
            )
        case "signature":
            return msgspec.structs.replace(statement, signature=statement.signature[::-1])
        case "cut":
            return msgspec.structs.replace(statement, body=body[:-1])
        case "stranger":
            return SignedGeneration(body, key_id(public(STRANGER)), STRANGER.sign(body))
        case "claimed":
            return SignedGeneration(body, statement.key_id, STRANGER.sign(body))
        case _:
            return SignedGeneration(b"", statement.key_id, b"")


SPOILT = ("bit", "signature", "cut", "stranger", "claimed", "empty")
