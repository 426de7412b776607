"""What every figure shares: its shape, its axes, and thinning of long series.

A figure is plain data in Plotly's form. Colours are names, such as ``"--real"``; the page
puts the colours of its theme in their place, so one file serves light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, TypeAlias

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.dashboard.views import RunView

Figure: TypeAlias = dict[str, Any]
Trace: TypeAlias = dict[str, Any]

MOST_POINTS = 900
REAL, BASE, HOLD = "--real", "--base", "--hold"
_MARGIN = {"l": 56, "r": 14, "t": 28, "b": 34}


def figure(traces: Sequence[Trace], height: int, axes: dict[str, Any], **layout: Any) -> Figure:
    """Put traces and axes together."""
    return {
        "data": list(traces),
        "layout": {
            "height": height,
            "margin": dict(_MARGIN),
            "hovermode": "closest",
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
            **axes,
            **layout,
        },
    }


def name(text: str) -> str:
    """Escape a name for Plotly, whose labels take some HTML, and links.

    Examples
    --------
    >>> name("<a href='http://x'>")
    '&lt;a href=&#x27;http://x&#x27;&gt;'
    """
    return escape(text)


def thin(values: FloatArray, most: int = MOST_POINTS) -> IntArray:
    """Choose rows to draw of a long series: ends, and low and high of each stretch.

    No peak and no trough is lost, so a drawdown looks as deep as it was.

    Examples
    --------
    >>> thin(np.array([0.0, 5.0, 1.0, -9.0, 2.0, 3.0]), 4).tolist()
    [0, 1, 3, 5]
    """
    n = values.size
    if n <= most:
        return np.arange(n)
    stretches = np.array_split(np.arange(n), max(most // 2 - 1, 1))
    kept = {0, n - 1}
    for rows in stretches:
        kept.add(int(rows[np.argmin(values[rows])]))
        kept.add(int(rows[np.argmax(values[rows])]))
    return np.array(sorted(kept), np.int64)


def dates(seen: RunView, index: IntArray) -> list[str]:
    """Write close times of bars as Plotly reads them, UTC."""
    unit = "datetime64[D]" if seen.bar_seconds >= 86_400 else "datetime64[s]"  # noqa: PLR2004
    return [str(t) for t in seen.time_ns[index].view("datetime64[ns]").astype(unit)]


def rounded(values: FloatArray, digits: int = 5) -> list[float]:
    """Shorten values, for a file that may be read over a slow line."""
    return [round(v, digits) for v in values.tolist()]


def time_axis(seen: RunView, **more: Any) -> dict[str, Any]:
    """Make the axis over the bars of the climb, the same one in every figure."""
    first, last = dates(seen, np.array([seen.first_index, len(seen.bars) - 1]))
    return {"type": "date", "range": [first, last], "showgrid": False, **more}
