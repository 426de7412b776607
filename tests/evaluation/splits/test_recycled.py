from __future__ import annotations

import gc
import weakref

import numpy as np

from stairway.evaluation.splits.recycled import Recycled


def test_what_is_kept_stays_as_it_is() -> None:
    source = Recycled(10)

    kept = [source.written([(k, k + 3), (9, 10)]) for k in range(7)]

    assert [rows.tolist() for rows in kept] == [[k, k + 1, k + 2, 9] for k in range(7)]


def test_a_part_of_an_array_keeps_the_whole_of_it() -> None:
    # Given no more than a view of a view of each array, in several disguises
    source = Recycled(10)
    kept = [
        source.written([(0, 5)])[1:][::2],
        np.asarray(memoryview(source.written([(2, 7)])))[1:3],
        source.written([(3, 9)]).reshape(2, 3)[1],
        source.written([(4, 8)]).view(np.uint64)[:2],
    ]
    gc.collect()

    # When more are written
    for k in range(20):
        source.written([(k, k + 10)])

    # Then none was written over
    assert [rows.tolist() for rows in kept] == [[1, 3], [3, 4], [6, 7, 8], [4, 5]]


def test_memory_is_used_again_when_nobody_holds_it() -> None:
    source = Recycled(1_000)
    places = set()
    for k in range(50):
        rows = source.written([(k, k + 1_000)])
        places.add(rows.ctypes.data)

    assert len(places) == 2


def test_an_array_outlives_its_source() -> None:
    source = Recycled(4)
    gone = weakref.ref(source._free[0].obj)
    rows = source.written([(1, 4)])
    del source
    gc.collect()

    assert rows.tolist() == [1, 2, 3]
    assert gone() is not None


def test_no_runs_are_no_rows() -> None:
    assert Recycled(3).written([]).tolist() == []
