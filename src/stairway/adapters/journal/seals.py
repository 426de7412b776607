"""What a consumer group remembers, as bytes that vouch for themselves."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

from stairway.events.delivery import DeadLetter
from stairway.events.group import GroupState

STATE = msgspec.msgpack.Decoder(GroupState)
LETTER = msgspec.msgpack.Decoder(DeadLetter)

_S = TypeVar("_S")
_ENCODER = msgspec.msgpack.Encoder()


def sealed(what: GroupState | DeadLetter) -> tuple[bytes, bytes]:
    """Return it as MessagePack, and the SHA-256 of that.

    Examples
    --------
    >>> body, seal = sealed(GroupState({}))
    >>> unsealed(body, seal, STATE) == GroupState({})
    True
    """
    body = _ENCODER.encode(what)
    return body, hashlib.sha256(body).digest()


def unsealed(body: Any, seal: Any, decoder: msgspec.msgpack.Decoder[_S]) -> _S | None:
    """Return what was sealed; ``None`` where the seal does not fit, or it is something else.

    Examples
    --------
    >>> unsealed(b"x", b"", STATE) is unsealed(None, None, STATE) is None
    True
    """
    if not isinstance(body, bytes) or hashlib.sha256(body).digest() != seal:
        return None
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
