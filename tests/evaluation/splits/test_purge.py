from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.evaluation.splits.kernels import KNOWN, PURGED, RESUMES
from stairway.evaluation.splits.purge import Reaches, embargo_rows, reaches
from stairway.evaluation.splits.spans import ends_in_rows


def brute_force(
    end: np.ndarray, tested: list[tuple[int, int]], gap: int, embargo: int
) -> list[int]:
    """Say so bar by bar. A row rests on its own bar and on those of its label."""
    bars = [{i, *range(i, int(last))} for i, last in enumerate(end)]
    banned: set[int] = set()
    for first, stop in tested:
        seen = set().union(*bars[first:stop])
        banned |= {i for i, own in enumerate(bars) if own & seen}
        banned |= set(range(first - gap, first))
        banned |= set(range(stop, max(seen) + 1 + embargo))
    return [i for i in range(end.size) if i not in banned]


def parts(found: Reaches, tested: list[int], n: int) -> tuple[list[int], list[int]]:
    """Rows that train, and rows of the test."""
    out = np.full(n, -1)
    n_train, n_all = found.written(np.array(tested, np.int64), n, out)
    return out[:n_train].tolist(), out[n_train:n_all].tolist()


@st.composite
def blocks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Label ends, edges of blocks that have room, gap and embargo."""
    gap, embargo = draw(st.integers(0, 6)), draw(st.integers(0, 4))
    reach = draw(st.integers(0, 9))
    room = max(gap, reach) + embargo
    sizes = draw(st.lists(st.integers(max(room, 1), room + 8), min_size=1, max_size=4))
    edges = draw(st.integers(0, 30)) + np.cumsum([0, *sizes])
    n = int(edges[-1]) + draw(st.integers(0, 30))
    lengths = draw(st.lists(st.integers(0, reach), min_size=n, max_size=n))
    return np.arange(n) + np.array(lengths, np.int64), edges, gap, embargo


@given(blocks(), st.sets(st.integers(0, 3), min_size=1))
def test_what_trains_is_what_brute_force_allows(
    drawn: tuple[np.ndarray, np.ndarray, int, int], chosen: set[int]
) -> None:
    end, edges, gap, embargo = drawn
    found = reaches(end, edges, gap, embargo)
    there = range(edges.size - 1)
    tested = sorted(chosen.intersection(there)) or [0]

    train, test = parts(found, tested, end.size)

    spans = [(int(edges[k]), int(edges[k + 1])) for k in tested]
    assert train == brute_force(end, spans, gap, embargo)
    assert test == list(itertools.chain.from_iterable(range(*span) for span in spans))


@given(
    st.lists(st.integers(1, 7), min_size=12, max_size=70),
    st.lists(st.integers(1, 5), min_size=70, max_size=70),
    st.integers(7, 12),
)
def test_labels_in_time_are_purged_as_their_spans_say(
    lengths: list[int], steps: list[int], size: int
) -> None:
    # Given rows at uneven times, and labels that overlap or do not by plain comparison
    n = len(lengths)
    start = np.cumsum(steps[:n])
    end = start + lengths
    test = range(n // 3, min(n // 3 + size, n))

    found = reaches(ends_in_rows(start, end), np.array([test.start, test.stop]), 0, 0)

    allowed = [
        i
        for i in range(n)
        if i not in test and not any(start[i] < end[j] and end[i] > start[j] for j in test)
    ]
    assert parts(found, [0], n)[0] == allowed


def test_the_embargo_begins_when_the_last_label_has_ended() -> None:
    # Given labels of 100 rows and an embargo of 1 % of 10,000
    end = np.arange(10_000) + 100
    found = reaches(end, np.array([2_000, 4_000]), 0, embargo_rows(10_000, 0.01))

    train, _ = parts(found, [0], 10_000)

    # Then training resumes 200 rows after the last row of the test
    assert train == [*range(2_000 - 99), *range(3_999 + 200, 10_000)]


def test_one_label_that_ends_late_carries_the_embargo_with_it() -> None:
    end = np.arange(100) + 1
    end[21] = 60

    found = reaches(end, np.array([20, 45]), 0, 5)

    assert found.block[0, [KNOWN, RESUMES]].tolist() == [60, 65]


def test_a_late_label_of_one_block_is_not_forgotten_behind_the_next() -> None:
    end = np.arange(60) + 1
    end[5] = 35

    found = reaches(end, np.array([0, 20, 25]), 0, 2)

    assert parts(found, [0, 1], 60) == (list(range(37, 60)), list(range(25)))


def test_a_row_whose_label_ends_in_time_is_spared_among_those_that_are_purged() -> None:
    end = np.arange(40) + 1
    end[[10, 17, 18]] = 25

    found = reaches(end, np.array([20, 30]), 1, 0)

    assert found.free.tolist() == [[0, 10], [11, 17]]
    assert found.block[0, PURGED] == 4


def test_an_embargo_is_rounded_down_but_not_by_the_rounding_of_floats() -> None:
    assert int(100 * 0.29) == 28
    assert embargo_rows(100, 0.29) == 29
    assert embargo_rows(1_000, 0.0019) == 1


def test_a_block_may_be_as_long_as_what_is_left_out_beside_it_and_no_shorter() -> None:
    def block(n_rows: int) -> Reaches:
        return reaches(np.arange(90) + 5, np.array([30, 30 + n_rows]), 0, 3)

    assert block(7).size.tolist() == [7]
    with pytest.raises(DataError, match=r"block 0 \(rows 30 to 35\) has 6 rows"):
        block(6)


def test_the_block_that_is_too_short_is_the_one_that_is_named() -> None:
    with pytest.raises(DataError, match=r"block 2 \(rows 50 to 52\) has 3 rows"):
        reaches(np.arange(90) + 5, np.array([30, 40, 50, 53, 70]), 0, 3)


@pytest.mark.parametrize(
    ("end", "gap", "purged"),
    [(np.arange(90) + 1, 9, 9), (np.arange(90) + 9, 0, 8)],
    ids=["gap", "labels"],
)
def test_the_refusal_of_a_short_block_says_what_is_too_long(
    end: np.ndarray, gap: int, purged: int
) -> None:
    with pytest.raises(DataError, match=f"fewer than the {purged} of purge or gap and 2 of"):
        reaches(end, np.array([30, 36]), gap, 2)


def test_a_label_that_ends_after_the_last_row_leaves_nothing_to_resume_with() -> None:
    found = reaches(np.arange(30) + 10, np.array([9, 29]), 0, 3)

    assert found.block[0, [KNOWN, RESUMES]].tolist() == [30, 30]
    assert parts(found, [0], 30) == ([], list(range(9, 29)))


def test_a_block_shorter_than_what_is_purged_behind_it_is_refused() -> None:
    # Given no label that reaches into the block, and one of its own that ends far behind it
    end = np.arange(90) + 1
    end[35] = 50

    with pytest.raises(DataError, match="has 6 rows, fewer than the 14 of purge or gap and 2"):
        reaches(end, np.array([30, 36]), 0, 2)
