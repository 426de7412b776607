"""Compiled learning of what an event looks like: where its values lie, and what between them.

1. An event that was read field by field is walked over once more, and parted into texts and
   numbers, which may change, and the bytes between them, which may not. Brackets and names
   are such bytes, so that the walk need not know them.
2. Each value is looked up where the first reading noted it. Nothing is learnt unless all that
   was noted of values that may change was found so, each once.
3. A text that begins an object is looked into: there, quotes have strokes before them. Which
   of them is the payload says the place where the first reading found it, and what is noted
   lies in that one alone. A text with any other escape in it may not change.
4. An event whose payload is text without escapes, or begins no object, is not learnt: such a
   text is read as an event, and where its values would lie nobody noted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray, IntArray
from stairway.compiled import njit
from stairway.supervision.events.kernels import (
    ACTION,
    ANSWER,
    ANSWERS,
    BELIEF_AT,
    BREAKDOWN,
    COLUMN,
    ENSEMBLE,
    FIELDS,
    ID,
    INNER,
    MEMBERS,
    MODEL,
    NONE,
    PAYLOAD,
    REASON,
    Tape,
)
from stairway.supervision.scan.kernels import Bytes, escaped_end, number, past_space
from stairway.supervision.words.kernels import plain_end

MOST = 256
"""Values of an event, above which it is not learnt."""

LONGEST_WAIT = 64
"""Events after which another one is learnt at the latest."""

TEXT, COPIED, NUMBER, WHOLE = range(4)
"""A text that is noted where it stands, or copied; a number; one that is whole and no less."""

AT, SIZE, KIND, TARGET = range(4)
SLOTS, ROWS, LEVEL, LAST_AT, LAST_SIZE, WAIT, WAITED, USED = range(8)
IN_ANSWERS, IN_BELIEFS = 1_000, 10_000

_P, _LAST, _FOUND, _INSIDE, _SHIFT = range(5)
_QUOTE, _SLASH, _OPEN, _COLON, _MINUS, _ZERO, _NINE = 34, 92, 123, 58, 45, 48, 57
_LIST, _TRUE, _FALSE, _NULL = 91, 116, 102, 110


class Form(NamedTuple):
    """What was learnt of an event.

    ``slots[k]`` is where the bytes before a value lie and how many there are, of what kind the
    value is, and where it is noted: -1 nowhere. The other arrays are what was noted of it.
    """

    state: IntArray
    slots: IntArray
    event: NDArray[np.int32]
    answer: NDArray[np.int32]
    belief: FloatArray


def nothing_learnt() -> Form:
    """Return a form that no event has."""
    return Form(
        np.array([NONE, 0, 0, 0, 0, 0, 0, 0]),
        np.zeros((MOST, 4), np.int64),
        np.zeros((2, 2 * FIELDS), np.int32),
        np.zeros((MEMBERS + 2, ANSWER), np.int32),
        np.zeros((MEMBERS + 2, 2)),
    )


@njit(cache=True, nogil=True)
def is_time_to_learn(state: IntArray) -> bool:
    """Whether an event that is not like the one that was learnt is learnt in its place."""
    if state[USED] > 0:
        state[WAIT] = 0
    state[WAITED] += 1
    if state[WAITED] <= state[WAIT]:
        return False
    state[WAIT] = min(2 * state[WAIT] + 1, LONGEST_WAIT)
    state[WAITED], state[USED] = 0, 0
    return True


@njit(cache=True, nogil=True)
def learn(
    b: Bytes, span: tuple[int, int], known: tuple[int, int, int], tape: Tape, form: Form
) -> None:
    """Learn an event that was read: ``known`` are its number, level and first answer."""
    i, level, before = known
    state, rows = form.state, tape.used[ANSWERS] - before
    state[SLOTS] = NONE
    # Answers around a payload that has some were checked when they were read, and not here.
    around = tape.event[i, 0, 2 * ENSEMBLE + 1] + tape.event[i, 0, 2 * BREAKDOWN + 1]
    if level == 1 and around > 0:
        return
    found, last = part(b, span, (i, before), tape, form.slots)
    if not has_all(form.slots, found, noted_in(b, (i, before), tape)):
        return
    state[SLOTS], state[ROWS], state[LEVEL] = found, rows, level
    state[LAST_AT], state[LAST_SIZE] = last, span[1] - last
    form.event[:] = tape.event[i]
    form.answer[:rows] = tape.answer[before : before + rows]
    form.belief[:rows] = tape.belief[before : before + rows]


@njit(cache=True, nogil=True)
def part(
    b: Bytes, span: tuple[int, int], known: tuple[int, int], tape: Tape, slots: IntArray
) -> tuple[int, int]:
    """Part an event; return how many values it has, and where the last one ends.

    ``NONE`` values where they cannot be told from what lies between.
    """
    walk = np.array([span[0], span[0], 0, 0, NONE])
    is_clear = True
    while is_clear and walk[_P] < span[1]:
        c = b[walk[_P]]
        if c == _MINUS or _ZERO <= c <= _NINE:
            is_clear = part_number(b, span[1], walk, known, tape, slots)
        elif c == _QUOTE and walk[_INSIDE] == 1:
            # Every escape up to here was that of a quote and taken off the shift, so that the
            # payload ends where it was written out: there is nothing left to compare.
            walk[_P], walk[_INSIDE], walk[_SHIFT] = walk[_P] + 1, 0, NONE
        elif c in (_QUOTE, _SLASH):
            is_clear = part_text(b, span[1], walk, known, tape, slots)
        else:
            walk[_P] += 1
    is_clear &= walk[_INSIDE] == 0 and walk[_P] == span[1]
    return (walk[_FOUND] if is_clear else NONE), walk[_LAST]


@njit(cache=True, nogil=True)
def part_number(
    b: Bytes, e: int, walk: IntArray, known: tuple[int, int], tape: Tape, slots: IntArray
) -> bool:
    """Step over a number, which is noted where it stands."""
    at = walk[_P]
    behind = number(b, at, e).at
    if behind < 0 or walk[_FOUND] == MOST:
        return False
    target = target_of(tape, known, noted_at(walk, at))
    is_id = target == 2 * ID or target == 2 * FIELDS + 2 * ID
    add_slot(slots, walk, at, (WHOLE if is_id else NUMBER, target))
    walk[_P] = walk[_LAST] = behind
    return True


@njit(cache=True, nogil=True)
def part_text(
    b: Bytes, e: int, walk: IntArray, known: tuple[int, int], tape: Tape, slots: IntArray
) -> bool:
    """Step over a text: a name, a value, or one that is looked into."""
    p, inside = walk[_P], walk[_INSIDE]
    at = p + 1 + inside
    stop = plain_end(b, at, e)
    if inside == 1:
        if b[p + 1] != _QUOTE or b[stop] != _SLASH or b[stop + 1] != _QUOTE:
            return False
    elif b[stop] == _SLASH:
        return look_into(b, e, walk, known[0], tape)
    if stop + inside >= e or b[stop + inside] != _QUOTE:
        return False
    noted = noted_at(walk, p)
    walk[_P] = stop + 1 + inside
    if walk[_SHIFT] != NONE:
        walk[_SHIFT] -= 2 * inside
    if b[past_space(b, walk[_P], e)] == _COLON:
        return True
    target = target_of(tape, known, noted)
    if target >= IN_BELIEFS or walk[_FOUND] == MOST or p == tape.used[INNER]:
        return False
    add_slot(slots, walk, at, (COPIED if inside == 1 else TEXT, target))
    walk[_LAST] = stop
    return True


@njit(cache=True, nogil=True)
def look_into(b: Bytes, e: int, walk: IntArray, i: int, tape: Tape) -> bool:
    """Step into a text that begins an object, or over another one that has escapes."""
    at = walk[_P] + 1
    is_payload = walk[_P] == tape.used[INNER]
    if b[at] != _OPEN:
        end = escaped_end(b, at, e)
        walk[_P] = end + 1
        return end >= 0 and not is_payload
    walk[_P], walk[_INSIDE], walk[_SHIFT] = at, 1, NONE
    if is_payload:
        walk[_SHIFT] = tape.event[i, 0, 2 * PAYLOAD] - at
    return True


@njit(cache=True, nogil=True)
def noted_at(walk: IntArray, p: int) -> int:
    """Return the place under which what lies at ``p`` was noted; ``NONE`` if nowhere."""
    if walk[_INSIDE] == 0:
        return p
    return p + walk[_SHIFT] if walk[_SHIFT] != NONE else NONE


@njit(cache=True, nogil=True)
def noted_in(b: Bytes, known: tuple[int, int], tape: Tape) -> int:
    """Count the values that were noted of an event and its answers, and that may change."""
    i, before = known
    n = 0
    for level in range(2):
        for column in range(0, 2 * FIELDS, 2):
            is_there = tape.event[i, level, column + 1] > 0
            n += is_there and may_change(b, tape.event[i, level, column])
    for row in range(before, tape.used[ANSWERS]):
        for name in (ACTION, REASON, MODEL):
            is_there = tape.answer[row, COLUMN[name] + 1] > 0
            n += is_there and may_change(b, tape.answer[row, COLUMN[name]])
        for column in (BELIEF_AT, BELIEF_AT + 1):
            at = tape.answer[row, column]
            n += at > 0 and may_change(b, at)
    return n


@njit(cache=True, nogil=True)
def may_change(b: Bytes, at: int) -> bool:
    """Whether a value is anything but an object, a list or one of three words."""
    return b[at] not in (_OPEN, _LIST, _TRUE, _FALSE, _NULL)


@njit(cache=True, nogil=True)
def has_all(slots: IntArray, found: int, noted: int) -> bool:
    """Whether so many different values are noted of the slots, and none of them twice."""
    n = 0
    for k in range(found):
        for other in range(k):
            if slots[k, TARGET] >= 0 and slots[k, TARGET] == slots[other, TARGET]:
                return False
        n += slots[k, TARGET] >= 0
    return found >= 0 and n == noted


@njit(cache=True, nogil=True)
def add_slot(slots: IntArray, walk: IntArray, at: int, value: tuple[int, int]) -> None:
    """Write down what lies before a value, and what it is."""
    k = walk[_FOUND]
    slots[k, AT], slots[k, SIZE] = walk[_LAST], at - walk[_LAST]
    slots[k, KIND], slots[k, TARGET] = value
    walk[_FOUND] = k + 1


@njit(cache=True, nogil=True)
def target_of(tape: Tape, known: tuple[int, int], at: int) -> int:
    """Return where the value that begins at a place was noted; ``NONE`` if nowhere."""
    i, before = known
    if at < 0:
        return NONE
    for column in range(0, 4 * FIELDS, 2):
        level, place = divmod(column, 2 * FIELDS)
        if tape.event[i, level, place + 1] > 0 and tape.event[i, level, place] == at:
            return column
    for row in range(before, tape.used[ANSWERS]):
        found = target_in(tape.answer, row, at)
        if found >= 0:
            return found + (row - before) * (2 if found >= IN_BELIEFS else ANSWER)
    return NONE


@njit(cache=True, nogil=True)
def target_in(answer: NDArray[np.int32], row: int, at: int) -> int:
    """Return where in an answer the value that begins at a place was noted."""
    for name in (ACTION, REASON, MODEL):
        column = COLUMN[name]
        if answer[row, column + 1] > 0 and answer[row, column] == at:
            return int(IN_ANSWERS + column)
    for which in range(2):
        if answer[row, BELIEF_AT + which] == at:
            return IN_BELIEFS + which
    return NONE
