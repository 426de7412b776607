"""What execution needs from the outside world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from stairway.execution.orders import Command, VenueEvent


class Broker(Protocol):
    """A venue that turns commands into events.

    Promises
    --------
    - ``submit`` is idempotent in the order id of a new order: sending it twice acts once.
    - ``drain`` yields each event exactly once and in venue order.
    - A broker that cannot keep these promises raises; it never guesses.

    ``stairway.testing.BrokerContract`` checks them.
    """

    def submit(self, command: Command) -> None:
        """Ask the venue to act."""
        ...

    def drain(self) -> Iterator[VenueEvent]:
        """Yield events since the last call."""
        ...
