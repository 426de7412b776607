"""One file: what is inserted is there, all or none, and each row is checked."""

from __future__ import annotations

import threading

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.adapters.journal.failures import unreadable, unwritable
from stairway.adapters.journal.inserts import STEP
from stairway.adapters.journal.layout import create, require_current_sqlite
from stairway.adapters.journal.rows import sealed
from stairway.adapters.journal.store import PAGE_EVENTS, Row, Store, Sync, crc_of
from stairway.base.errors import ConfigError, DamagedLogError, DiskFullError, RecordError
from stairway.events.envelope import GENESIS, Head, chain


def rows_of(stream, count, head=None):
    position, digest = (head.position, head.hash) if head else (0, GENESIS)
    rows = []
    for n in range(position + 1, position + count + 1):
        digest = chain(digest, stream, n, b"%d" % n)
        rows.append(sealed(Row(stream, n, 1_000 + n, digest, b"%d" % n)))
    return rows


@pytest.fixture
def store(tmp_path):
    create(tmp_path / "x.db")
    store = Store(tmp_path / "x.db", Sync.FULL)
    yield store
    store.close()


@pytest.mark.parametrize("version", ["3.51.2", "3.7.0", "3.9.99", "2.99.99"])
def test_an_sqlite_that_can_corrupt_is_refused(version):
    with pytest.raises(ConfigError, match="upgrade apsw"):
        require_current_sqlite(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "4.0.0", None])
def test_a_current_sqlite_is_accepted(version):
    require_current_sqlite(version)


@pytest.mark.parametrize("sync", [*Sync])
def test_a_file_is_opened_with_the_pragmas_that_make_it_safe(tmp_path, sync):
    create(tmp_path / "x.db")
    store = Store(tmp_path / "x.db", sync)
    wanted = {
        "journal_mode": "wal",
        "synchronous": {Sync.FULL: 2, Sync.NORMAL: 1}[sync],
        "wal_autocheckpoint": 0,
        "mmap_size": 0,
        "cell_size_check": 1,
    }
    found = {
        name: store._connection.execute(f"pragma {name}").fetchall()[0][0] for name in wanted
    }
    assert found == wanted
    store.close()


def test_creation_waits_for_the_disk_and_its_folder(tmp_path, monkeypatch):
    seen = []
    apsw.connection_hooks.append(lambda c: c.set_profile(lambda sql, _ns: seen.append(sql)))
    synced = []
    monkeypatch.setattr("stairway.adapters.journal.files.sync_folder", synced.append)
    try:
        create(tmp_path / "x.db")
    finally:
        apsw.connection_hooks.pop()
    tables = next(n for n, sql in enumerate(seen) if sql.startswith("create table"))
    assert "pragma synchronous = extra" in seen[:tables]
    assert synced == [tmp_path]


def test_a_creation_cut_short_is_finished_and_a_finished_one_is_left_alone(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"")
    create(path)
    store = Store(path, Sync.FULL)
    store.insert(rows_of("fill", 3))
    store.close()
    create(path)
    store = Store(path)
    assert store.last("fill").position == 3
    store.close()


@pytest.mark.parametrize("count", [1, 7, 8, 9, 63, 64, 65, 200, PAGE_EVENTS, 2 * PAGE_EVENTS])
def test_any_number_of_rows_goes_in_and_comes_out(store, count):
    rows = rows_of("fill", count)
    store.insert(rows)
    found = list(store.read("fill", Head()))
    assert [
        sealed(Row(e.stream, e.position, e.recorded_ns, e.hash, e.payload)) for e in found
    ] == rows
    assert store.last("fill") == Head(rows[-1][1], rows[-1][4].hex())


@pytest.mark.parametrize("count", [1, 32, 33, 64, 200, 256, 300])
def test_a_commit_in_steps_is_one_commit(store, count):
    first = rows_of("fill", 1)
    store.insert(first)
    other, seen = Store(store.path), []
    rows = rows_of("fill", count, Head(1, first[0][4].hex()))
    store.insert(rows, pause=lambda: seen.append(other.last("fill").position))
    assert other.last("fill").position == 1 + count
    assert seen == [1] * len(seen), "a reader sees all of it or nothing"
    assert len(seen) == (count - 1) // STEP, "between large steps, and not for a few rows"
    other.close()
    assert [e.position for e in store.read("fill", Head())] == [*range(1, count + 2)]


