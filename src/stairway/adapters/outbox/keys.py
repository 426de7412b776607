"""What lies in Redis, and under which names.

::

    bus:NAME:STREAM             an event stream; ids are <ms of recorded_ns>-<position>,
                                fields payload, hash, position, recorded_ns
    bus:NAME:.streams           names of the event streams, one entry each, with the format
                                that they are written in (1 where an older entry says none)
    bus:NAME:.relays            who may append: the last entry is the one relay at work
    bus:NAME:.groups            names of the consumer groups, one entry each time one begins
    bus:NAME:.group:GROUP       what a consumer group remembers: a hash, revision and body
    bus:NAME:.dead              dead letters: group, stream, position, tries, cause,
                                given_up_ns
    bus:NAME:.archived:STREAM   what the archiver took out: removed (how many in all),
                                position and hash of the last one

Everything that is to be kept is a stream, so that an application which may append and read,
and take nothing out, can do its work. No name of an event stream begins with a dot, so none
can be mistaken for one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

FORMAT = 1
"""How all of this is written. Who changes it counts on, and enlists the streams anew."""

EMPTY = "0-0"
"""Last id of a stream in which nothing ever was."""

_ID = re.compile(r"(\d{1,20})-(\d{1,19})")
_NS_PER_MS = 1_000_000


class Keys:
    """Names of everything that belongs to one log."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.streams = f"bus:{name}:.streams"
        self.relays = f"bus:{name}:.relays"
        self.dead = f"bus:{name}:.dead"
        self.groups = f"bus:{name}:.groups"

    def events(self, stream: str) -> str:
        """Key of an event stream.

        Examples
        --------
        >>> Keys("main").events("fill")
        'bus:main:fill'
        """
        return f"bus:{self.name}:{stream}"

    def group(self, group: str) -> str:
        """Key of what a consumer group remembers."""
        return f"bus:{self.name}:.group:{group}"

    def archived(self, stream: str) -> str:
        """Key of what the archiver says about ``stream``."""
        return f"bus:{self.name}:.archived:{stream}"


def newer_format(entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> str | None:
    """Find what ``.streams`` says that this version cannot read; ``None`` where it can.

    Examples
    --------
    >>> newer_format([(b"1-1", {b"name": b"fill"}), (b"1-2", {b"format": b"1"})])
    >>> newer_format([(b"1-1", {b"name": b"fill", b"format": b"7"})])
    '7'
    """
    for _, fields in entries:
        said = fields.get(b"format", b"1").decode("ascii", "replace")
        if not said.isdecimal() or int(said) > FORMAT:
            return said[:80]
    return None


def written_newer(address: str, name: str, found: str) -> str:
    """Say that a log was written by a newer version."""
    return (
        f"{address}, log {name!r}, was written in format {found!r} by a newer version of "
        f"Stairway, and this version reads format '{FORMAT}': use the version that wrote it, "
        "or give this log a name of its own (?log=NAME)"
    )


def entry_id(recorded_ns: int, position: int) -> str:
    """Return the id under which an event lies in Redis, whoever sends it and how often.

    Examples
    --------
    >>> entry_id(1_700_000_000_123_456_789, 42)
    '1700000000123-42'
    """
    return f"{recorded_ns // _NS_PER_MS}-{position}"


def position_of(identity: str) -> int | None:
    """Position that an id stands for; ``None`` where it is no id.

    Examples
    --------
    >>> position_of("1700000000123-42"), position_of("yesterday")
    (42, None)
    """
    found = _ID.fullmatch(identity)
    return int(found[2]) if found else None


def order_of(identity: bytes) -> tuple[int, int]:
    """Sort ids as Redis does.

    Examples
    --------
    >>> order_of(b"99-1") < order_of(b"100-0")
    True
    """
    milliseconds, _, number = identity.partition(b"-")
    return int(milliseconds), int(number)
