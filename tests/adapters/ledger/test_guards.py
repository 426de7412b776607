"""What somebody added to the tables, or switched off, is found before it is trusted."""

from __future__ import annotations

import itertools
from contextlib import closing, suppress

import pytest

from stairway.adapters.logs.postgresql import Config, open_log, verify
from stairway.app.progress import Silent
from stairway.app.record.check import check
from stairway.app.record.place import Place
from stairway.base.errors import DamagedLogError
from stairway.base.verdict import Pass, Refuse
from stairway.events.delivery import GroupRules
from stairway.testing.log import small_settings
from stairway.testing.postgresql import postgresql_settings

CONFIG = Config(**small_settings(), **postgresql_settings())
SERIAL = itertools.count()
DATABASE = "guards"
VANISH = """
    create function public.vanish() returns trigger language plpgsql as
    $$ begin return null; end $$"""
DROPPING = "create trigger vanish before insert on stairway.{} for each row execute function public.vanish()"
GONE = "drop trigger vanish on stairway.{}"
KEPT = "alter table stairway.{} enable always trigger {}"


@pytest.fixture(scope="module")
def server(postgresql, tmp_path_factory):
    """A database of this file's own, in which nothing else is at work."""
    postgresql.execute(f"create database {DATABASE}")
    url = postgresql.url("first", database=DATABASE)
    open_log(tmp_path_factory.mktemp("guards"), CONFIG, url=url).close()
    postgresql.execute(VANISH, DATABASE)
    return postgresql


@pytest.fixture
def url(server):
    return server.url(f"guarded-{next(SERIAL)}", database=DATABASE)


def refused(url, folder, cause):
    """Whoever opens, reads or verifies is told."""
    for read_only in (False, True):
        with pytest.raises(DamagedLogError, match=cause):
            open_log(folder, CONFIG, url=url, read_only=read_only)
    verdict = verify(url, CONFIG)
    assert isinstance(verdict, Refuse)
    assert cause in verdict.findings[0].detail
    answer = check(Place(None, url), Silent())
    assert answer.exit_code == 2
    assert any(cause in said for said in answer.complaints)
    assert all(said.startswith("log 'guarded-") for said in answer.complaints)


@pytest.mark.parametrize("writers", ["one", "many"])
@pytest.mark.parametrize("table", ["event", "stream", "log"])
def test_what_a_foreign_trigger_drops_is_not_acknowledged(
    server, url, tmp_path, writers, table
):
    log = open_log(tmp_path, CONFIG, url=f"{url}&writers={writers}")
    log.append("fill", [b"a"])
    log.flush()
    how = DROPPING.replace("insert", "update" if table == "log" else "insert")
    server.execute(how.format(table), DATABASE)
    try:
        with pytest.raises(DamagedLogError, match=f"rows of stairway.{table}: something there"):
            appended(log, [b"b", b"c"])
        refused(url, tmp_path, f"stairway.{table} has a trigger 'vanish' that Stairway did not")
    finally:
        server.execute(GONE.format(table), DATABASE)
        closed(log)
    with closing(open_log(tmp_path, CONFIG, url=url)) as log:
        assert [e.payload for e in log.read("fill")] == [b"a"]
        assert log.append("fill", [b"b"]).position == 2
    assert isinstance(verify(url, CONFIG), Pass)


def appended(log, payloads):
    log.append("fill", payloads)
    log.flush()


def closed(log):
    """One writer tells of its failure again when it is closed."""
    with suppress(DamagedLogError):
        log.close()


def test_what_a_foreign_trigger_drops_of_a_group_is_not_taken_for_kept(server, url, tmp_path):
    rules = GroupRules(streams=("fill",), lease_ms=1_000, tries=1)
    with closing(open_log(tmp_path, CONFIG, url=url)) as log:
        log.append("fill", [b"a", b"b"])
        with closing(log.group("desk", rules)) as group:
            first, second = group.take("me", 2, 1)
            for table, kind, act in (
                ("consumer_group", "update", lambda: group.ack([first])),
                ("dead_letter", "insert", lambda: group.fail(second, "poison", 2)),
            ):
                server.execute(DROPPING.replace("insert", kind).format(table), DATABASE)
                with pytest.raises(DamagedLogError, match="drops what is written"):
                    act()
                server.execute(GONE.format(table), DATABASE)
            assert group.dead_letters() == ()
            group.ack([first])
            group.fail(second, "poison", 2)
            assert [letter.position for letter in group.dead_letters()] == [2]


