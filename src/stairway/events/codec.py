"""Facts to bytes and back, strictly.

The codec cannot know the facts of the steps above it, so it takes their union as an
argument; ``app/catalog.py`` composes the whole.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

import msgspec

from stairway.base.errors import DataError

F = TypeVar("F")


class Codec(Generic[F]):
    """MessagePack with tags; the same fact gives the same bytes on any machine.

    Raises
    ------
    DataError
        On decoding bytes that are no fact of the union.
    """

    def __init__(self, union: Any) -> None:
        self._encoder = msgspec.msgpack.Encoder(order="deterministic")
        self._decoder = cast("msgspec.msgpack.Decoder[F]", msgspec.msgpack.Decoder(union))

    def encode(self, fact: F) -> bytes:
        """Write ``fact`` down."""
        return self._encoder.encode(fact)

    def decode(self, payload: bytes) -> F:
        """Read a fact back."""
        try:
            return self._decoder.decode(payload)
        except msgspec.MsgspecError as error:
            msg = f"a recorded event is no fact that this version knows: {error}"
            raise DataError(msg) from error
