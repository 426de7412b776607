"""How much is on record, since when, and how fast it grows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import chain

import msgspec

from stairway.adapters.journal.archive import Archive
from stairway.app.record.entries import utc
from stairway.app.record.place import Place, archive_named, shipped
from stairway.app.record.wiring import wired
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
    """Measure a log; reads two events of every stream, and checks them.

    Of a stream whose archive cannot be reached from here, the first is the first on the server.
    """
    archived, floors = archived_of(place, log.streams()), unseen(place, log.streams())
    streams = tuple(
        _stream(log, name, archived[name], floors.get(name, 0)) for name in log.streams()
    )
    return Stats(
        log=str(place),
        events=sum(one.events for one in streams),
        streams=streams,
        files={} if place.folder is None else dict(_files(place)),
    )


def archived_of(place: Place, streams: Sequence[str]) -> dict[str, int]:
    """Return how many events of each stream have left for an archive."""
    if place.folder is not None:
        archive = Archive(place.folder)
        return {name: archive.end(name).position for name in streams}
    plugin, config = wired(place.engine, shipped())
    if not hasattr(plugin, "kept"):
        return dict.fromkeys(streams, 0)
    with closing(plugin.kept(place.url, config)) as kept:
        return {name: kept.forgotten(name).position for name in streams}


def unseen(place: Place, streams: Sequence[str]) -> dict[str, int]:
    """Return up to which position a stream cannot be read: archived, and nobody says where."""
    if place.folder is not None or archive_named(place) is not None:
        return {}
    return archived_of(place, streams)


def _stream(log: EventLog, name: str, archived: int, floor: int) -> StreamStats:
    head = log.head(name)
    first, last = _one(log, name, floor + 1), _one(log, name, head.position)
    span_ns = last.recorded_ns - first.recorded_ns
    steps = head.position - 1 - floor
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
