"""URLs of shared logs: everything is checked, and a password is never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.ledger.address import Address, Writers
from stairway.adapters.ledger.address import parse as read
from stairway.adapters.ledger.settings import LedgerSettings
from stairway.base.errors import ConfigError
from stairway.testing.log import small_settings
from stairway.testing.postgresql import postgresql_settings

SETTINGS = LedgerSettings(**small_settings(), **postgresql_settings())
GOOD = "postgresql://desk:s3cret%40x@db.example:5433/trading?log=life.cycle"


def parse(url):
    return read(url, SETTINGS)


def test_a_url_says_where_a_log_is_and_hides_its_password():
    address = parse(f"{GOOD}&writers=one&wait_ms=250&sslmode=require")
    assert address.password == "s3cret@x"  # noqa: S105 - made up
    assert (address.log, address.writers, address.wait_ms) == ("life.cycle", Writers.ONE, 250)
    assert address.server["sslmode"] == "require"
    assert str(address) == "log 'life.cycle' in 'trading' at db.example:5433"
    assert "s3cret" not in f"{address} {address!r}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("?log=", "no name for a log"),
        ("?log=UPPER", "no name for a log"),
        ("?log=a..b", "no name for a log"),
        ("?log=a/b", "no name for a log"),
        ("?log=" + "a" * 65, "no name for a log"),
        ("?log=a%0a", "no name for a log"),
        ("?", "no name for a log"),
        ("?log=x&options=-c%20fsync=off", "says options; what may be said"),
        ("?log=x&password=y", "says password"),
        ("?log=x&writers=two", "may be one or many"),
        ("?log=x&wait_ms=600001", "no time to wait"),
        ("?log=x&wait_ms=-1", "no time to wait"),
        ("?log=x&wait_ms=٣", "no time to wait"),
        ("?log", "write it as"),
    ],
)
def test_what_means_nothing_is_refused_with_what_may_be_said(change, said):
    with pytest.raises(ConfigError, match=said):
        parse(GOOD.partition("?")[0] + change)


@given(st.text(max_size=30))
def test_no_text_gets_past_as_a_name_that_is_none(text):
    try:
        address = parse(f"postgresql://h/d?log={text}")
    except ConfigError:
        return
    assert isinstance(address, Address)
    assert address.log.isascii()
    assert set(address.log) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


@pytest.mark.parametrize(
    "full",
    [
        f"{GOOD}&writers=one&archive=/old",
        "postgresql:///trading?log=x&host=/run/postgresql&sslmode=require",
        "postgresql://h/db?log=x",
    ],
)
def test_an_address_for_a_command_names_the_same_log_and_no_password(full):
    address = parse(full)
    assert "s3cret" not in address.url
    again = parse(address.url)
    assert (again.server, again.log) == (address.server, address.log)
    assert (again.archive, again.password) == (address.archive, None)
