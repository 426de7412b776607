"""Walk a frozen policy: over a whole span once, and through many episodes of a scenario.

A span is walked by one account from the first bar that can be decided at to the last, with
no limit on steps and no drawdown that ends it: that is how long the gate looks. A scenario
is walked by many accounts, each through one episode as in practice, begun where the
environment would begin it. Neither learns, pays terms or sees noise.

Sharpe is ``mean(x) / std(x, ddof 1) * sqrt(periods_per_year)`` of the bars' log profit in
excess of the risk-free rate. Equity that never moves has none.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import DataError
from stairway.base.units import MICROS_PER_UNIT
from stairway.execution.costs import BPS
from stairway.models.observation import ACTIONS
from stairway.simulation import kernels as market_kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.course import Course
from stairway.simulation.env_rules import EnvRules
from stairway.training.measured import Episodes, Walked
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.walking import kernels

_LIKELIEST = np.float32(-1.0)
_POINTS = 400
_LEAST_FOR_SPREAD = 2


class Market(NamedTuple):
    """A made-up market to be judged in, drawn once or several times.

    Attributes
    ----------
    name, provenance
        Of the scenario, and how its bars were made.
    batches
        Accounts on each draw of it, one episode each.
    """

    name: str
    provenance: str
    batches: tuple[PairBatch, ...]


class Run(NamedTuple):
    """One episode, step by step.

    Attributes
    ----------
    actions : (n,) int64
    profits_bps : (n,) float64
        Log change of equity in excess of the risk-free rate, basis points.
    equity : (n,) float64
        After each step, as a multiple of what the account began with.
    first
        Bar of the course at which it began.
    sums : (9,) float64
        As the kernel counts.
    """

    actions: IntArray
    profits_bps: FloatArray
    equity: FloatArray
    first: int
    sums: FloatArray


def walk(
    policy: FrozenPolicy, course: Course, rules: EnvRules, rng: np.random.Generator | None
) -> Walked:
    """Walk the whole course once.

    Parameters
    ----------
    rng
        Draws one number for each bar; without it the likeliest action is taken.

    Raises
    ------
    DataError
        If the course has no step to take, or the policy has no answer at some bar.
    """
    steps = len(course) - 1 - course.first
    if not steps >= 1:
        msg = f"a course of {len(course)} bars with {course.first} to warm up has no step"
        raise DataError(msg)
    whole = msgspec.structs.replace(
        rules, episode_steps=steps, min_episode_steps=steps, max_session_drawdown_frac=1.0
    )
    return _walked(runs(policy, PairBatch(course, whole, 1, 0), rng)[0], course)


def episodes(policy: FrozenPolicy, market: Market, rng: np.random.Generator) -> Episodes:
    """Walk one episode of each account of a market, actions drawn from the policy.

    The batches are left alone: whoever walks them next begins where this one began.
    """
    walks = [run for batch in market.batches for run in runs(policy, batch, rng)]
    falls = np.array([_drawdown(run.equity) for run in walks])
    gains = np.array([run.equity[-1] - 1.0 for run in walks])
    counts = np.array([run.sums for run in walks])
    holds, fills, no_fills, steps = (
        float(counts[:, place].sum())
        for place in (kernels.HOLDS, kernels.FILLS, kernels.NO_FILLS, kernels.LENGTH)
    )
    early = int(np.count_nonzero(counts[:, kernels.END] == market_kernels.TERMINATED))
    return Episodes(
        scenario=market.name,
        provenance=market.provenance,
        n=len(walks),
        length_bars=steps / len(walks),
        early_frac=early / len(walks),
        return_frac=float(gains.mean()),
        worst_return_frac=float(gains.min()),
        drawdown_frac=float(falls.mean()),
        worst_drawdown_frac=float(falls.max()),
        fills_per_session=fills * market.batches[0].course.bars_per_session / steps,
        hold_rate=holds / steps,
        no_fill_share=no_fills / steps,
    )


def runs(policy: FrozenPolicy, batch: PairBatch, rng: np.random.Generator | None) -> list[Run]:
    """Walk the next episode of each account of a batch, side by side.

    Raises
    ------
    DataError
        If the policy has no answer at some bar.
    """
    n, books = batch.n_envs, batch.books.copy()
    for i in range(n):
        market_kernels.begin(books, i, batch.keys[i], batch.knobs)
    firsts = books[:, market_kernels.BAR].astype(np.int64).tolist()
    shape = (min(batch.rules.episode_steps, len(batch.course) - 1 - batch.course.first), n)
    draws = np.full(shape, _LIKELIEST) if rng is None else rng.random(shape, np.float32)
    steps, sums = np.empty((*shape, kernels.STEPS)), np.zeros((n, kernels.SUMS))
    bad = kernels.episodes(
        books,
        batch.market,
        batch.rows,
        batch.knobs,
        policy.layout.net,
        policy.flat,
        np.empty(n * policy.layout.units, np.float32),
        draws,
        steps,
        sums,
    )
    if bad != kernels.ALL_ANSWERED:
        bar = int(books[bad, market_kernels.BAR])
        msg = f"the policy has no answer at bar {bar} of the course; its numbers are not sound"
        raise DataError(msg)
    began = batch.rules.equity_usd * MICROS_PER_UNIT
    return [_run(steps[:, i], firsts[i], sums[i], began) for i in range(n)]


def _run(steps: FloatArray, first: int, sums: FloatArray, began: float) -> Run:
    taken = steps[: int(sums[kernels.LENGTH])]
    return Run(
        actions=taken[:, kernels.ACTION].astype(np.int64),
        profits_bps=taken[:, kernels.PROFIT_BPS],
        equity=taken[:, kernels.EQUITY_MICROS] / began,
        first=first,
        sums=sums,
    )


def _walked(run: Run, course: Course) -> Walked:
    n, sums = run.actions.size, run.sums.tolist()
    rows = slice(run.first, run.first + n)
    points = np.unique(np.linspace(0, n - 1, min(n, _POINTS)).astype(np.int64))
    trips = int(sums[kernels.TRIPS])
    shares = np.bincount(run.actions, minlength=ACTIONS) / n
    return Walked(
        bars=n,
        sessions=int(np.unique(course.session[rows]).size),
        return_frac=float(run.equity[-1] - 1.0),
        drawdown_frac=_drawdown(run.equity),
        sharpe=_sharpe(run.profits_bps, course.periods_per_year),
        periods_per_year=course.periods_per_year,
        fills_per_session=sums[kernels.FILLS] * course.bars_per_session / n,
        round_trips=trips,
        win_rate=sums[kernels.WINS] / trips if trips else None,
        hold_rate=sums[kernels.HOLDS] / n,
        no_fill_share=sums[kernels.NO_FILLS] / n,
        action_share=tuple(shares.tolist()),
        forced_closes=int(sums[kernels.FORCED]),
        rms_profit_bps=float(np.sqrt(np.mean(run.profits_bps**2))),
        time_ns=tuple(course.time_ns[run.first + 1 + points].tolist()),
        equity=tuple(run.equity[points].tolist()),
    )


def _drawdown(equity: FloatArray) -> float:
    """Deepest fall from a peak; the start, at 1, is a peak."""
    peaks = np.maximum(np.maximum.accumulate(equity), 1.0)
    return float(np.max(1.0 - equity / peaks))


def _sharpe(profits_bps: FloatArray, periods_per_year: float) -> float | None:
    if profits_bps.size < _LEAST_FOR_SPREAD:
        return None
    spread = float(np.std(profits_bps, ddof=1))
    if not spread > np.finfo(np.float64).eps * BPS:
        return None
    return float(np.mean(profits_bps)) / spread * math.sqrt(periods_per_year)
