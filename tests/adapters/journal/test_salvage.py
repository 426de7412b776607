"""Which file is damaged, and which stream, is read from the error and not from its words."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from stairway.adapters.journal.failures import Complaint, complaint
from stairway.adapters.journal.log import examined
from stairway.adapters.journal.salvage import lost
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.base.errors import DamagedLogError, RecordError
from stairway.testing.log import small_settings

MISLEADING = "durable.db, stream 'fill'"
"""A folder may be called what it likes."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / MISLEADING
    with closing(open_log(folder, Config(**small_settings()))) as log:
        log.append("fill", [b"event %d" % n for n in range(9)])
        log.append("timing", [b"event %d" % n for n in range(9)])
    return folder


def spoil(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"nothing")


def change(path: Path, statement: str) -> None:
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(statement).fetchall()


def test_of_a_file_that_is_damaged_as_a_whole_no_stream_is_named(folder: Path) -> None:
    spoil(folder / "telemetry.db")
    good, (found,) = examined(folder)
    assert (good, found.file, found.stream) == (9, "telemetry.db", None)
    told = lost(folder, {"fill": 9}, (found,))
    said = (
        "telemetry.db: stream 'timing', position 1: this event cannot be read, nor what "
        "follows it up to 9, where its high-water mark stands"
    )
    assert told == (said,)


def test_of_a_stream_that_is_named_nothing_is_said_twice(folder: Path) -> None:
    change(folder / "durable.db", "update event set crc = 0 where position = 5")
    good, (found,) = examined(folder)
    assert (good, found.file, found.stream) == (4 + 9, "durable.db", "fill")
    assert lost(folder, {"fill": 4, "timing": 9}, (found,)) == ()
    whole = Complaint("its pages are in disorder", "durable.db")
    assert lost(folder, {"fill": 4, "timing": 9}, (found, whole)) == (
        "durable.db: what was written can be read of 'fill' to 4",
    )


def test_what_is_beside_a_database_is_a_part_of_it_and_a_mark_or_an_index_is_not() -> None:
    def file_of(name: str | None) -> str:
        return complaint(DamagedLogError("x", file=name), "durable.db").file

    assert [file_of(f"telemetry.db{end}") for end in ("", "-wal", "-shm")] == [
        "telemetry.db"
    ] * 3
    assert [file_of(name) for name in ("durable.mark", "index.json", None)] == [
        "durable.mark",
        "index.json",
        "durable.db",
    ]
    assert complaint(RecordError("it is held"), "durable.db") == Complaint(
        "it is held", "durable.db"
    )
