"""Events with a payload to answers: the fast way where they are plain, and else carefully.

1. Compiled loops read events up to the first that is not plain (see
   :mod:`~stairway.supervision.plain`). That one and some after it are read value by value,
   and then the compiled loops go on.
2. What unit stamps have is asked of the first events, which are always read carefully.
3. Both ways give the same answers, notes and refusals, however events are cut in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import compress
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from stairway.base.arrays import IntArray
from stairway.supervision import cells
from stairway.supervision.answers import (
    MISSING,
    NO_TIME,
    UNKNOWN,
    Answers,
    Names,
    Stage,
    columns,
)
from stairway.supervision.cells import NO_NAME
from stairway.supervision.event_columns import events_in
from stairway.supervision.events import kernels as roles
from stairway.supervision.field_map import action_code
from stairway.supervision.notes import Notes
from stairway.supervision.plain import (
    Events,
    Members,
    Scanner,
    Texts,
    Vocabulary,
    payload_texts,
    whole_texts,
)
from stairway.supervision.ports import ENTRY_ID, Chunk, Documents, Table
from stairway.supervision.stamps.kernels import BROKEN, ISO, NO_STAMP, STRANGE
from stairway.supervision.strange import code_of
from stairway.supervision.times import Times
from stairway.supervision.twice import require_event_once
from stairway.supervision.unfold import Event, Flat, decoded, unfolded

_INTENT = "trade.intent"
_FEW, _BLOCK = 256, 8_192


class Payloads:
    """Reads the events of one stream, in order.

    Parameters
    ----------
    plain
        Whether the fast way is taken where it can be; it changes no answer.
    """

    def __init__(self, names: Names, notes: Notes, times: Times, *, plain: bool = True) -> None:
        self.names, self.notes, self._times = names, notes, times
        self._symbol = cells.name_coder(names.symbols)
        self._regime = cells.name_coder(names.regimes)
        self._reason = cells.name_coder(names.reasons)
        self._action = cells.Coder(action_code)
        self._member = cells.Coder(self._member_code)
        self._stamped = False
        self._scanner, self._members = Scanner(), Members(self._member.__getitem__)
        self._words = {
            roles.SYMBOL: Vocabulary(self._symbol.__getitem__, -1),
            roles.REGIME: Vocabulary(self._regime.__getitem__, -1),
            roles.ACTION: Vocabulary(self._action.__getitem__, MISSING),
            roles.REASON: Vocabulary(self._reason.__getitem__, -1),
        }
        self._is_fast = plain

    def look(self, chunk: Chunk) -> tuple[Events | None, ...]:
        """Find where values lie in each block of a chunk, for ``read`` to go on from.

        It depends on nothing that was read before and changes nothing, so that another
        thread may do it for the next chunk meanwhile.
        """
        if not self._is_fast:
            return ()
        texts = (texts_of(part_of(chunk, at, at + _BLOCK)) for at in _starts(chunk))
        return tuple(None if one is None else Scanner().read(one) for one in texts)

    def read(self, chunk: Chunk, start: int, looked: Sequence[Events | None] = ()) -> Answers:
        """Return the answers of a chunk whose first record is number ``start`` of the stream.

        Parameters
        ----------
        looked
            What ``look`` found in the same chunk; it changes no answer.

        Raises
        ------
        ConfigError
            If stamps carry no offset, or a breakdown lies where it cannot be read.
        DataError
            If a record cannot be read; the error names its place.
        """
        parts, at, few = list[Answers](), 0, _FEW
        while at < len(chunk):
            block, within = divmod(at, _BLOCK)
            piece = part_of(chunk, at, at - within + _BLOCK)
            known = looked[block] if looked and not within else None
            answers, n = self._fast(piece, start + at, known)
            parts.append(answers)
            at += n
            if n == len(piece):
                few = max(few // 2, _FEW)
                continue
            piece = part_of(chunk, at, at + few)
            parts.append(self._careful(piece, start + at))
            at, few = at + len(piece), min(2 * few, _BLOCK)
        return _end_to_end(parts)

    # -- the fast way ----------------------------------------------------------------------

    def _fast(
        self, chunk: Chunk, start: int, known: Events | None = None
    ) -> tuple[Answers, int]:
        """Read events up to the first that is not plain; return how many these are."""
        if not (self._is_fast and self._times.clock.unit):
            return interleaved([]), 0
        texts = texts_of(chunk) if known is None else known.texts
        if texts is None:
            return interleaved([]), 0
        events = known or self._scanner.read(texts)
        rows = np.flatnonzero(~events.is_passed)
        form, whole, broken = events.stamps(rows)
        n = _alike(form)
        if n < len(rows):
            events = events.first(int(rows[n]))
            rows, form, whole, broken = rows[:n], form[:n], whole[:n], broken[:n]
        kind = int(form.max(initial=NO_STAMP))
        if kind == ISO and self._times.clock.unit != "iso":
            return interleaved([]), 0
        about = self._about_plain(events, rows)
        said = self._answered(events)
        if about is None or said is None or not _is_enough(about, form, chunk):
            return interleaved([]), 0
        if kind == ISO:
            self._stamped, when = True, _own(np.where(form == ISO, whole, NO_TIME))
        else:
            numbers = pl.Series(broken if kind == BROKEN else whole)
            numbers = numbers.set(pl.Series(form == NO_STAMP), None)
            when = self._when(numbers, chunk, rows)
            self.notes.quote_times(numbers, when["time_ns"], rows + start)
        for row in np.flatnonzero(events.is_passed).tolist():
            self.notes.passed_over[_kind(events, row, chunk)] += 1
        at = said.pop("row")
        place = np.zeros(events.n, np.int64)
        place[rows] = np.arange(len(rows))
        mine = place[at]
        event = when | {"event": cells.hashed(about.pop("id"))} | about
        columned = {name: values[mine] for name, values in event.items()}
        return columns(**said, **columned, place=at + start), events.n

    def _about_plain(self, events: Events, rows: IntArray) -> dict[str, Any] | None:
        text = events.texts.text
        symbol = self._words[roles.SYMBOL].codes(text, *events.value(roles.SYMBOL, rows))
        regime = self._words[roles.REGIME].codes(text, *events.value(roles.REGIME, rows))
        if symbol is None or regime is None:
            return None
        return {"id": events.ids(rows), "symbol": symbol, "regime": regime}

    def _answered(self, events: Events) -> dict[str, Any] | None:
        """Return columns of what was answered, and the event of each."""
        answer, belief = events.tape.answer[: events.answers], events.tape.belief
        which, stage = events.rows()
        model = self._members.codes(events)
        found = {
            name: self._words[role].codes(
                events.texts.text, *events.answer(int(roles.COLUMN[role]))
            )
            for name, role in (("action", roles.ACTION), ("reason", roles.REASON))
        }
        if model is None or any(codes is None for codes in found.values()):
            return None
        text = events.texts.text
        start, end = events.answer(int(roles.COLUMN[roles.ACTION]))
        coded = {name: codes[which] for name, codes in found.items() if codes is not None}
        words = self._strange(
            coded["action"], lambda row: _word(text, start, end, int(which[row]))
        )
        own: dict[str, Any] = {
            "row": answer[which, roles.EVENT],
            "stage": stage,
            "confidence": belief[which, (stage == Stage.RAW).astype(np.int64)],
            "model": model[which],
            "word": words,
        }
        return own | coded

    # -- the careful way -------------------------------------------------------------------

    def _careful(self, chunk: Chunk, start: int) -> Answers:
        _require_once(chunk)
        if isinstance(chunk, Documents):
            outer, inner, reprs = decoded(chunk.texts, chunk.place)
        else:
            outer, inner, reprs = events_in(chunk)
        self.notes.reprs += reprs
        rows = np.arange(len(outer), dtype=np.int64)
        kinds = list(map(attrgetter("event_type"), outer))
        if not {None, _INTENT}.issuperset(kinds):
            pairs = list(zip(kinds, inner, strict=True))
            there = [
                kind in {None, _INTENT} or bool(one.model_breakdown) for kind, one in pairs
            ]
            gone = [str(kind) for (kind, _), kept in zip(pairs, there, strict=True) if not kept]
            self.notes.passed_over.update(gone)
            outer, inner = list(compress(outer, there)), list(compress(inner, there))
            rows = rows[there]
        event = self._about(outer, inner, chunk, rows, start) | {"place": rows + start}
        flats = unfolded(inner)
        for flat in sorted(flats, key=lambda flat: flat.stage is Stage.RAW):
            # Codes of members are given in the order of answers, as on the fast way.
            self._member.codes(list(zip(flat.model, flat.inner, strict=True)))
        return interleaved([self._flat(flat, event) for flat in flats])

    def _about(
        self,
        outer: list[Event],
        inner: list[Event],
        chunk: Chunk,
        rows: IntArray,
        start: int,
    ) -> dict[str, Any]:
        """Return what holds for a whole event; the payload's word counts before others."""

        def said(name: str) -> list[Any]:
            get = attrgetter(name)
            own = list(map(get, inner))
            if None in own:
                own = [get(o) if v is None else v for v, o in zip(own, outer, strict=True)]
            return own

        given = said("ts")
        if None in given:
            pairs = zip(given, said("timestamp"), strict=True)
            given = [other if ts is None else ts for ts, other in pairs]
        stamps = cells.column(given)
        when = self._when(stamps, chunk, rows)
        self.notes.quote_times(stamps, when["time_ns"], rows + start)
        return when | {
            "event": cells.hashed(cells.ids(said("event_id"))),
            "symbol": self._symbol.codes(said("symbol")),
            "regime": self._regime.codes(said("regime")),
        }

    def _when(self, stamps: pl.Series, chunk: Chunk, rows: IntArray) -> dict[str, Any]:
        """Return (n,) ns; before any event has said its time, entries take that of their id.

        Beside them stands whose they are: an entry that is sent again has another id.
        """
        found = _own(self._times.read(stamps, chunk, rows))
        there = stamps.is_not_null()
        named = chunk.frame if isinstance(chunk, Table) else pl.DataFrame()
        if self._stamped or ENTRY_ID not in named.columns:
            self._stamped |= bool(there.any())
            return found
        before = int(there.arg_max() or 0) if there.any() else len(rows)
        self._stamped = before < len(rows)
        if self._times.clock.unit in {None, "ms"} and before:
            self.notes.from_ids += before
            ids = named[ENTRY_ID].gather(rows[:before])
            own = ids.str.split("-").list.first().cast(pl.Int64, strict=False)
            found["time_ns"][:before] = self._times.read(own, chunk, rows)
            found["dated"][:before] = False
        return found

    def _flat(self, flat: Flat, event: dict[str, Any]) -> Answers:
        about = {name: values[flat.row] for name, values in event.items()}
        said = cells.beliefs(flat.confidence)
        self.notes.quote(lambda: flat.confidence, said, about["place"])
        pairs = list(zip(flat.model, flat.inner, strict=True))
        model, action = self._member.codes(pairs), self._action.codes(flat.action)
        return columns(
            model=model,
            action=action,
            confidence=said,
            stage=np.full(len(flat.row), flat.stage),
            reason=self._reason.codes(flat.reason),
            word=self._strange(action, lambda row: flat.action[row]),
            **about,
        )

    def _strange(
        self, action: NDArray[np.int32], word: Callable[[int], Any]
    ) -> NDArray[np.int16]:
        """Return (n,) the code of each word that is no action."""
        found = np.full(len(action), -1, np.int16)
        for row in np.flatnonzero(action == UNKNOWN).tolist():
            found[row] = code_of(str(word(row)), self.names)
        return found

    def _member_code(self, pair: tuple[str, str | None]) -> int:
        slot, inner = pair
        name = slot.strip() or NO_NAME
        within = (inner or "").strip()
        return self.names.models.code(f"{name}/{within}" if within not in {"", name} else name)


