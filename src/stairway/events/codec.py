"""Facts to bytes and back, strictly.

The codec cannot know the facts of the steps above it, so it takes their union as an
argument; ``app/catalog.py`` composes the whole. What was recorded in an earlier form is
brought up to the form of today when it is read; the record itself is never rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar, cast

import msgspec

from stairway.base.errors import DataError
from stairway.events.envelope import Envelope

F = TypeVar("F")
Fields: TypeAlias = dict[str, Any]
Upcast: TypeAlias = Callable[[Fields], Fields]
"""Takes the fields of a fact in an earlier form, and gives those of the form of today."""

_TAG = "type"


class Codec(Generic[F]):
    """MessagePack with tags; the same fact gives the same bytes on any machine.

    Parameters
    ----------
    union
        The facts, as a union of tagged structs.
    upcasts
        By tag: how a fact in an earlier form is read. Asked only where the form of today
        does not fit, so reading what is new costs nothing more.

    Raises
    ------
    DataError
        On decoding bytes that are no fact of the union, in no form of it.
    """

    def __init__(self, union: Any, upcasts: Mapping[str, Upcast] | None = None) -> None:
        self._encoder = msgspec.msgpack.Encoder(order="deterministic")
        self.union: Any = union
        self._decoder = cast("msgspec.msgpack.Decoder[F]", msgspec.msgpack.Decoder(union))
        self._upcasts = dict(upcasts or {})

    def encode(self, fact: F) -> bytes:
        """Write ``fact`` down."""
        return self._encoder.encode(fact)

    def decode(self, payload: bytes) -> F:
        """Read a fact back."""
        try:
            return self._decoder.decode(payload)
        except msgspec.MsgspecError as error:
            return self._from_earlier(payload, error)

    def read(self, envelope: Envelope) -> F:
        """Read a recorded fact back; the error says which one it is.

        Raises
        ------
        DataError
            If it is no fact of the union.
        """
        try:
            return self.decode(envelope.payload)
        except DataError as error:
            msg = (
                f"event {envelope.position} of stream {envelope.stream!r}: {error}. Its bytes "
                "are whole: read it with the version of Stairway that wrote it, or carry the "
                "record away with `stairway log export FOLDER FILE`"
            )
            raise DataError(msg) from error

    def _from_earlier(self, payload: bytes, error: msgspec.MsgspecError) -> F:
        try:
            fields = msgspec.msgpack.decode(payload, type=dict[str, Any])
            upcast = self._upcasts.get(str(fields.get(_TAG)))
            if upcast is not None:
                return cast("F", msgspec.convert(upcast(fields), self.union))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass  # the first complaint is about the form of today, and says more
        msg = f"a recorded event is no fact that this version knows: {error}"
        raise DataError(msg) from error
