"""A password goes to Redis and nowhere else."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.logs.redis import Config, open_log
from stairway.adapters.outbox.address import NAME, Address
from stairway.base.errors import ConfigError, StairwayError
from stairway.events.delivery import GroupRules
from stairway.testing.log import small_settings
from stairway.testing.redis_server import redis_settings

CANARY = "kanarienvogel"
RULES = GroupRules(streams=("fill",), lease_ms=1_000, tries=5)
CONFIG = Config(**small_settings(), **redis_settings(socket_timeout_ms=50, linger_ms=0))


def told(error):
    """All that anybody can read of an error: its words, and those it came from."""
    return "".join(traceback.format_exception(error))


def test_an_address_says_where_and_which_log():
    address = Address(f"rediss://app:{CANARY}@[::1]:7000/0?log=desk.1")
    assert (address.host, address.port, address.name) == ("::1", 7000, "desk.1")
    assert Address("redis://here").name == NAME
    for shown in (repr(address), str(address), repr(vars(Address("redis://here")))):
        assert CANARY not in shown
    assert CANARY not in repr(address.client(100))


@pytest.mark.parametrize(
    "url",
    [
        f"http://app:{CANARY}@host",
        f"redis://app:{CANARY}@host/1",
        f"redis://app:{CANARY}@host:70000",
        f"redis://host:{CANARY}",
        f"redis://app:{CANARY}@",
        f"redis://app:{CANARY}@host?log=A",
        f"redis://app:{CANARY}@host?log=a:b",
        f"redis://app:{CANARY}@host?db=1",
        f"redis://app:{CANARY}@host?{CANARY}",
        f"redis://app:{CANARY}@[host",
        CANARY,
        "",
    ],
)
def test_a_bad_address_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigError, match=r"write redis://USER:PASSWORD@HOST") as caught:
        Address(url)
    assert CANARY not in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception_only(caught.value))
    assert caught.value.__cause__ is None


@given(st.text(max_size=60))
def test_no_text_is_anything_but_an_address_or_refused(text):
    try:
        Address(f"redis://{text}")
    except ConfigError as error:
        assert len(text) < 8 or text not in str(error)  # noqa: PT017 -- either is right


def test_no_error_of_a_log_and_nothing_it_writes_holds_the_password(tmp_path):
    url = f"redis://app:{CANARY}@127.0.0.1:1/0?log=desk"
    log = open_log(tmp_path / "log", CONFIG, url=url)
    log.append("fill", [b"x"])
    shown = [repr(log), repr(log.health()), repr(log.tally), repr(vars(log))]
    errors = []
    for act in (
        lambda: log.group("desk", RULES),
        lambda: open_log(None, CONFIG, url=url, read_only=True),
    ):
        with pytest.raises(StairwayError) as caught:
            act()
        errors.append(caught.value)
    log.close()
    with pytest.raises(ConfigError, match="needs a folder"):
        open_log(None, CONFIG, url=url)
    assert CANARY not in "".join([*shown, *map(told, errors)])
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    ("full", "told"),
    [
        ("redis://app:secret@h:7000/0?log=main", "redis://app@h:7000/0?log=main"),
        ("rediss://h?log=x&archive=/old logs", "rediss://h:6379/0?log=x&archive=/old+logs"),
        ("redis://:secret@[::1]:7/0?log=x", "redis://[::1]:7/0?log=x"),
    ],
)
def test_an_address_for_a_command_names_the_same_log_and_no_password(full, told):
    address = Address(full)
    assert address.url == told
    assert "secret" not in told
    assert Address(told).archive == address.archive
    assert Address(told).url == told
