"""What the capital made beside the static rule and holding, and how deep it fell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stairway.dashboard.accounts import TWIN, Worth, buy_and_hold, of, real_money
from stairway.dashboard.figures.plain import (
    BASE,
    HOLD,
    REAL,
    Figure,
    Trace,
    dates,
    figure,
    name,
    rounded,
    thin,
    time_axis,
)
from stairway.dashboard.story import Misfortune, is_up
from stairway.dashboard.views import RunView
from stairway.dashboard.words import cause
from stairway.lifecycle.facts import ModelMoved

_MONEY = {"canary", "champion"}
_TOP, _BOTTOM = [0.36, 1.0], [0.0, 0.27]


def equity(seen: RunView, planted: Sequence[Misfortune]) -> Figure:
    """Draw the worth of a dollar after costs over the fall from its peak."""
    real, rule, hold = real_money(seen), of(seen, TWIN), buy_and_hold(seen)
    traces = [
        _line(seen, hold, "buy and hold (no costs)", HOLD, "dot", 1.5),
        _line(seen, rule, "static rule's twin", BASE, "dash", 1.8),
        _line(seen, real, "capital (paper)", REAL, "solid", 2.6),
        *_moves(seen, real),
        _fall(seen, hold, "buy and hold", HOLD, "dot"),
        _fall(seen, rule, "static rule's twin", BASE, "dash"),
        _fall(seen, real, "capital (paper)", REAL, "solid", filled=True),
    ]
    axes = {
        "xaxis": time_axis(seen, anchor="y2"),
        "yaxis": {
            "type": "log",
            "domain": _TOP,
            "title": {"text": "worth of 1 dollar"},
            "ticksuffix": " $",
            "tickformat": ".2~f",
            "nticks": 6,
        },
        "yaxis2": {
            "domain": _BOTTOM,
            "title": {"text": "below peak"},
            "tickformat": ".0%",
            "nticks": 4,
            "rangemode": "tozero",
        },
    }
    shapes = [_wall(seen, one) for one in planted if one.at >= seen.first_index]
    labels = [_flag(seen, one) for one in planted if one.at >= seen.first_index]
    return figure(traces, 500, axes, hovermode="x unified", shapes=shapes, annotations=labels)


def _line(
    seen: RunView, worth: Worth, label: str, colour: str, dash: str, width: float
) -> Trace:
    rows = thin(worth.worth)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "legendgroup": label,
        "x": dates(seen, worth.index[rows]),
        "y": rounded(worth.worth[rows]),
        "line": {"color": colour, "dash": dash, "width": width},
        "hovertemplate": "%{y:.3f} $",
    }


def _fall(
    seen: RunView, worth: Worth, label: str, colour: str, dash: str, *, filled: bool = False
) -> Trace:
    fall = worth.drawdown
    rows = thin(fall)
    trace: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": label,
        "legendgroup": label,
        "showlegend": False,
        "yaxis": "y2",
        "x": dates(seen, worth.index[rows]),
        "y": rounded(fall[rows]),
        "line": {"color": colour, "dash": dash, "width": 1.6 if filled else 1.2},
        "hovertemplate": "%{y:.1%}",
    }
    if filled:
        trace |= {"fill": "tozeroy", "fillcolor": f"{colour}-soft"}
    return trace


def _moves(seen: RunView, real: Worth) -> list[Trace]:
    """Put steps to and from money on the curve."""
    ours = [m for m in seen.moves if {m.before.value, m.after.value} & _MONEY]
    up = [m for m in ours if is_up(m)]
    down = [m for m in ours if not is_up(m)]
    shown = [
        _marks(seen, real, up, "promotion", "triangle-up", "--pass"),
        _marks(seen, real, down, "rollback", "triangle-down", "--refuse"),
    ]
    return [trace for trace in shown if trace["x"]]


def _marks(
    seen: RunView,
    real: Worth,
    moves: Sequence[ModelMoved],
    label: str,
    symbol: str,
    colour: str,
) -> Trace:
    at = np.array([seen.index_at(m.time_ns) for m in moves], np.int64)
    rows = np.clip(np.searchsorted(real.index, at), 0, max(real.index.size - 1, 0))
    said = [
        f"{name(m.model)}: {m.before.value} to {m.after.value}, {name(cause(m.cause))}"
        for m in moves
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label,
        "x": dates(seen, real.index[rows]) if moves else [],
        "y": rounded(real.worth[rows]) if moves else [],
        "text": said,
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "symbol": symbol,
            "size": 11,
            "color": colour,
            "line": {"color": "--paper", "width": 1.2},
        },
    }


def _wall(seen: RunView, one: Misfortune) -> Trace:
    x = dates(seen, np.array([one.at]))[0]
    line = {"color": "--muted", "width": 1, "dash": "dot"}
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "line": line,
    }


def _flag(seen: RunView, one: Misfortune) -> Trace:
    return {
        "x": dates(seen, np.array([one.at]))[0],
        "y": 0.315,
        "xref": "x",
        "yref": "paper",
        "text": f"<b>{one.letter}</b>",
        "showarrow": False,
        "bgcolor": "--ink",
        "font": {"color": "--paper", "size": 11},
        "borderpad": 3,
        "hovertext": name(one.announced),
    }
