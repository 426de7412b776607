"""Two files side by side."""

from __future__ import annotations

import errno
import os

import pytest

from stairway.adapters.journal.doorbell import Doorbell
from stairway.adapters.journal.mark import read_mark
from stairway.adapters.journal.pair import FILES, ReadingPair, WritingPair, file_of
from stairway.adapters.journal.settings import Settings
from stairway.adapters.journal.rows import sealed
from stairway.adapters.journal.store import Row, Sync
from stairway.base.errors import ConfigError, DiskFullError, InvariantError
from stairway.events.envelope import GENESIS, Head, chain
from stairway.testing.log import small_settings


def row(stream, position=1, previous=GENESIS, payload=b"x"):
    digest = chain(previous, stream, position, payload)
    return sealed(Row(stream, position, position, digest, payload))


def fills(count):
    rows = [row("fill")]
    while len(rows) < count:
        rows.append(row("fill", len(rows) + 1, rows[-1][4].hex()))
    return rows


def pair_in(folder, **changes):
    return WritingPair(folder, Settings(**small_settings(**changes)))


def test_orders_wait_for_the_disk_and_telemetry_does_not():
    assert FILES[file_of("order.sent")] is Sync.FULL
    assert FILES[file_of("fill")] is Sync.FULL
    assert FILES[file_of("a.stream.nobody.thought.of")] is Sync.FULL
    assert FILES[file_of("market.bar")] is Sync.NORMAL


def test_rows_go_where_their_stream_lives(tmp_path):
    pair = pair_in(tmp_path)
    pair.commit([row("fill"), row("timing"), row("trade.closed")])
    reading = ReadingPair(tmp_path)
    assert reading.streams() == ("fill", "timing", "trade.closed")
    assert reading.of("fill").streams() == ("fill", "trade.closed")
    assert reading.of("timing").streams() == ("timing",)
    reading.close()
    pair.close(failed=False)


def test_rows_that_a_failed_try_left_behind_are_not_written_twice(tmp_path, monkeypatch):
    pair = pair_in(tmp_path)
    durable = pair._journals["durable.db"]
    commit, full = durable.commit, DiskFullError("full")

    def fail(_rows, _rest):
        raise full

    monkeypatch.setattr(durable, "commit", fail)
    rows = [row("fill"), row("timing")]
    with pytest.raises(DiskFullError):
        pair.commit(rows)
    reading = ReadingPair(tmp_path)
    # What an order was decided on is never behind the order.
    assert reading.streams() == ("timing",)
    monkeypatch.setattr(durable, "commit", commit)
    pair.commit(rows)
    assert reading.of("fill").head("fill") == Head(1, rows[0][4].hex())
    assert reading.of("timing").head("timing") == Head(1, rows[1][4].hex())
    reading.close()
    pair.close(failed=False)


def test_write_ahead_logs_are_moved_once_they_have_grown(tmp_path):
    pair = pair_in(tmp_path, checkpoint_bytes=40_960)
    previous, sizes = GENESIS, []
    for n in range(1, 40):
        rows = [row("fill", n, previous, bytes(4_000))]
        previous = rows[0][4].hex()
        pair.commit(rows)
        pair.tidy()
        sizes.append(pair.wal_bytes)
    assert max(sizes) < 40_960
    assert max(sizes) > 20_000
    assert sizes.count(0) >= 3
    pair.close(failed=False)


def test_ballast_is_there_while_writing_and_can_be_given_up(tmp_path):
    pair = pair_in(tmp_path, ballast_bytes=10_000)
    assert (tmp_path / "ballast").stat().st_size == 10_000
    pair.drop_ballast()
    assert not (tmp_path / "ballast").exists()
    pair.load_ballast()
    pair.close(failed=False)
    assert not (tmp_path / "ballast").exists()


def test_no_room_for_the_ballast_is_no_way_to_start(tmp_path):
    with pytest.raises(DiskFullError, match="ballast"):
        pair_in(tmp_path, ballast_bytes=1 << 52)
    assert list(tmp_path.iterdir()) == []


def test_both_files_must_be_there_to_be_read(tmp_path):
    pair_in(tmp_path).close(failed=False)
    for name in ("telemetry.db", "telemetry.mark"):
        (tmp_path / name).unlink()
    with pytest.raises(ConfigError, match=r"no log in .*telemetry\.db is missing"):
        ReadingPair(tmp_path)


def test_settling_syncs_both_marks(tmp_path, monkeypatch):
    pair, syncs = pair_in(tmp_path), []
    monkeypatch.setattr("os.fdatasync", syncs.append)
    pair.commit([row("fill"), row("timing")])
    assert syncs == []
    pair.settle()
    # That of telemetry had nothing to claim yet.
    assert len(syncs) == 1
    pair.close(failed=False)
    assert len(syncs) == 2