@pytest.mark.parametrize("pause", [None, lambda: None], ids=["at once", "in steps"])
def test_a_commit_of_several_statements_holds_the_file_before_the_first(store, pause):
    seen = []
    store._connection.set_profile(lambda sql, _ns: seen.append(sql))
    store.insert(rows_of("fill", 40), pause)
    assert (seen[0], seen[-1]) == ("begin immediate", "commit")


def test_a_commit_whose_pause_is_interrupted_leaves_nothing(store):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.insert(rows_of("fill", 200), pause=stop)
    store.resume()
    assert store.last("fill") == Head()
    store.insert(rows_of("fill", 200), pause=lambda: None)
    assert store.last("fill").position == 200


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["fill", "timing", "a.b", "c"]), max_size=90))
def test_streams_may_be_mixed_in_one_commit(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("store") / "x.db"
    create(path)
    store = Store(path, Sync.NORMAL)
    heads, rows = {}, []
    for name in names:
        row = rows_of(name, 1, heads.get(name))[0]
        heads[name] = Head(row[1], row[4].hex())
        rows.append(row)
    store.insert(rows)
    assert store.streams() == tuple(sorted(heads))
    for name, head in heads.items():
        assert store.last(name) == head
        assert [e.position for e in store.read(name, Head())] == [*range(1, head.position + 1)]
    store.close()


def test_a_commit_is_all_or_none(store):
    store.insert(rows_of("fill", 2))
    with pytest.raises(RecordError, match="cannot be written"):
        store.insert([*rows_of("timing", 70), *rows_of("fill", 1)])
    beside = Store(store.path)
    assert beside.streams() == ("fill",)
    assert beside.last("fill").position == 2
    beside.close()


def test_a_full_disk_takes_back_the_commit_and_it_can_be_tried_again(store):
    store.insert(rows_of("fill", 2))
    store._connection.execute("pragma max_page_count = 8").fetchall()
    big = [
        sealed(Row("new", n, n, chain("0" * 64, "new", n, bytes(9000)), bytes(9000)))
        for n in range(1, 9)
    ]
    with pytest.raises(DiskFullError, match="free some space"):
        store.insert(big)
    assert store.streams() == ("fill",)
    store._connection.execute("pragma max_page_count = 8000").fetchall()
    store.insert(big)
    assert store.last("new").position == 8
    assert store.streams() == ("fill", "new")


def test_reading_starts_behind_a_checked_event(store):
    rows = rows_of("fill", 1_200)
    store.insert(rows)
    start = store.at("fill", 1_100)
    assert start == Head(1_100, rows[1_099][4].hex())
    assert [e.position for e in store.read("fill", start)] == [*range(1_101, 1_201)]
    with pytest.raises(DamagedLogError, match="position 1101: it does not follow"):
        list(store.read("fill", Head(1_100, GENESIS)))


def test_the_place_before_the_first_event_is_the_empty_head(store):
    assert store.at("fill", 0) == store.at("nobody", 0) == store.last("nobody") == Head()
    with pytest.raises(DamagedLogError, match="missing"):
        store.at("fill", 1)


@pytest.mark.parametrize(
    "column", ["recorded_ns = 'x'", "crc = null", "hash = 'text'", "payload = 7", "hash = 5"]
)
def test_a_column_of_another_type_is_damage(tmp_path, column):
    path = tmp_path / "x.db"
    loose = apsw.Connection(str(path))
    for statement in (
        "create table about (name, value)",
        "create table stream (id integer primary key, name)",
        "create table event (stream, position, recorded_ns, crc, hash, payload)",
        "insert into about values ('format', '1')",
    ):
        loose.execute(statement)
    store = Store(path, Sync.FULL)
    store.insert(rows_of("fill", 3))
    loose.execute(f"update event set {column} where position = 2")  # noqa: S608 -- our own cases
    with pytest.raises(DamagedLogError, match="'fill', position 2: a column is of another"):
        list(store.read("fill", Head()))
    loose.execute("update event set hash = 'text' where position = 3")
    with pytest.raises(DamagedLogError, match="'fill', position 3: its hash is no hash"):
        store.last("fill")
    loose.execute("update event set position = x'ff' where position = 3")
    with pytest.raises(
        DamagedLogError, match="'fill', position 1: the position of a row is no"
    ):
        store.last("fill")
    loose.execute("update stream set name = x'ff'")
    with pytest.raises(DamagedLogError, match="the name of a stream is no text"):
        store.refresh()
    loose.execute("update stream set name = cast(x'ff' as text)")
    with pytest.raises(DamagedLogError, match="is no text"):
        store.refresh()
    loose.close()
    store.close()


@given(
    st.tuples(st.text(max_size=5), st.integers(0, 9), st.integers(0, 9), st.binary(max_size=4)),
    st.tuples(st.text(max_size=5), st.integers(0, 9), st.integers(0, 9), st.binary(max_size=4)),
)
def test_the_checksum_covers_every_column(one, two):
    if one != two and "\0" not in one[0] + two[0]:
        assert crc_of(*one[:3], b"h", one[3]) != crc_of(*two[:3], b"h", two[3])
    assert crc_of(*one[:3], b"h", one[3]) != crc_of(*one[:3], b"i", one[3])


def test_a_checkpoint_empties_the_write_ahead_log(store):
    store.insert(rows_of("fill", 500))
    assert store.wal_pages > 0
    assert store.checkpoint()
    assert store.wal_pages == 0
    assert store.checkpoint(final=True)
    assert store.path.with_name("x.db-wal").stat().st_size == 0


def test_a_checkpoint_beside_a_reader_says_that_it_is_not_done(store):
    store.insert(rows_of("fill", 5))
    reader = apsw.Connection(str(store.path))
    reader.execute("begin")
    reader.execute("select * from event").fetchall()
    head = store.last("fill")
    store.insert(rows_of("fill", 5, head))
    assert not store.checkpoint()
    assert store.wal_pages > 0
    reader.close()
    assert store.checkpoint()


def test_a_store_left_after_a_failure_keeps_its_write_ahead_log(tmp_path):
    create(tmp_path / "x.db")
    store = Store(tmp_path / "x.db", Sync.FULL)
    store.insert(rows_of("fill", 5))
    store.close(checkpoint=False)
    assert (tmp_path / "x.db-wal").stat().st_size > 0
    store = Store(tmp_path / "x.db")
    assert store.last("fill").position == 5
    store.close()


ERRORS = [
    (apsw.CantOpenError("x"), ConfigError, "check who may"),
    (apsw.PermissionsError("x"), ConfigError, "check who may"),
    (apsw.ReadOnlyError("x"), ConfigError, "check who may"),
    (apsw.FullError("x"), DiskFullError, "free some space"),
    (apsw.BusyError("x"), RecordError, "held by another program"),
    (apsw.LockedError("x"), RecordError, "held by another program"),
    (apsw.ConnectionClosedError("x"), RecordError, "closed"),
    (apsw.IOError("x"), RecordError, "look after the disk"),
    (apsw.CorruptError("x"), DamagedLogError, "restore"),
    (apsw.NotADBError("x"), DamagedLogError, "restore"),
    (apsw.SQLError("no such table"), DamagedLogError, "restore"),
    (apsw.ThreadingViolationError("x"), RecordError, "two threads at once"),
]


@pytest.mark.parametrize(("error", "kind", "advice"), ERRORS, ids=lambda e: type(e).__name__)
def test_each_error_of_sqlite_is_put_into_words(tmp_path, error, kind, advice):
    told = unreadable(tmp_path / "x.db", error)
    assert type(told) is kind
    assert advice in str(told)
    assert "x.db" in str(told)


def test_a_failure_to_write_is_final(tmp_path):
    told = unwritable(tmp_path / "x.db", apsw.IOError("disk I/O error"))
    assert type(told) is RecordError
    assert "stop this process" in str(told)


def test_whoever_reads_while_another_does_waits_for_him(store):
    store.insert(rows_of("fill", 600))
    begun, found = threading.Event(), []

    def read():
        found.append([e.position for e in store.read("fill", Head())])

    def in_the_middle():
        # SQLite is at work for this thread, and the other one wants it too.
        if not begun.is_set():
            begun.set()
            other.start()
            # SQLite's own patience ends earlier.
            other.join(0.6)
        return False

    other = threading.Thread(target=read)
    store._connection.set_progress_handler(in_the_middle, 1)
    read()
    other.join(10)
    assert found == [[*range(1, 601)]] * 2
