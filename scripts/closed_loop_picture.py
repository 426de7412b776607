"""The picture of the closed loop: for ``closed_loop.py``, which writes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

REGULATED, FIXED = "regulated", "fixed"
Result = dict[str, Any]


class Panel(NamedTuple):
    """One pair of axes: what it shows, where it lies, and what it is good for."""

    figure: str
    title: str
    top: float
    span: tuple[float, float]
    ticks: tuple[float, ...]
    band: tuple[float, float]


LAWS = {REGULATED: "#0a6c8f", "literal": "#b8530f", FIXED: "#6a6f73"}
WIDTH, HEIGHT, LEFT, RIGHT, TALL = 860.0, 600.0, 50.0, 720.0, 210.0
PANELS = (
    Panel(
        "hold_rate",
        "hold rate: share of steps that hold both; wanted 0.55",
        60.0,
        (0.3, 1.0),
        (0.4, 0.6, 0.8, 1.0),
        (0.5, 0.6),
    ),
    Panel(
        "fills_per_session",
        "fills a day: position changes of both shares; wanted 15-20",
        330.0,
        (0.0, 60.0),
        (0.0, 20.0, 40.0, 60.0),
        (15.0, 20.0),
    ),
)
_APART = 17.0


def picture(result: Result) -> str:
    """Draw the median of the seeds under three laws, between the least and the most."""
    steps, each = result["settings"]["steps"], result["settings"]["rollout_steps"]
    seeds = result["cases"][REGULATED]["seeds"]
    body = [_text(LEFT, 24.0, f"{seeds} seeds under three laws: median, least and most", 15)]
    for panel in PANELS:
        body += _axes(panel, steps, result["settings"]["cycles"])
        curves = {
            law: [
                [result["reference"]["noise"][panel.figure], *part]
                for part in result["cases"][law]["curve"][panel.figure]
            ]
            for law in LAWS
        }
        for law, (least, _, most) in curves.items():
            there = [*_points_of(panel, most, each, steps)]
            back = [*_points_of(panel, least, each, steps)][::-1]
            shape = " ".join([*there, *back])
            body.append(f'<polygon points="{shape}" fill="{LAWS[law]}" opacity="0.14"/>')
        for law, (_, middle, _) in curves.items():
            line = " ".join(_points_of(panel, middle, each, steps))
            body.append(
                f'<polyline points="{line}" fill="none" stroke="{LAWS[law]}" '
                'stroke-width="2.2" stroke-linejoin="round"/>'
            )
        ends = {law: _y_of(panel, curves[law][1][-1]) for law in LAWS}
        for law, y in _spread(ends).items():
            body.append(_text(RIGHT + 8.0, y + 4.0, law, 13, LAWS[law]))
    body.append(
        _text(LEFT, HEIGHT - 14.0, "thousand steps of practice since the reference", 12)
    )
    lines = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" '
        'font-family="system-ui, sans-serif" role="img">\n'
        "<title>Hold rate and fills a day while practising, by law</title>\n"
        f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="#ffffff"/>\n{lines}\n</svg>\n'
    )


def _axes(panel: Panel, steps: int, cycles: int) -> list[str]:
    low, high = (_y_of(panel, value) for value in panel.band)
    drawn = [
        _text(LEFT, panel.top - 10.0, panel.title, 13),
    ]
    drawn.append(
        f'<rect x="{LEFT:g}" y="{high:.1f}" width="{RIGHT - LEFT:g}" '
        f'height="{low - high:.1f}" fill="#dcefe2"/>'
    )
    for tick in panel.ticks:
        y = _y_of(panel, tick)
        drawn.append(_rule(LEFT, y, RIGHT, y))
        drawn.append(_text(LEFT - 8.0, y + 4.0, f"{tick:g}", 12, anchor="end"))
    for cycle in range(cycles + 1):
        x = LEFT + (RIGHT - LEFT) * cycle / cycles
        drawn.append(_rule(x, panel.top, x, panel.top + TALL))
        label = f"{cycle * steps // cycles // 1000}"
        drawn.append(_text(x, panel.top + TALL + 17.0, label, 12, anchor="middle"))
    return drawn


def _points_of(panel: Panel, values: Sequence[float], each: int, steps: int) -> Iterable[str]:
    for place, value in enumerate(values):
        yield f"{LEFT + (RIGHT - LEFT) * place * each / steps:.1f},{_y_of(panel, value):.1f}"


def _y_of(panel: Panel, value: float) -> float:
    low, high = panel.span
    return panel.top + TALL * (high - min(max(value, low), high)) / (high - low)


def _spread(ends: dict[str, float]) -> dict[str, float]:
    """Move labels down until none covers another."""
    placed: dict[str, float] = {}
    last = -_APART
    for name in sorted(ends, key=ends.__getitem__):
        last = max(ends[name], last + _APART)
        placed[name] = last
    return placed


def _rule(x: float, y: float, x_to: float, y_to: float) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x_to:.1f}" y2="{y_to:.1f}" stroke="#d5d9dc" '
        'stroke-width="0.8"/>'
    )


def _text(
    x: float, y: float, words: str, size: int, colour: str = "#23282c", anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}">{words}</text>'
    )