@pytest.mark.parametrize("is_written", [False, True])
def test_a_commit_that_was_cut_short_is_taken_up_where_it_stopped(
    tmp_path, monkeypatch, is_written
):
    pair = pair_in(tmp_path)
    store, rows = pair._journals["durable.db"]._store, [row("fill"), row("timing")]
    insert = store.insert

    def interrupted(some, _pause):
        if is_written:
            insert(some)
        else:
            store._connection.execute("begin immediate")
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "insert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pair.commit(rows)
    monkeypatch.setattr(store, "insert", insert)
    pair.resume()
    assert (read_mark(tmp_path / "durable.mark") != {}) == is_written
    pair.commit([*rows, row("order.sent")])
    reading = ReadingPair(tmp_path)
    for stream in ("fill", "timing", "order.sent"):
        assert [e.position for e in reading.of(stream).read(stream)] == [1]
    reading.close()
    assert set(read_mark(tmp_path / "durable.mark")) == {"fill", "order.sent"}
    pair.close(failed=False)


def test_whoever_waits_is_told_to_look_once_it_is_known_how_far_a_commit_came(
    tmp_path, monkeypatch
):
    pair = pair_in(tmp_path)
    store = pair._journals["durable.db"]._store
    insert = store.insert

    def interrupted(some, _pause):
        insert(some)
        raise KeyboardInterrupt

    with Doorbell(tmp_path) as bell:
        monkeypatch.setattr(store, "insert", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pair.commit([row("fill")])
        assert not bell.wait(0.0)
        pair.resume()
        assert bell.wait(1.0)
    pair.close(failed=False)


def test_most_is_moved_while_commits_go_on_and_the_rest_is_moved_then(tmp_path):
    pair, previous = pair_in(tmp_path, checkpoint_bytes=40_960), GENESIS
    for n in range(1, 20):
        rows = [row("fill", n, previous, bytes(4_000))]
        previous = rows[0][4].hex()
        pair.commit(rows)
    before = (tmp_path / "durable.db").stat().st_size
    pair.move_ahead()
    moved = (tmp_path / "durable.db").stat().st_size - before
    assert moved > 60_000
    pair.commit([row("fill", 20, previous)])
    pair.tidy()
    # The log begins anew where all of it was moved.
    assert pair.wal_bytes < 10_000
    reading = ReadingPair(tmp_path)
    assert reading.of("fill").head("fill").position == 20
    reading.close()
    pair.close(failed=False)


def test_another_event_in_the_place_of_one_that_is_to_be_written_is_no_earlier_try(tmp_path):
    pair = pair_in(tmp_path)
    one, other = row("fill"), row("fill", payload=b"somebody else's")
    after = row("fill", 2, other[4].hex())
    pair.commit([one])
    pair.commit([one])
    assert pair.has(one)
    assert not pair.has(after)
    for rows in ([other], [other, after]):
        with pytest.raises(InvariantError, match="event 1 of 'fill' is another one on disk"):
            pair.commit(rows)
    reading = ReadingPair(tmp_path)
    assert [e.payload for e in reading.of("fill").read("fill")] == [b"x"]
    reading.close()
    pair.close(failed=False)


def test_a_mark_that_found_no_room_is_written_before_anything_is_acknowledged(
    tmp_path, monkeypatch
):
    pair, rows = pair_in(tmp_path), [row("fill")]
    pwrite = os.pwrite
    for short in (lambda fd, data, at: pwrite(fd, data[:30], at), fails_for_room):
        monkeypatch.setattr(os, "pwrite", short)
        with pytest.raises(DiskFullError, match=r"durable\.mark: free some space"):
            pair.commit(rows)
    monkeypatch.setattr(os, "pwrite", pwrite)
    assert read_mark(tmp_path / "durable.mark") == {}
    pair.commit(rows)
    assert read_mark(tmp_path / "durable.mark") == {"fill": Head(1, rows[0][4].hex())}
    pair.close(failed=False)


def fails_for_room(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_commit_in_steps_lets_others_go_on_and_is_whole(tmp_path):
    pair, pauses = pair_in(tmp_path), []
    pair.commit_in_steps(fills(70), lambda: pauses.append("fill"))
    assert len(pauses) >= 2
    assert pair._journals["durable.db"].heads["fill"].position == 70
    pair.close(failed=False)
    reading = ReadingPair(tmp_path)
    assert [e.position for e in reading.of("fill").read("fill")] == [*range(1, 71)]
    reading.close()
