"""Recorded events as people and programs read them."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import merge, nlargest
from itertools import islice
from operator import attrgetter
from typing import Any, Protocol

import msgspec

from stairway.adapters.journal.doorbell import LOOK_S, Doorbell
from stairway.app.catalog import CODEC
from stairway.app.record.place import Place
from stairway.base.errors import ConfigError, DataError
from stairway.events.envelope import Envelope
from stairway.events.ports import EventLog
from stairway.events.streams import require_known

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANTS_NS, _LAST_NS = 10**17, 10**19
"""Numbers of nanoseconds from 1973 on are instants; below, durations: three years and less."""

_SIGNED = "policy.generation"
UNREADABLE = "unreadable"
"""Kind of an event that is no fact which this version knows."""

_POLL_S = 0.2
_ROOM = 40
"""Characters beside the head of an event that are worth filling with its fields."""


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
        """Write it as one line of at most ``width`` characters, in two where it is narrow.

        Where few fields would fit beside the head, they go to a line of their own below it.
        """
        head = f"{self.recorded[:-4]}  {self.stream} #{self.position}  {self.kind}"
        told = _told(self.kind, self.fact)
        rest = " ".join(f"{name}={_brief(name, value)}" for name, value in told.items())
        if width - len(head) >= _ROOM or not rest:
            return _cut(f"{head}  {rest}".rstrip(), width)
        head = f"{self.recorded[11:19]} {self.stream} #{self.position}"
        if self.kind != self.stream:
            head += f" {self.kind}"
        return f"{_cut(head, width)}\n{_cut(f'    {rest}', width)}"


def entry(envelope: Envelope) -> Entry:
    """Decode one event; what cannot be decoded is shown as it is."""
    try:
        said = msgspec.to_builtins(CODEC.decode(envelope.payload))
        kind = said.pop("type", "fact")
    except DataError as error:
        kind = UNREADABLE
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


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def _told(kind: str, fact: dict[str, Any]) -> dict[str, Any]:
    """Return what a person reads of a fact: of a signed one what was signed, and by whom."""
    if kind != _SIGNED:
        return fact
    try:
        said = msgspec.json.decode(b64decode(fact["body"]), type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError):
        return fact
    return said | {"key_id": fact["key_id"]}


def _brief(name: str, value: Any) -> str:
    """Write one field short.

    Examples
    --------
    >>> _brief("pnl_usd", 1 / 3), _brief("time_ns", 1_546_300_800_000_000_000)
    ('0.333333', '2019-01-01T00:00:00.000000Z')
    >>> _brief("waited_ns", 1_000_000)
    '1000000'
    """
    if isinstance(value, float):
        return f"{value:.6g}"
    if name.endswith("_ns") and isinstance(value, int) and _INSTANTS_NS <= value < _LAST_NS:
        return utc(value)
    return msgspec.json.encode(value).decode()


def streams_named(log: HasStreams, wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of the streams that are asked for; of all where none is named.

    Raises
    ------
    DataError
        If the log holds nothing of one of them.
    """
    there = log.streams()
    for name in wanted:
        require_known(name, there)
    return tuple(wanted) or there


def heads(log: EventLog, streams: Sequence[str]) -> dict[str, int]:
    """Return how far each stream reaches now: where ``newest`` ends and following begins."""
    return {stream: log.head(stream).position for stream in streams}


def newest(
    log: EventLog, upto: Mapping[str, int], count: int, floors: Mapping[str, int]
) -> tuple[Envelope, ...]:
    """Return the ``count`` events that were recorded last, oldest of them first.

    ``upto`` says where each stream is to end, as ``heads`` does; ``floors`` up to which
    position it cannot be read here, as ``unseen`` does.
    """
    found: list[Envelope] = []
    for stream, end in upto.items():
        after = max(end - count, floors.get(stream, 0))
        found += islice(log.read(stream, after), max(0, end - after))
    return tuple(reversed(nlargest(count, found, key=attrgetter("recorded_ns"))))


def left_out(
    shown: Sequence[Envelope],
    upto: Mapping[str, int],
    count: int,
    floors: Mapping[str, int],
) -> str | None:
    """Say which of the ``count`` newest events may lie in an archive that is out of reach.

    ``shown`` is what ``newest`` returned for the same words; ``None`` where it has them all.
    """
    older: list[str] = []
    for stream, floor in floors.items():
        here = sum(event.stream == stream for event in shown)
        is_cut = upto[stream] - count < floor and here == upto[stream] - floor
        begins = len(shown) == count > 0 and shown[0].stream == stream
        if floor > 0 and is_cut and not begins:
            older.append(f"{stream} up to #{floor}")
    if not older:
        return None
    return (
        f"older events were archived and are not shown ({', '.join(older)}): add "
        "archive=FOLDER to the address, where they were archived to"
    )


@contextmanager
def waiting(place: Place, log: EventLog) -> Generator[Callable[[], object]]:
    """Yield how to wait for more of ``log``: one in a folder rings, others are asked."""
    with ExitStack() as stack:
        bell = None
        if place.folder is not None:
            # Where no bell can be hung up, asking does as well.
            with suppress(ConfigError):
                bell = stack.enter_context(Doorbell(place.folder, log))
        yield partial(time.sleep, _POLL_S) if bell is None else partial(bell.wait, LOOK_S)


def from_now_on(
    log: EventLog,
    streams: Sequence[str],
    wait: Callable[[], object],
    upto: Mapping[str, int],
) -> Iterator[Envelope]:
    """Yield what is recorded behind ``upto``, for ever; new streams too where none was named.

    ``upto`` is what ``heads`` said before anything was shown: who shows things slowly would
    miss what is recorded meanwhile if it were asked for later.
    """
    seen = dict(upto)
    while True:
        for stream in streams or log.streams():
            seen.setdefault(stream, 0)
        fresh = [log.read(stream, after) for stream, after in seen.items()]
        for envelope in merge(*fresh, key=attrgetter("recorded_ns")):
            seen[envelope.stream] = envelope.position
            yield envelope
        wait()
