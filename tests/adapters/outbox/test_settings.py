"""An address is all that changes: what a policy file says of the log is enough."""

from __future__ import annotations

import tomllib
from importlib import resources

import msgspec
import pytest

from stairway.adapters.logs.redis import Config
from stairway.testing.log import small_settings


def test_the_log_of_a_shipped_policy_may_lie_in_redis():
    text = resources.files("stairway.policies").joinpath("daily.toml").read_text("utf-8")
    config = msgspec.convert(tomllib.loads(text)["log"], Config)
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
        Config(**(small_settings() | changed))
