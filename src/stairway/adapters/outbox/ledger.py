"""What Redis has of a stream, held against what the disk has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import redis

from stairway.adapters.outbox.entries import envelope_of
from stairway.adapters.outbox.keys import EMPTY, Keys, entry_id, position_of
from stairway.adapters.outbox.scripts import LOOK
from stairway.base.verdict import Finding
from stairway.events.envelope import Envelope, Head


class AlarmError(Exception):
    """Nothing may be sent any more, and somebody has to know why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


class Shelf(NamedTuple):
    """A stream as it lies in Redis."""

    stream: str
    last_id: str
    length: int
    added: int
    removed: int
    """Entries that the archiver took out, by its own word."""

    last: Envelope | None
    """The entry of ``last_id``; ``None`` where it was taken out or is none of ours."""

    archived: Head
    """The last event that the archiver took out."""

    is_foreign: bool = False
    """Whether what lies at ``last_id`` is no event of any log."""

    key: str = ""
    """Name of the stream in Redis."""

    @property
    def position(self) -> int:
        """Position of the last event that ever came; 0 before the first, -1 for a stranger."""
        found = position_of(self.last_id)
        return -1 if found is None else found


def look(client: redis.Redis, keys: Keys, stream: str) -> Shelf:
    """Ask Redis about one stream."""
    answer: list[Any] = LOOK(client, (keys.events(stream), keys.archived(stream)))
    last_id, length, added, removed, entry, position, digest = answer
    last = envelope_of(stream, entry) if entry else None
    return Shelf(
        stream,
        last_id.decode("ascii", "replace"),
        length,
        added,
        removed,
        last,
        Head(int(position), digest.decode("ascii", "replace")),
        is_foreign=bool(entry) and last is None,
        key=keys.events(stream),
    )


def accounted(
    client: redis.Redis,
    keys: Keys,
    stream: str,
    ours: Callable[[str, int], Envelope | None],
) -> Shelf:
    """Look at a stream; alarm unless all that Redis has of it is what the disk has.

    ``ours`` says what the disk has of a stream at a position.

    Raises
    ------
    AlarmError
        As those below do.
    """
    shelf = look(client, keys, stream)
    require_untouched(shelf)
    require_ours(shelf, ours(stream, shelf.position))
    require_whole(shelf)
    return shelf


def require_untouched(shelf: Shelf) -> None:
    """Alarm if anything but the archiver took entries out.

    Raises
    ------
    AlarmError
        ``log.redis_trimmed``.
    """
    gone = shelf.added - shelf.length
    if gone != shelf.removed:
        detail = (
            f"{gone} entries of {shelf.stream!r} are gone from Redis and the archiver took out "
            f"{shelf.removed}: find out who trims it and take that right away "
            f"(deploy/redis/users.acl). {_sent_anew(shelf)}"
        )
        raise AlarmError(Finding("log.redis_trimmed", detail))


def require_whole(shelf: Shelf) -> None:
    """Alarm if fewer events are there or archived than the last one says.

    Redis counts what it read back from its file, not what was in it: a batch that it could
    not play back is missing from all of its own counts, and only our positions tell.

    Raises
    ------
    AlarmError
        ``log.redis_holes``.
    """
    there = shelf.length + shelf.removed
    if there != shelf.position:
        detail = (
            f"{shelf.stream!r} ends in Redis at event {shelf.position}, and {there} events are "
            "there or were archived: Redis came back without the others. See what its log says "
            "of its start, and set it up as deploy/redis/README.md says; nothing is sent "
            f"meanwhile. {_sent_anew(shelf)}"
        )
        raise AlarmError(Finding("log.redis_holes", detail))


def require_ours(shelf: Shelf, ours: Envelope | None) -> None:
    """Alarm unless the last event in Redis is the one the disk has at its position.

    Parameters
    ----------
    ours
        What the disk has there; ``None`` where it ends before.

    Raises
    ------
    AlarmError
        ``log.redis_foreign``: it belongs to somebody else, or the disk went back in time.
    """
    if shelf.last_id == EMPTY:
        return
    if shelf.is_foreign:
        raise AlarmError(Finding("log.redis_foreign", _said_of_foreign(shelf)))
    if ours is None:
        cause = "which this log never wrote, or has forgotten"
    elif entry_id(ours.recorded_ns, ours.position) != shelf.last_id:
        cause = "where this log has another event"
    elif shelf.length and shelf.last != ours:
        cause = "whose content is not what this log wrote"
    else:
        return
    detail = (
        f"{shelf.stream!r} ends in Redis at {shelf.last_id}, {cause}: nothing is sent and "
        "nothing overwritten. Give each log a name of its own (?log=NAME), or restore the "
        "outbox that wrote it"
    )
    raise AlarmError(Finding("log.redis_foreign", detail))


def _said_of_foreign(shelf: Shelf) -> str:
    return (
        f"{shelf.stream!r} ends in Redis with entry {shelf.last_id}, which is no event of any "
        "log: another program wrote it there. Nothing is sent and nothing overwritten. Take "
        f"from that program the right to write to {shelf.key}. {_sent_anew(shelf)}"
    )


def _sent_anew(shelf: Shelf) -> str:
    """Say how a stream is made whole that only this log writes: nothing else is lost by it."""
    return (
        f"The outbox has all events. To send them anew, let an administrator of Redis run "
        f"`DEL {shelf.key}` (deploy/redis/README.md), and open the log again "
        "(stairway run --resume RUN)"
    )
