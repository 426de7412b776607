"""An entry of a Redis stream, read back as the event that it must be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stairway.adapters.outbox.keys import entry_id
from stairway.events.envelope import Envelope

_DIGEST_LETTERS = 64


def envelope_of(stream: str, entry: Any) -> Envelope | None:
    """Return the event in ``entry``, unchained; ``None`` where it is none of ours.

    Examples
    --------
    >>> fields = [b"payload", b"x", b"hash", b"ab" * 32]
    >>> fields += [b"position", b"1", b"recorded_ns", b"7"]
    >>> envelope_of("fill", [b"0-1", fields]).payload
    b'x'
    >>> envelope_of("fill", [b"0-2", fields]) is None
    True
    """
    match entry:
        case [bytes(identity), [*pairs]]:
            fields = fields_of(pairs)
        case _:
            return None
    try:
        position, recorded_ns = int(fields[b"position"]), int(fields[b"recorded_ns"])
        digest, payload = fields[b"hash"].decode("ascii"), fields[b"payload"]
    except (KeyError, ValueError):
        return None
    if identity.decode("ascii", "replace") != entry_id(recorded_ns, position):
        return None
    if len(digest) != _DIGEST_LETTERS:
        return None
    return Envelope(stream, position, payload, digest, recorded_ns)


def fields_of(pairs: Sequence[Any]) -> dict[bytes, bytes]:
    """Fields and values of an entry, which Redis hands out one after the other."""
    return dict(zip(pairs[::2], pairs[1::2], strict=False))
