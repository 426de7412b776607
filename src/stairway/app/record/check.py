"""Walk a whole log, and say whether it is what was written."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass, field

import msgspec

from stairway.app import plugins
from stairway.app.catalog import CODEC
from stairway.app.progress import Stages
from stairway.app.record.place import Place, opened, shipped
from stairway.app.record.wiring import wired
from stairway.base.errors import DamagedLogError, DataError
from stairway.base.verdict import Pass, Verdict
from stairway.events.envelope import Envelope
from stairway.events.ports import EventLog

_EVERY = 4_096
_SAID = 20
"""Complaints that a person is told."""
_HELD = "every checksum, chain and high-water mark fits"
_HELD_ELSEWHERE = (
    "every chain fits; whether the end is there, only the folder of the one who writes can say"
)


class Checked(msgspec.Struct, frozen=True):
    """What a check found.

    Attributes
    ----------
    complaints
        Stream, position and cause of all that is not what was written, and after it of what
        is no fact that this version knows.
    held
        What an intact log was held against; nothing is said of a damaged one.
    """

    log: str
    intact: bool
    events: int
    streams: int
    complaints: tuple[str, ...]
    held: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def exit_code(self) -> int:
        """0 where the log is intact, else 2."""
        return 0 if self.intact else 2

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it in a few lines."""
        if self.intact:
            return (
                f"intact   {self.log}\n"
                f"  {self.events:,} events of {self.streams} streams: {self.held}\n"
            )
        said = "".join(f"  {complaint}\n" for complaint in self.complaints[:_SAID])
        more = len(self.complaints) - _SAID
        said += f"  and {more:,} more: --json has all of them\n" if more > 0 else ""
        return f"DAMAGED  {self.log}\n{said}"


def check(place: Place, progress: Stages) -> Checked:
    """Read every event at ``place``, archived ones included, and hold it to its promises.

    Raises
    ------
    ConfigError
        If there is nothing to check, or it was written by another version.
    """
    found = Findings(str(place), progress)
    try:
        with closing(opened(place)) as log:
            streams = log.streams()
            progress.begin("checking", sum(_length(log, stream) for stream in streams))
            if place.folder is None:
                _walk(log, streams, found)
    except DamagedLogError as error:
        found.complaints.append(str(error))
    found.complaints += _of_server(place) if place.folder is None else _of_files(place, found)
    # What is lost comes before what is only not understood.
    complaints = tuple(dict.fromkeys((*found.complaints, *found.unknown)))
    return Checked(
        log=str(place),
        intact=not complaints,
        events=found.events,
        streams=len(found.streams),
        complaints=complaints,
        held=msgspec.UNSET if complaints else _held(place),
    )


@dataclass(slots=True)
class Findings:
    """What has been found so far; call it with every event that is what was written."""

    log: str
    progress: Stages
    complaints: list[str] = field(default_factory=list[str])
    unknown: list[str] = field(default_factory=list[str])
    streams: set[str] = field(default_factory=set[str])
    events: int = 0

    def __call__(self, envelope: Envelope) -> None:
        """Take it into account."""
        self.streams.add(envelope.stream)
        self.events += 1
        self.unknown += _unknown(envelope, self.log)
        if self.events % _EVERY == 0:
            self.progress.advance(self.events)


def _held(place: Place) -> str:
    if place.folder is not None:
        return _HELD
    return getattr(plugins.load("logs", place.engine), "HELD", _HELD_ELSEWHERE)


def _length(log: EventLog, stream: str) -> int:
    """Say how long a stream is; what is wrong with one that cannot say is found on the walk."""
    with suppress(DamagedLogError):
        return log.head(stream).position
    return 0


def _walk(log: EventLog, streams: tuple[str, ...], found: Findings) -> None:
    for stream in streams:
        try:
            for envelope in log.read(stream):
                found(envelope)
        except DamagedLogError as error:
            found.complaints.append(str(error))


def _of_files(place: Place, found: Findings) -> tuple[str, ...]:
    """Let an engine that has files of its own walk them, and say what is wrong with them."""
    verdict: Verdict = plugins.load("logs", place.engine).verify(place.folder, found)
    return () if isinstance(verdict, Pass) else tuple(f.detail for f in verdict.findings)


def _of_server(place: Place) -> tuple[str, ...]:
    """Ask a server that archivers trim whether anything else took something out."""
    plugin, config = wired(place.engine, shipped())
    if not hasattr(plugin, "kept"):
        return ()
    try:
        with closing(plugin.kept(place.url, config)) as kept:
            kept.heads()
    except DamagedLogError as error:
        return tuple(str(error).splitlines())
    return ()


def _unknown(envelope: Envelope, log: str) -> tuple[str, ...]:
    try:
        CODEC.decode(envelope.payload)
    except DataError as error:
        where = f"stream {envelope.stream!r}, position {envelope.position}"
        way_out = (
            f"read it with the version that wrote it, or `stairway log export '{log}' FILE` "
            "carries its bytes away"
        )
        return (f"{where}: it is what was written, but {error}; {way_out}",)
    return ()
