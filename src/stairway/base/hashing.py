"""Content, and nothing but content, as a short name.

Two things that are equal hash equally on any machine and in any run: no clock, no
address, no order of a dictionary enters. The keyed draw is built on the same ground, so
a random number belongs to *what* it is drawn for, and not to how many were drawn before.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np

_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


def digest(content: bytes) -> str:
    """SHA-256 of ``content``, as 64 hexadecimal digits.

    Examples
    --------
    >>> digest(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def content_hash(value: Any) -> str:
    """SHA-256 of anything msgspec can write down; keys of dictionaries are sorted.

    Examples
    --------
    >>> content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    True
    """
    return digest(_ENCODER.encode(value))


def array_hash(*arrays: np.ndarray[Any, Any]) -> str:
    """SHA-256 of the dtype, shape and bytes of arrays, in order.

    Examples
    --------
    >>> array_hash(np.zeros(2)) == array_hash(np.zeros((2, 1)))
    False
    """
    state = hashlib.sha256()
    for array in arrays:
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def keyed_uniform(seed: int, *key: str | int) -> float:
    """Draw from [0, 1) that depends on ``seed`` and ``key`` alone.

    Examples
    --------
    >>> keyed_uniform(7, "order", 3) == keyed_uniform(7, "order", 3)
    True
    >>> 0.0 <= keyed_uniform(7, "order", 4) < 1.0
    True
    """
    raw = hashlib.blake2b(_ENCODER.encode((seed, *key)), digest_size=8).digest()
    return (int.from_bytes(raw, "big") >> 11) / (1 << 53)
