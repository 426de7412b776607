"""An event on its way to those who act on it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from stairway.base.config import Config
from stairway.events.envelope import Envelope


class GroupRules(Config, frozen=True, kw_only=True):
    """What a consumer group reads, and how long it waits for its consumers."""

    streams: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=64)]
    """Streams that it reads, each from its first event."""

    lease_ms: Annotated[int, msgspec.Meta(ge=1, le=86_400_000)]
    """How long a consumer may hold an event before somebody else may have it."""

    tries: Annotated[int, msgspec.Meta(ge=1, le=100)]
    """Deliveries after which an event becomes a dead letter."""


class Delivery(msgspec.Struct, frozen=True):
    """An event in the hands of one consumer."""

    envelope: Envelope
    tries: int
    """1 at the first delivery."""

    token: int
    """Fence: another delivery of the same event carries a higher one."""


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that nobody could deal with; it stays in its stream."""

    stream: str
    position: int
    tries: int
    cause: str
    given_up_ns: int
