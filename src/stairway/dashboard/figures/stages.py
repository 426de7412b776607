"""Who stood where: a row per model, a bar per stay on a stage, in step with the money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from stairway.dashboard.figures.plain import (
    Figure,
    Trace,
    dates,
    figure,
    name,
    time_axis,
)
from stairway.dashboard.views import RunView
from stairway.dashboard.words import counted, short

_STAGES = ("candidate", "shadow", "canary", "champion", "retired", "quarantined")
_SECOND_MS = 1_000
_LABELLED_FRAC = 0.1


class Stay(NamedTuple):
    """A model on a stage, from one bar to another."""

    row: str
    stage: str
    start: int
    stop: int


def stays(seen: RunView) -> Iterator[Stay]:
    """Every stay of every model, in the order of the record."""
    last = len(seen.bars) - 1
    for registered in seen.registered:
        row = f"{registered.model} {short(registered.digest)}"
        stage, since = "candidate", seen.first_index
        for move in seen.moves:
            if move.digest == registered.digest:
                at = seen.index_at(move.time_ns)
                if at > since:
                    yield Stay(row, stage, since, at)
                stage, since = move.after.value, at
        if last > since:
            yield Stay(row, stage, since, last)


def timeline(seen: RunView) -> Figure:
    """Stays as bars, one row per model, the first one at the top.

    Names stand above their rows, so that the axis lines up with the money's.
    """
    found = list(stays(seen))
    rows = list(dict.fromkeys(stay.row for stay in found))
    used = [stage for stage in _STAGES if any(stay.stage == stage for stay in found)]
    traces = [_trace(seen, stage, [s for s in found if s.stage == stage]) for stage in used]
    axes = {
        "xaxis": time_axis(seen),
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [name(row) for row in reversed(rows)],
            "showgrid": False,
            "showticklabels": False,
            "range": [-0.5, len(rows) - 0.28],
        },
    }
    labels = [_label(row, place) for place, row in enumerate(reversed(rows))]
    height = 84 + 58 * len(rows)
    return figure(traces, height, axes, barmode="overlay", bargap=0.52, annotations=labels)


def _label(row: str, place: int) -> Trace:
    return {
        "text": name(row),
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": place + 0.25,
        "yref": "y",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12, "color": "--ink"},
    }


def _trace(seen: RunView, stage: str, found: Sequence[Stay]) -> Trace:
    climb = max(len(seen.bars) - 1 - seen.first_index, 1)
    start = dates(seen, np.array([s.start for s in found], np.int64))
    stop = dates(seen, np.array([s.stop for s in found], np.int64))
    long = [(s.stop - s.start) / climb >= _LABELLED_FRAC for s in found]
    return {
        "type": "bar",
        "orientation": "h",
        "name": stage,
        "y": [name(s.row) for s in found],
        "base": start,
        "x": [_width_ms(a, b) for a, b in zip(start, stop, strict=True)],
        "text": [stage if shown else "" for shown in long],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "customdata": [
            [a, b, counted(s.stop - s.start, "bar")]
            for a, b, s in zip(start, stop, found, strict=True)
        ],
        "hovertemplate": f"{stage}, %{{customdata[0]}} to %{{customdata[1]}}, "
        "%{customdata[2]}<extra>%{y}</extra>",
        "marker": {"color": f"--{stage}", "line": {"color": "--paper", "width": 1}},
        "textfont": {"color": f"--on-{stage}"},
    }


def _width_ms(start: str, stop: str) -> int:
    gap = np.datetime64(stop) - np.datetime64(start)
    return int(gap / np.timedelta64(1, "s")) * _SECOND_MS
