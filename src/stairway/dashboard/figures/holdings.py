"""Who was listened to, and what was held: weights of votes, positions of the capital."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.units import MICROS_PER_UNIT
from stairway.dashboard.accounts import CAPITAL
from stairway.dashboard.figures.plain import (
    Figure,
    Trace,
    dates,
    figure,
    name,
    rounded,
    thin,
    time_axis,
)
from stairway.dashboard.views import RunView

_ROWS = ((0.74, 1.0), (0.37, 0.66), (0.0, 0.29))
_ROWS_WITHOUT_VOTES = ((), (0.56, 1.0), (0.0, 0.44))
_CHAMPION = "champion"


def holdings(seen: RunView) -> Figure:
    """Weights above a row per instrument; these alone where no model ever held a seat."""
    shares = weights(seen)
    voted = [_area(seen, model, k, values) for k, (model, values) in enumerate(shares.items())]
    held = [_position(seen, k) for k in range(len(seen.symbols))]
    rows = _ROWS if voted else _ROWS_WITHOUT_VOTES
    axes: dict[str, Any] = {"xaxis": time_axis(seen, anchor="y3")}
    if voted:
        axes["yaxis"] = _axis("weight of vote", rows[0], range=[0, 1], nticks=3)
    for k, symbol in enumerate(seen.symbols):
        axes[f"yaxis{k + 2}"] = _axis(f"{name(symbol)} / equity", rows[k + 1], nticks=5)
    return figure([*voted, *held], 500 if voted else 350, axes, hovermode="x unified")


def _axis(title: str, domain: Sequence[float], **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "domain": list(domain),
        "tickformat": ".0%",
        "zeroline": True,
        **more,
    }


def weights(seen: RunView) -> dict[str, FloatArray]:
    """Weight of each champion's vote at each close of the climb; 0 without a seat."""
    changes = [(int(fact.time_ns), dict(fact.overall)) for fact in seen.in_force]
    changes.extend((time_ns, {}) for time_ns in _emptied(seen))
    # Sorting is stable, so the weights of an instant outweigh an emptied table of the same.
    changes.sort(key=lambda change: (change[0], bool(change[1])))
    models = dict.fromkeys(model for fact in seen.in_force for model in fact.overall)
    size = len(seen.bars) - seen.first_index
    found = {model: np.zeros(size) for model in models}
    for time_ns, table in changes:
        at = max(seen.index_at(time_ns) - seen.first_index, 0)
        for model, values in found.items():
            values[at:] = table.get(model, 0.0)
    return found


def _emptied(seen: RunView) -> list[int]:
    """Instants at which the last champion left."""
    seated: set[str] = set()
    emptied: list[int] = []
    for move in seen.moves:
        if move.after.value == _CHAMPION:
            seated.add(move.digest)
        elif move.digest in seated:
            seated.discard(move.digest)
            if not seated:
                emptied.append(move.time_ns)
    return emptied


def _area(seen: RunView, model: str, k: int, values: FloatArray) -> Trace:
    # A change is a step: the rows on both of its sides are drawn.
    steps = np.flatnonzero(np.diff(values)) + 1
    rows = np.unique(np.concatenate(([0], steps - 1, steps, [values.size - 1])))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"vote of {name(model)}",
        "stackgroup": "votes",
        "x": dates(seen, rows + seen.first_index),
        "y": rounded(values[rows], 4),
        "line": {"width": 1, "color": f"--model{k % 4}", "shape": "hv"},
        "fillcolor": f"--model{k % 4}-soft",
        "hovertemplate": "%{y:.0%}",
    }


def _position(seen: RunView, k: int) -> Trace:
    marks = seen.marks.get(CAPITAL, [])
    unit = seen.started.instruments[k].lot_units
    index = np.array([m.index for m in marks], np.int64)
    worth = np.array([m.held[k] for m in marks], np.float64) * unit * seen.close[index, k]
    equity = np.array([m.equity_micros for m in marks], np.float64) / MICROS_PER_UNIT
    share = np.divide(worth, equity, out=np.zeros_like(worth), where=equity > 0.0)
    rows = thin(share)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name(seen.symbols[k]),
        "showlegend": False,
        "yaxis": f"y{k + 2}",
        "fill": "tozeroy",
        "fillcolor": f"--symbol{k}-soft",
        "x": dates(seen, index[rows]),
        "y": rounded(share[rows], 4),
        "line": {"width": 0.8, "color": f"--symbol{k}", "shape": "hv"},
        "hovertemplate": "%{y:.1%}",
    }
