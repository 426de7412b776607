"""The shared log meets both contracts, and what it adds: refusing, resolving, keeping quiet."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
import traceback
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.journal.kept import archive_kept
from stairway.adapters.logs.postgresql import Config, kept, open_log, verify
from stairway.base.errors import (
    ConfigError,
    ConflictError,
    DamagedLogError,
    RecordError,
)
from stairway.base.verdict import Pass, Refuse
from stairway.events.delivery import GroupRules
from stairway.events.envelope import GENESIS, Head, chain
from stairway.testing.groups import GroupContract
from stairway.testing.log import EventLogContract, small_settings
from stairway.testing.postgresql import postgresql_settings

CONFIG = Config(**small_settings(), **postgresql_settings())
SERIAL = itertools.count()
CANARY = "c4naryS3cret"
ROLES = (Path(__file__).parents[3] / "deploy" / "postgresql" / "roles.sql").read_text("utf-8")


def opener(server, writers):
    """Every folder of a test is a log of its own."""

    def opened(folder, *, read_only=False, clock_ns=time.time_ns):
        name = hashlib.sha256(str(folder).encode()).hexdigest()
        url = server.url(name, more=f"&writers={writers}")
        return open_log(folder, CONFIG, url=url, read_only=read_only, clock_ns=clock_ns)

    return opened


class TestOneWriter(EventLogContract):
    @pytest.fixture
    def open_log(self, postgresql):
        return opener(postgresql, "one")


class TestManyWriters(EventLogContract):
    many_writers = True

    @pytest.fixture
    def open_log(self, postgresql):
        return opener(postgresql, "many")


class TestGroups(GroupContract):
    @pytest.fixture
    def open_log(self, postgresql):
        return opener(postgresql, "many")


@pytest.fixture
def name():
    return f"log-{next(SERIAL)}"


@pytest.fixture
def opened(postgresql, name, tmp_path):
    """Open the log of this test; all are closed at its end."""
    logs = []

    def make(more="&wait_ms=3000", url=None, **options):
        url = url or postgresql.url(name, more=more)
        logs.append(open_log(tmp_path, CONFIG, url=url, **options))
        return logs[-1]

    yield make
    for log in logs:
        log.close()


def forge(postgresql, name, statement):
    """Change what lies there, past every guard, as a bad disk or an owner could."""
    with psycopg.connect(postgresql.conninfo(), autocommit=True) as link:
        link.execute("alter table stairway.event disable trigger all")
        link.execute("alter table stairway.stream disable trigger all")
        link.execute(statement.encode() + b" and log = '%s'" % name.encode())
        for guard in ("keep_events", "only_archived"):
            link.execute(f"alter table stairway.event enable always trigger {guard}".encode())
        link.execute("alter table stairway.stream enable trigger all")


def test_a_group_of_the_one_writer_sees_what_waits_for_its_commit(opened):
    log = opened("&writers=one")
    group = log.group("desk", GroupRules(streams=("fill",), lease_ms=1000, tries=2))
    log.append("fill", [b"x"])
    assert [d.envelope.payload for d in group.take("a", 9, 0)] == [b"x"]
    group.close()


def test_threads_of_many_writers_make_one_chain(opened):
    logs = [opened() for _ in range(3)]

    def publish(log, who):
        for n in range(15):
            log.append("fill", [b"%d %d" % (who, n), b"%d again" % who])

    threads = [threading.Thread(target=publish, args=(log, k)) for k, log in enumerate(logs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = list(logs[0].read("fill"))
    assert len(events) == 90
    assert [e.recorded_ns for e in events] == sorted({e.recorded_ns for e in events})
    for who in range(3):
        mine = [e.payload for e in events if e.payload.startswith(b"%d " % who)]
        assert mine[::2] == [b"%d %d" % (who, n) for n in range(15)]
        places = [e.position for e in events if e.payload.startswith(b"%d " % who)]
        assert all(b == a + 1 for a, b in zip(places[::2], places[1::2], strict=True))


def test_of_those_who_expect_the_same_place_one_has_it(opened):
    logs = [opened() for _ in range(4)]
    won = []

    def claim(k):
        for n in range(12):
            try:
                logs[k].append("policy.generation", [b"equal"], expected=n)
                won.append(n)
            except ConflictError:
                pass

    threads = [threading.Thread(target=claim, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(set(won))
    assert logs[0].head("policy.generation").position == len(won)


@pytest.mark.parametrize(
    ("first", "second"), [("one", "one"), ("one", "many"), ("many", "one")]
)
def test_one_writer_and_many_do_not_mix(opened, first, second):
    log = opened(f"&writers={first}")
    with pytest.raises(ConfigError, match=f"written by server process.*writers={second}"):
        opened(f"&writers={second}")
    log.append("fill", [b"x"])
    log.close()
    again = opened(f"&writers={second}")
    assert again.head("fill").position == 1


@pytest.mark.parametrize(
    ("statement", "position", "cause"),
    [
        ("update stairway.event set payload = 'x' where position = 3", 3, "checksum"),
        ("update stairway.event set recorded_ns = 7 where position = 3", 3, "checksum"),
        ("update stairway.event set hash = '\\x00' where position = 3", 3, "checksum"),
        ("delete from stairway.event where position = 3", 3, "missing"),
        ("delete from stairway.event where position = 5", 5, "missing"),
        ("update stairway.stream set position = 4 where position = 5", 4, "the head"),
        ("update stairway.stream set hash = '\\x00' where position = 5", 5, "the head"),
    ],
)  # fmt: skip
def test_what_is_not_what_was_written_is_named_and_refused(
    postgresql, opened, name, statement, position, cause
):
    log = opened()
    log.append("fill", [b"event %d" % n for n in range(5)])
    assert isinstance(verify(postgresql.url(name), CONFIG), Pass)
    log.close()
    forge(postgresql, name, statement)
    verdict = verify(postgresql.url(name), CONFIG)
    assert isinstance(verdict, Refuse)
    assert f"stream 'fill', position {position}: " in verdict.findings[0].detail
    assert cause in verdict.findings[0].detail
    assert "log export" in verdict.findings[0].detail
    with pytest.raises(DamagedLogError, match=cause):
        opened()
    reader = opened(read_only=True)
    with pytest.raises(DamagedLogError, match=cause):
        list(reader.read("fill"))


def test_events_behind_a_head_that_was_put_back_are_noticed(postgresql, opened, name):
    log = opened()
    log.append("fill", [b"a", b"b", b"c"])
    log.close()
    forge(
        postgresql,
        name,
        "update stairway.stream set position = 2, hash = (select hash from stairway.event as e "
        "where e.log = stream.log and e.position = 2) where name = 'fill'",
    )
    assert (
        "position 3: an event lies behind"
        in verify(postgresql.url(name), CONFIG).findings[0].detail
    )
    with pytest.raises(DamagedLogError, match="behind the head"):
        opened()


def test_the_one_writer_may_come_back_at_once(opened):
    for n in range(12):
        log = opened("&writers=one")
        log.append("fill", [b"x"])
        log.close()
        assert log.head("fill").position == n + 1


def test_a_fork_is_refused_in_words_and_closes_without_a_word_to_the_server(opened):
    log = opened("&writers=one")
    log.append("fill", [b"before"])
    log.flush()
    pipe, out = os.pipe()
    child = os.fork()
    if child == 0:
        said = []
        for act in (lambda: log.append("fill", [b"no"]), log.flush, log.streams):
            try:
                act()
            except RecordError as error:
                said.append("does not survive a fork" in str(error))
        log.close()
        os.write(out, repr(said).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(pipe, 100) == b"[True, True, True]"
    os.close(pipe)
    os.close(out)
    log.append("fill", [b"after"])
    assert [e.payload for e in log.read("fill")] == [b"before", b"after"]


def test_a_forged_event_with_a_good_checksum_does_not_follow(postgresql, opened, name):
    from stairway.adapters.journal.store import crc_of  # noqa: PLC0415 - for this one

    log = opened(clock_ns=lambda: 7)
    log.append("fill", [b"a", b"b", b"c"])
    seal = bytes.fromhex(chain(GENESIS, "fill", 2, b"forged"))
    crc = crc_of("fill", 2, 8, seal, b"forged")
    forge(
        postgresql,
        name,
        f"update stairway.event set payload = 'forged', hash = '\\x{seal.hex()}', crc = {crc} "  # noqa: S608 - ours
        "where position = 2",
    )
    with pytest.raises(DamagedLogError, match="position 2: it does not follow"):
        list(log.read("fill"))


def test_nobody_changes_or_truncates_an_event_not_even_the_owner(postgresql, opened):
    postgresql.execute("create database kept")
    url = postgresql.url("kept", database="kept")
    log = opened(url=url)
    log.append("fill", [b"a", b"b"])
    for statement in (
        "update stairway.event set payload = 'x'",
        "delete from stairway.event",
        "truncate stairway.event",
        "update stairway.stream set position = position - 1",
        "delete from stairway.stream",
        "truncate stairway.stream cascade",
        "update stairway.log set last_ns = 0",
        "update stairway.log set id = gen_random_uuid()",
        "delete from stairway.log",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"never|forward"):
            postgresql.execute(statement, "kept")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        postgresql.execute(
            "set session_replication_role = replica; delete from stairway.event", "kept"
        )
    assert len(list(log.read("fill"))) == 2
    assert isinstance(verify(url, CONFIG), Pass)


def test_another_log_put_in_its_place_is_noticed(postgresql, opened, name):
    log = opened()
    log.append("fill", [b"a"])
    with psycopg.connect(postgresql.conninfo(), autocommit=True) as link:
        link.execute("alter table stairway.log disable trigger all")
        link.execute(
            b"update stairway.log set id = gen_random_uuid() where name = '%s'" % name.encode()
        )
        link.execute("alter table stairway.log enable trigger all")
    with pytest.raises(DamagedLogError, match="not the log that it was"):
        log.append("fill", [b"b"])


def test_a_row_that_is_held_too_long_is_a_typed_error_and_nothing_was_appended(
    postgresql, opened, name
):
    log = opened("&wait_ms=100")
    log.append("fill", [b"a"])
    with psycopg.connect(postgresql.conninfo()) as link:
        link.execute(b"select 1 from stairway.log where name = '%s' for update" % name.encode())
        with pytest.raises(RecordError, match=r"100 ms.*nothing was appended"):
            log.append("fill", [b"b"])
    assert log.append("fill", [b"c"]).position == 2


def test_a_writer_that_hangs_inside_a_transaction_loses_it(opened):
    log = opened("&wait_ms=2000")
    log.append("fill", [b"a"])
    hanging = opened("&wait_ms=50")

    def hang():
        with hanging._line.turn() as link:
            link.execute("begin")
            link.execute("select 1 from stairway.log for update")
            threading.Event().wait(0.2)
            link.execute("commit")

    with pytest.raises(RecordError, match="connection broke"):
        hang()
    assert log.append("fill", [b"b"]).position == 2
    assert hanging.append("fill", [b"c"]).position == 3


@pytest.mark.parametrize("more", ["&writers=one&wait_ms=9000", "&writers=many&wait_ms=9000"])
def test_a_connection_that_the_server_drops_comes_back(postgresql, opened, more):
    log = opened(more)
    log.append("fill", [b"a"])
    log.flush()
    for n in range(3):
        postgresql.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'stairway'"
        )
        log.append("fill", [b"%d" % n])
        log.flush()
        assert log.head("fill").position == n + 2
    assert [e.payload for e in log.read("fill")] == [b"a", b"0", b"1", b"2"]
    assert log._line.reconnects == 3


@pytest.mark.parametrize(
    ("setting", "cause"),
    [
        ("synchronous_commit=off", "synchronous_commit = off loses"),
        ("search_path=public", None),
    ],
)
def test_a_server_that_would_lose_what_it_called_committed_is_refused(
    postgresql, opened, setting, cause
):
    postgresql.execute(f"alter role stairway_owner set {setting}")
    try:
        if cause is None:
            assert opened().head("fill") == Head()
            return
        with pytest.raises(ConfigError, match=cause):
            opened()
        with pytest.raises(ConfigError, match="no log"):
            opened(read_only=True)
    finally:
        postgresql.execute("alter role stairway_owner reset all")


def test_tables_of_a_newer_version_are_refused(postgresql, tmp_path):
    postgresql.execute("create database newer")
    url = postgresql.url("x", database="newer")
    open_log(tmp_path, CONFIG, url=url).close()
    postgresql.execute("update stairway.about set value = '9'", "newer")
    for read_only in (False, True):
        with pytest.raises(ConfigError, match=r"format '9'.* reads formats '1' and '2'"):
            open_log(tmp_path, CONFIG, url=url, read_only=read_only)
    assert isinstance(verify(url, CONFIG), Refuse)


def test_a_database_of_another_encoding_is_refused(postgresql, tmp_path):
    postgresql.execute("create database latin encoding 'LATIN1' template template0")
    with pytest.raises(ConfigError, match="its encoding is LATIN1"):
        open_log(tmp_path, CONFIG, url=postgresql.url("x", database="latin"))


def test_reading_makes_neither_tables_nor_log(postgresql, tmp_path, opened):
    postgresql.execute("create database empty")
    with pytest.raises(ConfigError, match="there is no log"):
        open_log(tmp_path, CONFIG, url=postgresql.url("x", database="empty"), read_only=True)
    assert postgresql.execute("select to_regclass('stairway.about')", "empty") == [(None,)]
    with pytest.raises(ConfigError, match="there is no log"):
        opened(read_only=True)


def test_many_may_lay_out_one_database_at_once(postgresql, tmp_path):
    postgresql.execute("create database fresh")
    failures = []

    def make(k):
        try:
            open_log(tmp_path, CONFIG, url=postgresql.url(f"l{k}", database="fresh")).close()
        except Exception as error:  # noqa: BLE001 -- told to the test
            failures.append(error)

    threads = [threading.Thread(target=make, args=(k,)) for k in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert postgresql.execute("select count(*) from stairway.log", "fresh") == [(5,)]


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://desk:{CANARY}@127.0.0.1:1/db?log=x&wait_ms=1",
        f"postgresql://desk:{CANARY}@127.0.0.1:1/db?log=X",
        f"postgresql://desk:{CANARY}@127.0.0.1:port/db?log=x",
        f"postgresql://desk:{CANARY}@127.0.0.1/db?log=x&sslmode=never",
        f"postgresql://desk:{CANARY}@127.0.0.1/?log=x",
        f"postgresql://desk:{CANARY}@127.0.0.1/db?log=x&password={CANARY}",
        f"mysql://desk:{CANARY}@127.0.0.1/db?log=x",
        f"postgresql://desk:{CANARY}@[::1/db?log=x",
        f"postgresql://desk:{CANARY}@127.0.0.1/db?log=x&writers=few",
        f"postgresql://desk:{CANARY}@127.0.0.1/db?log=x&wait_ms=0",
        f"postgresql://desk:{CANARY}@127.0.0.1/db?log=x&{CANARY}",
    ],
)
def test_a_password_is_in_no_error(tmp_path, url):
    with pytest.raises(ConfigError) as caught:
        open_log(tmp_path, CONFIG, url=url)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert CANARY not in told.replace(url, "")


def test_a_wrong_password_is_refused_and_not_said(postgresql, tmp_path):
    url = postgresql.url("x").replace(postgresql.password, CANARY)
    with pytest.raises(ConfigError, match="password authentication failed") as caught:
        open_log(tmp_path, CONFIG, url=url)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert isinstance(verdict := verify(url, CONFIG), Refuse)
    assert CANARY not in repr(verdict)


def test_a_server_may_listen_on_a_socket_in_a_folder(postgresql, opened, name):
    url = (
        f"postgresql://stairway_owner:{postgresql.password}@/postgres?log={name}"
        f"&host={postgresql.folder}"
    )
    with pytest.raises(ConfigError, match="cannot be opened"):
        opened(url=url)
    log = opened(url=url.replace("@/", f"@:{postgresql.port}/"))
    assert log.append("fill", [b"x"]).position == 1


@pytest.mark.parametrize("writers", ["one", "many"])
def test_no_log_is_written_behind_an_archive_that_lacks_a_part(
    opened, postgresql, name, tmp_path, writers
):
    log = opened(f"&writers={writers}")
    postgresql.execute(ROLES)
    log.append("fill", [b"%d" % n for n in range(30)])
    log.close()
    archive = Archive(tmp_path / "old" / name)
    rules = RetentionRules(keep_events=5, keep_days=0)
    with closing(kept(postgresql.url(name), CONFIG)) as there:
        archive_kept(there, archive, rules, time.time_ns(), lambda *_: None)
    told = f"&writers={writers}&wait_ms=3000&archive={tmp_path / 'old'}"
    opened(told).close()
    with pytest.raises(ConfigError, match=r"ends at event 0 of 'fill', and the server let go"):
        opened(f"&writers={writers}&archive={tmp_path / 'elsewhere'}")
    path = archive.folder / archive.segments("fill")[0].name
    for damage in (lambda: path.write_bytes(path.read_bytes()[:500]), path.unlink):
        damage()
        with pytest.raises(DamagedLogError, match=r"'fill', position 1: .*log export 'postg"):
            opened(told)
