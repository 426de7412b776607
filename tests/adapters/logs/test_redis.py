"""The record in Redis keeps the promises of a log, and some of its own."""

from __future__ import annotations

import time
import zlib

import pytest

from stairway.adapters.logs.redis import Config, open_log as open_redis
from stairway.testing.groups import GroupContract
from stairway.testing.log import EventLogContract, small_settings
from stairway.testing.redis_server import redis_settings

CONFIG = Config(**small_settings(), **redis_settings())


def name_of(folder):
    """A log of its own for each folder."""
    return f"t{zlib.crc32(str(folder).encode())}"


@pytest.fixture
def open_log(redis_server):
    def opened(folder, *, read_only=False, clock_ns=time.time_ns):
        url = redis_server.url(name_of(folder))
        return open_redis(folder, CONFIG, url=url, read_only=read_only, clock_ns=clock_ns)

    return opened


class TestRedis(EventLogContract):
    """See ``stairway.testing.log`` for what is asked."""


class TestRedisGroups(GroupContract):
    """See ``stairway.testing.groups`` for what is asked."""
