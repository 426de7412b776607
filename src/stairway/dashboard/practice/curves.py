"""Figures of a training run: what every seed learned, cycle by cycle.

Seeds are thin lines of one colour, since nobody follows a single seed; their median is
the thick one. Steps are counted from the reference that all seeds started from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stairway.dashboard.figures.plain import Figure, Trace, figure
from stairway.training.journal import HeldOut, PracticeResult, SeedCycle
from stairway.training.measured import Rollout, Walked

_ACTIONS = ("sell", "hold", "buy")
_SEED, _MEDIAN, _TARGET = "--model0-soft", "--real", "--base"
_HEIGHT = 250

Reading = Callable[[Rollout], float | None]


def hold_rate(result: PracticeResult) -> Figure:
    """Hold rate of every seed against what the controller was after."""
    return _against(
        result.rollouts, lambda r: r.hold_rate, lambda r: r.target_hold, "hold rate", [0, 1]
    )


def fills(result: PracticeResult) -> Figure:
    """Position changes per session of every seed against the target."""
    return _against(
        result.rollouts, lambda r: r.fills_per_session, lambda r: r.target_fills, "per session"
    )


def reward(result: PracticeResult) -> Figure:
    """Mean reward of a step, all terms."""
    return _against(result.rollouts, lambda r: r.reward, None, "reward of a step")


def steering(result: PracticeResult) -> Figure:
    """Both terms that the controller moves: medians over the seeds."""
    traces = [
        _median(result.rollouts, lambda r: r.bonus, "bonus for holding", "--model0"),
        _median(result.rollouts, lambda r: r.ticket, "cost of a trade", "--model1"),
    ]
    return figure(traces, _HEIGHT, _axes("in units of a step's usual profit"))


def divergence(result: PracticeResult) -> Figure:
    """Distance of every seed from the reference, after each cycle, and the bound."""
    traces: list[Trace] = []
    for seed in result.seeds:
        mine = [c for c in result.seed_cycles if c.seed == seed]
        traces.append(
            _line(
                [c.cycle for c in mine],
                [c.divergence.norm_frac for c in mine],
                name=f"seed {seed}",
                color=_SEED,
            )
            | {"mode": "lines+markers"}
        )
    bound = _bound(result.seed_cycles)
    last = max((c.cycle for c in result.seed_cycles), default=1)
    if bound is not None:
        ends = [0, max(last, 1)]
        traces.append(_line(ends, [bound, bound], name="bound", color="--refuse", dash="dot"))
    axes = {
        "xaxis": {"title": {"text": "cycle"}, "dtick": 1, "showgrid": False},
        "yaxis": {"title": {"text": "of the reference's length"}, "rangemode": "tozero"},
    }
    return figure(traces, _HEIGHT, axes, showlegend=False)


def action_mix(share: Sequence[float], symbols: tuple[str, str]) -> Figure:
    """Nine actions as the square that they are: first instrument down, second across."""
    square = np.asarray(share, np.float64).reshape(3, 3)
    trace: Trace = {
        "type": "heatmap",
        "x": [f"{word} {symbols[1]}" for word in _ACTIONS],
        "y": [f"{word} {symbols[0]}" for word in _ACTIONS],
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
    """Worth of a dollar over days that nothing was decided on, for every seed."""
    traces = [_equity(one.sampled, f"seed {one.seed}", _SEED) for one in found]
    if reference is not None:
        traces.append(_equity(reference, "reference", _TARGET, width=2.2))
    axes = {
        "xaxis": {"type": "date", "showgrid": False},
        "yaxis": {"title": {"text": "worth of 1, after costs"}},
    }
    return figure(traces, 290, axes, showlegend=False)


def _against(
    rollouts: Sequence[Rollout],
    read: Reading,
    target: Reading | None,
    title: str,
    bounds: list[float] | None = None,
) -> Figure:
    traces = [
        _line(
            [r.steps for r in mine],
            [read(r) for r in mine],
            name=f"seed {seed}",
            color=_SEED,
        )
        for seed, mine in _by_seed(rollouts)
    ]
    traces.append(_median(rollouts, read, "median", _MEDIAN))
    if target is not None and any(target(r) is not None for r in rollouts):
        traces.append(_median(rollouts, target, "target", _TARGET, dash="dot"))
    more: dict[str, Any] = {} if bounds is None else {"range": bounds}
    return figure(traces, _HEIGHT, _axes(title, **more), showlegend=False)


def _axes(title: str, **more: Any) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": "steps"}, "showgrid": False, "tickformat": "~s"},
        "yaxis": {"title": {"text": title}, **more},
    }


def _by_seed(rollouts: Sequence[Rollout]) -> list[tuple[int, list[Rollout]]]:
    seeds = sorted({r.seed for r in rollouts})
    return [
        (seed, sorted((r for r in rollouts if r.seed == seed), key=lambda r: r.steps))
        for seed in seeds
    ]


def _median(
    rollouts: Sequence[Rollout], read: Reading, name: str, color: str, dash: str = "solid"
) -> Trace:
    at: dict[int, list[float]] = {}
    for rollout in rollouts:
        value = read(rollout)
        if value is not None:
            at.setdefault(rollout.steps, []).append(value)
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


def _equity(walked: Walked, name: str, color: str, width: float = 1.2) -> Trace:
    days = np.asarray(walked.time_ns, np.int64).view("datetime64[ns]").astype("datetime64[s]")
    trace = _line(
        list(range(len(walked.equity))), walked.equity, name=name, color=color, width=width
    )
    return trace | {"x": [str(day) for day in days], "hovertemplate": f"{name}: %{{y:.4f}}"}


def _bound(cycles: Sequence[SeedCycle]) -> float | None:
    bounds = (
        finding.bound
        for cycle in cycles
        for finding in cycle.divergence.verdict.findings
        if finding.bound is not None
    )
    return next(bounds, None)
