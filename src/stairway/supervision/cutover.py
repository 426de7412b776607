"""Before and after a cutover, of one stream that nobody touched.

1. Every answer is on one side: *after* if it was given at the instant or later, or at no
   time that is known. Repeats are marked over the whole stream, so once for both sides.
2. For each model: what moved (share of HOLD, deviation, P10 to P90, n), how far the
   distributions of confidence lie apart (Kolmogorov-Smirnov, energy, Cliff's delta), and
   how far the shares of the actions do (chi-square, Cramer's V).
3. How much of that is chance: a permutation null. Sticky answers are worth less than their
   number, so as many labels are permuted as the answers are worth, at most 2,000 a side,
   over equally spaced quantiles of both sides together.
4. Time is confounded with the change, so a comparison over different hours of the day or
   different regimes is warned of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.units import UtcNs
from stairway.models.prediction import Action
from stairway.supervision import kernels as k
from stairway.supervision.answers import Answers, Names, Stage
from stairway.supervision.apart.kernels import distances
from stairway.supervision.quality_gate import PPM, Counted
from stairway.supervision.repeated import Repeats, Take
from stairway.supervision.tally import Spread, Tally, after

PERMUTATIONS = 499
LEAST_OVERLAP = 0.5
"""Of the hours of the day, or of the regimes, below which sides are hardly comparable."""

_MOST_PERMUTED = 2_000
_MOST_ACTED = 1_000_000
_LEAST_PERMUTED = 2
_EFFECTS = ((0.474, "large"), (0.33, "medium"), (0.147, "small"))


@dataclass(slots=True)
class Sides:
    """Tallies of what was said before and after an instant, counted in one pass.

    Examples
    --------
    >>> from stairway.supervision.answers import columns
    >>> names = Names()
    >>> sides = Sides(names, UtcNs(10))
    >>> sides.add(columns(time_ns=[9, 10], model=names.models.codes(["mlp", "mlp"]),
    ...                   symbol=names.symbols.codes(["A", "A"]), action=[2, 2],
    ...                   confidence=[0.6, 0.4]))
    >>> sides.before.measured("mlp").events, sides.after.measured("mlp").events
    (1, 1)
    """

    names: Names
    cutover_ns: UtcNs
    repeats: Repeats = field(default_factory=Repeats)
    before: Tally = field(init=False)
    after: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.before = Tally(self.names, repeats=self.repeats)
        self.after = Tally(self.names, repeats=self.repeats)

    def add(self, answers: Answers, take: Take | None = None) -> None:
        """Count a chunk, each answer on its side; ``take`` as for a tally."""
        take = self.repeats.mark(answers) if take is None else take
        late = after(answers, self.cutover_ns)
        if not late.all():
            self.before.add(answers, np.where(late, k.SKIPPED, take).astype(np.uint8))
        if late.any():
            self.after.add(answers, np.where(late, take, k.SKIPPED).astype(np.uint8))


@dataclass(frozen=True, slots=True)
class Apart:
    """How far two samples lie apart.

    Attributes
    ----------
    ks, ks_p
        Largest distance of the distribution functions, and its p-value.
    energy, energy_p
        Energy distance of confidences (twice the integrated squared distance), and its.
    cliffs_delta, effect
        Chance that an answer after is above one before, less the chance that it is below:
        in [-1, 1]; and that in a word (negligible, small, medium, large).
    cliffs_p
        Of a delta as large, up or down.
    worth
        Independent answers on each side, as far as they were permuted.
    """

    ks: float
    ks_p: float
    energy: float
    energy_p: float
    cliffs_delta: float
    effect: str
    worth: tuple[int, int]
    cliffs_p: float


@dataclass(frozen=True, slots=True)
class Mixed:
    """How far the shares of the actions lie apart, at the worth of the answers.

    Attributes
    ----------
    chi_square, p
        Statistic, and its p-value under permutation.
    cramers_v
        Effect, in [0, 1].
    """

    chi_square: float
    p: float
    cramers_v: float


@dataclass(frozen=True, slots=True)
class Delta:
    """What became of one model.

    Attributes
    ----------
    before, after
        All that was counted.
    hold_frac, std, width
        Of HOLD, deviation of confidence, and distance from P10 to P90: before and after;
        ``None`` on a side without answers.
    confidence, actions
        Tests; ``None`` unless both sides have answers worth two at least.
    """

    model: str
    stage: Stage
    before: Counted
    after: Counted
    hold_frac: tuple[float | None, float | None]
    std: tuple[float | None, float | None]
    width: tuple[float | None, float | None]
    confidence: Apart | None
    actions: Mixed | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Before and after.

    Attributes
    ----------
    deltas
        For each model at each stage that was heard on either side.
    warnings
        Why the sides are hardly comparable; empty where nothing speaks against it.
    """

    cutover_ns: UtcNs
    deltas: tuple[Delta, ...]
    warnings: tuple[str, ...]


