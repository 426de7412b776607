"""Where a log's writer writes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from stairway.adapters.journal.store import Pause


class Sink(Protocol):
    """Where it is written. Called by one thread at a time."""

    def commit(self, rows: Sequence[Any]) -> None:
        """Write rows down; ``DiskFullError`` means that nothing was, and may be retried."""
        ...

    def tidy(self) -> None:
        """Do what is better done between two commits."""
        ...

    def settle(self) -> None:
        """Do what was put off until there is time."""
        ...

    def drop_ballast(self) -> None:
        """Give up the room that was set aside."""
        ...

    def load_ballast(self) -> None:
        """Set it aside again, or raise ``DiskFullError``."""
        ...


@runtime_checkable
class SharedSink(Sink, Protocol):
    """A sink into which whoever waits may commit himself, though he may be interrupted."""

    def resume(self) -> None:
        """Find out how far a commit came that was cut short.

        Rows that it wrote are given to ``commit`` again, and are left out there.
        """
        ...

    def move_ahead(self) -> None:
        """Do what can be done of ``tidy`` while another thread commits."""
        ...

    def commit_in_steps(self, rows: Sequence[Any], pause: Pause) -> None:
        """Commit as ``commit`` does, in small statements with a ``pause`` between two."""
        ...
