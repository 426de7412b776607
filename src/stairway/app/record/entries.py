"""Recorded events as people and programs read them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from heapq import merge, nlargest
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from stairway.app.catalog import CODEC
from stairway.base.errors import ConfigError, DataError
from stairway.events.envelope import Envelope
from stairway.events.ports import EventLog

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POLL_S = 0.2


class HasStreams(Protocol):
    """Anything that knows its streams."""

    def streams(self) -> tuple[str, ...]:
        """Return their names, sorted."""
        ...


class Entry(msgspec.Struct, frozen=True):
    """One event, decoded.

    Attributes
    ----------
    recorded
        When it was recorded, UTC, to the microsecond.
    kind
        Which fact it is; ``"unreadable"`` where this version knows no such fact.
    fact
        What it says; of an unreadable one, why, and its bytes in hexadecimal.
    """

    stream: str
    position: int
    recorded: str
    recorded_ns: int
    kind: str
    fact: Any
    hash: str

    def as_json(self) -> str:
        """Write it as one line."""
        return msgspec.json.encode(self).decode()

    def as_text(self, width: int) -> str:
        """Write it as one line of at most ``width`` characters."""
        head = f"{self.recorded[:-4]}  {self.stream} #{self.position}  {self.kind}  "
        rest = " ".join(f"{name}={_brief(value)}" for name, value in self.fact.items())
        line = head + rest
        return line if len(line) <= width else line[: width - 1] + "…"


def entry(envelope: Envelope) -> Entry:
    """Decode one event; what cannot be decoded is shown as it is."""
    try:
        said = msgspec.to_builtins(CODEC.decode(envelope.payload))
        kind = said.pop("type", "fact")
    except DataError as error:
        kind = "unreadable"
        said = {"why": str(error), "payload_hex": envelope.payload.hex()}
    return Entry(
        stream=envelope.stream,
        position=envelope.position,
        recorded=utc(envelope.recorded_ns),
        recorded_ns=envelope.recorded_ns,
        kind=kind,
        fact=said,
        hash=envelope.hash,
    )


def utc(time_ns: int) -> str:
    """Write an instant as ISO 8601 with microseconds.

    Examples
    --------
    >>> utc(1_546_300_800_000_001_000)
    '2019-01-01T00:00:00.000001Z'
    """
    moment = _EPOCH + timedelta(microseconds=time_ns // 1_000)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _brief(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return msgspec.json.encode(value).decode()


def chosen(log: HasStreams, wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of the streams that are asked for; of all where none is named.

    Raises
    ------
    ConfigError
        If the log holds nothing of one of them.
    """
    there = log.streams()
    for name in wanted:
        if name not in there:
            msg = f"no stream {name!r} in this log; there are: {', '.join(there) or 'none'}"
            raise ConfigError(msg)
    return tuple(wanted) or there


def newest(log: EventLog, streams: Sequence[str], count: int) -> tuple[Envelope, ...]:
    """Return the ``count`` events that were recorded last, oldest of them first."""
    found: list[Envelope] = []
    for stream in streams:
        found += log.read(stream, max(log.head(stream).position - count, 0))
    return tuple(reversed(nlargest(count, found, key=attrgetter("recorded_ns"))))


def follow(
    log: EventLog, streams: Sequence[str], sleep: Callable[[float], None] = time.sleep
) -> Iterator[Envelope]:
    """Yield what is recorded from now on, for ever; new streams too where none was named."""
    seen = {stream: log.head(stream).position for stream in log.streams()}
    while True:
        for stream in streams or log.streams():
            seen.setdefault(stream, 0)
        fresh = [log.read(stream, after) for stream, after in seen.items()
                 if not streams or stream in streams]  # fmt: skip
        for envelope in merge(*fresh, key=attrgetter("recorded_ns")):
            seen[envelope.stream] = envelope.position
            yield envelope
        sleep(_POLL_S)
