"""Events that are written plainly, read by compiled loops: the fast way of ``payloads``.

1. The loops note where values lie, up to the first event that is not plain.
2. Values become columns. What a word means (whose name it is, which action, which model
   inside which slot) is asked of the same coders as on the careful way, once for each word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.supervision.again.kernels import read_events
from stairway.supervision.answers import ENSEMBLE, INTENT
from stairway.supervision.events import kernels as e
from stairway.supervision.forms.kernels import nothing_learnt
from stairway.supervision.lines import Lines
from stairway.supervision.scan.kernels import Bytes
from stairway.supervision.stamps.kernels import read_stamps
from stairway.supervision.words.kernels import SPARE, Words, find_words, join_words

_INTENT = "trade.intent"
_WORDS, _POOL = 2**15, 2**21
_QUOTE, _PAIRED, _UNMET = 34, 512, -2
_MOST_BYTES = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Texts:
    """Records to be read.

    Attributes
    ----------
    text
        What all of them lie in, with as much room behind them.
    start, end : (n,) int64
        Of each; ``free`` is where the room begins.
    form : (n,) int8
        -1 where a text is a whole record, else it is a payload: 1 of an intent, 0 of
        another kind.
    """

    text: Bytes
    start: IntArray
    end: IntArray
    free: int
    form: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.start)


class Vocabulary:
    """Codes of words, each asked for once.

    Parameters
    ----------
    code
        What a value is coded as.
    none
        Code where there is no value.
    """

    def __init__(self, code: Callable[[Any], int], none: int) -> None:
        self._code, self._none = code, none
        self._start()

    def _start(self) -> None:
        self._words = Words(
            np.zeros(_POOL, np.uint8),
            np.zeros(_WORDS + 1, np.int64),
            np.zeros(2 * _WORDS, np.int32),
            np.zeros(2, np.int64),
        )
        # The last place is for no word at all: its number is -1.
        self._codes = np.full(_WORDS + 1, self._none, np.int32)

    def codes(self, text: Bytes, start: IntArray, end: IntArray) -> NDArray[np.int32] | None:
        """Return the code of each word; ``None`` where there are too many words."""
        known, used = self._words.used.tolist()
        if 2 * known > _WORDS or 2 * used > _POOL:
            self._start()
            known = 0
        found = np.empty(len(start), np.int64)
        if find_words(text, start, end, self._words, found) < len(start):
            self._start()
            return None
        for word in range(known, int(self._words.used[0])):
            at, stop = self._words.start[word : word + 2].tolist()
            value = msgspec.json.decode(self._words.pool[at:stop].tobytes())
            self._codes[word] = self._code(value)
        return self._codes[found]


@dataclass(frozen=True, slots=True)
class Events:
    """Plain events, and where their values and those of their answers lie.

    Attributes
    ----------
    n, answers
        How many there are.
    """

    texts: Texts
    tape: e.Tape
    n: int
    answers: int

    @property
    def is_passed(self) -> BoolArray:
        """(n,) whether an event is no intent and says nothing of members."""
        return self.tape.is_passed[: self.n]

    def first(self, n: int) -> Events:
        """Return the first ``n`` of these."""
        answers = np.searchsorted(self.tape.answer[: self.answers, e.EVENT], n)
        return replace(self, n=n, answers=int(answers))

    def value(self, name: int, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Return where a value begins and ends in each row: in the payload, or around it."""
        own = self.tape.event[rows, self.tape.level[rows], 2 * name : 2 * name + 2]
        around = self.tape.event[rows, 0, 2 * name : 2 * name + 2]
        said = np.where(own[:, 1:] > 0, own, around)
        return said[:, 0].astype(np.int64), said[:, 1].astype(np.int64)

    def kind(self, row: int) -> str:
        """Return what is said of the kind of an event."""
        start, end = self.tape.event[row, 0, 2 * e.TYPE : 2 * e.TYPE + 2].tolist()
        return str(msgspec.json.decode(self.texts.text[start:end].tobytes()))

    def ids(self, rows: IntArray) -> pl.Series:
        """Return the id of each event as text, empty where there is none."""
        start, end = self.value(e.ID, rows)
        if not end.any():
            return pl.Series([""], dtype=pl.String).new_from_index(0, len(rows))
        is_text = (end > 0) & (self.texts.text[start] == _QUOTE)
        start, end = start + is_text, end - is_text
        lines = np.empty(int((end - start).sum()) + len(rows), np.uint8)
        join_words(self.texts.text, start, end, lines)
        text = lines[:-1].tobytes().decode()
        return pl.Series([text], dtype=pl.String).str.split("\n").explode()

    def stamps(self, rows: IntArray) -> tuple[NDArray[np.int8], IntArray, FloatArray]:
        """Return how the instant of each event is written, and what is written."""
        start, end = self.value(e.TS, rows)
        other, stop = self.value(e.TIMESTAMP, rows)
        start, end = np.where(end > 0, start, other), np.where(end > 0, end, stop)
        n = len(rows)
        found = np.empty(n, np.int8), np.zeros(n, np.int64), np.zeros(n)
        read_stamps(self.texts.text, start, end, *found)
        return found

    def answer(self, column: int) -> tuple[IntArray, IntArray]:
        """Return where a value of each answer begins and ends."""
        said = self.tape.answer[: self.answers, column : column + 2]
        return said[:, 0].astype(np.int64), said[:, 1].astype(np.int64)

    def rows(self) -> tuple[IntArray, NDArray[np.int8]]:
        """Return the answer and the stage of each row, events in order."""
        which = np.empty(2 * self.answers, np.int64)
        stage = np.empty(2 * self.answers, np.int8)
        n = e.rows_of(self.tape.answer, self.answers, which, stage)
        return which[:n], stage[:n]


