"""Old events leave the database, and nothing is lost on the way."""

from __future__ import annotations

import shutil
from contextlib import closing

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stairway.adapters.journal import archiver, files
from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.archiver import RetentionRules, archive_old, plan
from stairway.adapters.logs.sqlite import Config, open_log, verify
from stairway.base.errors import ConfigError, DamagedLogError, DiskFullError
from stairway.base.verdict import Pass
from stairway.testing.log import small_settings

CONFIG = msgspec.convert(small_settings(), Config)
DAY_NS = 86_400_000_000_000
NOW_NS = 400 * DAY_NS
STREAMS = ("fill", "market.bar")


def quiet(*_):
    """Hear, and say nothing."""


def rules(keep_events=10, keep_days=0.0):
    return RetentionRules(keep_events=keep_events, keep_days=keep_days)


def filled(folder, count=100, clock_ns=lambda: DAY_NS):
    with closing(open_log(folder, CONFIG, clock_ns=clock_ns)) as log:
        for stream in STREAMS:
            log.append(stream, [b"%d" % n for n in range(log.head(stream).position, count)])
    return read(folder)


def read(folder, after=0):
    with closing(open_log(folder, CONFIG, read_only=True)) as log:
        return {stream: list(log.read(stream, after)) for stream in STREAMS}


def archived(folder, keep=10, needed=None, now_ns=NOW_NS):
    return archive_old(folder, rules(keep), needed or {}, now_ns, quiet)


def rows_in(path):
    with closing(apsw.Connection(str(path))) as connection:
        return connection.execute("select count(*), min(position) from event").fetchall()[0]


def test_reading_goes_on_as_if_nothing_had_been_moved(tmp_path):
    before = filled(tmp_path)
    made = archived(tmp_path)
    assert {(one.stream, one.last) for one in made} == {(stream, 90) for stream in STREAMS}
    assert rows_in(tmp_path / "durable.db") == (10, 91)
    for after in (0, 1, 89, 90, 91, 99, 100):
        found = read(tmp_path, after)
        assert found == {stream: events[after:] for stream, events in before.items()}
    assert isinstance(verify(tmp_path), Pass)


def test_a_log_goes_on_where_it_ended_and_is_archived_again(tmp_path):
    filled(tmp_path)
    archived(tmp_path)
    before = filled(tmp_path, 150)
    archived(tmp_path)
    assert [len(Archive(tmp_path).segments(stream)) for stream in STREAMS] == [2, 2]
    assert read(tmp_path) == before
    assert archived(tmp_path) == ()


def test_an_event_stays_while_it_is_young_or_among_the_newest(tmp_path):
    days = iter(range(1, 1_000))
    filled(tmp_path, clock_ns=lambda: next(days) * DAY_NS)
    fills = read(tmp_path)["fill"]
    now_ns = fills[49].recorded_ns + 5 * DAY_NS
    cuts = {c.stream: c.upto for c in plan(tmp_path, rules(10, 5.0), {}, now_ns)}
    assert cuts.get("fill", 0) == 49
    cuts = {c.stream: c.upto for c in plan(tmp_path, rules(60, 5.0), {}, now_ns)}
    assert cuts["fill"] == 40


def test_an_event_stays_while_a_consumer_group_needs_it(tmp_path):
    filled(tmp_path)
    archived(tmp_path, needed={"fill": 31})
    assert Archive(tmp_path).end("fill").position == 30
    assert Archive(tmp_path).end("market.bar").position == 90
    assert archived(tmp_path, needed={"fill": 1}) == ()


def test_the_event_that_the_mark_vouches_for_always_stays(tmp_path):
    filled(tmp_path)
    archived(tmp_path, keep=1)
    assert rows_in(tmp_path / "durable.db") == (1, 100)
    assert isinstance(verify(tmp_path), Pass)


def test_a_writer_may_be_at_work(tmp_path):
    filled(tmp_path)
    with closing(open_log(tmp_path, CONFIG)) as log:
        early = log.read("fill", 3)
        assert next(early).position == 4
        log.append("fill", [b"more"])
        archived(tmp_path, keep=5)
        log.append("fill", [b"and more"])
        assert [e.position for e in early][:96] == list(range(5, 101))
        assert [e.position for e in log.read("fill")] == list(range(1, 103))
        assert log.head("fill").position == 102
    assert isinstance(verify(tmp_path), Pass)


def test_a_reader_that_was_open_before_goes_on(tmp_path):
    filled(tmp_path, 2_000)
    with closing(open_log(tmp_path, CONFIG, read_only=True)) as log:
        walking = log.read("fill")
        seen = [next(walking).position for _ in range(3)]
        archived(tmp_path)
        assert seen + [e.position for e in walking] == list(range(1, 2_001))


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["write_segment", "add", "trim"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_step_nothing_is_lost_and_the_next_one_finishes(
    tmp_path, monkeypatch, step, when
):
    before = filled(tmp_path)
    fired = []

    def dying(real):
        def act(*args, **kwargs):
            if when == "after":
                real(*args, **kwargs)
            fired.append(step)
            raise KilledError

        return act

    place = {"write_segment": archiver, "add": Archive, "trim": archiver}[step]
    name = {"trim": "_trim"}.get(step, step)
    with monkeypatch.context() as patch:
        patch.setattr(place, name, dying(getattr(place, name)))
        with pytest.raises(KilledError):
            archived(tmp_path)
    assert fired == [step]
    assert read(tmp_path) == before
    assert isinstance(verify(tmp_path), Pass)
    archived(tmp_path)
    assert rows_in(tmp_path / "durable.db") == (10, 91)
    assert rows_in(tmp_path / "telemetry.db") == (10, 91)
    assert read(tmp_path) == before


@pytest.mark.parametrize("harm", ["gone", "flipped", "cut"])
def test_nothing_is_trimmed_that_the_archive_has_lost_since(tmp_path, monkeypatch, harm):
    before = filled(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(archiver, "_trim", lambda *_: None)  # killed before it came to that
        archived(tmp_path)
    (path,) = (tmp_path / "archive" / "fill").iterdir()
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-9] if harm == "cut" else b"?" + content[1:])
    with pytest.raises(DamagedLogError, match=f"log verify {tmp_path}`"):
        archived(tmp_path, keep=5)
    with closing(apsw.Connection(str(tmp_path / "durable.db"))) as connection:
        fills = connection.execute("select count(*) from event where stream = 1").fetchall()
    assert fills == [(100,)]
    path.write_bytes(content)
    archived(tmp_path, keep=5)
    assert read(tmp_path) == before


