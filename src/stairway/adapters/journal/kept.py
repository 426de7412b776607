"""Archive a log that a server keeps; only then let the server forget.

1. Per stream, choose how far, as on one machine: an event stays while it is among the newest
   ``keep_events`` *or* younger than ``keep_days``, or while a consumer group has not done
   with it. The last event always stays.
2. Refuse an archive that is not this log's, or lacks what the server let go of before.
3. Write what is missing to Parquet, sync, read back, take it into the index.
4. Read every file once more, whole, and let the server forget what it holds, some thousand
   events at a time. The server checks the hash of the last one, and notes how far it went
   in the same step.

A crash between any two steps leaves events in both places, which is harmless: the next
archiver goes on. There is no call that empties anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.archiver import Cut, Heard, RetentionRules, carry
from stairway.adapters.journal.failures import no_room
from stairway.adapters.journal.files import Lock, is_no_room, make_folder
from stairway.adapters.journal.segment import Segment, read_segment
from stairway.base.errors import ConfigError
from stairway.events.envelope import Envelope, Head

_STEP_EVENTS = 4_096


class Kept(Protocol):
    """A log as its server keeps it, for whoever archives it."""

    def heads(self) -> Mapping[str, Head]:
        """Last position and hash of every stream.

        Raises
        ------
        DamagedLogError
            If something other than an archiver took events out.
        """
        ...

    def forgotten(self, stream: str) -> Head:
        """Last event that the server let go of, by its own word."""
        ...

    def at(self, stream: str, position: int) -> Head | None:
        """Position and hash of an event; ``None`` where the stream ends before it."""
        ...

    def older(self, stream: str, before_ns: int) -> int:
        """Position of the last event recorded before ``before_ns``; 0 where none was."""
        ...

    def needed(self) -> Mapping[str, int]:
        """First position of each stream that a consumer group still has to see."""
        ...

    def read(self, stream: str, after: int) -> Iterator[Envelope]:
        """Yield the events behind ``after`` that the server has, each checked."""
        ...

    def let_go(self, stream: str, upto: Head) -> None:
        """Let the server forget all events up to ``upto``, and note that it did.

        Raises
        ------
        DataError
            If the event there is not ``upto``. Nothing is forgotten then.
        """
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def plan_kept(
    kept: Kept, archive: Archive, rules: RetentionRules, now_ns: int
) -> tuple[Cut, ...]:
    """Say what ``archive_kept`` would let the server forget; changes nothing.

    Raises
    ------
    ConfigError
        If ``archive`` is not that of this log, or not all of it.
    """
    needed = kept.needed()
    before_ns = rules.before_ns(now_ns)
    cuts: list[Cut] = []
    for stream, head in sorted(kept.heads().items()):
        gone = kept.forgotten(stream)
        _require_ours(kept, archive, stream, gone)
        most = min(needed.get(stream, head.position) - 1, head.position - rules.keep_events)
        upto = min(most, kept.older(stream, before_ns))
        if upto > gone.position:
            cuts.append(Cut(stream, gone.position, upto))
    return tuple(cuts)


def archive_kept(
    kept: Kept, archive: Archive, rules: RetentionRules, now_ns: int, heard: Heard
) -> tuple[Segment, ...]:
    """Move what ``plan_kept`` names into the archive; writers may be at work.

    Raises
    ------
    ConfigError
        If another archiver is at work, or as ``plan_kept`` does.
    DamagedLogError
        If an event is not what was written, or the archive lacks a part. Nothing is moved or
        forgotten then.
    DiskFullError
        If there is no room. What was not archived was not forgotten.
    """
    make_folder(archive.folder)
    lock = Lock(archive.folder / "lock")
    try:
        archive.refresh()
        archive.require_whole()
        made: list[Segment] = []
        for cut in plan_kept(kept, archive, rules, now_ns):
            missing = Cut(cut.stream, archive.end(cut.stream).position, cut.upto)
            if missing.upto > missing.after:
                events = kept.read(missing.stream, missing.after)
                made += carry(events, archive, missing, _unheard)
            _forget(kept, archive, cut, heard)
        kept.heads()
    except OSError as error:
        if is_no_room(error):
            raise no_room(archive.folder) from error
        raise
    finally:
        lock.release()
    return tuple(made)


def _unheard(stream: str, reached: int, goal: int) -> None:
    """Progress counts what the server has forgotten, and this is not that yet."""


def _forget(kept: Kept, archive: Archive, cut: Cut, heard: Heard) -> None:
    for segment in archive.segments(cut.stream):
        if segment.last <= cut.after or segment.first > cut.upto:
            continue
        # All of it is read before any of it is let go of.
        heads = [
            Head(event.position, event.hash)
            for event in read_segment(archive.folder, segment, archive.address)
            if cut.after < event.position <= cut.upto
        ]
        for start in range(0, len(heads), _STEP_EVENTS):
            last = heads[start : start + _STEP_EVENTS][-1]
            kept.let_go(cut.stream, last)
            heard(cut.stream, last.position, cut.upto)


def _require_ours(kept: Kept, archive: Archive, stream: str, gone: Head) -> None:
    end = archive.end(stream)
    if end.position < gone.position:
        msg = (
            f"the server let go of {stream!r} up to event {gone.position}, and the archive in "
            f"{archive.folder} ends at {end.position}: name the archive that holds the rest "
            "(archive=FOLDER)"
        )
        raise ConfigError(msg)
    there = kept.at(stream, end.position) if end.position else None
    if there is not None and there != end:
        msg = (
            f"the archive in {archive.folder} is that of another log: event {end.position} of "
            f"{stream!r} is not the one on the server. Name a folder of its own "
            "(archive=FOLDER)"
        )
        raise ConfigError(msg)
