"""The files of all groups beside a log, for whoever looks after them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import apsw
import pytest

from stairway.adapters.journal.group_files import GroupFiles
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.base.errors import ConfigError, DamagedLogError
from stairway.events import group
from stairway.testing.groups import group_rules
from stairway.testing.log import small_settings


@pytest.fixture
def beside(tmp_path):
    log = open_log(tmp_path, Config(**small_settings()))
    log.append("fill", [b"%d" % n for n in range(20)])
    log.group("desk", group_rules(streams=("fill",))).close()
    yield GroupFiles(tmp_path)
    log.close()


def harmed(folder, statement):
    with apsw.Connection(str(folder / "groups" / "desk.db")) as connection:
        connection.execute(statement)
    connection.close()


def test_what_groups_still_need_is_known_by_stream(beside):
    assert beside.names() == ("desk",)
    assert group.needed(beside.state("desk")) == {"fill": 1}
    assert beside.letters("desk") == ()


def test_a_group_is_changed_all_or_nothing(beside):
    before = beside.state("desk")

    def fail(_state):
        raise ConfigError

    with pytest.raises(ConfigError):
        beside.change("desk", fail)
    assert beside.state("desk") == before
    beside.change("desk", lambda state: state)
    assert beside.state("desk") == before


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        ("delete from state", "lost its state"),
        ("insert into state select 2, body, seal from state", "lost its state"),
        ("update state set body = x'00'", "does not fit its seal"),
        ("update state set body = null", "does not fit its seal"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_named(beside, tmp_path, harm, says):
    harmed(tmp_path, harm)
    for ask in (beside.state, lambda name: beside.change(name, lambda state: state)):
        with pytest.raises(DamagedLogError, match=rf"desk\.db: .*{says}.*move the file away"):
            ask("desk")


@pytest.mark.parametrize(
    "body",
    [b"\x93\x01\x02\x03", b"\x81\xa7cursors\x81\xa1\xff\x92\x00\xa0", b"\x81"],
    ids=["another kind", "no UTF-8", "cut short"],
)
def test_what_is_sealed_and_no_group_is_named_as_damage(beside, tmp_path, body):
    seal = hashlib.sha256(body).hexdigest()
    harmed(tmp_path, f"update state set body = x'{body.hex()}', seal = x'{seal}'")  # noqa: S608
    with pytest.raises(DamagedLogError, match="move the file away"):
        beside.state("desk")


KINDS = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a symbolic link": lambda path: path.symlink_to("desk.db"),
}


@pytest.mark.parametrize("kind", [*KINDS])
@pytest.mark.parametrize("end", ["", "-wal"], ids=["database", "beside it"])
def test_what_is_no_plain_file_is_named_and_nobody_waits_for_it(beside, tmp_path, kind, end):
    path = tmp_path / "groups" / "disk.db"
    if end:
        path.touch()
    KINDS[kind](path.with_name(path.name + end))
    log = open_log(tmp_path, Config(**small_settings()), read_only=True)
    rules = group_rules(streams=("fill",))
    for ask in (
        beside.state,
        beside.letters,
        lambda name: beside.change(name, lambda state: state),
        lambda name: log.group(name, rules),
    ):
        with pytest.raises(DamagedLogError, match=rf"disk\.db{end}: it is {kind}.*away"):
            ask("disk")
    log.close()


def test_a_file_that_sqlite_cannot_read_is_moved_away_and_is_no_log(beside, tmp_path):
    (tmp_path / "groups" / "desk.db-wal").unlink(missing_ok=True)
    (tmp_path / "groups" / "desk.db").write_bytes(b"no database" * 900)
    log = open_log(tmp_path, Config(**small_settings()), read_only=True)
    for ask in (beside.state, lambda _: log.group("desk", group_rules(streams=("fill",)))):
        with pytest.raises(DamagedLogError, match="move the file away") as found:
            ask("desk")
        assert "log export" not in str(found.value)
    log.close()


def test_a_group_that_is_not_there_is_told_from_those_that_are(beside):
    with pytest.raises(ConfigError, match=r"no group 'disk'.*there are: desk"):
        beside.state("disk")
