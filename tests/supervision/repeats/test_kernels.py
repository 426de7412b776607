"""Looking keys up ahead never changes what is a repeat."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from stairway.supervision.repeats.kernels import (
    AHEAD,
    OPPOSED,
    REPEATED,
    Said,
    Seen,
    find_repeats,
)


def marked(event, model, stage, window, cuts, run=find_repeats):
    seen = Seen(np.zeros(window, np.uint64), np.zeros(4 * window, np.uint64), np.zeros(3, int))
    take = np.empty(len(event), np.uint8)
    for part in np.split(np.arange(len(event)), cuts):
        found = np.empty(len(part), np.uint8)
        none = np.zeros(len(part), np.int64)
        said = Said(
            event[part], model[part], stage[part], none, none.astype(np.int32),
            none.astype(np.int8), none.astype(float),
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
    last: deque[tuple[int, ...]] = deque(maxlen=window)
    expected, known = [], 0
    for key in zip(event.tolist(), model.tolist(), stage.tolist(), strict=True):
        expected.append(key[0] != 0 and key in last)
        if key[0] and not expected[-1]:
            last.append(key)
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
        action, np.full(n, 0.6),
    )  # fmt: skip
    seen = Seen(np.zeros(64, np.uint64), np.zeros(256, np.uint64), np.zeros(3, int))
    take = np.empty(n, np.uint8)
    find_repeats(said, seen, take)
    assert take.tolist() == [1, REPEATED, OPPOSED, 1, 1, 1, 1, 1]
