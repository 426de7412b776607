"""An address is all that changes: what the shipped files say of the log is enough."""

from __future__ import annotations

import tomllib
from importlib import resources

import msgspec
import pytest

from stairway.adapters.logs.redis import Config
from stairway.testing.log import small_settings


def shipped(name):
    text = resources.files("stairway.policies").joinpath(f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def test_the_log_of_a_shipped_policy_may_lie_in_redis():
    config = msgspec.convert(shipped("daily")["log"] | shipped("record")["redis"], Config)
    assert config.max_outbox_bytes == 2 * 2**30
    assert config.backoff_first_ms < config.backoff_last_ms


@pytest.mark.parametrize(
    "changed",
    [
        {"max_outbox_bytes": 0},
        {"batch_events": 0},
        {"socket_timeout_ms": float("nan")},
        {"backoff_first_ms": 0},
        {"linger_ms": -1},
        {"watch_s": 1},
    ],
)
def test_a_setting_out_of_range_is_refused(changed):
    with pytest.raises((msgspec.ValidationError, TypeError)):
        Config(**(small_settings() | shipped("record")["redis"] | changed))
