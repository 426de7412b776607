"""How events travel from the disk to Redis, and how many may wait on the way.

What the files of the outbox need comes from ``[log]`` of the policy file, as for a log without
Redis; what is added here is in ``[redis]`` of the record file. The shipped values suit a Redis
on the same network, so that an address is all that changes.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from stairway.adapters.journal.settings import Settings


class OutboxSettings(Settings, frozen=True, kw_only=True):
    """What a log in front of Redis needs to be told, beside what its files do."""

    max_outbox_bytes: Annotated[int, msgspec.Meta(ge=4_096, le=2**44)]
    """Most that may lie on the disk and not in Redis; beyond it new entries are refused."""

    batch_events: Annotated[int, msgspec.Meta(ge=1, le=4_096)]
    """Most events in one append to Redis."""

    socket_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)]
    """How long an answer of Redis may take before the connection is given up."""

    backoff_first_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)]
    """Between the first failure and the next try; doubled from try to try."""

    backoff_last_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)]
    """Longest time between two tries."""

    watch_ms: Annotated[int, msgspec.Meta(ge=1, le=600_000)]
    """How often Redis is asked whether anything has been taken out of it."""

    linger_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)]
    """How long closing waits for Redis to have everything; the rest goes next time."""