@pytest.mark.parametrize(
    ("done", "undone", "cause"),
    [
        (
            "alter table stairway.event disable trigger keep_events",
            KEPT.format("event", "keep_events"),
            "stairway.event has a trigger 'keep_events' that is switched off",
        ),
        (
            "alter table stairway.event enable replica trigger only_archived",
            KEPT.format("event", "only_archived"),
            "stairway.event has a trigger 'only_archived' that is switched off",
        ),
        (
            "alter table stairway.archived disable trigger all",
            "alter table stairway.archived enable trigger all",
            "stairway.archived has a trigger",
        ),
        (
            "alter table stairway.consumer_group disable trigger all",
            "alter table stairway.consumer_group enable trigger all",
            "stairway.consumer_group has a constraint that is switched off",
        ),
        (
            "alter trigger only_forward on stairway.stream rename to other",
            "alter trigger other on stairway.stream rename to only_forward",
            "stairway.stream has a trigger 'other' that Stairway did not make",
        ),
        (
            "drop trigger only_forward on stairway.log",
            ("create trigger only_forward before update or delete on stairway.log for each row "
            "execute function stairway.log_forward()"),
            "stairway.log lacks its trigger 'only_forward'",
        ),
        (
            ("create or replace trigger only_forward before update on stairway.log for each row "
            "execute function stairway.log_forward()"),
            ("create or replace trigger only_forward before update or delete on stairway.log for "
            "each row execute function stairway.log_forward()"),
            "stairway.log has a trigger 'only_forward' that is not as Stairway made it",
        ),
        (
            "create rule quiet as on insert to stairway.event do instead nothing",
            "drop rule quiet on stairway.event",
            "stairway.event has a rule",
        ),
        (
            "alter table stairway.event enable row level security",
            "alter table stairway.event disable row level security",
            "stairway.event is no plain table",
        ),
        (
            ("alter table stairway.dead_letter rename to hidden; "
            "create view stairway.dead_letter as select * from stairway.hidden"),
            "drop view stairway.dead_letter; alter table stairway.hidden rename to dead_letter",
            "stairway.dead_letter is no plain table",
        ),
        (
            ("alter function stairway.log_forward() rename to x; "
            "create function stairway.log_forward() returns trigger language plpgsql as "
            "$$ begin return new; end $$"),
            ("drop function stairway.log_forward(); "
            "alter function stairway.x() rename to log_forward"),
            "stairway.log has a trigger 'only_forward' that is not as Stairway made it",
        ),
        (
            "alter table stairway.event alter column writer set default 7",
            "alter table stairway.event alter column writer drop default",
            "stairway.event has a column 'writer' whose default is not as Stairway made it",
        ),
        (
            "alter table stairway.log alter column last_ns set default 9223372036854775807",
            "alter table stairway.log alter column last_ns set default 0",
            "stairway.log has a column 'last_ns' whose default is not as Stairway made it",
        ),
        (
            "alter table stairway.archived alter column hash drop not null",
            "alter table stairway.archived alter column hash set not null",
            "stairway.archived has a column 'hash' whose type is not as Stairway made it",
        ),
        (
            "alter table stairway.event add column note text",
            "alter table stairway.event drop column note",
            "stairway.event has a column 'note' that Stairway did not make",
        ),
        (
            "alter table stairway.dead_letter rename column seal to sealed",
            "alter table stairway.dead_letter rename column sealed to seal",
            "stairway.dead_letter has a column 'sealed' that Stairway did not make",
        ),
        (
            "create table public.more () inherits (stairway.event)",
            "drop table public.more",
            "stairway.event has a child table 'public.more' that Stairway did not make",
        ),
        (
            ("create table public.above (log text, name text, position bigint, hash bytea); "
            "alter table stairway.stream inherit public.above"),
            "alter table stairway.stream no inherit public.above; drop table public.above",
            "stairway.stream is a child of the table 'public.above' that Stairway did not make",
        ),
    ],
    ids=[
        "off", "replica", "all", "constraint", "renamed", "dropped", "fewer", "rule", "rows",
        "view", "function", "default", "clock", "null", "column", "other name", "child", "parent",
    ],
)  # fmt: skip
def test_what_was_added_or_switched_off_is_named(server, url, tmp_path, done, undone, cause):
    with closing(open_log(tmp_path, CONFIG, url=url)) as log:
        log.append("fill", [b"a"])
    server.execute(done, DATABASE)
    try:
        refused(url, tmp_path, cause)
    finally:
        server.execute(undone, DATABASE)
    with closing(open_log(tmp_path, CONFIG, url=url)) as log:
        assert log.append("fill", [b"b"]).position == 2


def test_a_guard_that_does_nothing_any_more_is_named(server, url, tmp_path):
    open_log(tmp_path, CONFIG, url=url).close()
    ask = "select pg_get_functiondef('stairway.keep_events()'::regprocedure)"
    ((made,),) = server.execute(ask, DATABASE)
    server.execute(
        "create or replace function stairway.keep_events() returns trigger language plpgsql as "
        "$$ begin return null; end $$",
        DATABASE,
    )
    try:
        refused(url, tmp_path, "the function stairway.keep_events is not as Stairway made it")
    finally:
        server.execute(made, DATABASE)
    open_log(tmp_path, CONFIG, url=url).close()