class Members:
    """Codes of members: a slot, and the model inside it that answered.

    Parameters
    ----------
    code
        What a pair of a slot and a model (or ``None``) is coded as.
    """

    def __init__(self, code: Callable[[Any], int]) -> None:
        self._code = code
        self._names: dict[int, dict[str, int]] = {e.SLOT: {}, e.MODEL: {}}
        self._words = {
            which: Vocabulary(partial(self._number, which), -1) for which in self._names
        }
        self._pairs = np.full((_PAIRED + 1, _PAIRED + 1), _UNMET, np.int32)

    def _number(self, which: int, name: str) -> int:
        known = self._names[which]
        return known.setdefault(name, len(known))

    def codes(self, events: Events) -> NDArray[np.int32] | None:
        """Return the code of who answered; ``None`` where there are too many names."""
        text, kind = events.texts.text, events.tape.answer[: events.answers, e.KIND]
        slot = self._words[e.SLOT].codes(text, *events.answer(e.SLOT))
        inner = self._words[e.MODEL].codes(text, *events.answer(int(e.COLUMN[e.MODEL])))
        if slot is None or inner is None or max(map(len, self._names.values())) > _PAIRED:
            return None
        inner = np.where(kind == e.MEMBER, inner, -1)
        found = self._pairs[slot, inner]
        found[kind != e.MEMBER] = -1
        unmet = found == _UNMET
        if unmet.any():
            slots, inners = (list(self._names[which]) for which in self._names)
            for s, i in dict.fromkeys(
                zip(slot[unmet].tolist(), inner[unmet].tolist(), strict=True)
            ):
                self._pairs[s, i] = self._code((slots[s], None if i < 0 else inners[i]))
            found[unmet] = self._pairs[slot[unmet], inner[unmet]]
        for which, name in ((e.OF_ENSEMBLE, ENSEMBLE), (e.OF_INTENT, INTENT)):
            if (kind == which).any():
                found[kind == which] = self._code((name, None))
        return found


class Scanner:
    """Finds plain events; it keeps the room that it needs from one call to the next."""

    def __init__(self) -> None:
        self._room = 2**16
        self._answer = np.empty((0, e.ANSWER), np.int32)
        self._belief = np.empty((0, 2))

    def read(self, texts: Texts) -> Events:
        """Return the events up to the first that is not plain."""
        n = len(texts)
        while True:
            if len(self._answer) != self._room:
                self._answer = np.empty((self._room, e.ANSWER), np.int32)
                self._belief = np.empty((self._room, 2))
            tape = e.Tape(
                texts.form,
                np.zeros(n, np.int8),
                np.zeros(n, np.bool_),
                np.zeros((n, 2, 2 * e.FIELDS), np.int32),
                self._answer,
                self._belief,
                np.array([0, texts.free, 0, e.NONE]),
            )
            form = nothing_learnt()
            read = read_events(texts.text, texts.start, texts.end, tape, form)
            if not tape.used[e.FULL]:
                return Events(texts, tape, read, int(tape.used[e.ANSWERS]))
            self._room *= 2


def whole_texts(texts: Sequence[str | bytes]) -> Texts | None:
    """Lay whole records side by side; ``None`` where they are no UTF-8, or too much of it."""
    if isinstance(texts, Lines):
        first = int(texts.start[0])
        part = memoryview(texts.text)[first : int(texts.end[-1])]
        start, end = texts.start - first, texts.end - first
    else:
        plain = [one.encode() if isinstance(one, str) else one for one in texts]
        end = np.cumsum(np.fromiter(map(len, plain), np.int64, len(plain)))
        start, part = end - np.diff(end, prepend=0), b"".join(plain)
    try:
        str(part, "utf-8")
    except UnicodeDecodeError:
        return None
    return _with_room(part, start, end, np.full(len(texts), e.WHOLE_RECORD, np.int8))


def payload_texts(frame: pl.DataFrame) -> Texts | None:
    """Lay the payloads of a table side by side; ``None`` where one is missing or too large."""
    payload = frame["payload"]
    if payload.dtype != pl.String or payload.null_count():
        return None
    end = np.array(payload.str.len_bytes().cast(pl.Int64).cum_sum().to_numpy())
    form = np.ones(len(payload), np.int8)
    if "event_type" in frame.columns:
        kind = frame["event_type"]
        is_intent = kind.is_null() | (kind.cast(pl.String, strict=False) == _INTENT)
        form = np.array(is_intent.cast(pl.Int8).fill_null(0).to_numpy())
    start = end - np.diff(end, prepend=0)
    return _with_room(payload.str.join("").item().encode(), start, end, form)


def _with_room(
    part: bytes | memoryview, start: IntArray, end: IntArray, form: NDArray[np.int8]
) -> Texts | None:
    size = len(part)
    if 2 * size + SPARE > _MOST_BYTES:
        return None  # a place is noted in 32 bits
    text = np.empty(2 * size + SPARE, np.uint8)
    text[:size] = np.frombuffer(part, np.uint8)
    return Texts(text, start, end, size, form)
