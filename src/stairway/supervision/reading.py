"""Records of a feed to answers, a chunk at a time.

1. The layout says which fields mean what; it was recognised from the first records.
2. A record that says nothing of models (another kind of event, a row that a map leaves out)
   is counted and passed over. A record that should and does not is a fault, and is kept.
3. What cannot be read as a record at all is an error that names its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray
from stairway.base.errors import DataError
from stairway.supervision import cells
from stairway.supervision.answers import (
    INTENT,
    MISSING,
    NAMELESS,
    UNKNOWN,
    Answers,
    Names,
    Stage,
    columns,
    from_margin,
)
from stairway.supervision.event_columns import own_facts
from stairway.supervision.field_map import (
    PAYLOAD,
    STAIRWAY,
    Actions,
    FieldMap,
    Layout,
    Voice,
    recognise,
)
from stairway.supervision.instants import Clock, to_ns
from stairway.supervision.notes import Notes
from stairway.supervision.pages import Page
from stairway.supervision.payloads import Payloads, interleaved
from stairway.supervision.picking import Picker, parsed
from stairway.supervision.plain import Events
from stairway.supervision.ports import Chunk, Documents, Ragged, Table
from stairway.supervision.strange import code_of
from stairway.supervision.times import Times
from stairway.supervision.twice import used

_PERCENT, _NO_FRACTION = 100.0, 2.0
_OPENS = ("{", "b'{'")
_INTENT = "trade.intent"
_OWN_KINDS = ("model.predicted", "model.excluded", _INTENT)
_BROKEN = ("member.contract_violation", "member.not_finite")


class Reading:
    """Reads the chunks of one stream, in order.

    Parameters
    ----------
    layout
        From :func:`~.field_map.recognise`.
    names
        What codes stand for; shared with whoever counts.

    Examples
    --------
    >>> from stairway.supervision.field_map import recognise
    >>> rows = pl.DataFrame({"ts": [1_700_000_000], "symbol": ["BTC"], "model": ["a"],
    ...                      "action": ["BUY"], "confidence": ["0.6"]})
    >>> reading = Reading(recognise(rows.columns))
    >>> reading.read(Table(rows, 2, "line")).confidence.tolist(), reading.clock.unit
    ([0.6], 's')
    """

    def __init__(self, layout: Layout, names: Names | None = None) -> None:
        self.layout = layout
        self.names = names or Names()
        self.notes = Notes()
        own = layout.map.fields if layout.map else None
        self._times = Times(Clock(own.unit, own.tz) if own else Clock())
        self._payloads = Payloads(self.names, self.notes, self._times)
        self._width: int | None = None
        self._looked = False

    @property
    def clock(self) -> Clock:
        """How stamps are read, as far as it is known."""
        return self._times.clock

    def look(self, chunk: Chunk) -> tuple[Chunk, Sequence[Events | None]]:
        """Return a chunk with all that can be found in it before those ahead of it are read.

        What is returned is for ``read``. Nothing here changes, so another thread may do it.
        """
        is_whole = isinstance(chunk, Table) or not chunk.open_end
        if self.layout.name != PAYLOAD or not is_whole:
            return chunk, ()
        return chunk, self._payloads.look(chunk)

    def page(self, chunk: Chunk, looked: Sequence[Events | None] = ()) -> tuple[Answers, Page]:
        """Do what ``read`` does, and return beside it where its answers can be looked up.

        Another chunk may be read before that is done. Raises what ``read`` raises.
        """
        answers = self.read(chunk, looked)
        return answers, self.notes.page

    def read(self, chunk: Chunk, looked: Sequence[Events | None] = ()) -> Answers:
        """Return the answers that a chunk of records holds.

        Parameters
        ----------
        looked
            What ``look`` found in this chunk. It spares time, and changes nothing.

        Raises
        ------
        ConfigError
            If the layout does not fit the records.
        DataError
            If a record cannot be read, or header and rows do not fit each other.
        """
        if isinstance(chunk, Table):
            self.notes.cut |= chunk.is_cut
            if chunk.ragged is not None:
                self._require_even(chunk.ragged)
        if isinstance(chunk, Documents) and chunk.open_end:
            chunk = self._without_cut(chunk)
        if not len(chunk):
            return interleaved([])
        start = self.notes.records
        self.notes.records += len(chunk)
        self.notes.page = Page(start, chunk)
        if self.layout.name == PAYLOAD:
            answers = self._payloads.read(chunk, start, looked)
        elif self.layout.name == STAIRWAY:
            answers = self._own(chunk, start)
        else:
            answers = self._rows(chunk, start)
        answers = self._nameless(answers)
        self._look(answers.confidence, chunk)
        return answers

    def _nameless(self, answers: Answers) -> Answers:
        """Mark the answers of which nobody says which model gave them: a fault."""
        if cells.NO_NAME not in self.names.models.names:
            return answers
        whose = self.names.models.code(cells.NO_NAME)
        action = np.where(answers.model == whose, NAMELESS, answers.action)
        return replace(answers, action=action.astype(np.int8))

    def _without_cut(self, chunk: Documents) -> Documents:
        """Leave the last line out where it was cut: its writer may not be done with it."""
        try:
            msgspec.json.decode(chunk.texts[-1])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            if str(chunk.texts[-1][:1]) in _OPENS:
                self.notes.cut += 1
                return replace(chunk, texts=chunk.texts[:-1], open_end=False)
        except RecursionError:
            pass  # whole or not, it is refused by name where it is read
        return chunk

    def _require_even(self, ragged: Ragged) -> None:
        mapped = self.layout.map
        widths = set(ragged.widths)
        if mapped and mapped.by_number and widths == {self._width or max(widths)}:
            self._width = max(widths)
            return
        raise DataError(uneven(ragged))

    def _look(self, confidence: FloatArray, chunk: Chunk) -> None:
        """Refuse percentages that nobody said are some, once there is anything to see."""
        told = confidence[np.isfinite(confidence) & (confidence != 0.0)]
        if self._looked or not told.size:
            return
        self._looked = True
        over = int(np.count_nonzero((told >= _NO_FRACTION) & (told <= _PERCENT)))
        if 2 * over > told.size:
            msg = (
                f"{over} of the first {told.size} confidences lie between 2 and 100 (from "
                f"{chunk.place(0)} on): if they are percentages, write scale = 100 under "
                "[fields] of a field map"
            )
            raise DataError(msg)

    # -- flat rows, and whatever a map names ---------------------------------------------

    def _rows(self, chunk: Chunk, start: int) -> Answers:
        mapped = cast("FieldMap", self.layout.map)
        picker = Picker(chunk, self.notes.records == len(chunk), used(self.layout))
        self.notes.reprs += picker.reprs
        place = np.arange(start, start + len(chunk), dtype=np.int64)
        own, kept = mapped.fields, _kept(picker, mapped)
        if kept is not None:
            self.notes.passed_over["rows that the map leaves out"] += int((~kept).sum())
        stamps = picker.pick(own.time)
        time_ns = self._times.read(stamps, chunk)
        self.notes.quote_times(stamps, time_ns, place)
        event = {
            "time_ns": time_ns,
            "event": cells.hashed(picker.pick(own.event_id)),
            "symbol": cells.coded(picker.names(own.symbol), self.names.symbols),
            "regime": cells.coded(picker.pick(own.regime), self.names.regimes),
            "place": place,
        }
        parts = [
            self._voice(picker, name, voice, kept, event)
            for name, voice in mapped.voices.items()
        ]
        return interleaved(parts)

    def _voice(
        self,
        picker: Picker,
        name: str | None,
        voice: Voice,
        kept: Any,
        event: dict[str, Any],
    ) -> Answers:
        mapped = cast("FieldMap", self.layout.map)
        label, belief = picker.pick(voice.action), picker.pick(voice.confidence)
        said = cells.numbers(belief)
        self.notes.quote(belief.to_list, said, event["place"])
        model = picker.names(mapped.fields.model) if name is None else picker.always(name)
        action = cells.actions(label, mapped.actions)
        answers = columns(
            model=cells.coded(model, self.names.models, required=True),
            action=action,
            confidence=said / mapped.fields.scale,
            stage=np.full(len(label), voice.code),
            reason=cells.coded(picker.pick(voice.reason), self.names.reasons),
            word=self._strange(action, label),
            **event,
        )
        there = np.ones(len(label), dtype=bool) if kept is None else kept
        if name is not None:
            silent = (cells.words(label).is_null() & cells.words(belief).is_null()).to_numpy()
            if count := int((silent & there).sum()):
                self.notes.silent[name] += count
            there = there & ~silent
        return answers if there.all() else answers.where(there)

    def _strange(self, action: NDArray[np.int8], label: pl.Series) -> NDArray[np.int16]:
        """Return (n,) the code of each word that is no action."""
        found, rows = np.full(len(action), -1, np.int16), np.flatnonzero(action == UNKNOWN)
        if len(rows):
            said: list[str] = cells.text(label.gather(rows)).to_list()
            found[rows] = [code_of(word, self.names) for word in said]
        return found

    # -- Stairway's own record ------------------------------------------------------------

    def _own(self, chunk: Chunk, start: int) -> Answers:
        frame = own_facts(chunk)
        frame = frame.with_columns(place=pl.Series(np.arange(start, start + len(chunk))))
        kind = frame["type"]
        self.notes.passed_over.update(str(one) for one in kind.filter(~kind.is_in(_OWN_KINDS)))
        failed = frame.filter((kind == "model.excluded") & ~frame["code"].is_in(_BROKEN))
        failed = failed.filter(failed["code"] != "member.warming_up")
        self.notes.failures.update(
            f"{model} {code}" for model, code in failed.select("model", "code").iter_rows()
        )
        broken = (kind == "model.excluded") & frame["code"].is_in(_BROKEN)
        kept = frame.filter((kind == "model.predicted") | broken.fill_null(value=False))
        wanted = frame.filter(kind == _INTENT).with_columns(model=pl.lit(INTENT))
        parts = [self._stage(kept, Stage.RAW), self._stage(kept, Stage.CALIBRATED)]
        return interleaved([*parts, self._stage(wanted, Stage.INTENT)])

    def _stage(self, frame: pl.DataFrame, stage: Stage) -> Answers:
        belief = cells.numbers(frame["raw" if stage is Stage.RAW else "confidence"])
        action = cells.actions(frame["action"], Actions())
        model = cells.joined(frame["model"], frame["version"])
        event = cells.words(frame["symbol"]) + "|" + cells.text(frame["as_of_ns"])
        said = columns(
            time_ns=to_ns(frame["as_of_ns"], Clock("ns")),
            event=cells.hashed(event),
            model=cells.coded(model, self.names.models, required=True),
            symbol=cells.coded(frame["symbol"], self.names.symbols),
            action=action,
            confidence=from_margin(belief) if stage is Stage.RAW else belief,
            stage=np.full(len(action), stage),
            reason=cells.coded(frame["code"], self.names.reasons),
            regime=cells.coded(frame["regime"], self.names.regimes),
            place=frame["place"].to_numpy(),
        )
        return said.where(action != MISSING) if stage is Stage.RAW else said


def layout_of(chunk: Chunk, mapped: FieldMap | None = None) -> Layout:
    """Recognise the layout of the first records; ragged rows are refused before it is sought.

    Raises
    ------
    ConfigError
        If no layout fits.
    DataError
        If a record cannot be read, or rows do not fit their header.
    """
    if isinstance(chunk, Documents):
        records, _ = parsed(chunk.texts, chunk.place)
        found = list(dict.fromkeys(name for record in records for name in record))
        return recognise(found, mapped)
    if chunk.ragged and not (mapped and mapped.by_number):
        raise DataError(uneven(chunk.ragged))
    return recognise(chunk.frame.columns, mapped)


def uneven(ragged: Ragged) -> str:
    """Say how rows and header do not fit, and what helps."""
    rows = sum(ragged.widths.values())
    counts = ", ".join(
        f"{n:,} of {rows:,} rows have {width} values"
        for width, n in sorted(ragged.widths.items())
    )
    return (
        f"the rows are ragged: the header names {ragged.names} fields and {counts} (the first "
        f"other one is {ragged.first}), so names and values cannot be matched. Where all rows "
        "are of one width, a field map that names every column by its number is understood"
    )


def _kept(picker: Picker, mapped: FieldMap) -> Any:
    """Return (n,) bool of the rows that a map keeps, ``None`` for all."""
    if not mapped.only:
        return None
    kept = np.ones(len(picker), dtype=bool)
    for name, values in mapped.only.items():
        found = cells.words(picker.pick(name)).is_in(list(values)).fill_null(value=False)
        kept &= found.to_numpy()
    return kept