def compare(
    sides: Sides, rng: np.random.Generator, permutations: int = PERMUTATIONS
) -> Comparison:
    """Compare what was said before and after, model by model.

    Parameters
    ----------
    permutations
        Labels drawn for each null; no p-value is below ``1 / (permutations + 1)``.

    Examples
    --------
    >>> compare(Sides(Names(), UtcNs(0)), np.random.Generator(np.random.PCG64(1))).warnings
    ('nothing was said before the cutover', 'nothing was said after the cutover')
    """
    heard = dict.fromkeys([*sides.before.heard(), *sides.after.heard()])
    order = sorted(heard, key=lambda who: (who[1], sides.names.models.names.index(who[0])))
    return Comparison(
        sides.cutover_ns,
        tuple(_delta(sides, who, rng, permutations) for who in order),
        tuple(_warnings(sides)),
    )


def cliffs_delta(before: Spread, later: Spread) -> float:
    """Return P(after > before) - P(after < before), exact over all pairs; NaN without any.

    Examples
    --------
    >>> one = Spread(np.array([1, 2]), np.array([1, 1]))
    >>> two = Spread(np.array([2]), np.array([4]))
    >>> cliffs_delta(one, two), cliffs_delta(one, one)
    (0.5, 0.0)
    """
    values, first, second = _together(before, later)
    return _dominance(first, second) if len(values) else float("nan")


def apart(
    before: Spread, later: Spread, worth: tuple[int, int], rng: np.random.Generator, n: int
) -> Apart:
    """Measure how far confidences lie apart, and how often chance would be as far.

    Parameters
    ----------
    worth
        Independent answers on each side; two at least.
    n
        Permutations.
    """
    values, first, second = _together(before, later)
    steps = np.diff(values, append=values[-1:]) / PPM
    ks, energy = _distances(np.cumsum(first / first.sum() - second / second.sum()), steps)
    sizes = (min(worth[0], _MOST_PERMUTED), min(worth[1], _MOST_PERMUTED))
    null = _null(values, first + second, sizes, rng, n)
    delta = _dominance(first, second)
    return Apart(
        ks=ks,
        ks_p=_p_value(null[:, 0], ks),
        energy=energy,
        energy_p=_p_value(null[:, 1], energy),
        cliffs_delta=delta,
        effect=next((word for least, word in _EFFECTS if abs(delta) >= least), "negligible"),
        worth=sizes,
        cliffs_p=_p_value(null[:, 2], abs(delta)),
    )


def mixed(
    before: Sequence[int],
    later: Sequence[int],
    worth: tuple[int, int],
    rng: np.random.Generator,
    n: int,
) -> Mixed:
    """Compare the shares of actions, each side counting for what its answers are worth.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> mixed((50, 0, 50), (50, 0, 50), (100, 100), rng, 99)
    Mixed(chi_square=0.0, p=1.0, cramers_v=0.0)
    """
    table = np.array([_scaled(before, worth[0]), _scaled(later, worth[1])])
    sizes, pooled = table.sum(axis=1), table.sum(axis=0)
    shuffled = rng.multivariate_hypergeometric(pooled, int(sizes[0]), size=n)
    null = _chi_squares(np.stack((shuffled, pooled - shuffled), axis=1))
    chi = float(_chi_squares(table[np.newaxis])[0])
    return Mixed(chi, _p_value(null, chi), (chi / int(sizes.sum())) ** 0.5)


def _delta(
    sides: Sides, who: tuple[str, Stage], rng: np.random.Generator, permutations: int
) -> Delta:
    one, two = sides.before.measured(*who), sides.after.measured(*who)
    worth = (min(one.effective, one.events), min(two.effective, two.events))
    enough = min(worth) >= _LEAST_PERMUTED
    spreads = sides.before.spread(*who), sides.after.spread(*who)
    acted = list(one.actions.values()), list(two.actions.values())
    return Delta(
        model=who[0],
        stage=who[1],
        before=one,
        after=two,
        hold_frac=(_held(one), _held(two)),
        std=(one.std if one.events else None, two.std if two.events else None),
        width=(_width(one), _width(two)),
        confidence=apart(*spreads, worth, rng, permutations) if enough else None,
        actions=mixed(*acted, worth, rng, permutations) if enough else None,
    )


