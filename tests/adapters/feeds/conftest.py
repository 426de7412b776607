"""A Redis of these tests' own, made when the first test asks for it."""

from __future__ import annotations

import pytest

from stairway.testing.redis_server import private_redis


@pytest.fixture(scope="session")
def redis_server():
    with private_redis() as server:
        yield server
