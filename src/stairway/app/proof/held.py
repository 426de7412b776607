"""Whether positions are made of the past, asked as ``profit`` has them: of all folds at once.

Features may be causal and the positions that follow them not: the labels of a test, and how
long they are, are handed to ``positions``, and a study may remember bars that it saw.

1. Rows that the same folds test go together. Of each such group the bars from a place in it,
   or just behind it, are replaced, and features and labels are made anew.
2. Rows that train a fold which tests the group keep what they had, also later ones: those
   it may know. All else is new, the labels of the test first of all.
3. No position of the group before that place may have moved, nor one of an earlier fold
   that knows nothing from there on. Later ones must move somewhere, or nobody was asked.
4. All labels of the group are turned round at once, to find the rows that heed them: some
   of these are places to ask at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from stairway.app.proof.groups import Group, grouped
from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.base.verdict import Finding, Refuse, Verdict, inconclusive, passed, refuse
from stairway.evaluation.battery.study import Fold, Labelled
from stairway.features.asking import guarded, moved, unsure
from stairway.features.function import Listen, unheard
from stairway.features.perturbation import Perturbation
from stairway.features.prover import Probe
from stairway.features.series import Futures, Series, checked

KINDS = (Perturbation.NOISE, Perturbation.SCALE, Perturbation.CONSTANT)
"""Futures that are tried in each group: they change sizes as well as signs."""
MOST_GROUPS = 12
_PROBES = 36
_ENOUGH = 20


class Held(Protocol):
    """The steps of a study that lead to a position."""

    def features(self, market: Series) -> FloatArray:
        """Return what is known at each row."""
        ...

    def labels(self, market: Series) -> Labelled:
        """Return what is to be foretold at each row."""
        ...

    def folds(self, labels: Labelled) -> Sequence[Fold]:
        """Return training rows and test rows."""
        ...

    def positions(
        self, features: FloatArray, labels: Labelled, folds: Sequence[Fold], seed: int
    ) -> FloatArray:
        """Return what is held from the close of each row."""
        ...


def positions_proved(
    study: Held, market: Series, tolerance: float, seed: int, listen: Listen = unheard
) -> Verdict:
    """Give the tests of all folds, at most twelve groups of them, other futures.

    Parameters
    ----------
    listen
        Told how many groups are done, and of how many.

    Returns
    -------
    Verdict
        A pass says how many groups were asked. What the study raises is a refusal; what
        could not be asked, or never answers to a future, leaves the question open.
    """

    def asked() -> Verdict:
        return _Proof(study, checked(market), tolerance, seed).verdict(listen)

    found = guarded(asked, "making positions")
    return Refuse((found,)) if isinstance(found, Finding) else found


@dataclass(frozen=True, slots=True)
class _Made:
    features: FloatArray
    labels: Labelled


class _Proof:
    """One study, what it holds on the bars as they are, and what came of asking."""

    def __init__(self, study: Held, market: Series, tolerance: float, seed: int) -> None:
        self.study, self.market, self.tolerance, self.seed = study, market, tolerance, seed
        self.futures = Futures(market)
        self.place: IntArray = np.array(
            [self.futures.place(row) for row in range(self.futures.rows)], np.int64
        )
        self.made = self._make(market)
        self.folds = list(study.folds(self.made.labels))
        self.groups = grouped(self.folds, self.made.labels, self.place)
        self.base = self._positions(self.made)

    def verdict(self, listen: Listen) -> Verdict:
        if moved(self.base, self._positions(self._make(self.market)), 0.0) is not None:
            return refuse(
                "causality.not_repeatable",
                "positions differ when they are asked for again; they may depend on nothing "
                "but features, labels, folds and the seed",
            )
        some = np.linspace(0, len(self.groups) - 1, min(len(self.groups), MOST_GROUPS))
        chosen = [self.groups[int(at)] for at in some]
        left_open: Verdict | None = None
        for done, group in enumerate(chosen, 1):
            found = self._group(group, max(_PROBES // len(chosen), len(KINDS)))
            if isinstance(found, Refuse):
                return found
            left_open = found if left_open is None else left_open
            listen(done, len(chosen))
        if left_open is not None:
            return left_open
        if not chosen:
            return inconclusive("causality.not_asked", "no position was asked: no fold tests")
        detail = (
            f"no position of {len(chosen)} of {len(self.groups)} tests moved with what came "
            "later"
        )
        return passed("causality.positions", detail, 0, None, len(chosen))

    def _group(self, group: Group, probes: int) -> Verdict | None:
        """Say what speaks against the positions of one group; None where nothing does."""
        stood, behind, answered = 0, 0, False
        for probe in self._probes(group, probes):
            other = self._positions(self._mixed(group, probe))
            rows = group.rows[self.place[group.rows] < probe.cut]
            stood += int(np.isfinite(self.base[rows]).sum())
            found = self._compared(group, self._still(group, probe.cut), other, probe)
            if found is not None:
                return found
            later = np.flatnonzero((self.place >= probe.cut) & np.isfinite(self.base))
            behind += later.size
            answered |= moved(self.base[later], other[later], 0.0) is not None
        where = f"test {group.number} of {len(self.groups)}"
        if stood == 0:
            detail = f"no position was asked of {where}: it holds none before any place"
            return inconclusive("causality.not_asked", detail)
        if behind >= _ENOUGH and not answered:
            detail = (
                f"no position was asked of {where}: none behind a place moves with the bars, "
                "so they come from elsewhere, or never change"
            )
            return inconclusive("causality.not_asked", detail)
        return None

    def _still(self, group: Group, cut: int) -> IntArray:
        """Rows that may not move: the group's, and those of whoever knows nothing later."""
        early = [one.rows for one in self.groups if one is group or one.known < cut]
        rows: IntArray = np.concatenate(early)
        return rows[self.place[rows] < cut]

    def _compared(
        self, group: Group, rows: IntArray, other: FloatArray, probe: Probe
    ) -> Verdict | None:
        tested = np.concatenate([one.rows for one in self.groups])
        whole = (self.base[tested], other[tested])
        pair = (self.base[rows], other[rows])
        found = moved(*pair, self.tolerance, whole)
        if found is not None:
            return _told(group.number, int(rows[found[0]]), probe, self.place)
        if unsure(*pair, self.tolerance, whole) is not None:
            detail = (
                f"positions before bar {probe.cut} moved by what the largest of them may "
                "round, and by more than the others do; hold nothing so large"
            )
            return inconclusive("causality.coarse", detail)
        return None

    def _probes(self, group: Group, count: int) -> Iterator[Probe]:
        """Places behind its last row, some by chance, and some where labels are heeded."""
        rng = np.random.Generator(np.random.PCG64((self.seed, group.number, 5)))
        places = np.sort(self.place[group.rows])
        drawn = rng.choice(places, max(count - len(KINDS), 0)).tolist()
        heeded = self._heeding(group)
        if heeded.size:
            drawn += [*rng.choice(heeded, len(KINDS)).tolist(), *[int(heeded[0])] * len(KINDS)]
        for turn, at in enumerate([*[int(places[-1])] * len(KINDS), *drawn]):
            cut = min(int(at) + 1, self.futures.rows - 1)
            cut = self.futures.snap(cut)
            if cut > 0:
                yield Probe(cut, KINDS[turn % len(KINDS)], self.seed + turn)

    def _heeding(self, group: Group) -> IntArray:
        """Places of the group's rows whose positions move with the labels of its test."""
        labels, rows = self.made.labels, group.free
        value, end = labels.value.copy(), labels.end.copy()
        value[rows] = np.where(value[rows] >= 0, 1 - value[rows], value[rows])
        short = end[rows] - labels.start[rows] <= 1
        longer = np.minimum(end[rows] + 1, self.futures.rows)
        end[rows] = np.where(short, longer, labels.start[rows] + 1)
        turned = _Made(self.made.features, Labelled(value, labels.start.copy(), end))
        other = self._positions(turned)
        before, after = self.base[group.rows], other[group.rows]
        same = (before == after) | (np.isnan(before) & np.isnan(after))
        return self.place[group.rows[~same]]

    def _mixed(self, group: Group, probe: Probe) -> _Made:
        """Another future, but for rows that train whoever tests the group."""
        changed = self.futures.changed(self.market, probe.cut, probe.kind, probe.rng)
        other, own = self._make(dict(changed.bars)), self.made
        if other.features.shape != own.features.shape:
            msg = f"features of shape {other.features.shape} were {own.features.shape} before"
            raise DataError(msg)
        features = other.features
        features[group.kept] = own.features[group.kept]
        columns: list[IntArray] = []
        for name in ("value", "start", "end"):
            column: IntArray = getattr(other.labels, name)
            column[group.kept] = getattr(own.labels, name)[group.kept]
            columns.append(column)
        return _Made(features, Labelled(*columns))

    def _make(self, market: Series) -> _Made:
        one, two = ({name: column.copy() for name, column in market.items()} for _ in range(2))
        labels = self.study.labels(one)
        columns = (np.array(column) for column in (labels.value, labels.start, labels.end))
        return _Made(np.array(self.study.features(two), np.float64), Labelled(*columns))

    def _positions(self, made: _Made) -> FloatArray:
        given = made.labels
        labels = Labelled(given.value.copy(), given.start.copy(), given.end.copy())
        folds = [(train.copy(), test.copy()) for train, test in self.folds]
        held = self.study.positions(made.features.copy(), labels, folds, self.seed)
        answer: FloatArray = np.array(held, np.float64)
        if answer.shape != (self.futures.rows,):
            msg = f"positions of shape {answer.shape} for {self.futures.rows} bars"
            raise DataError(msg)
        return answer


def _told(number: int, row: int, probe: Probe, place: IntArray) -> Verdict:
    ahead = probe.cut - int(place[row])
    bars = "bar" if ahead == 1 else "bars"
    detail = (
        f"the position at row {row} (test {number}) moved when the bars from {probe.cut} "
        f"on were {probe.kind}: it looks at least {ahead} {bars} ahead; the labels of a test, "
        "and their spans, are not known in it"
    )
    return refuse("causality.looks_ahead", detail, ahead, 0)
