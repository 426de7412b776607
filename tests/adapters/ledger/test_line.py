"""No question to a server waits for ever, and no commit is cut short."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest

from stairway.adapters.ledger.address import parse
from stairway.adapters.ledger.layout import require_safe
from stairway.adapters.ledger.line import Line
from stairway.adapters.ledger.settings import LedgerSettings
from stairway.adapters.logs.postgresql import Config, open_log
from stairway.base.errors import ConfigError, NoLogError, RecordError
from stairway.testing.log import small_settings
from stairway.testing.postgresql import postgresql_settings

SETTINGS = LedgerSettings(**small_settings(), **postgresql_settings(query_ms=50))
CONFIG = Config(**small_settings(), **postgresql_settings(query_ms=50))


def line_to(server, *, read_only):
    address = parse(server.url("bounded"), SETTINGS)
    return Line(address, lambda link: require_safe(address, link, read_only=read_only))


def test_a_question_that_takes_too_long_is_given_up_with_what_bounds_it(postgresql):
    with (
        closing(line_to(postgresql, read_only=True)) as line,
        pytest.raises(RecordError, match=r"more than 50 ms for one question.*query_ms"),
        line.turn() as link,
    ):
        link.execute("select pg_sleep(5)")


def test_whoever_commits_is_not_told_to_stop_waiting(postgresql):
    with closing(line_to(postgresql, read_only=False)) as line, line.turn() as link:
        assert link.execute("show statement_timeout").fetchone() == ("0",)


def test_an_address_may_say_how_long_another_writer_is_waited_for(postgresql):
    assert parse(postgresql.url("x"), SETTINGS).wait_ms == SETTINGS.wait_ms
    assert parse(postgresql.url("x", more="&wait_ms=7"), SETTINGS).wait_ms == 7


def test_a_log_that_was_never_written_is_told_from_a_server_that_cannot_be_used(
    postgresql, tmp_path
):
    open_log(tmp_path, CONFIG, url=postgresql.url("there")).close()
    with pytest.raises(NoLogError, match="was never written"):
        open_log(tmp_path, CONFIG, url=postgresql.url("never"), read_only=True)
    wrong = postgresql.url("there").replace(postgresql.password, "wrong")
    with pytest.raises(ConfigError, match="password authentication failed") as caught:
        open_log(tmp_path, CONFIG, url=wrong, read_only=True)
    assert not isinstance(caught.value, NoLogError)


@pytest.mark.parametrize(("imported", "lines"), [("logging", 1), (Line.__module__, 0)])
def test_what_breaks_is_said_once_and_not_by_the_library_too(imported, lines):
    program = f"import logging, {imported}; logging.getLogger('psycopg').warning('BAD')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert len(done.stderr.splitlines()) == lines
