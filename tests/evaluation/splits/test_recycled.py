from __future__ import annotations

import gc
import itertools
import weakref

import numpy as np
import pytest

from stairway.evaluation.splits.recycled import Recycled


def written(source: Recycled, first: int, stop: int) -> np.ndarray:
    """Take an array that nobody holds, and write rows into it."""
    rows = source.unheld()[: stop - first]
    rows[:] = np.arange(first, stop)
    return rows


def test_what_is_kept_stays_as_it_is() -> None:
    source = Recycled(10)

    kept = [written(source, k, k + 3) for k in range(7)]

    assert [rows.tolist() for rows in kept] == [[k, k + 1, k + 2] for k in range(7)]


def test_a_part_of_an_array_keeps_the_whole_of_it() -> None:
    # Given no more than a view of a view of each array, in several disguises
    source = Recycled(10)
    kept = [
        written(source, 0, 5)[1:][::2],
        np.asarray(memoryview(written(source, 2, 7)))[1:3],
        written(source, 3, 9).reshape(2, 3)[1],
        written(source, 4, 8).view(np.uint64)[:2],
    ]
    gc.collect()

    # When more are written
    for k in range(20):
        written(source, k, k + 10)

    # Then none was written over
    assert [rows.tolist() for rows in kept] == [[1, 3], [3, 4], [6, 7, 8], [4, 5]]


def test_memory_is_used_again_when_nobody_holds_it() -> None:
    source = Recycled(1_000)
    places = set()
    for k in range(50):
        rows = written(source, k, k + 1_000)
        places.add(rows.ctypes.data)

    assert len(places) == 2


def test_arrays_that_are_kept_for_a_while_are_never_written_over() -> None:
    # Given a reader that keeps some for long, some for a moment, and some not at all
    rng = np.random.default_rng(4)
    source = Recycled(50)
    kept: list[tuple[int, np.ndarray]] = []
    for k in range(300):
        rows = written(source, k, k + 50)
        if rng.random() < 0.5:
            kept.append((k, rows[10:20]))
        if kept and rng.random() < 0.4:
            kept.pop(int(rng.integers(len(kept))))

        # Then each that is still kept is what it was
        assert all(part.tolist() == list(range(at + 10, at + 20)) for at, part in kept)


def test_every_array_may_be_written_by_who_has_it() -> None:
    source = Recycled(5)
    mine = written(source, 0, 5)
    mine[:] = 7

    assert written(source, 0, 5).tolist() == [0, 1, 2, 3, 4]
    assert mine.tolist() == [7] * 5


@pytest.mark.parametrize("most", [1, 7, 8, 9, 1_000])
def test_every_array_begins_a_cache_line_and_they_do_not_overlap(most: int) -> None:
    source = Recycled(most)
    kept = [written(source, 0, most) for _ in range(5)]

    places = sorted(rows.ctypes.data for rows in kept)

    assert all(place % 64 == 0 for place in places)
    assert all(b - a >= 8 * most for a, b in itertools.pairwise(places))


def test_one_that_is_kept_for_good_does_not_stop_the_others_from_taking_turns() -> None:
    source = Recycled(1_000)
    kept, places = written(source, 0, 1_000), set()
    for k in range(50):
        rows = written(source, k, k + 1_000)
        places.add(rows.ctypes.data)

    assert len(places) == 2
    assert kept[0] == 0


def test_an_array_outlives_its_source() -> None:
    source = Recycled(4)
    rows = written(source, 1, 4)
    other = written(source, 0, 4)
    gone = weakref.ref(other)
    del source, other
    gc.collect()

    assert gone() is None
    assert rows.tolist() == [1, 2, 3]


def test_an_array_may_be_taken_for_no_rows_at_all() -> None:
    assert written(Recycled(3), 0, 0).tolist() == []
