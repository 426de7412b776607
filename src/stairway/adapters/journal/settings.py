"""How a record is paced, and what it may take up."""

from __future__ import annotations

from typing import Annotated

import msgspec

from stairway.base import config as base

PAGE_BYTES = 4_096


class Settings(base.Config, frozen=True, kw_only=True):
    """What every log that lies on this machine needs to be told."""

    commit_ms: Annotated[float, msgspec.Meta(gt=0, le=1_000)]
    """Longest that an event waits for others to share its commit."""

    commit_events: Annotated[int, msgspec.Meta(ge=1, le=4_096)]
    """Most events in one commit."""

    queue_events: Annotated[int, msgspec.Meta(ge=1, le=2**24)]
    """Events that may wait before ``append`` waits too."""

    retry_ms: Annotated[float, msgspec.Meta(gt=0, le=60_000)]
    """Between two tries while the disk is full."""

    checkpoint_bytes: Annotated[int, msgspec.Meta(ge=PAGE_BYTES, le=2**36)]
    """Size of a write-ahead log at which it is moved into its database."""

    max_wal_bytes: Annotated[int, msgspec.Meta(ge=PAGE_BYTES, le=2**36)]
    """Size of a write-ahead log that ``health`` refuses: some reader holds it back."""

    ballast_bytes: Annotated[int, msgspec.Meta(ge=0, le=2**52)]
    """Room set aside for finishing when the disk is full."""
