"""Whether positions are made of the past, asked as ``profit`` has them: of all folds at once.

Features may be causal and the positions that follow them not: the labels of a test, and how
long they are, are handed to ``positions``, and a study may remember bars that it saw.

1. Rows that the same folds test go together. Of some such groups, evenly, the bars from a
   place in it, or just behind it, are replaced, and features and labels are made anew. As
   many groups are asked as can be at several places each: one asked behind its end alone
   has hardly been asked.
2. Rows that train a fold which tests the group keep what they had, also later ones: those
   it may know. All else is new, the labels of the test first of all.
3. No position of the group before that place may have moved, nor one of an earlier fold
   that knows nothing from there on. Later ones must move somewhere, or nobody was asked.
4. A position is taken at the close of its row. A bar that was known later is of those that
   are replaced (:mod:`.places`), and rows with such a bar are places to ask at.
5. Other labels of the group, all at once, show which rows heed them: some of these are
   places to ask at.
6. Nor may the folds hang on what comes: each future is asked for its own (:mod:`.parted`).
7. And what is held must be what is tested: each tested row, and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from stairway.app.proof.groups import Group, Groups
from stairway.app.proof.handed import Handed
from stairway.app.proof.parted import Parted, folds_told
from stairway.app.proof.places import places_of
from stairway.app.proof.steps import AtFaultError, Held, Made, Steps
from stairway.base.arrays import BoolArray, FloatArray, IntArray
from stairway.base.verdict import Finding, Refuse, Verdict, all_of, inconclusive, passed, refuse
from stairway.evaluation.battery.study import Labelled
from stairway.evaluation.battery.surrogates import strayed
from stairway.features.asking import moved, unsure
from stairway.features.function import Listen, unheard
from stairway.features.perturbation import Perturbation
from stairway.features.prover import Probe
from stairway.features.series import Futures, Series, checked

KINDS = (Perturbation.NOISE, Perturbation.SCALE, Perturbation.CONSTANT)
"""Futures that are tried in each group: they change sizes as well as signs."""
MOST_GROUPS = 12
FEWEST_INSIDE = 5
"""Places inside each group that is asked, where it holds so many positions."""
PROBES = 48
_OF_LABELS = (Perturbation.SIGN, Perturbation.SCALE, Perturbation.CONSTANT)
"""Futures that are tried where labels are heeded: turned round, sooner, and never."""
_HEEDED = 3
_LATE = 3
"""Rows of each group, and groups beside those in turn, that are asked because the bar of a
row was known after its close."""
_ENOUGH = 20


def positions_proved(
    study: Held, market: Series, tolerance: float, seed: int, listen: Listen = unheard
) -> Verdict:
    """Give the tests of all folds, as many as can be asked at several places, other futures.

    Parameters
    ----------
    listen
        Told how many futures are tried, and of how many at most; first before any is.

    Returns
    -------
    Verdict
        A pass says how many groups were asked, of how many, and at how many places. What
        the study raises is a refusal, and so is a position where no fold tests, or none
        where one does; what could not be asked, or never answers to a future, leaves the
        question open.

    Raises
    ------
    DataError
        If the market is no series of bars; see :func:`stairway.features.series.checked`.
    """
    series = checked(market)
    try:
        proof = _Proof(study, series, tolerance, seed)
        return all_of([proof.verdict(listen), *proof.strayed()])
    except AtFaultError as error:
        return Refuse((error.finding,))


@dataclass(slots=True)
class _Asked:
    """What came of the probes of one group so far."""

    places: set[int]
    behind: int = 0
    answered: bool = False


class _Proof:
    """One study, what it holds on the bars as they are, and what came of asking."""

    def __init__(self, study: Held, market: Series, tolerance: float, seed: int) -> None:
        self.market, self.tolerance, self.seed = market, tolerance, seed
        self.futures = Futures(market)
        rows = self.futures.rows
        self.steps = Steps(study, rows)
        self.places = places_of(market, self.futures)
        self.told = self.places.told
        self.made = self.steps.made(market)
        self.parted = self._parted(self.made.labels)
        self.folds = self.parted.folds
        self.groups = Groups(self.folds, self.made.labels, self.places.place)
        self.base = self._positions(self.made)

    def strayed(self) -> list[Verdict]:
        """Say what is held and not tested, or tested and not held."""
        said = strayed(self.base, self.groups.of_row > 0)
        return [] if said is None else [refuse("causality.tests", said)]

    def verdict(self, listen: Listen) -> Verdict:
        chosen = self._chosen()
        share = max(PROBES // max(len(chosen), 1), len(KINDS) + FEWEST_INSIDE)
        late = self.places.late(self.groups.tested)
        most = share + _HEEDED * len(_OF_LABELS) + min(late.size, _LATE)
        listen(0, most * len(chosen))
        for asked in (self._again, self._heeding_folds):
            found = asked()
            if found is not None:
                return found
        left_open: Verdict | None = None
        places: list[int] = []
        for turn, number in enumerate(chosen):

            def heard(done: int, before: int = turn * most) -> None:
                listen(before + done, most * len(chosen))

            group, asked = self.groups.group(number), _Asked(set())
            found = self._group(group, share, asked, heard)
            if isinstance(found, Refuse):
                return found
            left_open = found if left_open is None else left_open
            places.append(len(asked.places))
            heard(most)
        return self._passed(places) if left_open is None else left_open

    def _chosen(self) -> list[int]:
        """Numbers of the tests to ask: some in turn, and some of those that hold late bars."""
        last = self._last_alone()
        numbers = [one + 1 for one in range(len(self.groups)) if one + 1 != last]
        some = [numbers[k - 1] for k in chosen_of([self.groups.size(k) for k in numbers])]
        late = self.groups.of_row[self.places.late(self.groups.tested)]
        others = np.setdiff1d(late, [*some, 0 if last is None else last])
        rng = np.random.Generator(np.random.PCG64((self.seed, 0, 5)))
        return sorted([*some, *_some(others, _LATE, rng)])

    def _again(self) -> Verdict | None:
        made = self.steps.made(self.market)
        if moved(self.base, self._positions(made), 0.0) is not None:
            return refuse(
                "causality.not_repeatable",
                "positions differ when they are asked for again; they may depend on nothing "
                "but features, labels, folds and the seed",
            )
        if not self._parted(made.labels).folds.equals(self.folds):
            return refuse(
                "causality.not_repeatable",
                "folds differ when they are asked for again; they may depend on labels alone",
            )
        return None

    def _last_alone(self) -> int | None:
        """Return the number of the test that holds the last row alone, with no bar behind."""
        row = self.futures.rows - 1
        number = int(self.groups.of_row[row])
        if not number or self.told[row] < self.places.starts[-1]:
            return None
        rows = self.groups.group(number).rows
        held = rows[np.isfinite(self.base[rows])]
        return number if held.tolist() == [row] else None

    def _passed(self, places: list[int]) -> Verdict:
        if not places:
            return inconclusive("causality.not_asked", "no position was asked: no fold tests")
        least, most = min(places), max(places)
        many = f"{least}" if least == most else f"{least} to {most}"
        detail = (
            f"no position of {len(places)} of {len(self.groups)} tests moved with what came "
            f"later, asked at {many} {'place' if most == 1 else 'places'} each"
        )
        last = self._last_alone()
        if last is not None:
            detail += f"; test {last} has no bar behind it, and was left out"
        return passed("causality.positions", detail, 0, None, len(places))

    def _group(
        self, group: Group, share: int, asked: _Asked, heard: Callable[[int], None]
    ) -> Verdict | None:
        """Say what speaks against the positions of one group; None where nothing does."""
        for done, probe in enumerate(self._probes(group, share), 1):
            made = self.steps.made(self._market(probe))
            before = self._before(group, probe.cut)
            parted = self._parted(made.labels)
            found = folds_told(self.parted, parted, group.number, before, probe)
            if found is not None:
                return found
            other = self._positions(self._mixed(group, made))
            found = self._compared(self._still(group, probe.cut), other, probe)
            if found is not None:
                return found
            if bool(np.isfinite(self.base[before]).any()):
                asked.places.add(probe.cut)
            later = np.flatnonzero((self.told >= probe.cut) & np.isfinite(self.base))
            asked.behind += later.size
            asked.answered |= moved(self.base[later], other[later], 0.0) is not None
            heard(done)
        where = f"test {group.number} of {len(self.groups)}"
        if not asked.places:
            detail = f"no position was asked of {where}: it holds none before any place"
            return inconclusive("causality.not_asked", detail)
        if asked.behind >= _ENOUGH and not asked.answered:
            detail = (
                f"no position was asked of {where}: none behind a place moves with the bars, "
                "so they come from elsewhere, or never change"
            )
            return inconclusive("causality.not_asked", detail)
        return None

    def _before(self, group: Group, cut: int) -> IntArray:
        return group.rows[self.told[group.rows] < cut]

    def _still(self, group: Group, cut: int) -> IntArray:
        """Rows that may not move: the group's, and those of whoever knows nothing later."""
        known: BoolArray = self.groups.known < cut
        still: BoolArray = (known | (self.groups.of_row == group.number)) & (self.told < cut)
        return np.flatnonzero(still)

    def _compared(self, rows: IntArray, other: FloatArray, probe: Probe) -> Verdict | None:
        whole = (self.base[self.groups.tested], other[self.groups.tested])
        pair = (self.base[rows], other[rows])
        found = moved(*pair, self.tolerance, whole)
        if found is not None:
            row = int(rows[found[0]])
            return self._looked(row, probe)
        if unsure(*pair, self.tolerance, whole) is not None:
            detail = (
                f"positions before bar {probe.cut} moved by what the largest of them may "
                "round, and by more than the others do; hold nothing so large"
            )
            return inconclusive("causality.coarse", detail)
        return None

    def _looked(self, row: int, probe: Probe) -> Verdict:
        """Refuse a position that moved; name the first row whose own bar was known late."""
        ahead = probe.cut - int(self.told[row])
        detail = (
            f"the position at row {row} (test {int(self.groups.of_row[row])}) moved when the "
            f"bars from {probe.cut} on were {probe.kind}: it looks at least {ahead} "
            f"{'bar' if ahead == 1 else 'bars'} ahead; the labels of a test, and their spans, "
            "are not known in it"
        )
        late = self.places.late(self.groups.tested)
        if late.size:
            first = int(late[0])
            after = self.places.how_late(first)
            detail += (
                f"; the bar of row {first} is known {after} after the close that its position "
                "is taken at (available_ns): hold by bars that were known by then"
            )
        return refuse("causality.looks_ahead", detail, ahead, 0)

    def _probes(self, group: Group, share: int) -> list[Probe]:
        """Places behind its last row, in each part of it, that heed labels, and late bars."""
        rng = np.random.Generator(np.random.PCG64((self.seed, group.number, 5)))
        held = group.rows[np.isfinite(self.base[group.rows])]
        places = np.sort(self.told[held if held.size else group.rows])
        ats = [int(places[-1])] * len(KINDS)
        inside = min(share - len(KINDS), places.size - 1)
        if inside:
            ats += [int(rng.choice(one)) for one in np.array_split(places[:-1], inside)]
        plan = [(at, KINDS[turn % len(KINDS)]) for turn, at in enumerate(ats)]
        heeding = _some(self._heeding(group), _HEEDED, rng)
        plan += [(at, kind) for at in heeding for kind in _OF_LABELS]
        late = _some(self.told[self.places.late(held)], _LATE, rng)
        plan += [(at, KINDS[turn % len(KINDS)]) for turn, at in enumerate(late)]
        cuts = [self.places.behind(at) for at, _ in plan]
        return [
            Probe(cut, kind, self.seed + turn)
            for turn, (cut, (_, kind)) in enumerate(zip(cuts, plan, strict=True))
            if cut > 0
        ]

    def _heeding_folds(self) -> Verdict | None:
        """Ask the folds behind rows whose test hangs on labels, whichever those are."""
        own, tested = self.made.labels, self.groups.tested
        if not tested.size:
            return None
        turned = replace(own, value=np.where(own.value >= 0, 1 - own.value, own.value))
        first = Probe(self.places.behind(int(self.told[tested].min())), KINDS[0], self.seed)
        heeds = [
            self.parted.otherwise_tested(self._parted(labels))
            for labels in (turned, self.steps.labels(self._market(first)))
        ]
        rows: IntArray = np.unique(np.concatenate(heeds))
        some = np.unique(np.linspace(0, rows.size - 1, min(rows.size, MOST_GROUPS)).astype(int))
        for row in rows[some].tolist():
            for turn, kind in enumerate((KINDS[0], *_OF_LABELS)):
                probe = Probe(self.places.behind(int(self.told[row])), kind, self.seed + turn)
                other = self._parted(self.steps.labels(self._market(probe)))
                found = folds_told(self.parted, other, 0, rows[:0], probe)
                if found is not None:
                    return found
        return None

    def _parted(self, labels: Labelled) -> Parted:
        folds = Handed(self.steps.folds(labels), self.futures.rows)
        return Parted(folds, labels, self.places.place, self.told)

    def _heeding(self, group: Group) -> IntArray:
        """Places of the group's rows whose positions move with the labels of its test.

        Asked with each label turned round, and with labels as another future has them: no
        others are handed out than the study itself makes.
        """
        own, rows = self.made.labels, group.free
        value = own.value.copy()
        value[rows] = np.where(value[rows] >= 0, 1 - value[rows], value[rows])
        heeds = np.zeros(group.rows.size, np.bool_)
        for labels in (replace(own, value=value), self._others(group)):
            other = self._positions(replace(self.made, labels=labels))
            before, after = self.base[group.rows], other[group.rows]
            heeds |= ~((before == after) | (np.isnan(before) & np.isnan(after)))
        return self.told[group.rows[heeds]]

    def _others(self, group: Group) -> Labelled:
        """Labels whose free rows in the group are those of another future."""
        first = self.futures.snap(max(int(self.told[group.rows].min()), 0))
        probe = Probe(max(first, 1), Perturbation.NOISE, self.seed + group.number)
        made = self.steps.labels(self._market(probe))
        own, rows = self.made.labels, group.free
        return _with(own, made, rows)

    def _mixed(self, group: Group, other: Made) -> Made:
        """Another future, but for rows that train whoever tests the group."""
        own = self.made
        if other.features.shape != own.features.shape:
            shapes = f"{other.features.shape} were {own.features.shape}"
            detail = f"features of shape {shapes} before; their columns must not depend on bars"
            raise AtFaultError(Finding("causality.length", detail))
        other.features[group.kept] = own.features[group.kept]
        return replace(other, labels=_with(other.labels, own.labels, group.kept))

    def _market(self, probe: Probe) -> Series:
        changed = self.futures.changed(self.market, probe.cut, probe.kind, probe.rng)
        return changed.bars

    def _positions(self, made: Made) -> FloatArray:
        return self.steps.positions(made, self.folds.copies(), self.seed)


