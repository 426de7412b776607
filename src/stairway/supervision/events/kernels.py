"""Compiled walk over events whose payload holds the answers of models.

1. ``both_levels`` notes where the values of an event and of each answer lie in the text,
   and reads confidences on the way. A record that is not plain is ``ODD``.
2. A record has two levels: what lies around its payload, and the payload. A payload that is
   text in the text is written out behind it, so that every place is one in the same bytes.
3. ``rows_of`` lays answers end to end: scores of members, members, ensemble, intent.

Loops hand on bare arrays and write single values: that is what keeps them fast.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray
from stairway.compiled import njit
from stairway.supervision.scan.kernels import (
    NOTHING,
    ODD,
    Bytes,
    next_key,
    number,
    past_literal,
    past_space,
    past_value,
    string_end,
    unescape,
)

NONE = -1
MEMBERS = 64

# --- names of fields, in this order; the last two are of an answer only
NAMES = (
    "event_type", "payload", "event_id", "ts", "timestamp", "symbol", "regime", "action",
    "confidence", "reason", "ensemble", "model_breakdown", "model", "raw_confidence",
)  # fmt: skip
(TYPE, PAYLOAD, ID, TS, TIMESTAMP, SYMBOL, REGIME, ACTION, CONFIDENCE, REASON,
 ENSEMBLE, BREAKDOWN, MODEL, RAW) = range(len(NAMES))  # fmt: skip
FIELDS = len(NAMES)
_LETTERS = np.zeros((FIELDS, 16), np.uint8)
_BY_LENGTH = np.full((16, 4), NONE)
for _row, _name in enumerate(NAMES):
    _LETTERS[_row, : len(_name)] = list(_name.encode())
    _free = np.flatnonzero(_BY_LENGTH[len(_name)] == NONE)[0]
    _BY_LENGTH[len(_name), _free] = _row

# --- columns of an answer: its event, what it is, and where its values begin and end
EVENT, KIND, SLOT, HAS_RAW = 0, 1, 2, 4
ANSWER, BELIEF_AT = 13, 11
COLUMN = np.zeros(FIELDS, np.int64)
COLUMN[ACTION], COLUMN[REASON], COLUMN[MODEL] = 5, 7, 9
MEMBER, OF_ENSEMBLE, OF_INTENT = 1, 2, 3

WHOLE_RECORD, INTENT_KIND = -1, 1
_TYPED = np.frombuffer(b'"trade.intent"', np.uint8).copy()
_QUOTE, _OPEN, _NULL, _MINUS, _NINE, _ZERO = 34, 123, 110, 45, 57, 48
ANSWERS, ROOM, FULL, INNER = range(4)


class Tape(NamedTuple):
    """What is noted of events and answers.

    ``event[i, level, 2 * field]`` and the place after it are where a value begins and ends,
    0 and 0 where there is none. ``level[i]`` speaks: 0 the record itself, 1 its payload.
    ``form`` is given: -1 of a whole record, else of a payload alone: 1 of an intent, 0 of
    another kind. ``used`` counts answers and bytes, tells when there is no more room, and
    where the text lies that is the payload of the event read last, ``NONE`` if nowhere.
    """

    form: NDArray[np.int8]
    level: NDArray[np.int8]
    is_passed: NDArray[np.bool_]
    event: NDArray[np.int32]
    answer: NDArray[np.int32]
    belief: FloatArray
    used: IntArray


@njit(cache=True, nogil=True)
def both_levels(b: Bytes, p: int, e: int, i: int, tape: Tape) -> int:
    """Read what lies around a payload, and the payload; return the level that speaks."""
    tape.used[INNER] = NONE
    if tape.form[i] != WHOLE_RECORD:
        return 1 if whole_object(b, p, e, i, 1, tape) else ODD
    before = tape.used[ANSWERS]
    if not whole_object(b, p, e, i, 0, tape):
        return ODD
    at, stop = tape.event[i, 0, 2 * PAYLOAD], tape.event[i, 0, 2 * PAYLOAD + 1]
    if stop == 0:
        return 0
    tape.used[ANSWERS] = before
    return 1 if whole_object(b, at, stop, i, 1, tape) else ODD


@njit(cache=True, nogil=True)
def whole_object(b: Bytes, p: int, e: int, i: int, level: int, tape: Tape) -> bool:
    """Read an object and find nothing behind it."""
    p = past_space(b, p, e)
    if p >= e or b[p] != _OPEN:
        return False
    p = event_fields(b, p + 1, e, i, level, tape)
    return p >= 0 and past_space(b, p, e) == e


@njit(cache=True, nogil=True)
def name_of(b: Bytes, p: int, e: int) -> int:
    """Return which of ``NAMES`` it is; ``NONE`` for another."""
    size = e - p
    if size >= len(_BY_LENGTH):
        return NONE
    for k in range(_BY_LENGTH.shape[1]):
        name = _BY_LENGTH[size, k]
        if name < 0:
            return NONE
        i = 0
        while i < size and _LETTERS[name, i] == b[p + i]:
            i += 1
        if i == size:
            return int(name)
    return NONE


@njit(cache=True, nogil=True)
def event_fields(b: Bytes, p: int, e: int, i: int, level: int, tape: Tape) -> int:
    """Read the fields of an event; one that is there twice is odd."""
    seen, is_first = 0, True
    while True:
        p, name_at, name_end = next_key(b, p, e, is_first)
        if p < 0 or name_end < 0:
            return p
        is_first = False
        name = name_of(b, name_at, name_end)
        if name >= 0 and seen & (1 << name):
            return ODD
        seen |= (1 << name) if name >= 0 else 0
        at, end = p, 0
        if name == PAYLOAD and level == 0 and b[p] == _QUOTE:
            tape.used[INNER], at = p, tape.used[ROOM]
            behind, end = unescape(b, p + 1, e, at)
            tape.used[ROOM] = max(end, at)
            behind += behind >= 0
        elif name in (ENSEMBLE, BREAKDOWN) and b[p] == _OPEN:
            behind = some_answers(b, p + 1, e, name, i, tape)
        else:
            behind = past_field(b, p, e, name, level)
        if behind < 0:
            return ODD
        if name >= 0 and b[p] != _NULL:
            tape.event[i, level, 2 * name] = at
            tape.event[i, level, 2 * name + 1] = end if end > 0 else behind
        p = behind


@njit(cache=True, nogil=True)
def past_field(b: Bytes, p: int, e: int, name: int, level: int) -> int:
    """Return the place behind a value, which has to be of a type that its field takes."""
    if name < 0 or name >= MODEL or (level == 1 and name <= PAYLOAD):
        return past_value(b, p, e)
    if name == PAYLOAD and b[p] == _OPEN:
        return past_value(b, p, e)
    if b[p] == _NULL:
        return past_literal(b, p, e)
    if name in (ENSEMBLE, BREAKDOWN):
        return ODD
    if name == ID and b[p] != _QUOTE:
        said = number(b, p, e) if _ZERO <= b[p] <= _NINE else NOTHING
        return said.at if said.is_whole else ODD
    return past_said(b, p, e, name in (TS, TIMESTAMP, ACTION, CONFIDENCE))


@njit(cache=True, nogil=True)
def past_said(b: Bytes, p: int, e: int, is_loose: bool) -> int:  # noqa: FBT001 - asked inside a loop
    """Return the place behind a text without escapes, or a number where that is taken."""
    if b[p] == _QUOTE:
        end = string_end(b, p + 1, e)
        return end + 1 if end >= 0 else ODD
    if is_loose and (b[p] == _MINUS or _ZERO <= b[p] <= _NINE):
        return number(b, p, e).at
    return ODD


@njit(cache=True, nogil=True)
def some_answers(b: Bytes, p: int, e: int, name: int, i: int, tape: Tape) -> int:
    """Read what members say, or the ensemble; return the place behind it."""
    row = tape.used[ANSWERS]
    if name == ENSEMBLE:
        start_answer(tape.answer, row, i, OF_ENSEMBLE)
        tape.used[ANSWERS] = row + 1
        return entry_fields(b, p, e, row, tape.answer, tape.belief)
    first = row
    while True:
        p, name_at, name_end = next_key(b, p, e, row == first)
        if p < 0 or name_end < 0:
            tape.used[ANSWERS] = row
            return p
        if b[p] != _OPEN or row - first == MEMBERS:
            return ODD
        start_answer(tape.answer, row, i, MEMBER)
        tape.answer[row, SLOT], tape.answer[row, SLOT + 1] = name_at - 1, name_end + 1
        for other in range(first, row):
            at = tape.answer[other, SLOT]
            if is_same(b, at, tape.answer[other, SLOT + 1] - at, name_at - 1, name_end + 1):
                return ODD
        p = entry_fields(b, p + 1, e, row, tape.answer, tape.belief)
        if p < 0:
            return ODD
        row += 1


@njit(cache=True, nogil=True)
def start_answer(answer: NDArray[np.int32], row: int, i: int, kind: int) -> None:
    """Begin an answer of which nothing is known."""
    for column in range(ANSWER):
        answer[row, column] = 0
    answer[row, EVENT], answer[row, KIND] = i, kind


@njit(cache=True, nogil=True)
def is_same(b: Bytes, at: int, size: int, p: int, e: int) -> bool:
    """Whether two texts are equal."""
    if size != e - p:
        return False
    for k in range(size):  # noqa: SIM110 - a generator is slow here
        if b[at + k] != b[p + k]:
            return False
    return True


@njit(cache=True, nogil=True)
def entry_fields(
    b: Bytes, p: int, e: int, row: int, answer: NDArray[np.int32], beliefs: FloatArray
) -> int:
    """Read one answer into a row; return the place behind it."""
    seen, is_first = 0, True
    beliefs[row, 0] = beliefs[row, 1] = np.nan
    while True:
        p, name_at, name_end = next_key(b, p, e, is_first)
        if p < 0 or name_end < 0:
            return p
        is_first = False
        name = name_of(b, name_at, name_end)
        if name >= 0 and seen & (1 << name):
            return ODD
        seen |= (1 << name) if name >= 0 else 0
        behind = ODD
        if name in (CONFIDENCE, RAW):
            behind, said = belief(b, p, e)
            beliefs[row, int(name == RAW)] = said
            answer[row, BELIEF_AT + int(name == RAW)] = p
            answer[row, HAS_RAW] |= name == RAW and b[p] != _NULL
        elif name not in (ACTION, REASON, MODEL):
            behind = past_value(b, p, e)
        elif b[p] == _NULL:
            behind = past_literal(b, p, e)
        else:
            behind = past_said(b, p, e, name == ACTION)
            answer[row, COLUMN[name]] = p
            answer[row, COLUMN[name] + 1] = behind
        if behind < 0:
            return ODD
        p = behind


@njit(cache=True, nogil=True)
def belief(b: Bytes, p: int, e: int) -> tuple[int, float]:
    """Read a number, a text that is one, or null; return the place behind it, and it."""
    if b[p] == _NULL:
        return past_literal(b, p, e), np.nan
    is_text = b[p] == _QUOTE
    end = e
    if is_text:
        p += 1
        end = string_end(b, p, e)
    if p >= end or (b[p] != _MINUS and not _ZERO <= b[p] <= _NINE):
        return ODD, np.nan
    said = number(b, p, end)
    if is_text:
        return (end + 1 if said.at == end else ODD), said.value
    return said.at, said.value


@njit(cache=True, nogil=True)
def is_passed_over(b: Bytes, i: int, before: int, tape: Tape) -> bool:
    """Whether an event is no intent, and says nothing of members."""
    for row in range(before, tape.used[ANSWERS]):
        if tape.answer[row, KIND] == MEMBER:
            return False
    if tape.form[i] != WHOLE_RECORD:
        return tape.form[i] != INTENT_KIND
    at, end = tape.event[i, 0, 2 * TYPE], tape.event[i, 0, 2 * TYPE + 1]
    if end == 0 or end - at != len(_TYPED):
        return end != 0
    for k in range(len(_TYPED)):  # noqa: SIM110 - a generator is slow here
        if b[at + k] != _TYPED[k]:
            return True
    return False


@njit(cache=True, nogil=True)
def add_intent(b: Bytes, i: int, level: int, before: int, tape: Tape) -> bool:
    """Add what an event says by itself, or that it says nothing; False where that is odd."""
    at, end = tape.event[i, level, 2 * CONFIDENCE], tape.event[i, level, 2 * CONFIDENCE + 1]
    row = tape.used[ANSWERS]
    if end == 0 and row > before:
        return True
    start_answer(tape.answer, row, i, OF_INTENT)
    tape.belief[row, 0] = np.nan
    if end > 0:
        behind, said = belief(b, at, end)
        tape.belief[row, 0] = said
        if behind != end:
            return False
    for name in (ACTION, REASON):
        for side in range(2):
            tape.answer[row, COLUMN[name] + side] = tape.event[i, level, 2 * name + side]
    tape.used[ANSWERS] = row + 1
    return True


@njit(cache=True, nogil=True)
def rows_of(answer: NDArray[np.int32], n: int, which: IntArray, stage: NDArray[np.int8]) -> int:
    """Lay answers of the first ``n`` in rows by event: raw, calibrated, ensemble, intent."""
    rows, first = 0, 0
    while first < n:
        last = first
        while last < n and answer[last, EVENT] == answer[first, EVENT]:
            last += 1
        for phase in range(4):
            for row in range(first, last):
                kind = answer[row, KIND]
                is_raw = phase == 0 and kind == MEMBER and answer[row, HAS_RAW] == 1
                if is_raw or (phase > 0 and kind == phase):
                    which[rows], stage[rows] = row, phase
                    rows += 1
        first = last
    return rows
