"""What a ring says besides "look": the events that were just committed.

Looking into the file takes as long as the commit did. So a writer hands a few small events
along with the ring, as a note, and a reader that has come exactly so far may act on them
before it looks.

1. A note is written after the commit, never before: what it tells of is in the file.
2. It is read only where nobody but the reader's own user, and root, may write into the socket:
   whoever can do that can make the reader believe anything.
3. Its rows have the form of those in the file and are checked by the same function: they have
   to follow, by position, checksum and chain, upon the last event that was read from the file.
4. A note moves nobody on. The file is read all the same, from where it was read last, and is
   held against what was told: an event that is not there is damage.
5. Whatever is lost, too large, repeated, out of order, or no note at all is a plain ring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from stairway.adapters.journal.failures import damaged
from stairway.adapters.journal.store import Sealed, Store
from stairway.events.envelope import Envelope, Head

RING = b"\0"
"""A note that says nothing: look."""

SOON = b"\1"
"""A commit has begun: a ring comes in a moment."""

NOTE_BYTES = 8_192
NOTE_EVENTS = 16
"""Largest note in bytes, and the most events that one tells of."""

_PAYLOAD_BYTES = 4_096
_TOLD_EVENTS = 256
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Sealed])


def note(rows: Sequence[Sealed]) -> bytes:
    r"""Write down what was committed, or ``RING`` where it is nothing or too much.

    Examples
    --------
    >>> told = note([("fill", 1, 7, 99, b"\1" * 32, b"x")])
    >>> told_in(told) == [("fill", 1, 7, 99, b"\1" * 32, b"x")]
    True
    >>> note([]) == note([("fill", 1, 7, 99, b"", bytes(5_000))]) == RING
    True
    """
    if 0 < len(rows) <= NOTE_EVENTS and sum(len(row[5]) for row in rows) <= _PAYLOAD_BYTES:
        return _ENCODER.encode(rows)
    return RING


def told_in(said: bytes) -> list[Sealed]:
    r"""Return the rows of a note, unchecked; none where it is no note.

    Examples
    --------
    >>> told_in(RING) == told_in(b"") == told_in(b"\x91\x96") == []
    True
    """
    try:
        return _DECODER.decode(said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


class Told:
    """What the reader of one file was told and has not read from it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[str, list[Any]] = {}
        # The last event of each stream that was handed out and not yet found in the file.
        self._owed: dict[str, Envelope] = {}

    def hear(self, row: Sealed) -> None:
        """Keep a row until its stream is read; of too many, the later ones are left out."""
        rows = self._rows.setdefault(row[0], [])
        if len(rows) < _TOLD_EVENTS:
            rows.append(row[1:])

    def has(self, stream: str) -> bool:
        """Say whether ``read`` has anything to do."""
        return stream in self._rows or stream in self._owed

    def read(
        self,
        stream: str,
        after: int,
        end: Head | None,
        recorded: Callable[[int], Iterator[Envelope]],
    ) -> Iterator[Envelope]:
        """Yield what was told first, and then what is ``recorded`` behind it.

        ``end`` is where the last read of the file ended; ``recorded`` reads the file from
        behind a position on.

        Raises
        ------
        DamagedLogError
            As ``recorded`` does; and if an event that was handed out is not in the file.
        """
        seen = after
        for envelope in self._follow(stream, after, end):
            seen = envelope.position
            # Noted down before: whoever takes this one may never ask for the next.
            self._owed[stream] = envelope
            yield envelope
        owed = self._owed.get(stream)
        for envelope in recorded(after if owed is None else min(after, owed.position - 1)):
            if owed is not None and envelope.position == owed.position:
                self._require_same(owed, envelope)
                owed = None
            if envelope.position > seen:
                yield envelope
        if owed is not None:
            self._require_same(owed, None)

    def _follow(self, stream: str, after: int, end: Head | None) -> list[Envelope]:
        rows = self._rows.pop(stream, [])
        if end is None or end.position != after:
            return []
        return self._store.checked(stream, end, [row for row in rows if row[0] > after])

    def _require_same(self, owed: Envelope, found: Envelope | None) -> None:
        if found != owed:
            cause = "a ring told of another event than the file holds"
            raise damaged(self._store.path, owed.stream, owed.position, cause)
        # Another thread may have handed out a later one meanwhile: that is still owed.
        if self._owed.get(owed.stream) is owed:
            del self._owed[owed.stream]
