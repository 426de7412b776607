"""One pass over a source, which is marked before and after: what everybody said, counted.

The stream is read once and written never. Both sides of a cutover are counted in the same
pass, and an event that was sent again on the other side is a repeat there too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stairway.app.gate.ahead import ahead
from stairway.app.gate.asked import Asked
from stairway.app.gate.cutover import Cutover, cutover
from stairway.app.gate.source import kind, opened
from stairway.app.progress import Stages
from stairway.base.errors import ConfigError
from stairway.base.units import NS_PER_HOUR, UtcNs
from stairway.supervision.answers import Answers
from stairway.supervision.cutover import Sides
from stairway.supervision.field_map import FieldMap, Opening, read_map, recognise
from stairway.supervision.picking import parsed
from stairway.supervision.ports import Chunk, Documents, Feed
from stairway.supervision.reading import Reading
from stairway.supervision.tally import Tally
from stairway.supervision.twice import require_columns_once

ROWS = 2**17
"""Records that are held at once."""

TOLERANCE_NS = NS_PER_HOUR // 60
"""By how much another clock may go before ours."""

HEAD = 64
"""Records by which a layout is recognised."""


@dataclass(frozen=True, slots=True)
class Future:
    """Answers that are dated after now: how many, and the first of them."""

    count: int
    model: str
    at_ns: int
    place: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What one pass heard.

    Attributes
    ----------
    after
        Counts of what came after the cutover; of everything, where there was none.
    sides
        Both, where there was a cutover.
    marks
        Of the source, before and after the pass.
    understood
        How it was read, and what was noticed, in sentences.
    future, unseen
        Answers that are dated after now; entries that were taken out before they were read.
    places, quoted
        Where the first records with a fault lie, and what stands there for a confidence.
    own
        True for a log of Stairway's own, whose slots are those of the policy.
    """

    after: Tally
    sides: Sides | None
    cutover: Cutover | None
    marks: tuple[dict[str, Any], dict[str, Any]]
    understood: tuple[str, ...]
    records: int
    future: Future | None = None
    unseen: int = 0
    places: Mapping[int, str] = field(default_factory=dict[int, str])
    quoted: Mapping[int, str] = field(default_factory=dict[int, str])
    own: bool = False

    @property
    def before(self) -> Tally | None:
        """Counts of what came before the cutover."""
        return None if self.sides is None else self.sides.before


def listen(asked: Asked, progress: Stages) -> Heard:
    """Read a source once.

    Raises
    ------
    ConfigError
        If it cannot be opened or understood, or the cutover is no instant of the past.
    DataError
        If what is there is damaged.
    """
    cut = None if asked.after is None else cutover(asked.after, time.time_ns())
    mapped = field_map(asked)
    with closing(opened(asked.source, Opening() if mapped is None else mapped.source)) as feed:
        heard = _counted(feed, mapped, cut, progress)
    return replace(heard, own=kind(asked.source) == "sqlite")


def field_map(asked: Asked) -> FieldMap | None:
    """Read the field map that was named, if one was.

    Raises
    ------
    ConfigError
        If it cannot be read, or is none.
    """
    path = asked.field_map
    if path is None:
        return None
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        msg = f"the field map {path} cannot be read ({why}); give the path of a TOML file"
        raise ConfigError(msg) from error
    return read_map(text, str(path))


def _counted(
    feed: Feed, mapped: FieldMap | None, cut: Cutover | None, progress: Stages
) -> Heard:
    mark = dict(feed.mark())
    found = fields(feed.head(HEAD))
    layout = recognise(found, mapped)
    require_columns_once(found, layout)
    reading = Reading(layout)
    sides = None if cut is None else Sides(reading.names, UtcNs(cut.at_ns))
    tally = Tally(reading.names) if sides is None else sides.after
    counting = tally if sides is None else sides
    progress.begin("reading", feed.size() or 0)
    future: Future | None = None
    for answers in ahead(map(reading.read, feed.chunks(ROWS, layout.columns))):
        counting.add(answers)
        future = ahead_of_time(answers, time.time_ns(), reading, future)
        progress.advance(reading.notes.records)
    marks = (mark, dict(feed.mark()))
    return Heard(
        after=tally,
        sides=sides,
        cutover=cut,
        marks=marks,
        understood=(_read_as(reading), *reading.notes.sentences()),
        records=reading.notes.records,
        future=future,
        unseen=int(marks[1].get("unseen", 0)),
        places=reading.notes.places,
        quoted=reading.notes.quoted,
    )


def ahead_of_time(
    answers: Answers, now_ns: int, reading: Reading, so_far: Future | None
) -> Future | None:
    """Add the answers of a chunk that are dated more than a minute after now."""
    late = answers.time_ns > now_ns + TOLERANCE_NS
    n = int(np.count_nonzero(late))
    if n and so_far is None:
        row = int(late.argmax())
        so_far = Future(
            count=0,
            model=reading.names.models.names[int(answers.model[row])],
            at_ns=int(answers.time_ns[row]),
            place=f"record {int(answers.place[row]) + 1}",
        )
    return so_far and replace(so_far, count=so_far.count + n)


def _read_as(reading: Reading) -> str:
    unit = reading.clock.unit
    times = {None: "no times", "iso": "times as text"}.get(unit, f"times in {unit} since 1970")
    return f"layout {reading.layout.name!r}, {times}"


def fields(chunk: Chunk) -> list[str]:
    """Name the fields of the first records, in the order in which they were met."""
    return list(dict.fromkeys(_fields(chunk)))


def _fields(chunk: Chunk) -> Iterator[str]:
    if isinstance(chunk, Documents):
        values, _ = parsed(chunk.texts, chunk.place)
        for value in values:
            yield from value
    else:
        yield from chunk.frame.columns
