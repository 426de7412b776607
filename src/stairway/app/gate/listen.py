"""One pass over a source, which is marked before and after: what everybody said, counted.

The stream is read once and written never. Both sides of a cutover are counted in the same
pass, and an event that was sent again on the other side is a repeat there too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import starmap
from typing import Any

from stairway.app.gate.ahead import ahead
from stairway.app.gate.asked import Asked
from stairway.app.gate.cutover import Cutover, cutover
from stairway.app.gate.future import Future, Late
from stairway.app.gate.shown import Shown
from stairway.app.gate.source import kind, opened
from stairway.app.progress import Stages
from stairway.base.errors import ConfigError, NoRecordsError
from stairway.base.units import UtcNs
from stairway.supervision.answers import Stage
from stairway.supervision.cutover import Sides
from stairway.supervision.field_map import FieldMap, Opening, read_map, recognise
from stairway.supervision.opening import require_one_a_line
from stairway.supervision.picking import parsed
from stairway.supervision.ports import Chunk, Documents, Feed
from stairway.supervision.reading import Reading
from stairway.supervision.tally import Tally
from stairway.supervision.twice import require_columns_once

ROWS = 2**17
"""Records that are held at once."""

_ENDLESS = 2**63 - 1
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
    future, unseen
        Answers that are dated after now; entries that were taken out before they were read.
    places, quoted, stamps
        Where the records of the examples lie, by the number of the record, and what stands
        there for a confidence or for a time.
    own
        True for a log of Stairway's own, whose slots are those of the policy.
    changed
        What became of the source while it was waited for, in a sentence; or nothing.
    """

    after: Tally
    sides: Sides | None
    cutover: Cutover | None
    marks: tuple[Mapping[str, Any], Mapping[str, Any]]
    understood: tuple[str, ...]
    records: int
    future: Future | None = None
    unseen: int = 0
    places: Mapping[int, str] = field(default_factory=dict[int, str])
    quoted: Mapping[int, str] = field(default_factory=dict[int, str])
    stamps: Mapping[int, str] = field(default_factory=dict[int, str])
    own: bool = False
    changed: str = ""

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
    cut = asked_cutover(asked)
    with closing(opened_as(asked)) as feed:
        marks = [feed.mark()]
        counting = Counting(feed, asked, cut)
        progress.begin("reading", feed.size() or 0)
        counting.add(_marked(feed, counting.columns, marks), progress)
        return counting.heard((marks[0], marks[1]))


def _marked(
    feed: Feed, only: Sequence[str] | None, marks: list[Mapping[str, Any]]
) -> Iterator[Chunk]:
    """Yield what a feed holds, and mark it as soon as its last record was read."""
    yield from feed.chunks(ROWS, only)
    marks.append(feed.mark())


def asked_cutover(asked: Asked) -> Cutover | None:
    """Find the cutover that is asked for, if one is. Raises what ``cutover`` raises."""
    return None if asked.after is None else cutover(asked.after, time.time_ns())


def opened_as(asked: Asked) -> Feed:
    """Open what is asked about, cut into values as its field map says.

    Raises
    ------
    ConfigError
        If it cannot be opened, or the field map is none.
    DataError
        If there is nothing in it.
    """
    mapped = field_map(asked)
    return opened(asked.source, Opening() if mapped is None else mapped.source)


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


class Counting:
    """What is counted of one source, a part of it at a time.

    Parameters
    ----------
    feed
        Its first records say how it is read.

    Raises
    ------
    ConfigError
        If no layout fits, or a column that is read is named twice.
    """

    def __init__(self, feed: Feed, asked: Asked, cut: Cutover | None) -> None:
        found = fields(feed.head(HEAD))
        layout = recognise(found, field_map(asked))
        require_columns_once(found, layout)
        self.columns = layout.columns
        self._reading = Reading(layout)
        self._cut, self._own = cut, kind(asked.source) == "sqlite"
        names = self._reading.names
        self._sides = None if cut is None else Sides(names, UtcNs(cut.at_ns))
        self._tally = Tally(names) if self._sides is None else self._sides.after
        self._late, self._shown = Late(names), Shown()
        # A record of a log of Stairway may hold two facts, and a stream grows.
        self._size = feed.size() or _ENDLESS

    def add(self, chunks: Iterable[Chunk], progress: Stages) -> None:
        """Count all of these. Raises DataError where one of them is damaged."""
        counting, reading = self._sides or self._tally, self._reading
        for answers, page in ahead(starmap(reading.page, ahead(map(reading.look, chunks)))):
            take = self._tally.repeats.mark(answers)
            counting.add(answers, take)
            self._late.add(answers, take, page, time.time_ns())
            for tally in self._tallies():
                self._shown.add(tally.examples, page)
            progress.advance(min(reading.notes.records, self._size))

    def _tallies(self) -> list[Tally]:
        return [self._tally] if self._sides is None else [self._sides.before, self._tally]

    def _answering(self) -> set[tuple[str, Stage]]:
        return {who for tally in self._tallies() for who in tally.answering()}

    def heard(
        self, marks: tuple[Mapping[str, Any], Mapping[str, Any]], changed: str = ""
    ) -> Heard:
        """Return what was heard so far."""
        notes = self._reading.notes
        return Heard(
            after=self._tally,
            sides=self._sides,
            cutover=self._cut,
            marks=marks,
            understood=(_read_as(self._reading), *notes.sentences()),
            records=notes.records,
            future=self._late.found(self._answering()),
            unseen=int(marks[1].get("unseen", 0)),
            places=self._shown.places,
            quoted=self._shown.quoted,
            stamps=self._shown.stamps,
            own=self._own,
            changed=changed,
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
        values, _ = parsed(_whole(chunk), chunk.place)
        for value in values:
            yield from value
    else:
        yield from chunk.frame.columns


def _whole(chunk: Documents) -> Sequence[str | bytes]:
    """Leave the last line out where it has no end: its writer may not be done with it."""
    require_one_a_line(chunk.texts[0], chunk.place(0))
    if len(chunk) > 1:
        return chunk.texts[:-1] if chunk.open_end else chunk.texts
    if chunk.open_end and not str(chunk.texts[0][-1:]).strip("b'\"").endswith("}"):
        msg = f"{chunk.place(0)} is the only one and not complete yet: there are no records"
        raise NoRecordsError(msg)
    return chunk.texts
