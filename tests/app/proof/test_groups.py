"""Tested rows are parted as a loop over all pairs would part them, at a fraction of it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.proof.groups import Groups
from stairway.app.proof.handed import Handed
from stairway.evaluation.battery.study import Fold, Labelled

N = 12
ROWS = st.lists(st.integers(0, N - 1), max_size=9)
FOLDS = st.lists(st.tuples(ROWS, ROWS), max_size=6)
ANYWHERE = st.lists(st.integers(-3, N + 3), min_size=N, max_size=N)


def array(rows: list[int]) -> np.ndarray:
    return np.array(rows, np.int64)


def by_hand(folds: list[Fold], row: int) -> frozenset[int]:
    """Folds that test a row."""
    return frozenset(k for k, (_, test) in enumerate(folds) if row in test.tolist())


def known_by_hand(folds: list[Fold], labels: Labelled, place: np.ndarray, row: int) -> int:
    latest = -1
    for fold in by_hand(folds, row):
        for train in folds[fold][0].tolist():
            latest = max(latest, int(place[train]))
            if labels.value[train] >= 0:
                end = min(max(int(labels.end[train]), 0), N - 1)
                start = min(max(int(labels.start[train]), 0), end)
                latest = max(latest, *(int(place[one]) for one in range(start, end + 1)))
    return latest


@given(
    folds=FOLDS,
    value=st.lists(st.integers(-1, 1), min_size=N, max_size=N),
    start=ANYWHERE,
    end=ANYWHERE,
    place=st.permutations(range(N)),
)
def test_groups_are_those_that_brute_force_finds(
    folds: list[tuple[list[int], list[int]]],
    value: list[int],
    start: list[int],
    end: list[int],
    place: list[int],
) -> None:
    own = [(array(train), array(test)) for train, test in folds]
    labels, known = Labelled(array(value), array(start), array(end)), array(place)
    groups = Groups(Handed(own, N), labels, known)
    wanted: dict[frozenset[int], list[int]] = {}
    for row in range(N):
        if by_hand(own, row):
            wanted.setdefault(by_hand(own, row), []).append(row)
    assert len(groups) == len(wanted)
    assert groups.tested.tolist() == sorted(row for rows in wanted.values() for row in rows)
    for number, (testing, rows) in enumerate(wanted.items(), 1):
        group = groups.group(number)
        kept = sorted({one for fold in testing for one in own[fold][0].tolist()})
        assert (group.number, group.rows.tolist(), groups.size(number)) == (
            number,
            rows,
            len(rows),
        )
        assert group.kept.tolist() == kept
        assert group.free.tolist() == [row for row in rows if row not in kept]
        assert groups.of_row[rows].tolist() == [number] * len(rows)
        latest = known_by_hand(own, labels, known, rows[0])
        assert groups.known[rows].tolist() == [latest] * len(rows)
    untested = np.setdiff1d(np.arange(N), groups.tested)
    assert (groups.of_row[untested] == 0).all()
    assert (groups.known[untested] == N).all()


def test_the_end_of_a_row_without_a_label_is_not_looked_at() -> None:
    row = np.arange(N)
    value, end = row % 2, row + 1
    value[2], end[2] = -1, 10**9
    groups = Groups(Handed([(row[:5], row[7:])], N), Labelled(value, row, end), row)
    assert groups.known[7] == 5


def test_tests_of_one_row_over_a_long_record_are_parted_at_once() -> None:
    n = 40_000
    row = np.arange(n)
    labels = Labelled(row % 2, row, row + 1)
    folds = [(row[: a - 2], row[a : a + 1]) for a in range(n // 4, n)]
    groups = Groups(Handed(folds, n), labels, row)
    assert len(groups) == 30_000
    assert groups.known[n // 4 :].tolist() == list(range(n // 4 - 2, n - 2))
    assert groups.group(30_000).kept.size == n - 3
