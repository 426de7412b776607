"""What the shell itself puts on record."""

from __future__ import annotations

from typing import Any

import msgspec

from stairway.base.units import UtcNs
from stairway.lifecycle.facts import Admission
from stairway.market.instrument import Instrument


class RunStarted(msgspec.Struct, frozen=True, tag="run.started"):
    """Everything that decides how a run goes. Two runs that agree on it are equal.

    ``settings`` is the whole policy as plain data; ``first_index`` is the bar at which the
    climb begins, after the bars that training saw; ``baseline`` the digest of the static
    rule; ``admitted`` who was offered, with which evidence.
    """

    layout: int
    version: str
    seed: int
    settings: dict[str, Any]
    instruments: tuple[Instrument, Instrument]
    bars_fingerprint: str
    bars: int
    first_index: int
    baseline: str
    admitted: tuple[Admission, ...]


class RunFinished(msgspec.Struct, frozen=True, tag="run.finished"):
    """The last bar was handled. A run without this can be resumed.

    ``telemetry`` is the hash of all bars, answers and marks: it binds the file that they are
    kept in, which is another than this one's, to this run.
    """

    index: int
    time_ns: UtcNs
    telemetry: str


class DrillAnnounced(msgspec.Struct, frozen=True, tag="drill.announced"):
    """A misfortune that was planted on purpose, said before it happens."""

    index: int
    kind: str
    detail: str


class Timing(msgspec.Struct, frozen=True, tag="timing"):
    """How long the stages of one decision took, in nanoseconds. Never hashed."""

    index: int
    stages_ns: dict[str, int]


LAYOUT = 5
"""Version of the run folder. A folder of another layout is refused, not guessed at."""


class Funded(msgspec.Struct, frozen=True, tag="book.funded"):
    """Money went from one book to another, at a close."""

    index: int
    source: str
    target: str
    micros: int