def _own(time_ns: IntArray) -> dict[str, Any]:
    return {"time_ns": time_ns, "dated": np.ones(len(time_ns), np.bool_)}


def _word(text: NDArray[np.uint8], start: IntArray, end: IntArray, at: int) -> Any:
    return msgspec.json.decode(text[start[at] : end[at]].tobytes())


def _require_once(chunk: Chunk) -> None:
    """Refuse an event that says twice what is read of it; the fast way leaves it to this."""
    if isinstance(chunk, Documents):
        texts = list(chunk.texts)
    else:
        named = "payload" in chunk.frame.columns
        texts = cells.text(chunk.frame["payload"]).to_list() if named else []
    for row, text in enumerate(texts):
        if text:
            require_event_once(text, chunk.place(row), is_payload=isinstance(chunk, Table))


def _starts(chunk: Chunk) -> range:
    return range(0, len(chunk), _BLOCK)


def texts_of(chunk: Chunk) -> Texts | None:
    """Return the texts of a chunk; ``None`` where there are none that can be laid together."""
    if isinstance(chunk, Documents):
        return whole_texts(chunk.texts)
    return payload_texts(chunk.frame) if "payload" in chunk.frame.columns else None


def part_of(chunk: Chunk, start: int, stop: int) -> Chunk:
    """Return some records of a chunk."""
    if isinstance(chunk, Table):
        part = chunk.frame.slice(start, stop - start)
        return replace(chunk, frame=part, start=chunk.start + start)
    numbers = None if chunk.numbers is None else chunk.numbers[start:stop]
    return replace(
        chunk, texts=chunk.texts[start:stop], start=chunk.start + start, numbers=numbers
    )


