"""What the record needs from the outside world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from stairway.events.envelope import Envelope, Head


class EventLog(Protocol):
    """An append-only record of streams.

    Promises
    --------
    - ``append`` numbers events from 1 without gaps and returns at once; positions and
      chain hashes are decided on the calling thread, in calling order.
    - ``flush`` returns only when everything appended before it has been committed to
      disk, each stream with the durability of its file.
    - After a crash each stream holds a gap-free beginning of what was appended, and all
      of it that had been flushed to the durable file.
    - ``append`` with ``expected`` other than the stream's last position appends nothing
      and raises ``ConflictError``.
    - ``read`` yields envelopes in order of position, and checks each hash. It sees all
      that was appended before it was called.
    - ``recorded_ns`` strictly increases over the whole log in the order of the calls,
      also where the clock stands still or goes back.
    - Nothing is ever changed or deleted. A damaged log raises ``DamagedLogError``,
      naming stream, position and cause; it is never repaired in silence.
    """

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        """Add events; return the stream's new head."""
        ...

    def flush(self) -> None:
        """Wait until all that was appended is on disk."""
        ...

    def read(self, stream: str, after: int = 0) -> Iterator[Envelope]:
        """Yield events with a position over ``after``."""
        ...

    def head(self, stream: str) -> Head:
        """Return the last position and hash of ``stream``."""
        ...

    def streams(self) -> tuple[str, ...]:
        """Return the names of all streams that hold anything, sorted."""
        ...

    def close(self) -> None:
        """Flush and let go of the files."""
        ...
