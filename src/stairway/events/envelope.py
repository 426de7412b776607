"""One recorded fact, with its place in a chain.

``hash`` covers the stream's name, the position, the payload and the hash before it, so
a fact cannot be changed, dropped or moved without every later hash giving it away. The
wall-clock time of recording is kept beside it and is not covered: hashes are content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

GENESIS = "0" * 64
"""What the first event of a stream is chained to."""

_SHA256 = hashlib.sha256()


class Envelope(msgspec.Struct, frozen=True):
    """A fact as it lies in the log. Positions of a stream count from 1 without gaps."""

    stream: str
    position: int
    payload: bytes
    hash: str
    recorded_ns: int


class Head(msgspec.Struct, frozen=True):
    """Last position of a stream and its chain hash; (0, GENESIS) for an empty one."""

    position: int = 0
    hash: str = GENESIS


def chain(previous: str, stream: str, position: int, payload: bytes) -> str:
    """Hash of the event at ``position``, given the hash of the one before it.

    Examples
    --------
    >>> chain(GENESIS, "fill", 1, b"x") == chain(GENESIS, "fill", 1, b"y")
    False
    """
    return link(bytes.fromhex(previous), stream.encode(), position, payload).hex()


def link(previous: bytes, name: bytes, position: int, payload: bytes) -> bytes:
    """Say what ``chain`` says, in bytes, for those who link many events of one stream."""
    return links(previous, name, position, (payload,))[0]


def links(previous: bytes, name: bytes, first: int, payloads: Iterable[bytes]) -> list[bytes]:
    """Link events of one stream, of which the ``first`` has that position.

    Examples
    --------
    >>> one = link(bytes(32), b"fill", 1, b"x")
    >>> links(bytes(32), b"fill", 1, [b"x", b"y"]) == [one, link(one, b"fill", 2, b"y")]
    True
    """
    made: list[bytes] = []
    for position, payload in enumerate(payloads, first):
        # A copy, as OpenSSL looks its algorithm up for each new hash, which takes as long as
        # hashing; in one piece, as a call for each part takes half as long again.
        hashed = _SHA256.copy()
        hashed.update(b"%b\0%b\0%d\0%b" % (previous, name, position, payload))
        previous = hashed.digest()
        made.append(previous)
    return made
