"""How long is waited for a server, and for what."""

from __future__ import annotations

from typing import Annotated

import msgspec

from stairway.adapters.journal.settings import Settings

MOST_WAIT_MS = 600_000


class LedgerSettings(Settings, frozen=True, kw_only=True):
    """What a shared log needs to be told, beside how the one writer is paced."""

    wait_ms: Annotated[int, msgspec.Meta(ge=1, le=MOST_WAIT_MS)]
    """Longest to wait for another writer, or for a server that went away; an address may
    say otherwise (``wait_ms=``)."""

    query_ms: Annotated[int, msgspec.Meta(ge=1, le=MOST_WAIT_MS)]
    """Longest that one question to the server may take. A commit is not bounded by it: a
    server that is told to stop waiting for its standby calls it committed all the same."""

    connect_s: Annotated[int, msgspec.Meta(ge=2, le=600)]
    """Longest to wait for a connection; the server's own client library counts in seconds."""
