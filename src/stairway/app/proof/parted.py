"""Whether folds are made of what was known: which rows are tested, and what trains for them.

A study that tests only rows whose next move turned out large has looked ahead, though each
position of it is made of the past. So the folds of another future are held against those of
the bars as they are.

1. Rows before the cut are tested in both, or in neither.
2. The same trains for a test, fold by fold, of all whose labels had ended by then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stairway.app.proof.groups import known_at
from stairway.app.proof.handed import Handed
from stairway.base.arrays import BoolArray, IntArray
from stairway.base.verdict import Verdict, refuse
from stairway.evaluation.battery.study import Labelled
from stairway.features.prover import Probe


@dataclass(frozen=True, slots=True)
class Parted:
    """Folds that a study made of some labels.

    Attributes
    ----------
    place : (n,) int64
        How many bars were known before each row's own.
    told : (n,) int64
        Place of the latest bar that was known at the close of each row, when it is tested.

    Examples
    --------
    >>> row = np.arange(6)
    >>> labels = Labelled(row % 2, row, row + 1)
    >>> own = Parted(Handed([(row[:2], row[3:])], 6), labels, row, row)
    >>> other = Parted(Handed([(row[:2], row[4:])], 6), labels, row, row)
    >>> own.otherwise_tested(other).tolist(), own.otherwise_trained(other, row[4:], 5)
    ([3], False)
    """

    folds: Handed
    labels: Labelled
    place: IntArray
    told: IntArray

    def otherwise_tested(self, other: Parted) -> IntArray:
        """Rows that are tested here or there, and not in both; in order."""
        return np.setxor1d(self.folds.tested()[1], other.folds.tested()[1])

    def otherwise_trained(self, other: Parted, rows: IntArray, cut: int) -> bool:
        """Whether something else trains for these rows, of what was known at the cut."""
        latest = np.maximum(
            known_at(self.labels, self.place), known_at(other.labels, self.place)
        )
        known: BoolArray = latest < cut
        return self._training(rows, known) != other._training(rows, known)

    def _training(self, rows: IntArray, known: BoolArray) -> list[int]:
        """Return a mark for the training of each fold that tests one of the rows, in order."""
        signs = np.random.Generator(np.random.PCG64(2)).integers(1, 2**62, known.size)
        marks: IntArray = np.where(known, signs, 0)
        fold, row = self.folds.tested()
        testing = np.unique(fold[np.isin(row, rows)])
        return [int(marks[self.folds.train(one)].sum()) for one in testing.tolist()]


def folds_told(
    own: Parted, other: Parted, number: int, rows: IntArray, probe: Probe
) -> Verdict | None:
    """Say which row is tested, or not, by what came; or that something else trains.

    Parameters
    ----------
    number, rows
        Test whose training is looked at; of its rows those before the cut.
    """
    if own.folds.equals(other.folds):
        return None
    odd = own.otherwise_tested(other)
    before = odd[own.told[odd] < probe.cut]
    changed = f"when the bars from {probe.cut} on were {probe.kind}"
    if before.size:
        row = int(before[own.told[before].argmax()])
        ahead = probe.cut - int(own.told[row])
        was = "was" if bool(np.isin(row, own.folds.tested()[1])) else "was not"
        detail = (
            f"row {row} {was} tested, and that changed {changed}: which rows are tested must "
            "not hang on what comes; test every row, and leave out in training alone"
        )
        return refuse("causality.looks_ahead", detail, ahead, 0)
    if rows.size and own.otherwise_trained(other, rows, probe.cut):
        ahead = probe.cut - int(own.told[rows].max())
        detail = (
            f"other rows, known before, trained for test {number} {changed}: what trains "
            "must not hang on what comes in the test, or behind it"
        )
        return refuse("causality.looks_ahead", detail, ahead, 0)
    return None
