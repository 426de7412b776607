"""Move old events out of the databases of a log, and lose none on the way.

1. Per stream, choose how far: an event stays in the database while it is among the newest
   ``keep_events`` *or* younger than ``keep_days``, or while a consumer group has not done
   with it. The last event that the high-water mark vouches for always stays.
2. Write the events to Parquet, sync, read back, and take the file into the index.
3. Only then read the file once more, hold it against the database event by event, and
   delete what both hold, some thousand events at a time, so that a writer never waits long.

A crash between 2 and 3 leaves events in both places, which is harmless: readers take the
archive's word up to its end, and the next archiver deletes what is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated

import apsw
import msgspec

from stairway.adapters.journal.archive import FOLDER, Archive
from stairway.adapters.journal.asked import Asked
from stairway.adapters.journal.failures import damaged, no_room, unreadable
from stairway.adapters.journal.files import Lock, is_no_room, make_folder
from stairway.adapters.journal.journal import mark_path
from stairway.adapters.journal.layout import execute
from stairway.adapters.journal.mark import read_mark
from stairway.adapters.journal.pair import FILES, file_of, open_reader
from stairway.adapters.journal.segment import Segment, read_segment, write_segment
from stairway.base.config import Config
from stairway.base.units import NS_PER_DAY
from stairway.events.envelope import Envelope, Head

SEGMENT_EVENTS = 65_536
SEGMENT_BYTES = 67_108_864
_TRIM_EVENTS = 4_096
_CUT = (
    "select max(position) from event where stream = (select id from stream where name = ?) "
    "and position <= ? and recorded_ns < ?"
)
_TRIM = (
    "delete from event where stream = (select id from stream where name = ?) "
    "and position between ? and ?"
)
_HASHES = (
    "select position, hash from event where stream = (select id from stream where name = ?) "
    "and position between ? and ?"
)
_FIRST = "select min(position) from event where stream = (select id from stream where name = ?)"

Heard = Callable[[str, int, int], None]
"""Told the stream, the position that was reached, and the position to reach."""


class RetentionRules(Config, frozen=True, kw_only=True):
    """How much of every stream stays in the database."""

    keep_events: Annotated[int, msgspec.Meta(ge=1, le=2**40)]
    """Newest events that stay, however old they are."""

    keep_days: Annotated[float, msgspec.Meta(ge=0, le=36_525)]
    """Events younger than this stay, however many they are; days."""

    def before_ns(self, now_ns: int) -> int:
        """Instant before which an event is old."""
        return now_ns - int(self.keep_days * NS_PER_DAY)


class Cut(msgspec.Struct, frozen=True):
    """Events of one stream that are to be moved: those behind ``after`` up to ``upto``."""

    stream: str
    after: int
    upto: int


def plan(
    folder: Path, rules: RetentionRules, needed: Mapping[str, int], now_ns: int
) -> tuple[Cut, ...]:
    """Say what ``archive`` would move.

    Parameters
    ----------
    needed
        First position of a stream that a consumer group still has to see.
    now_ns
        UTC; ages are counted from here.
    """
    archive = Archive(folder)
    cuts: list[Cut] = []
    for name in FILES:
        path = folder / name
        mark = read_mark(mark_path(path)) if mark_path(path).exists() else {}
        with closing(open_reader(folder, name)), closing(_asked(path)) as asked:
            for stream, head in sorted(mark.items()):
                most = min(
                    needed.get(stream, head.position) - 1, head.position - rules.keep_events
                )
                upto = _cut(asked, stream, most, rules.before_ns(now_ns))
                after = archive.end(stream).position
                if upto > after:
                    cuts.append(Cut(stream, after, upto))
    return tuple(cuts)


def archive_old(
    folder: Path,
    rules: RetentionRules,
    needed: Mapping[str, int],
    now_ns: int,
    heard: Heard,
) -> tuple[Segment, ...]:
    """Move what ``plan`` names into the archive; a writer may be at work.

    Raises
    ------
    ConfigError
        If another archiver is at work.
    DamagedLogError
        If an event is not what was written, or the archive lacks a part or is that of another
        log. Nothing is moved then.
    DiskFullError
        If there is no room. What was not archived was not trimmed.
    """
    make_folder(folder / FOLDER)
    lock = Lock(folder / FOLDER / "lock", folder)
    try:
        archive = Archive(folder)
        archive.require_whole()
        made: list[Segment] = []
        for cut in plan(folder, rules, needed, now_ns):
            made += _moved(folder, archive, cut, heard)
        for name in FILES:
            _trim(folder / name, archive)
    except OSError as error:
        if is_no_room(error):
            raise no_room(folder / FOLDER) from error
        raise
    finally:
        lock.release()
    return tuple(made)


def _moved(folder: Path, archive: Archive, cut: Cut, heard: Heard) -> Iterator[Segment]:
    with closing(open_reader(folder, file_of(cut.stream))) as reader:
        yield from carry(reader.read(cut.stream, cut.after), archive, cut, heard)


def carry(
    events: Iterator[Envelope], archive: Archive, cut: Cut, heard: Heard
) -> Iterator[Segment]:
    """Write ``events``, as far as ``cut`` says, to the archive; yield what its index has."""
    before = archive.end(cut.stream)
    for portion in _portions(events, cut.upto):
        segment = write_segment(archive.folder, before, portion)
        archive.add([segment])
        before = Head(segment.last, segment.hash)
        heard(cut.stream, segment.last, cut.upto)
        yield segment


def _portions(events: Iterator[Envelope], upto: int) -> Iterator[list[Envelope]]:
    portion: list[Envelope] = []
    size_bytes = 0
    for event in events:
        if event.position > upto:
            break
        portion.append(event)
        size_bytes += len(event.payload)
        if len(portion) >= SEGMENT_EVENTS or size_bytes >= SEGMENT_BYTES:
            yield portion
            portion, size_bytes = [], 0
    if portion:
        yield portion


def _cut(asked: Asked, stream: str, most: int, before_ns: int) -> int:
    return asked.ask(_CUT, (stream, most, before_ns))[0][0] or 0


def _trim(path: Path, archive: Archive) -> None:
    """Delete what the archive holds; it may be an archiver long dead that put it there.

    Raises
    ------
    DamagedLogError
        If a file of the archive is not what was written, or holds other events than these.
        They stay where they are.
    """
    with closing(_asked(path, read_only=False)) as asked:
        connection = asked.connection
        for segment in archive.segments():
            first = execute(connection, _FIRST, (segment.stream,))[0][0]
            if first is None or first > segment.last:
                continue
            _require_same(connection, path, archive, segment)
            while first <= segment.last:
                upto = min(segment.last, first + _TRIM_EVENTS - 1)
                execute(connection, _TRIM, (segment.stream, first, upto))
                first = upto + 1
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def _require_same(
    connection: apsw.Connection, path: Path, archive: Archive, segment: Segment
) -> None:
    """Read a file of the archive whole, and hold it against what is to be deleted."""
    place = (segment.stream, segment.first, segment.last)
    here = dict(execute(connection, _HASHES, place))
    for event in read_segment(archive.folder, segment):
        if here.get(event.position, there := bytes.fromhex(event.hash)) != there:
            cause = "the archive beside it has another event there: it is that of another log"
            raise damaged(path, segment.stream, event.position, cause)


def _asked(path: Path, *, read_only: bool = True) -> Asked:
    try:
        return Asked(path, read_only=read_only)
    except apsw.Error as error:
        raise unreadable(path, error) from error
