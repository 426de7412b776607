"""Who stands where after a cycle: the median seed, the worst, and what they are held against.

Seeds that diverged come first, then those with the least attainment; equal ones by their
number, so that the order is always the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from stairway.base.errors import InvariantError


class Figures(msgspec.Struct, frozen=True):
    """What stability is measured with: of one seed's walk over the validation span."""

    hold_rate: float
    trades_per_day: float
    return_frac: float
    drawdown_frac: float


class Standing(msgspec.Struct, frozen=True):
    """How one seed stands after a cycle.

    Attributes
    ----------
    seed
        Whose.
    attainment
        Of the gate, in [0, 1].
    progress
        How far it has come, in [0, 1].
    diverged
        Whether the divergence check refused its parameters.
    figures
        Of its walk.
    """

    seed: int
    attainment: float
    progress: float
    diverged: bool
    figures: Figures


class Kept(msgspec.Struct, frozen=True):
    """What the next cycle is compared with: those that were kept, or the reference.

    Attributes
    ----------
    cycle
        Number of the last; 0 is the reference.
    progress, worst_progress
        Lower median and least over its seeds that did not diverge: the best of all that
        were kept or, once the gate passed, of those that passed.
    progress_by, worst_by
        Numbers of the cycles that reached these two, the first where several did.
    figures
        Medians over the same seeds, of the last.
    passed
        Whether the gate passed for it. Nothing else is kept from then on.
    """

    cycle: int
    progress: float
    worst_progress: float
    progress_by: int
    worst_by: int
    figures: Figures
    passed: bool = False

    def followed_by(self, now: Kept, *, everybody: bool = True) -> Kept:
        """Return what is compared with once ``now`` is kept too.

        Parameters
        ----------
        everybody
            Whether no seed diverged. One that did goes back to what it was before and comes
            behind the others again, so what they reached without it is no bound for all.

        Examples
        --------
        >>> at = Figures(0.5, 17.0, 0.0, 0.01)
        >>> best = Kept(1, 0.75, 0.5, 1, 1, at).followed_by(Kept(2, 0.7, 0.6, 2, 2, at))
        >>> best.cycle, (best.progress, best.progress_by), (best.worst_progress, best.worst_by)
        (2, (0.75, 1), (0.6, 2))
        """
        if now.passed and not self.passed:
            return now
        if not everybody:
            now = msgspec.structs.replace(now, progress=0.0, worst_progress=0.0)
        if not now.progress > self.progress:
            now = msgspec.structs.replace(
                now, progress=self.progress, progress_by=self.progress_by
            )
        if not now.worst_progress > self.worst_progress:
            now = msgspec.structs.replace(
                now, worst_progress=self.worst_progress, worst_by=self.worst_by
            )
        return now


class Ranking(NamedTuple):
    """Standings in order: diverged first, then by attainment."""

    ordered: tuple[Standing, ...]
    healthy: tuple[Standing, ...]

    @property
    def worst(self) -> Standing:
        """The first one."""
        return self.ordered[0]

    @property
    def middle(self) -> Standing:
        """The lower median of the healthy, or the worst where there are none."""
        if not self.healthy:
            return self.worst
        return self.healthy[(len(self.healthy) - 1) // 2]


def ranked(standings: Sequence[Standing]) -> Ranking:
    """Put the standings of one cycle in order, the worst first.

    Raises
    ------
    InvariantError
        If there are none.

    Examples
    --------
    >>> flat = Figures(0.85, 3.0, 0.0, 0.01)
    >>> seeds = [Standing(s, a, a, False, flat) for s, a in ((1, 0.9), (2, 0.4), (3, 0.5))]
    >>> order = ranked(seeds)
    >>> order.worst.seed, order.middle.seed
    (2, 3)
    """
    if not standings:
        msg = "no seed was validated; at least one must be"
        raise InvariantError(msg)
    ordered = tuple(
        sorted(standings, key=lambda s: (not s.diverged, _number(s.attainment), s.seed))
    )
    return Ranking(ordered, tuple(s for s in ordered if not s.diverged))


def _number(attainment: float) -> float:
    """Put what cannot be compared before everything that can."""
    return attainment if attainment >= 0.0 else -math.inf


def kept(cycle: int, ranking: Ranking, *, passed: bool = False) -> Kept:
    """Sum up a cycle: what the next would be compared with if this one is kept."""
    healthy = ranking.healthy or ranking.ordered
    figures = [s.figures for s in healthy]
    come = sorted(_number(s.progress) for s in healthy)
    return Kept(
        cycle=cycle,
        progress=come[(len(come) - 1) // 2],
        worst_progress=come[0],
        progress_by=cycle,
        worst_by=cycle,
        figures=Figures(
            hold_rate=median(f.hold_rate for f in figures),
            trades_per_day=median(f.trades_per_day for f in figures),
            return_frac=median(f.return_frac for f in figures),
            drawdown_frac=median(f.drawdown_frac for f in figures),
        ),
        passed=passed,
    )
