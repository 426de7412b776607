"""How events travel from the disk to Redis, and how many may wait on the way.

What the files of the outbox need comes from the policy file, as for a log without Redis. What
is added here has values that suit a Redis on the same network, so that an address is all that
changes; ``max_outbox_bytes`` bounds the disk, not the risk of a trade.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from stairway.adapters.journal.settings import Settings


class OutboxSettings(Settings, frozen=True, kw_only=True):
    """What a log in front of Redis needs to be told, beside what its files do."""

    max_outbox_bytes: Annotated[int, msgspec.Meta(ge=4_096, le=2**44)] = 2_147_483_648
    """Most that may lie on the disk and not in Redis; beyond it new entries are refused."""

    batch_events: Annotated[int, msgspec.Meta(ge=1, le=4_096)] = 500
    """Most events in one append to Redis."""

    socket_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 1_000
    """How long an answer of Redis may take before the connection is given up."""

    backoff_first_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 10
    """Between the first failure and the next try; doubled from try to try."""

    backoff_last_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 500
    """Longest time between two tries."""

    watch_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)] = 1_000
    """How often Redis is asked whether anything has been taken out of it."""

    linger_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 5_000
    """How long closing waits for Redis to have everything; the rest goes next time."""
