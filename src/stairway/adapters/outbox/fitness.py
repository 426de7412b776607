"""What a Redis has to be before anything is sent to it."""

from __future__ import annotations

from typing import Any, cast

import redis

from stairway.adapters.outbox.address import Address
from stairway.adapters.outbox.keys import Keys, newer_format, written_newer
from stairway.adapters.outbox.ledger import AlarmError
from stairway.base.verdict import Finding

OLDEST_REDIS = (7, 0)


def require_fit(client: redis.Redis, address: Address) -> None:
    """Refuse a Redis that is too old to count, or that throws out what it has no room for.

    Raises
    ------
    AlarmError
        Then; nothing was sent.
    """
    about: Any = cast("Any", client).info()
    version = str(about.get("redis_version", "0"))
    if not tuple(int(n) for n in version.split(".")[:2]) >= OLDEST_REDIS:
        needed = ".".join(map(str, OLDEST_REDIS))
        detail = f"{address} is version {version}; {needed} or later is needed"
        raise AlarmError(Finding("log.redis_version", detail))
    policy = about.get("maxmemory_policy")
    if policy != "noeviction":
        detail = (
            f"{address} has maxmemory-policy {policy!r} and would throw events out when its "
            "memory is full: set maxmemory-policy noeviction (deploy/redis/redis.conf)"
        )
        raise AlarmError(Finding("log.redis_evicts", detail))


def streams_in(client: redis.Redis, keys: Keys, address: Address) -> set[str]:
    """Names of the streams in Redis, if they are written as this version does.

    Raises
    ------
    AlarmError
        If a newer version wrote them.
    """
    found: Any = client.xrange(keys.streams)
    newer = newer_format(found)
    if newer is not None:
        detail = written_newer(str(address), address.name, newer)
        raise AlarmError(Finding("log.redis_newer", detail))
    names = {fields.get(b"name", b"").decode("ascii", "replace") for _, fields in found}
    return names - {""}