def _dominance(first: IntArray, second: IntArray) -> float:
    pairs = int(first.sum()) * int(second.sum())
    if pairs == 0:
        return float("nan")
    below = np.cumsum(first) - first
    above = int(first.sum()) - below - first
    # In floating point: a sum of products of counts may not fit 64 bits.
    return float(np.sum(second * (below - above), dtype=np.float64)) / pairs


def _held(m: Counted) -> float | None:
    return m.actions[Action.HOLD] / m.events if m.events else None


def _width(m: Counted) -> float | None:
    return (m.p90_ppm - m.p10_ppm) / PPM if m.events else None


def _together(one: Spread, two: Spread) -> tuple[IntArray, IntArray, IntArray]:
    """Return the values of both, and how often each side has each."""
    counts = np.zeros((2, PPM + 1), np.int64)
    counts[0, one.ppm], counts[1, two.ppm] = one.count, two.count
    values = np.flatnonzero(counts[0] | counts[1])
    return values, counts[0, values], counts[1, values]


def _distances(gap: FloatArray, steps: FloatArray) -> tuple[float, float]:
    return float(np.abs(gap).max()), float(2 * np.sum(gap * gap * steps))


def _null(
    values: IntArray,
    counts: IntArray,
    sizes: tuple[int, int],
    rng: np.random.Generator,
    n: int,
) -> FloatArray:
    """Draw (n, 3) KS, energy and Cliff's delta as they are if labels mean nothing."""
    drawn = sum(sizes)
    up_to = np.cumsum(counts)
    ranks = (np.arange(drawn) + 0.5) / drawn * int(up_to[-1])
    sample = values[np.searchsorted(up_to, ranks)]
    ends = np.flatnonzero(np.diff(sample, append=-1))
    steps = np.diff(sample[ends], append=sample[-1:]) / PPM
    is_first = np.arange(drawn) < sizes[0]
    shuffled = np.array([rng.permutation(is_first) for _ in range(n)])
    return distances(shuffled, ends, steps, 1 / sizes[0], 1 / sizes[1])


def _p_value(null: FloatArray, seen: float) -> float:
    # A hair of tolerance, so that rounding never makes equal distances differ.
    return (1 + int(np.sum(null >= seen - 1e-12))) / (len(null) + 1)


def _scaled(counts: Sequence[int], worth: int) -> IntArray:
    n, most = sum(counts), min(worth, _MOST_ACTED)
    return np.array([round(c * most / n) if most < n else c for c in counts], np.int64)


def _chi_squares(tables: IntArray) -> FloatArray:
    """Return (n,) the statistic of each of (n, 2, 3) tables, whose margins are the same."""
    first = tables[0]
    expected = np.outer(first.sum(axis=1), first.sum(axis=0)) / max(int(first.sum()), 1)
    there = expected > 0
    return np.sum((tables[:, there] - expected[there]) ** 2 / expected[there], axis=1)


def _warnings(sides: Sides) -> list[str]:
    one, two = sides.before.events, sides.after.events
    found = [
        f"nothing{_but(tally)} was said {when} the cutover"
        for when, tally in (("before", sides.before), ("after", sides.after))
        if tally.events.count == 0
    ]
    if found:
        return found
    if (shared := _overlap(one.hours, two.hours)) < LEAST_OVERLAP:
        found.append(
            f"before and after cover different hours of the day ({shared:.0%} in common, UTC): "
            "the difference may be that of the hours"
        )
    told = one.regimes[1:], two.regimes[1:]
    sums = int(told[0].sum()), int(told[1].sum())
    if max(sums) > 0 and min(sums) == 0:
        found.append("regimes are told on one side only: the difference may be the market's")
    elif min(sums) > 0 and (shared := _overlap(*told)) < LEAST_OVERLAP:
        found.append(
            f"before and after cover different regimes ({shared:.0%} in common): "
            "the difference may be the market's"
        )
    return found


def _but(tally: Tally) -> str:
    repeats = tally.repeats_heard
    return f" but {repeats:,} repeats" if repeats else ""


def _overlap(one: IntArray, two: IntArray) -> float:
    """Return the mass that two distributions have in common, in [0, 1]."""
    return float(np.minimum(one / one.sum(), two / two.sum()).sum())
