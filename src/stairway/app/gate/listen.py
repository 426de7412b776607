"""One pass over a source, which is marked before and after: what everybody said, counted.

The stream is read once and written never. Both sides of a cutover are counted in the same
pass, and an event that was sent again on the other side is a repeat there too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from stairway.app.gate.ahead import ahead
from stairway.app.gate.asked import Asked
from stairway.app.gate.cutover import Cutover, cutover
from stairway.app.gate.source import opened
from stairway.app.progress import Stages
from stairway.base.errors import ConfigError
from stairway.base.units import UtcNs
from stairway.supervision.cutover import Sides
from stairway.supervision.field_map import FieldMap, Opening, read_map, recognise
from stairway.supervision.picking import parsed
from stairway.supervision.ports import Chunk, Documents, Feed
from stairway.supervision.reading import Reading
from stairway.supervision.tally import Tally

ROWS = 2**17
"""Records that are held at once."""

HEAD = 64
"""Records by which a layout is recognised."""


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
    """

    after: Tally
    sides: Sides | None
    cutover: Cutover | None
    marks: tuple[dict[str, Any], dict[str, Any]]
    understood: tuple[str, ...]
    records: int

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
        return _counted(feed, mapped, cut, progress)


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
    layout = recognise(fields(feed.head(HEAD)), mapped)
    reading = Reading(layout)
    sides = None if cut is None else Sides(reading.names, UtcNs(cut.at_ns))
    tally = Tally(reading.names) if sides is None else sides.after
    counting = tally if sides is None else sides
    progress.begin("reading", feed.size() or 0)
    for answers in ahead(map(reading.read, feed.chunks(ROWS, layout.columns))):
        counting.add(answers)
        progress.advance(reading.notes.records)
    return Heard(
        after=tally,
        sides=sides,
        cutover=cut,
        marks=(mark, dict(feed.mark())),
        understood=(_read_as(reading), *reading.notes.sentences()),
        records=reading.notes.records,
    )


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
