"""Looking keys up ahead never changes what is a repeat."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stairway.supervision.repeats.kernels import (
    AHEAD,
    LINE,
    OPPOSED,
    REPEATED,
    REUSED,
    TAKEN,
    Said,
    find_repeats,
    nothing_said,
)
from stairway.testing.answers import Lately


def marked(event, model, stage, window, cuts, run=find_repeats):
    seen = nothing_said(window)
    take = np.empty(len(event), np.uint8)
    for part in np.split(np.arange(len(event)), cuts):
        found = np.empty(len(part), np.uint8)
        none = np.zeros(len(part), np.int64)
        said = Said(
            event[part], model[part], stage[part], none, none.astype(np.int32),
            none.astype(np.int8), none.astype(np.uint64), none == 0,
        )  # fmt: skip
        run(said, seen, found)
        take[part] = found
    return take == REPEATED, int(seen.at[0])


@pytest.mark.parametrize("window", [2, 16, 256])
@pytest.mark.parametrize("cuts", [(), (1, AHEAD, AHEAD + 1), (100, 1_000)])
def test_a_repeat_is_what_is_among_the_last_keys_however_blocks_fall(window, cuts) -> None:
    rng = np.random.default_rng(window)
    n = 3_000
    event = rng.integers(1, 2 * window, n).astype(np.uint64)
    model, stage = rng.integers(0, 3, n).astype(np.int32), rng.integers(0, 4, n).astype(np.int8)
    last = Lately(window)
    expected, known = [], 0
    for key in zip(event.tolist(), model.tolist(), stage.tolist(), strict=True):
        expected.append(key[0] != 0 and key in last)
        if key[0] and not expected[-1]:
            last.add(key)
            known += 1
    again, heard = marked(event, model, stage, window, cuts)
    assert again.tolist() == expected
    assert heard == known


def test_without_an_id_the_same_answer_repeats_and_another_contradicts() -> None:
    time_ns = np.array([1, 1, 1, 1, 2, 1, -(2**63), -(2**63)], np.int64)
    symbol = np.array([0, 0, 0, 1, 0, -1, 0, 0], np.int32)
    action = np.array([2, 2, 1, 2, 2, 2, 2, 2], np.int8)
    n = len(action)
    said = Said(
        np.zeros(n, np.uint64), np.zeros(n, np.int32), np.ones(n, np.int8), time_ns, symbol,
        action, np.full(n, 0.6).view(np.uint64), np.ones(n, np.bool_),
    )  # fmt: skip
    seen = nothing_said(64)
    take = np.empty(n, np.uint8)
    find_repeats(said, seen, take)
    assert take.tolist() == [1, REPEATED, OPPOSED, 1, 1, 1, 1, 1]


CHANGED = [
    {}, {"action": 1}, {"belief": 0.25}, {"time_ns": 2}, {"symbol": 1}, {"symbol": -1},
    {"belief": math.nan}, {"time_ns": 2, "dated": False}, {"model": 1}, {"stage": 3},
]  # fmt: skip


def chosen(changes: list[dict[str, float]]) -> Said:
    """Return answers under one id that differ from each other by what is changed."""
    first = {"event": 9, "model": 0, "stage": 1, "time_ns": 1, "symbol": 0, "action": 2}
    rows = [first | {"belief": 0.5, "dated": True} | change for change in changes]
    kinds = ("u8", "i4", "i1", "i8", "i4", "i1", "f8", "?")
    columns = [
        np.array([row[name] for row in rows], kind)
        for name, kind in zip(Said._fields, kinds, strict=True)
    ]
    return Said(*columns)._replace(belief=columns[6].view(np.uint64))


@pytest.mark.parametrize("at", range(len(CHANGED)))
def test_under_one_id_only_the_same_answer_repeats_and_each_other_is_named_once(at) -> None:
    change = CHANGED[at]
    seen, take = nothing_said(64), np.empty(4, np.uint8)
    find_repeats(chosen([{}, change, {}, change]), seen, take)
    one = {0: REPEATED, 8: TAKEN, 9: TAKEN}.get(at, REUSED)
    assert take.tolist() == [TAKEN, one, REPEATED, REPEATED]


def test_where_no_event_says_its_time_the_hour_at_which_it_came_is_no_other_answer() -> None:
    take = np.empty(3, np.uint8)
    late = [{"time_ns": when, "dated": False} for when in (1, 2, 3)]
    find_repeats(chosen(late), nothing_said(64), take)
    assert take.tolist() == [TAKEN, REPEATED, REPEATED]


def test_what_is_no_number_is_the_same_however_it_is_written() -> None:
    nans = np.array([0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8000000000001], np.uint64)
    take = np.empty(3, np.uint8)
    find_repeats(chosen([{}, {}, {}])._replace(belief=nans), nothing_said(64), take)
    assert take.tolist() == [TAKEN, REPEATED, REPEATED]


def test_zero_is_the_same_with_any_sign() -> None:
    take = np.empty(2, np.uint8)
    find_repeats(chosen([{"belief": 0.0}, {"belief": -0.0}]), nothing_said(64), take)
    assert take.tolist() == [TAKEN, REPEATED]


def test_hardly_any_other_answer_is_taken_for_the_same_and_never_the_same_for_another() -> None:
    n = 200_000
    rng = np.random.default_rng(5)
    event = np.repeat(np.arange(1, n // 2 + 1), 2).astype(np.uint64)
    belief = rng.random(n)
    belief[1::4] = belief[::4]
    said = Said(
        event, np.zeros(n, np.int32), np.ones(n, np.int8), np.ones(n, np.int64),
        np.zeros(n, np.int32), np.ones(n, np.int8), belief.view(np.uint64), np.ones(n, np.bool_),
    )  # fmt: skip
    take = np.empty(n, np.uint8)
    find_repeats(said, nothing_said(2**18), take)
    assert (take[::2] == TAKEN).all()
    assert (take[1::4] == REPEATED).all()
    assert (take[3::4] == REUSED).sum() >= n // 4 - 5, "one of 65,536 at most, as a rule"


@pytest.mark.parametrize("event", [7, 0], ids=["one id", "one instant and no id"])
def test_however_many_answers_one_key_has_each_is_found_within_a_few_lines(event) -> None:
    """What is looked through for a key is what lies in a row of full lines."""
    n = 20_000
    answers = chosen([{"event": event}] * n)._replace(
        belief=np.random.default_rng(3).random(n).view(np.uint64)
    )
    seen, first, again = nothing_said(2**16), np.empty(n, np.uint8), np.empty(n, np.uint8)
    find_repeats(answers, seen, first)
    assert (first == (REUSED if event else OPPOSED)).sum() >= n - 3, "see ``BITS``"
    assert longest_run(seen.table.all(axis=1)) <= 3
    find_repeats(answers, seen, again)
    assert (again == REPEATED).all()


def longest_run(is_full) -> int:
    ends = np.flatnonzero(np.diff(is_full.astype(np.int8), prepend=0, append=0))
    return int(np.diff(ends)[::2].max(initial=0))


@pytest.mark.parametrize("window", [1, 2, 7, 64, 1_000])
def test_lines_begin_where_those_of_a_cache_do_and_are_never_all_full(window) -> None:
    table = nothing_said(window).table
    assert table.ctypes.data % (8 * LINE) == 0
    assert not table.any()
    assert table.size // 2 > window
