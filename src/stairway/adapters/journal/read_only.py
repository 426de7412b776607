"""What every log does alike that may only be looked at: it refuses."""

from __future__ import annotations

from collections.abc import Sequence

from stairway.base.errors import RecordError
from stairway.events.envelope import Head


class ReadOnly:
    """The refusing half of a log that was opened with ``read_only=True``.

    Attributes
    ----------
    way
        What to do instead of appending here.

    Examples
    --------
    >>> ReadOnly().append("fill", [b"x"])
    Traceback (most recent call last):
    stairway.base.errors.RecordError: 1 events for 'fill' were given to a log opened with ...
    """

    way = "open it for writing"

    def append(
        self, stream: str, payloads: Sequence[bytes], expected: int | None = None
    ) -> Head:
        """Refuse.

        Raises
        ------
        RecordError
            Always.
        """
        del expected
        msg = (
            f"{len(payloads)} events for {stream!r} were given to a log opened with "
            f"read_only=True: {self.way}"
        )
        raise RecordError(msg)

    def flush(self) -> None:
        """Nothing waits."""