def chosen_of(sizes: list[int]) -> list[int]:
    """Numbers, from 1, of as many groups as can be asked inside, evenly, first and last too.

    Parameters
    ----------
    sizes
        Rows of each group.

    Examples
    --------
    >>> chosen_of([60] * 50), chosen_of([60] * 3), len(chosen_of([1] * 50))
    ([1, 10, 20, 30, 40, 50], [1, 2, 3], 12)
    """
    for count in range(min(MOST_GROUPS, len(sizes)), 0, -1):
        some = [int(at) for at in np.linspace(0, len(sizes) - 1, count)]
        need = sum(len(KINDS) + min(sizes[at] - 1, FEWEST_INSIDE) for at in some)
        if need <= PROBES:
            return [at + 1 for at in some]
    return []


def _some(places: IntArray, most: int, rng: np.random.Generator) -> list[int]:
    """Return the first of some places, and others by chance."""
    first, others = np.split(np.sort(places), [1])
    some = rng.choice(others, min(most - 1, others.size), replace=False)
    return [int(at) for at in (*first, *some)]


def _with(labels: Labelled, other: Labelled, rows: IntArray) -> Labelled:
    """Labels with some rows of others in them."""
    columns = [one.copy() for one in (labels.value, labels.start, labels.end)]
    for column, one in zip(columns, (other.value, other.start, other.end), strict=True):
        column[rows] = one[rows]
    return Labelled(*columns)
