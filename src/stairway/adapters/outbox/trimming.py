"""The archiver's one call: let go in Redis of what is safe elsewhere.

This is the only place from which anything is taken out of a stream, and only the user
``archiver`` of ``deploy/redis/users.acl`` may do it. What is taken out is counted in the
same step, so that the relay can tell it from what somebody else took.
"""

from __future__ import annotations

import redis

from stairway.adapters.outbox.keys import EMPTY, Keys
from stairway.adapters.outbox.scripts import FIND, Script
from stairway.base.errors import DataError
from stairway.events.envelope import Head

_TRIM = Script("trim")


def let_go(client: redis.Redis, name: str, stream: str, upto: Head) -> int:
    """Take the events up to ``upto`` out of Redis; return how many that were.

    Call it only once they lie in an archive that was read back.

    Raises
    ------
    DataError
        If the event at ``upto`` is not the one in Redis. Nothing is taken out.
    """
    keys = Keys(name)
    events, archived = keys.events(stream), keys.archived(stream)
    entry = FIND(client, (events,), (upto.position,))
    identity = EMPTY if entry is None else entry[0]
    values = (upto.position, upto.hash, identity)
    what, count = _TRIM(client, (events, archived), values)
    if what != b"ok":
        msg = (
            f"event {upto.position} of {stream!r} in Redis is not the one in the archive: "
            "nothing was taken out; verify the archive"
        )
        raise DataError(msg)
    return int(count)