def test_nothing_is_trimmed_where_the_archive_cannot_be_written(tmp_path, monkeypatch):
    before = filled(tmp_path)
    real, tried = archiver.write_segment, []

    def full(*args):
        tried.append(args)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archiver, "write_segment", full)
    with pytest.raises(DiskFullError, match="free some space"):
        archived(tmp_path)
    assert tried
    assert rows_in(tmp_path / "durable.db") == (100, 1)
    monkeypatch.setattr(archiver, "write_segment", real)
    archived(tmp_path)
    assert read(tmp_path) == before


def test_a_damaged_event_is_not_carried_into_the_archive(tmp_path):
    filled(tmp_path)
    with closing(apsw.Connection(str(tmp_path / "durable.db"))) as connection:
        connection.execute("update event set payload = x'00' where position = 40").fetchall()
    with pytest.raises(DamagedLogError, match="position 40"):
        archived(tmp_path)
    assert rows_in(tmp_path / "durable.db") == (100, 1)


def test_one_archiver_at_a_time(tmp_path):
    filled(tmp_path)
    (tmp_path / "archive").mkdir()
    lock = archiver.Lock(tmp_path / "archive" / "lock")
    with pytest.raises(ConfigError, match="written by process"):
        archived(tmp_path)
    lock.release()
    assert archived(tmp_path)


def test_an_archive_that_is_taken_away_is_missed(tmp_path):
    filled(tmp_path)
    archived(tmp_path)
    shutil.rmtree(tmp_path / "archive")
    with (
        closing(open_log(tmp_path, CONFIG, read_only=True)) as log,
        pytest.raises(DamagedLogError, match="position 1: this event is missing"),
    ):
        list(log.read("fill"))
    assert not isinstance(verify(tmp_path), Pass)


def test_large_stretches_become_several_files(tmp_path, monkeypatch):
    monkeypatch.setattr(archiver, "SEGMENT_EVENTS", 32)
    monkeypatch.setattr(archiver, "_TRIM_EVENTS", 7)
    before = filled(tmp_path)
    heard = []
    archive_old(tmp_path, rules(10), {}, NOW_NS, lambda *told: heard.append(told))
    assert [one.last for one in Archive(tmp_path).segments("fill")] == [32, 64, 90]
    assert [told for told in heard if told[0] == "fill"] == [
        ("fill", last, 90) for last in (32, 64, 90)
    ]
    assert read(tmp_path) == before


@settings(
    max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 30), st.integers(1, 60)),
        min_size=1,
        max_size=5,
    )
)
def test_however_appending_and_archiving_take_turns_the_record_is_the_same(
    tmp_path_factory, steps
):
    folder = tmp_path_factory.mktemp("log")
    filled(folder, 1)
    total = 1
    for more, keep, needed in steps:
        total += more
        before = filled(folder, total)
        archived(folder, keep, {"fill": needed})
        assert read(folder) == before
        assert [e.payload for e in before["fill"]] == [b"%d" % n for n in range(total)]
    assert isinstance(verify(folder), Pass)


def test_nothing_is_trimmed_beside_the_archive_of_another_log(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    before = filled(ours)
    with closing(open_log(theirs, CONFIG, clock_ns=lambda: DAY_NS)) as log:
        log.append("fill", [b"theirs"] * 100)
    archived(theirs, keep=50)
    shutil.copytree(theirs / "archive", ours / "archive")
    for act in (
        lambda: plan(ours, rules(90), {}, NOW_NS),
        lambda: archived(ours, keep=90),
        # Also where it was put there in between.
        lambda: archiver._trim(ours / "durable.db", Archive(ours)),
    ):
        with pytest.raises(DamagedLogError, match=r"position \d+: .* that of another log"):
            act()
        assert rows_in(ours / "durable.db") == (100, 1)
    shutil.rmtree(ours / "archive")
    assert read(ours) == before


def test_the_archive_is_a_name_that_lasts_before_anything_is_trimmed(tmp_path, monkeypatch):
    filled(tmp_path)
    done, sync, trim = [], files.sync_folder, archiver._trim
    monkeypatch.setattr(files, "sync_folder", lambda path: done.append(path) or sync(path))
    monkeypatch.setattr(archiver, "_trim", lambda *a: done.append("trim") or trim(*a))
    archived(tmp_path)
    for folder in (tmp_path, tmp_path / "archive", tmp_path / "archive" / "fill"):
        assert done.index(folder) < done.index("trim")
