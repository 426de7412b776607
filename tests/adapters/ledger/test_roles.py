"""The users that ``deploy/postgresql`` makes may do their work and nothing else."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.journal.kept import archive_kept, plan_kept
from stairway.adapters.ledger import layout
from stairway.adapters.logs.postgresql import Config, kept, open_log, verify
from stairway.base.errors import ConfigError, ConflictError
from stairway.base.verdict import Pass
from stairway.events.delivery import GroupRules
from stairway.testing.log import small_settings
from stairway.testing.postgresql import postgresql_settings

ROLES = Path(__file__).parents[3] / "deploy" / "postgresql" / "roles.sql"
SQL = Path(layout.__file__).parent
CONFIG = Config(**small_settings(), **postgresql_settings())
DATABASE = "guarded"


@pytest.fixture(scope="module")
def guarded(postgresql, tmp_path_factory):
    """A database with a log, its roles, and a user in each."""
    postgresql.execute(f"create database {DATABASE}")
    owner = postgresql.url("x", database=DATABASE)
    open_log(tmp_path_factory.mktemp("x"), CONFIG, url=owner).close()
    for _ in range(2):
        postgresql.execute(ROLES.read_text(), DATABASE)
    for role in ("reader", "writer", "archiver"):
        postgresql.execute(
            f"create role a_{role} login in role stairway_{role} password 'word'"
        )
    return postgresql


def as_user(server, role):
    return server.url("x", database=DATABASE).replace(
        f"stairway_owner:{server.password}", f"a_{role}:word"
    )


def run(server, role, statement):
    place = f"host=127.0.0.1 port={server.port} dbname={DATABASE} user=a_{role} password=word"
    with psycopg.connect(place, autocommit=True) as link:
        return link.execute(statement).statusmessage


def test_a_writer_appends_and_keeps_its_place(guarded, tmp_path):
    log = open_log(tmp_path, CONFIG, url=as_user(guarded, "writer"))
    log.append("fill", [b"a", b"b"], expected=0)
    log.append("fill", [b"c"])
    with pytest.raises(ConflictError):
        log.append("fill", [b"d"], expected=0)
    group = log.group("desk", GroupRules(streams=("fill",), lease_ms=1000, tries=1))
    taken = group.take("me", 2, 0)
    group.ack(taken[:1])
    group.fail(taken[1], "no", 0)
    assert [letter.cause for letter in group.dead_letters()] == ["no"]
    group.close()
    log.close()


@pytest.mark.parametrize("role", ["reader", "writer"])
@pytest.mark.parametrize(
    "statement",
    [
        "update stairway.event set payload = ''",
        "delete from stairway.event",
        "truncate stairway.event",
        "delete from stairway.stream",
        "update stairway.stream set name = 'x'",
        "update stairway.log set id = gen_random_uuid()",
        "update stairway.log set last_ns = -1 where name = 'x'",
        "delete from stairway.log",
        "delete from stairway.consumer_group",
        "delete from stairway.dead_letter",
        "update stairway.about set value = '2'",
        "alter table stairway.event disable trigger all",
        "drop table stairway.event cascade",
        "drop trigger keep_events on stairway.event",
        "create table stairway.mine (x int)",
        "create or replace function stairway.keep_events() returns trigger language sql as ''",
        "set session_replication_role = replica",
        "set role stairway_archiver",
        "insert into stairway.archived values ('x', 'fill', 1, '')",
        "update stairway.archived set position = 9",
        "delete from stairway.archived",
        "drop trigger only_archived on stairway.event",
    ],
)
def test_who_appends_or_looks_can_neither_change_nor_take_away(guarded, role, statement):
    with pytest.raises(psycopg.Error) as caught:
        run(guarded, role, statement)
    assert caught.value.sqlstate == "42501"


def test_a_reader_looks_and_cannot_write(guarded, tmp_path):
    reader = open_log(tmp_path, CONFIG, url=as_user(guarded, "reader"), read_only=True)
    assert list(reader.read("nothing")) == []
    reader.close()
    with pytest.raises(ConfigError, match="may not do that"):
        open_log(tmp_path, CONFIG, url=as_user(guarded, "reader"))


def test_an_archiver_takes_away_only_in_that_role(guarded):
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
        run(guarded, "archiver", "delete from stairway.event where false")
    took = "set role stairway_archiver; delete from stairway.event where stream = 'none'"
    assert run(guarded, "archiver", took) == "SET"
    for statement in ("update stairway.event set crc = 0", "truncate stairway.event"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(guarded, "archiver", f"set role stairway_archiver; {statement}")


def as_archiver(server, statement):
    """Say it in the role, all or nothing."""
    return run(
        server, "archiver", f"begin; set local role stairway_archiver; {statement}; commit"
    )


def test_an_archiver_takes_away_only_what_is_behind_its_mark(guarded, tmp_path):
    with closing(open_log(tmp_path, CONFIG, url=as_user(guarded, "writer"))) as log:
        log.append("kept", [b"%d" % n for n in range(30)])
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only what was archived"):
        as_archiver(guarded, "delete from stairway.event where stream = 'kept'")
    rules = RetentionRules(keep_events=10, keep_days=0)
    archive = Archive(tmp_path / "old" / "x")
    with closing(kept(as_user(guarded, "archiver"), CONFIG)) as there:
        archive_kept(there, archive, rules, time.time_ns(), print)
        assert there.forgotten("kept").position == 20
    for statement in (
        "delete from stairway.event where stream = 'kept' and position = 21",
        "update stairway.archived set position = 19 where name = 'kept'",
        "update stairway.archived set name = 'fill' where name = 'kept'",
        "delete from stairway.archived",
        "truncate stairway.archived",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_archiver(guarded, statement)
    whole = f"{as_user(guarded, 'reader')}&archive={tmp_path / 'old'}"
    assert isinstance(verify(whole, CONFIG), Pass)
    with closing(open_log(tmp_path, CONFIG, url=whole, read_only=True)) as log:
        assert [e.payload for e in log.read("kept")] == [b"%d" % n for n in range(30)]


@pytest.mark.parametrize("role", ["reader", "writer"])
def test_who_is_no_archiver_cannot_let_go_of_anything(guarded, role, tmp_path):
    with closing(open_log(tmp_path, CONFIG, url=as_user(guarded, "writer"))) as log:
        log.append("fill", [b"x"])
    with closing(kept(as_user(guarded, role), CONFIG)) as there:
        head = there.heads()["fill"]
        with pytest.raises(ConfigError, match=r"may not do that.*deploy/postgresql"):
            there.let_go("fill", head)


def test_tables_of_format_1_are_read_and_written_and_not_archived_until_brought_on(
    guarded, tmp_path
):
    guarded.execute("create database older")
    guarded.execute((SQL / "schema.sql").read_text("utf-8"), "older")
    url = guarded.url("x", database="older")
    with closing(open_log(tmp_path, CONFIG, url=url)) as log:
        log.append("fill", [b"%d" % n for n in range(30)])
    rules = RetentionRules(keep_events=10, keep_days=0)
    with closing(kept(url, CONFIG)) as there:
        with pytest.raises(ConfigError, match=r"of format '1'.*takes '2'.*archive\.sql"):
            plan_kept(there, Archive(tmp_path), rules, time.time_ns())
        for _ in range(2):
            guarded.execute((SQL / "archive.sql").read_text("utf-8"), "older")
        (cut,) = plan_kept(there, Archive(tmp_path), rules, time.time_ns())
    assert cut.upto == 20
    guarded.execute("update stairway.about set value = '9' where name = 'format'", "older")
    with pytest.raises(
        ConfigError, match=r"format '9', and this version .* formats '1' and '2'"
    ):
        open_log(tmp_path, CONFIG, url=url)


def test_tables_that_are_missing_are_not_made_by_who_may_not(guarded, tmp_path):
    guarded.execute("create database bare")
    guarded.execute("revoke create on database bare from public", "bare")
    url = as_user(guarded, "writer").replace(f"/{DATABASE}?", "/bare?")
    with pytest.raises(ConfigError, match="deploy/postgresql"):
        open_log(tmp_path, CONFIG, url=url)
