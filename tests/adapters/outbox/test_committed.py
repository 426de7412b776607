"""Only what a power cut cannot take any more leaves the disk for Redis."""

from __future__ import annotations

import os
from pathlib import Path

import apsw
import pytest

from stairway.adapters.logs.sqlite import Config, open_log
from stairway.adapters.outbox import committed
from stairway.adapters.outbox.committed import Committed
from stairway.base.errors import DamagedLogError, RecordError
from stairway.testing.log import small_settings


@pytest.fixture
def log(tmp_path):
    made = open_log(tmp_path, Config(**small_settings()))
    for stream in ("fill", "timing"):
        made.append(stream, [b"%d" % n for n in range(1_000)])
    made.flush()
    yield made
    made.close()


@pytest.fixture
def outbox(log, tmp_path):
    assert log.head("fill").position == 1_000
    made = Committed(tmp_path)
    yield made
    made.close()


@pytest.fixture
def synced(monkeypatch):
    """Names of the files that were synced; the log's own writer syncs its marks at rest."""
    names, real = [], os.fdatasync

    def fdatasync(fd):
        name = Path(f"/proc/self/fd/{fd}").readlink().name
        names.extend([] if name.endswith(".mark") else [name])
        real(fd)

    monkeypatch.setattr(committed.os, "fdatasync", fdatasync)
    return names


def test_batches_follow_one_another_however_they_are_cut(outbox):
    for size in (1, 7, 300, 512, 5_000):
        place, found = 0, []
        while batch := outbox.after("fill", place, size):
            assert len(batch) <= size
            place = batch[-1].position
            found += batch
        assert [e.position for e in found] == [*range(1, 1_001)]


def test_what_came_after_the_end_is_found(log, outbox):
    assert outbox.after("fill", 1_000, 10) == []
    log.append("fill", [b"more"] * 20)
    log.flush()
    assert [e.position for e in outbox.after("fill", 1_000, 10)] == [*range(1_001, 1_011)]
    assert [e.position for e in outbox.after("fill", 990, 3)] == [991, 992, 993]


def test_a_batch_of_large_events_is_cut_by_its_size(log, outbox, monkeypatch):
    monkeypatch.setattr(committed, "BATCH_BYTES", 2_500)
    log.append("order.sent", [bytes(1_000)] * 9)
    log.flush()
    assert [e.position for e in outbox.after("order.sent", 0, 100)] == [1, 2, 3]


def test_telemetry_is_synced_before_it_leaves_and_the_rest_already_was(outbox, synced):
    assert outbox.after("fill", 0, 10)
    assert synced == []
    assert outbox.after("timing", 0, 10)
    assert synced == ["telemetry.db-wal"]
    assert outbox.after("timing", 1_000, 10) == []
    assert synced == ["telemetry.db-wal"]


def test_a_disk_that_does_not_sync_is_no_disk_to_send_from(outbox, monkeypatch):
    def broken(_fd):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(committed.os, "fdatasync", broken)
    with pytest.raises(RecordError, match="look after the disk"):
        outbox.after("timing", 0, 10)


def test_one_event_is_found_and_none_beyond_the_end(outbox):
    assert outbox.at("fill", 700).payload == b"699"
    assert [outbox.at("fill", n) for n in (-1, 0, 1_001)] == [None, None, None]
    assert outbox.end("fill") == 1_000


def test_what_was_changed_on_the_disk_does_not_leave_it(log, outbox, tmp_path):
    db = apsw.Connection(str(tmp_path / "durable.db"))
    db.execute("update event set payload = x'00' where position = 5")
    db.close()
    with pytest.raises(DamagedLogError, match="position 5"):
        outbox.after("fill", 0, 10)
    assert log.head("fill").position == 1_000


def test_the_size_of_what_waits_counts_both_files(outbox):
    size, events = outbox.kept()
    assert events == 2_000
    assert size > 2_000 * 60
