"""Compiled reading of events that differ from the one before in their values only.

1. An event is compared with the one that was learnt, eight bytes at a time. Where everything
   between its values is the same, so are its names, their order and their depth, and only
   values are read: each as its field is read otherwise, by the same functions.
2. An event that is otherwise is read field by field, and learnt in its place. Where that
   helped nobody, longer and longer is waited before the next is learnt. One whose payload is
   text without escapes is never learnt.

What is noted is what :func:`~stairway.supervision.events.kernels.both_levels` notes.
"""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import IntArray
from stairway.compiled import njit
from stairway.supervision.events.kernels import (
    ANSWER,
    ANSWERS,
    EVENT,
    FIELDS,
    FULL,
    MEMBERS,
    ROOM,
    Tape,
    add_intent,
    both_levels,
    is_passed_over,
)
from stairway.supervision.forms.kernels import (
    AT,
    COPIED,
    IN_ANSWERS,
    IN_BELIEFS,
    KIND,
    LAST_AT,
    LAST_SIZE,
    LEVEL,
    NUMBER,
    ROWS,
    SIZE,
    SLOTS,
    TARGET,
    USED,
    WHOLE,
    Form,
    is_time_to_learn,
    learn,
)
from stairway.supervision.scan.kernels import ODD, Bytes, number
from stairway.supervision.words.kernels import copy_text, is_equal, plain_end

_MINUS = 45


@njit(cache=True, nogil=True)
def read_events(b: Bytes, start: IntArray, end: IntArray, tape: Tape, form: Form) -> int:
    """Read records until one is not plain; return how many were read.

    Behind the text there is room for as much again, and eight bytes.
    """
    for i in range(len(start)):
        before = tape.used[ANSWERS]
        if before + MEMBERS + 2 > len(tape.answer):
            tape.used[FULL] = 1
            return i
        level = read_again(b, start[i], end[i], i, tape, form)
        if level < 0:
            level = both_levels(b, start[i], end[i], i, tape)
            if level < 0:
                tape.used[ANSWERS] = before
                return i
            if is_time_to_learn(form.state):
                learn(b, (start[i], end[i]), (i, level, before), tape, form)
        tape.level[i] = level
        if is_passed_over(b, i, before, tape):
            tape.is_passed[i] = True
            tape.used[ANSWERS] = before
        elif not add_intent(b, i, level, before, tape):
            tape.used[ANSWERS] = before
            return i
    return len(start)


@njit(cache=True, nogil=True)
def read_again(b: Bytes, p: int, e: int, i: int, tape: Tape, form: Form) -> int:
    """Read an event that is like the one learnt; return the level that speaks, or ``ODD``."""
    state, slots = form.state, form.slots
    if state[SLOTS] < 0:
        return ODD
    before, room = tape.used[ANSWERS], tape.used[ROOM]
    take_over(i, before, tape, form)
    for k in range(state[SLOTS]):
        size, kind, target = slots[k, SIZE], slots[k, KIND], slots[k, TARGET]
        p += size
        if p >= e or not is_equal(b, p - size, slots[k, AT], size):
            return unlike(i, tape)
        at, value = p, np.nan
        if kind >= NUMBER:
            p, value = read_number(b, p, e, kind)
            behind = p
        else:
            p = plain_end(b, p, e)
            at, behind = at - 1, p + 1
            if kind == COPIED and target >= 0:
                at, room = room, copy_text(b, at + 1, p, room)
                behind = room
        if p < 0:
            return unlike(i, tape)
        note(tape, (i, before, target), (at, behind), value)
    size = state[LAST_SIZE]
    if p + size != e or not is_equal(b, p, state[LAST_AT], size):
        return unlike(i, tape)
    state[USED] += 1
    tape.used[ANSWERS], tape.used[ROOM] = before + state[ROWS], room
    return state[LEVEL]


@njit(cache=True, nogil=True)
def read_number(b: Bytes, p: int, e: int, kind: int) -> tuple[int, float]:
    """Read a number; return the place behind it and it, or ``ODD`` where it is not plain."""
    said = number(b, p, e)
    is_id = said.is_whole and b[p] != _MINUS
    return (ODD if kind == WHOLE and not is_id else said.at), said.value


@njit(cache=True, nogil=True)
def take_over(i: int, before: int, tape: Tape, form: Form) -> None:
    """Note of an event what was noted of the one that was learnt."""
    for level in range(2):
        for column in range(2 * FIELDS):
            tape.event[i, level, column] = form.event[level, column]
    for row in range(form.state[ROWS]):
        for column in range(ANSWER):
            tape.answer[before + row, column] = form.answer[row, column]
        tape.answer[before + row, EVENT] = i
        for which in range(2):
            tape.belief[before + row, which] = form.belief[row, which]


@njit(cache=True, nogil=True)
def unlike(i: int, tape: Tape) -> int:
    """Forget what was noted of an event."""
    for level in range(2):
        for column in range(2 * FIELDS):
            tape.event[i, level, column] = 0
    return ODD


@njit(cache=True, nogil=True)
def note(tape: Tape, where: tuple[int, int, int], place: tuple[int, int], value: float) -> None:
    """Note where a value of an event lies, or what it is."""
    i, before, target = where
    if target < 0:
        return
    if target >= IN_BELIEFS:
        row, which = divmod(target - IN_BELIEFS, 2)
        tape.belief[before + row, which] = value
    elif target >= IN_ANSWERS:
        row, column = divmod(target - IN_ANSWERS, ANSWER)
        tape.answer[before + row, column] = place[0]
        tape.answer[before + row, column + 1] = place[1]
    else:
        level, column = divmod(target, 2 * FIELDS)
        tape.event[i, level, column] = place[0]
        tape.event[i, level, column + 1] = place[1]
