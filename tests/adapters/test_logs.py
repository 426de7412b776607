"""Every file in adapters/logs meets the contracts; engines with a server have files of their own."""

from __future__ import annotations

import pkgutil
import time
from functools import partial
from pathlib import Path

import pytest

from stairway.adapters import logs
from stairway.adapters.logs.sqlite import Config, open_log as open_sqlite
from stairway.testing.groups import GroupContract
from stairway.testing.log import EventLogContract, small_settings

CONFIG = Config(**small_settings())
NAMES = sorted({m.name for m in pkgutil.iter_modules(logs.__path__)} - {"sqlite"})


@pytest.mark.parametrize("name", NAMES)
def test_every_other_log_is_put_through_both_contracts(name):
    tests = "".join(p.read_text() for p in (Path(__file__).parent / "logs").glob(f"*{name}*"))
    assert "(EventLogContract)" in tests
    assert "(GroupContract)" in tests


@pytest.fixture
def open_log():
    def opened(folder, *, read_only=False, clock_ns=time.time_ns):
        return open_sqlite(folder, CONFIG, read_only=read_only, clock_ns=clock_ns)

    return opened


class TestSqlite(EventLogContract):
    """See ``stairway.testing.log`` for what is asked."""


class TestSqliteGroups(GroupContract):
    """See ``stairway.testing.groups`` for what is asked."""


def test_the_contract_notices_a_log_that_breaks_it(tmp_path):
    made = partial(open_sqlite, config=CONFIG)

    def forgetful(folder, **options):
        log = made(folder, **options)
        log.read = lambda _stream, _after=0: iter(())
        return log

    with pytest.raises(AssertionError):
        EventLogContract().test_streams_do_not_see_each_other(forgetful, tmp_path)


class Careless:
    """A log whose groups are broken in one way."""

    def __init__(self, log, breaks):
        self._log, self._breaks = log, breaks

    def __getattr__(self, name):
        return getattr(self._log, name)

    def group(self, name, rules):
        group = self._log.group(name, rules)
        self._breaks(group)
        return group


def nobody_is_fenced_off(group):
    group.ack = lambda _deliveries: None


def nothing_comes_back(group):
    group.fail = lambda delivery, _cause, _now_ns: group.ack([delivery])


@pytest.mark.parametrize(
    ("breaks", "broken"),
    [
        (nobody_is_fenced_off, "a_consumer_whose_lease_was_taken_over_cannot_acknowledge"),
        (nothing_comes_back, "an_event_that_was_given_back_is_delivered_at_once"),
        (nobody_is_fenced_off, "what_was_acknowledged_never_comes_back"),
    ],
)
def test_the_contract_notices_a_group_that_breaks_it(open_log, tmp_path, breaks, broken):
    def careless(folder, **options):
        return Careless(open_log(folder, **options), breaks)

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(GroupContract(), f"test_{broken}")(careless, tmp_path)