def _alike(form: NDArray[np.int8]) -> int:
    """Return how many stamps, from the first on, are written like the first that is there."""
    told = form[form != NO_STAMP]
    other = (form == STRANGE) | ((form != NO_STAMP) & (form != told[:1].sum()))
    return int(other.argmax()) if other.any() else len(form)


def _kind(events: Events, row: int, chunk: Chunk) -> str:
    if isinstance(chunk, Table):
        return str(chunk.frame["event_type"][row])
    return events.kind(row)


def _is_enough(about: dict[str, Any], form: NDArray[np.int8], chunk: Chunk) -> bool:
    """Whether payloads say by themselves what might lie beside them."""
    if isinstance(chunk, Documents):
        return True
    beside = set(chunk.frame.columns)
    missing = {
        "ts": True,
        "timestamp": bool((form == NO_STAMP).any()),
        "event_id": bool((about["id"] == "").any()),
        "symbol": bool((about["symbol"] < 0).any()),
        "regime": bool((about["regime"] < 0).any()),
    }
    return not any(lacks and name in beside for name, lacks in missing.items())


def interleaved(parts: Sequence[Answers]) -> Answers:
    """Put answers in the order of their records; those of one record stay in theirs."""
    whole = _end_to_end(parts)
    return whole if len(parts) <= 1 else whole.where(np.argsort(whole.place, kind="stable"))


def _end_to_end(parts: Sequence[Answers]) -> Answers:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return columns(time_ns=[], model=[], symbol=[], action=[], confidence=[])
    names = Answers.__dataclass_fields__
    return columns(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})
