"""Figures of a training run: what every seed learned, cycle by cycle.

Seeds are thin lines of one colour, since nobody follows a single seed; their median is
the thick one. Steps are counted from the reference that all seeds started from, and upright
lines part the cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stairway.dashboard.figures.plain import Figure, Trace, figure, name
from stairway.dashboard.words import day
from stairway.training.journal import HeldOut, PracticeResult, SeedCycle
from stairway.training.measured import Rollout, Walked

_ACTIONS = ("sell", "hold", "buy")
_SEED, _MEDIAN, _TARGET = "--model0-soft", "--real", "--base"
_HEIGHT = 250
_MOST_TICKS = 4
_DAY_NS = 86_400_000_000_000

Reading = Callable[[Rollout], float | None]


def hold_rate(result: PracticeResult) -> Figure:
    """Hold rate of every seed against what the controller was after."""
    return _against(
        result,
        lambda r: r.hold_rate,
        lambda r: r.target_hold,
        {"title": {"text": "share of steps"}, "range": [0, 1], "tickformat": ".0%"},
    )


def fills(result: PracticeResult) -> Figure:
    """Trades a day of every seed against the target."""
    return _against(
        result,
        lambda r: r.fills_per_session,
        lambda r: r.target_fills,
        {"title": {"text": "trades a day"}, "rangemode": "tozero"},
    )


def reward(result: PracticeResult) -> Figure:
    """Mean reward of a step, all terms."""
    return _against(
        result, lambda r: r.reward, None, {"title": {"text": "mean reward of a step"}}
    )


def steering(result: PracticeResult) -> Figure:
    """Both terms that the controller moves: medians over the seeds."""
    traces = [
        _median(result, lambda r: r.bonus, "paid for holding", "--model0"),
        _median(result, lambda r: r.ticket, "charged for a trade", "--model1"),
    ]
    axis = {"title": {"text": "usual profits of a step"}}
    return figure(traces, _HEIGHT, _axes(result, axis))


def divergence(result: PracticeResult) -> Figure:
    """Distance of every seed from the reference, after each cycle, and the bound."""
    traces = _by_cycle(result, lambda c: c.divergence.norm_frac)
    bound = _bound(result.seed_cycles)
    if bound is not None:
        ends = [0, max(_last_cycle(result), 1)]
        traces.append(_line(ends, [bound, bound], name="bound", color="--refuse", dash="dot"))
    return _cycles_figure(traces, "of the reference's length", ".0%")


def answers(result: PracticeResult) -> Figure:
    """How much the seeds' answers differ from the reference's, after each cycle."""
    return _cycles_figure(_by_cycle(result, lambda c: c.divergence.kl), "mean KL, nats", "")


def action_mix(share: Sequence[float], symbols: tuple[str, str]) -> Figure:
    """Nine actions as the square that they are: first instrument down, second across."""
    square = np.asarray(share, np.float64).reshape(3, 3)
    trace: Trace = {
        "type": "heatmap",
        "x": [f"{word} {name(symbols[1])}" for word in _ACTIONS],
        "y": [f"{word} {name(symbols[0])}" for word in _ACTIONS],
        "z": [[round(v, 4) for v in row] for row in square.tolist()],
        "text": [[f"{100 * v:.0f} %" for v in row] for row in square.tolist()],
        "texttemplate": "%{text}",
        "hovertemplate": "%{y}, %{x}: %{z:.2%}<extra></extra>",
        "colorscale": [[0, "--card"], [1, "--real"]],
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }
    axes = {
        "xaxis": {"showgrid": False, "side": "bottom"},
        "yaxis": {"showgrid": False, "autorange": "reversed", "automargin": True},
    }
    return figure([trace], 230, axes, showlegend=False)


def held_out_equity(found: Sequence[HeldOut], reference: Walked | None) -> Figure:
    """Worth of a dollar over days that nothing was decided on, for every seed.

    Bars are laid side by side, so that nights and week-ends take no room.
    """
    walks = [(one.sampled, f"seed {one.seed}", _SEED, 1.2) for one in found]
    if reference is not None:
        walks.append((reference, "reference", _TARGET, 2.2))
    ticks = _ticks(walks[0][0].time_ns) if walks else {}
    axes = {
        "xaxis": {"showgrid": False, **ticks},
        "yaxis": {"title": {"text": "worth of 1, after costs"}},
    }
    return figure([_equity(*walk) for walk in walks], 290, axes, showlegend=False)


def _ticks(time_ns: Sequence[int]) -> dict[str, Any]:
    """Mark where a day begins, a few times at most."""
    days = np.asarray(time_ns, np.int64) // _DAY_NS
    starts = np.flatnonzero(np.diff(days, prepend=-1))
    shown = starts[:: max(1, -(-starts.size // _MOST_TICKS))]
    return {
        "tickvals": shown.tolist(),
        "ticktext": [day(int(days[i]) * _DAY_NS) for i in shown],
        "tickangle": 0,
    }


def _against(
    result: PracticeResult, read: Reading, target: Reading | None, axis: dict[str, Any]
) -> Figure:
    before = _before(result)
    traces = [
        _line(
            [r.steps - before for r in mine],
            [read(r) for r in mine],
            name=f"seed {seed}",
            color=_SEED,
        )
        for seed, mine in _by_seed(result.rollouts)
    ]
    traces.append(_median(result, read, "median", _MEDIAN))
    if target is not None and any(target(r) is not None for r in result.rollouts):
        traces.append(_median(result, target, "target", _TARGET, dash="dot"))
    axes = _axes(result, axis)
    return figure(traces, _HEIGHT, axes, showlegend=False)


def _before(result: PracticeResult) -> int:
    """Count the steps that the reference had taken when the seeds began."""
    return 0 if result.gold is None else result.gold.steps


def _axes(result: PracticeResult, axis: dict[str, Any]) -> dict[str, Any]:
    cycles = range(1, _last_cycle(result))
    line = {"color": "--rule-strong", "width": 1}
    parted = [
        {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1, "line": line}
        for at in (cycle * result.steps_per_cycle for cycle in cycles)
    ]
    return {
        "xaxis": {"title": {"text": "steps of a seed"}, "showgrid": False, "tickformat": "~s"},
        "yaxis": axis,
        "shapes": parted,
    }


def _last_cycle(result: PracticeResult) -> int:
    cycles = (*result.seed_cycles, *result.rollouts)
    return max((one.cycle for one in cycles), default=0)


def _by_cycle(result: PracticeResult, read: Callable[[SeedCycle], float | None]) -> list[Trace]:
    """Draw every seed by cycle; all of them begin as the reference, whoever it is told by."""
    reference = [c for c in result.seed_cycles if c.cycle == 0]
    traces: list[Trace] = []
    for seed in result.seeds:
        mine = [c for c in result.seed_cycles if c.seed == seed and c.cycle > 0]
        shown = [*reference[:1], *mine]
        line = _line(
            [c.cycle for c in shown],
            [read(c) for c in shown],
            name=f"seed {seed}",
            color=_SEED,
        )
        traces.append(line | {"mode": "lines+markers"})
    return traces


def _cycles_figure(traces: Sequence[Trace], title: str, ticks: str) -> Figure:
    axes = {
        "xaxis": {"title": {"text": "after cycle"}, "dtick": 1, "showgrid": False},
        "yaxis": {"title": {"text": title}, "rangemode": "tozero", "tickformat": ticks},
    }
    return figure(traces, _HEIGHT, axes, showlegend=False)


def _by_seed(rollouts: Sequence[Rollout]) -> list[tuple[int, list[Rollout]]]:
    seeds = sorted({r.seed for r in rollouts})
    return [
        (seed, sorted((r for r in rollouts if r.seed == seed), key=lambda r: r.steps))
        for seed in seeds
    ]


def _median(
    result: PracticeResult, read: Reading, name: str, color: str, dash: str = "solid"
) -> Trace:
    at: dict[int, list[float]] = {}
    before = _before(result)
    for rollout in result.rollouts:
        value = read(rollout)
        if value is not None:
            at.setdefault(rollout.steps - before, []).append(value)
    steps = sorted(at)
    values = [float(np.median(at[step])) for step in steps]
    return _line(steps, values, name=name, color=color, width=2.4, dash=dash)


def _line(
    x: Sequence[float],
    y: Sequence[float | None],
    *,
    name: str,
    color: str,
    width: float = 1.2,
    dash: str = "solid",
) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": [None if v is None else round(v, 5) for v in y],
        "line": {"color": color, "width": width, "dash": dash},
        "marker": {"color": color, "size": 6},
        "hovertemplate": f"{name}, %{{x}}: %{{y:.4g}}<extra></extra>",
    }


def _equity(walked: Walked, name: str, color: str, width: float) -> Trace:
    at = np.asarray(walked.time_ns, np.int64).view("datetime64[ns]").astype("datetime64[m]")
    places = list(range(len(walked.equity)))
    trace = _line(places, walked.equity, name=name, color=color, width=width)
    told = f"{name}, %{{text}}: %{{y:.4f}}<extra></extra>"
    return trace | {"text": [str(when).replace("T", " ") for when in at], "hovertemplate": told}


def _bound(cycles: Sequence[SeedCycle]) -> float | None:
    bounds = (
        finding.bound
        for cycle in cycles
        for finding in cycle.divergence.verdict.findings
        if finding.bound is not None
    )
    return next(bounds, None)
