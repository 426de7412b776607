"""How much is on record, since when, and how fast it grows."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import msgspec

from stairway.adapters.journal.archive import Archive
from stairway.app.record.entries import utc
from stairway.app.record.place import Place
from stairway.base.errors import DamagedLogError
from stairway.events.envelope import Envelope
from stairway.events.ports import EventLog
from stairway.events.streams import is_durable

_MINUTE_NS = 60_000_000_000
_SHORTEST_NS = 1_000_000_000


class StreamStats(msgspec.Struct, frozen=True):
    """One stream.

    Attributes
    ----------
    archived
        How many of its events have moved into the archive.
    per_minute
        Events a minute between its first and its last; ``None`` within a second.
    """

    stream: str
    events: int
    archived: int
    durable: bool
    first: str
    last: str
    per_minute: float | None
    head: str


class Stats(msgspec.Struct, frozen=True):
    """A log.

    Attributes
    ----------
    files
        Bytes of each file of an embedded log, its archive as one.
    """

    log: str
    events: int
    streams: tuple[StreamStats, ...]
    files: dict[str, int]

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"


def stats(place: Place, log: EventLog) -> Stats:
    """Measure a log; reads two events of every stream, and checks them."""
    archive = None if place.folder is None else Archive(place.folder)
    streams = tuple(_stream(log, archive, name) for name in log.streams())
    return Stats(
        log=str(place),
        events=sum(one.events for one in streams),
        streams=streams,
        files={} if place.folder is None else dict(_files(place)),
    )


def _stream(log: EventLog, archive: Archive | None, name: str) -> StreamStats:
    head = log.head(name)
    archived = 0 if archive is None else archive.end(name).position
    first, last = _one(log, name, 1), _one(log, name, head.position)
    span_ns = last.recorded_ns - first.recorded_ns
    steps = head.position - 1
    return StreamStats(
        stream=name,
        events=head.position,
        archived=archived,
        durable=is_durable(name),
        first=utc(first.recorded_ns),
        last=utc(last.recorded_ns),
        per_minute=steps * _MINUTE_NS / span_ns if span_ns >= _SHORTEST_NS else None,
        head=head.hash,
    )


def _one(log: EventLog, name: str, position: int) -> Envelope:
    for envelope in log.read(name, position - 1):
        return envelope
    msg = (
        f"stream {name!r}, position {position}: there is no such event, though the stream is "
        "said to reach so far; stairway log verify says how much is damaged"
    )
    raise DamagedLogError(msg)


def _files(place: Place) -> Iterable[tuple[str, int]]:
    folder = place.folder
    assert folder is not None  # noqa: S101 -- asked for a folder's log only
    for path in sorted(chain(folder.glob("*.db"), folder.glob("*.db-wal"))):
        yield path.name, path.stat().st_size
    yield "archive", sum(p.stat().st_size for p in folder.glob("archive/*/*.parquet"))
