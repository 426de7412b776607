"""Figures of a proof: wealth, chance, tries, and honesty, from the report alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from stairway.app.validate.report import Curve, ModelProof
from stairway.dashboard.figures.plain import Figure, Trace, figure, name
from stairway.evaluation.proof_of_returns import Figures
from stairway.evaluation.sceptic.honesty import Honesty
from stairway.evaluation.sceptic.luck import Choice
from stairway.evaluation.sceptic.timing import Shifts
from stairway.evaluation.significance.deflated import expected_best

_TOP, _BOTTOM = [0.36, 1.0], [0.0, 0.27]
_LINES = {
    "baseline": ("baseline", "--hold", "dot", 1.5),
    "champion": ("in charge now", "--pass", "dashdot", 1.5),
    "gross": ("before costs", "--base", "dash", 1.6),
    "net": ("after costs", "--real", "solid", 2.4),
}
_DAY_NS = 86_400_000_000_000
_CURVE_POINTS = 60
_WIDER = 3.0
_LOG_FROM = 3.0
"""Largest over smallest worth from which the axis is a ruler of ratios."""

_HEIGHT, _SMALL_HEIGHT = 460, 260
_SMALL_MARGIN = {"l": 48, "r": 12, "t": 34, "b": 40}


def equity(proof: ModelProof) -> Figure | None:
    """Worth of 1 over its fall from the peak; ``None`` where there is nothing to draw."""
    drawn = [(kind, proof.curves[kind]) for kind in _LINES if kind in proof.curves]
    drawn = [(kind, one) for kind, one in drawn if one.time_ns]
    if not drawn:
        return None
    traces = [_worth(one, *_LINES[kind]) for kind, one in drawn]
    traces += [_fall(one, *_LINES[kind], filled=kind == "net") for kind, one in drawn]
    lowest = min(min(one.worth) for _, one in drawn)
    far = lowest > 0.0 and max(max(one.worth) for _, one in drawn) > _LOG_FROM * lowest
    axes: dict[str, Any] = {
        "xaxis": {"type": "date", "showgrid": False, "anchor": "y2"},
        "yaxis": {
            "type": "log" if far else "linear",
            "domain": _TOP,
            "title": {"text": "worth of 1"},
            "tickformat": ".2~f",
            "nticks": 6,
            **({"dtick": "D2"} if far else {}),
        },
        "yaxis2": {
            "domain": _BOTTOM,
            "title": {"text": "below peak"},
            "tickformat": ".0%",
            "nticks": 4,
            "rangemode": "tozero",
        },
    }
    return figure(traces, _HEIGHT, axes, hovermode="x unified")


def timing(shifts: Shifts) -> Figure:
    """Links at every other time, and the one there was."""
    edges = np.asarray(shifts.edges)
    middle = (edges[1:] + edges[:-1]) / 2.0
    bars: Trace = {
        "type": "bar",
        "x": [round(one, 5) for one in middle.tolist()],
        "y": list(shifts.counts),
        "width": float(edges[1] - edges[0]),
        "marker": {"color": "--hold"},
        "hovertemplate": "link %{x:.3f}: %{y} shifts<extra></extra>",
    }
    reach = max(abs(float(edges[0])), abs(float(edges[-1])), abs(shifts.link)) * 1.12
    axes = {
        "xaxis": {"range": [-reach, reach], "title": {"text": "link at another time"}},
        "yaxis": {"title": {"text": "shifts"}, "nticks": 4},
    }
    return _small([bars], axes, *_mark(shifts.link, f"as it was {shifts.link:+.3f}"))


def halves(choice: Choice) -> Figure:
    """Ranks in the other half of what was best in one; left of the middle it was luck."""
    logits = np.asarray(choice.logits)
    apart = float(np.diff(logits).min()) if logits.size > 1 else 1.0
    bars: Trace = {
        "type": "bar",
        "x": [round(one, 4) for one in logits.tolist()],
        "y": list(choice.counts),
        "width": round(0.9 * apart, 4),
        "marker": {"color": ["--refuse" if one <= 0.0 else "--real" for one in choice.logits]},
        "hovertemplate": "logit %{x:.2f}: %{y} splits<extra></extra>",
    }
    reach = 1.15 * max(1.0, float(np.abs(logits).max()))
    axes = {
        "xaxis": {"range": [-reach, reach], "title": {"text": "logit of the rank"}},
        "yaxis": {"title": {"text": "splits"}, "nticks": 4},
    }
    return _small([bars], axes, *_mark(0.0, "the median", colour="--muted"))


def tries(found: Figures, periods_per_year: float) -> Figure:
    """Best ratio that so many tries without skill are expected to show, and ours."""
    year = math.sqrt(periods_per_year)
    spread = math.sqrt(found.trials.sharpe_variance) * year
    most = max(20.0, _WIDER * found.trials.n)
    counts = np.unique(np.geomspace(1.0, most, _CURVE_POINTS).round()).astype(int).tolist()
    curve: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": "best of so many without skill",
        "x": counts,
        "y": [round(spread * expected_best(n), 4) for n in counts],
        "line": {"color": "--base", "width": 2},
        "hovertemplate": "best of %{x}: %{y:.2f}<extra></extra>",
    }
    others = [
        (who, ratio)
        for k, (who, ratio) in enumerate(zip(found.names, found.sharpes, strict=True))
        if ratio is not None and k != found.chosen
    ]
    traces = [curve]
    if others:
        traces.append(_ratios(others, found.trials.n, "another column", "--hold", 6))
    own = found.sharpes[found.chosen]
    if own is not None:
        who = found.names[found.chosen]
        traces.append(_ratios([(who, own)], found.trials.n, name(who), "--real", 11))
    axes = {
        "xaxis": {"type": "log", "title": {"text": "tries"}, "tickformat": "~s", "dtick": "D2"},
        "yaxis": {"title": {"text": "annual Sharpe"}, "nticks": 5},
    }
    return figure(traces, _SMALL_HEIGHT, axes, margin=dict(_SMALL_MARGIN))


def parts(honesty: Sequence[Honesty]) -> Figure | None:
    """CORP: what dishonesty costs, and what telling apart saves, of the Brier score."""
    shown = [(one.regime, one.measures.corp) for one in honesty if one.measures is not None]
    if not shown:
        return None
    rows = [name("all regimes" if regime == "all" else regime) for regime, _ in shown]
    kinds = (
        ("miscalibration: lost by dishonesty", "--refuse", "miscalibration"),
        ("discrimination: gained by telling apart", "--real", "discrimination"),
    )
    traces: list[Trace] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": label,
            "y": rows,
            "x": [round(getattr(corp, field), 5) for _, corp in shown],
            "marker": {"color": colour},
            "hovertemplate": "%{y}: %{x:.4f}<extra></extra>",
        }
        for label, colour, field in kinds
    ]
    axes = {
        "xaxis": {"title": {"text": "Brier score"}, "rangemode": "tozero", "nticks": 5},
        "yaxis": {"autorange": "reversed", "automargin": True, "showgrid": False},
    }
    height = 120 + 46 * len(rows)
    return figure(
        traces, height, axes, bargap=0.35, margin={"l": 70, "r": 12, "t": 44, "b": 40}
    )


def surrogates(t_values: Sequence[float]) -> Figure:
    """Draw what was earned where nothing can be, beside what chance shows."""
    values = np.sort(np.asarray(t_values))
    n = values.size
    normal = NormalDist()
    ideal = [normal.inv_cdf((k + 0.5) / n) for k in range(n)]
    reach = 1.1 * max(3.0, float(np.abs(values).max()))
    points: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [round(one, 3) for one in ideal],
        "y": [round(one, 3) for one in values.tolist()],
        "marker": {"color": "--real", "size": 6},
        "hovertemplate": "t %{y:.2f}, by chance %{x:.2f}<extra></extra>",
    }
    line: Trace = {
        "type": "scatter",
        "mode": "lines",
        "x": [-reach, reach],
        "y": [-reach, reach],
        "line": {"color": "--muted", "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
    }
    axes = {
        "xaxis": {"range": [-3.2, 3.2], "title": {"text": "t by chance"}},
        "yaxis": {"range": [-reach, reach], "title": {"text": "t earned"}},
    }
    return _small([line, points], axes, [], [])


def _worth(curve: Curve, label: str, colour: str, dash: str, width: float) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "legendgroup": label,
        "x": _dates(curve),
        "y": [round(one, 4) for one in curve.worth],
        "line": {"color": colour, "dash": dash, "width": width},
        "hovertemplate": "%{y:.3f}",
    }


def _fall(
    curve: Curve, label: str, colour: str, dash: str, width: float, *, filled: bool
) -> Trace:
    trace = _worth(curve, label, colour, dash, 1.6 if filled else min(width, 1.1))
    trace |= {
        "y": [round(one, 4) for one in curve.fall],
        "yaxis": "y2",
        "showlegend": False,
        "hovertemplate": "%{y:.1%}",
    }
    if filled:
        trace |= {"fill": "tozeroy", "fillcolor": f"{colour}-soft"}
    return trace


def _dates(curve: Curve) -> list[str]:
    time_ns = np.asarray(curve.time_ns, np.int64)
    daily = bool(np.all(time_ns % _DAY_NS == 0))
    unit = "datetime64[D]" if daily else "datetime64[s]"
    return [str(one) for one in time_ns.view("datetime64[ns]").astype(unit)]


def _ratios(
    shown: Sequence[tuple[str, float]], at: int, label: str, colour: str, size: int
) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label,
        "x": [at] * len(shown),
        "y": [round(ratio, 4) for _, ratio in shown],
        "text": [name(who) for who, _ in shown],
        "hovertemplate": "%{text}: %{y:.2f}<extra></extra>",
        "marker": {"color": colour, "size": size, "line": {"color": "--paper", "width": 1}},
    }


def _mark(at: float, text: str, colour: str = "--real") -> tuple[list[Trace], list[Trace]]:
    line: Trace = {
        "type": "line",
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": colour, "width": 2 if colour == "--real" else 1},
    }
    label: Trace = {
        "x": at,
        "y": 1.0,
        "yref": "paper",
        "yanchor": "bottom",
        "text": text,
        "showarrow": False,
        "xanchor": "center" if at == 0.0 else "right" if at > 0.0 else "left",
        "font": {"color": colour, "size": 12},
    }
    return [line], [label]


def _small(
    traces: list[Trace], axes: dict[str, Any], shapes: list[Trace], labels: list[Trace]
) -> Figure:
    return figure(
        traces,
        _SMALL_HEIGHT,
        axes,
        showlegend=False,
        margin=dict(_SMALL_MARGIN),
        bargap=0.02,
        shapes=shapes,
        annotations=labels,
    )
