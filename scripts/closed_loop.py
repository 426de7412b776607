"""Put what the closed loop came to into docs/practice.md, and draw it.

``benchmarks/bench_closed_loop.py`` measures; this reads what it wrote. Blocks between
``<!-- loop: NAME -->`` and ``<!-- /loop -->`` hold one of the tables below, and
``docs/images/closed_loop.svg`` is the picture. The table of speeds is of what
``benchmarks/bench_practice_env.py`` wrote, and that of gateways of what
``benchmarks/bench_metrics.py`` wrote. A test keeps all of them true: ``--check`` says
whether they are.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "closed_loop.json"
SPEED = ROOT / "benchmarks" / "results" / "practice_env.json"
METRICS = ROOT / "benchmarks" / "results" / "metrics.json"
PAGE = ROOT / "docs" / "practice.md"
PICTURE = ROOT / "docs" / "images" / "closed_loop.svg"
_BLOCK = re.compile(r"(<!-- loop: (\w+) -->\n).*?(<!-- /loop -->)", re.DOTALL)

Result = dict[str, Any]
REGULATED, FIXED = "regulated", "fixed"
AS_RUN = "as run"
QUIET, FAST = "regulated, no noise", "regulated, learning twice as fast"
NAMES = {
    "training": "training days",
    "validation": "validation days",
    "held_out": "held-out days",
    "unseen": "both together",
}


def filled(text: str, result: Result) -> str:
    """Return the page as it should be."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](result)}\n{found[3]}", text)


# -- tables ----------------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1) -> str:
    """Lay out a table; the first columns hold ``words``, the others figures."""
    lines = [head, ["---"] * words + ["---:"] * (len(head) - words), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def asked(result: Result) -> str:
    """Hold what a run came to against what was asked, and the loop alone beside it."""
    run, loop, needed = result["cases"][AS_RUN], result["cases"][REGULATED], result["needed"]
    met, seeds = result["met"], f"of {needed['seeds']} seeds"
    counts = (
        ("hold", "hold rate within 0.05 of 0.55", "hold_near_055"),
        ("fills", "fills a day in 15-20", "fills_in_band"),
    )
    rows = [
        (
            words,
            f"{needed[name]} {seeds}",
            *(f"{case['practice'][count]} of {case['seeds']}" for case in (run, loop)),
            _yes(holds=met[name]),
        )
        for name, words, count in counts
    ]
    most = f"at most {points(needed['drawdown_worse_frac'])} worse"
    for span, called in {"practice": "in practice", **NAMES}.items():
        if f"drawdown, {span}" not in met:
            continue
        worse = (points(c["drawdown_against_fixed"][span]["mean_frac"]) for c in (run, loop))
        holds = _yes(holds=met[f"drawdown, {span}"])
        rows.append((f"drawdown against fixed terms, {called}", most, *worse, holds))
    return table(
        ("means over the last 12,000 steps", "asked", "as run", "the loop alone", "met"), rows
    )


def cycles(result: Result) -> str:
    """Lay out what was decided on each cycle of the run."""
    rows = [
        (
            str(one["cycle"]),
            f"{one['progress']:.3f}",
            f"{one['worst_progress']:.3f}",
            one["decision"],
            " and ".join(f"{gain:g}" for gain in one["gains"]),
        )
        for one in result["cycles"]
    ]
    head = ("cycle", "progress, median seed", "worst seed", "decided", "gains of the next")
    return table(head, rows)


def _yes(*, holds: bool) -> str:
    return "yes" if holds else "**no**"


def practice(result: Result) -> str:
    """Lay out the last 12,000 steps under every law."""
    rows = [
        (
            name,
            f"{one['hold_rate']:.3f}",
            f"{one['hold_near_055']} of {case['seeds']}",
            f"{one['target_hold']:.3f}",
            f"{one['hold_near_target']} of {case['seeds']}",
            f"{one['fills_per_session']:.1f}",
            f"{one['fills_in_band']} of {case['seeds']}",
        )
        for name, case in result["cases"].items()
        for one in (case["practice"],)
        if name != FAST
    ]
    head = (
        "law",
        "hold rate",
        "within 0.05 of 0.55",
        "own target",
        "within 0.05 of that",
        "fills a day",
        "in 15-20",
    )
    return table(head, rows)


def days(result: Result) -> str:
    """Lay out the walks of the frozen policies, without noise."""
    there = {"the reference": result["reference"]["noise"]["walked"]}
    there |= {
        name: result["cases"][name]["walked"] for name in (AS_RUN, REGULATED, QUIET, FIXED)
    }
    rows: list[Sequence[str]] = []
    for span, called in NAMES.items():
        for name, walks in there.items():
            one, case = walks[span], result["cases"].get(name)
            rows.append(
                (
                    f"{called} ({result['days'][span]['sessions']})",
                    name,
                    f"{one['hold_rate']:.2f}",
                    f"{one['target_hold']:.2f}",
                    _of(one, "hold_near_target", case),
                    f"{one['fills_per_session']:.1f}",
                    _of(one, "fills_in_band", case),
                    f"{one['drawdown_frac']:.1%}".replace("%", " %"),
                    ""
                    if case is None or name == FIXED
                    else points(case["drawdown_against_fixed"][span]["mean_frac"]),
                )
            )
    head = (
        "days (sessions)",
        "law",
        "hold rate",
        "target",
        "within 0.05",
        "fills a day",
        "in 15-20",
        "drawdown",
        "against fixed",
    )
    return table(head, rows, words=2)


def weather(result: Result) -> str:
    """Lay out how the days differ from those that were trained on."""
    rows = [
        (called, f"{one['sessions']}", f"{one['feature_rms']:.2f}", f"{one['score']:+.2f}")
        for span, called in NAMES.items()
        for one in (result["days"][span],)
    ]
    return table(("days", "sessions", "size of features", "mean regime score"), rows)


def divergence(result: Result) -> str:
    """Lay out how far the actor was from the reference after the last cycle."""
    rows = [
        (
            name,
            f"{case['divergence']['mean']:.3f}",
            f"{case['divergence']['most']:.3f}",
            f"{case['divergence_refused']} of {case['seeds']}",
        )
        for name, case in result["cases"].items()
        if ("," not in name and name != AS_RUN) or name == FAST
    ]
    limit = result["settings"]["divergence_limit"]
    return table(("law", "mean of the seeds", "farthest seed", f"over {limit:g}"), rows)


def settings(result: Result) -> str:
    """Say what the figures were measured under."""
    own, first = result["settings"], result["reference"]["noise"]
    seeds = [row["seed"] for row in result["cases"][REGULATED]["each"]]
    return (
        f"{result['cases'][REGULATED]['seeds']} seeds ({min(seeds)} to {max(seeds)}), "
        f"{own['cycles']} x {own['steps'] // own['cycles']:,} steps each, from a reference of "
        f"{first['steps']:,} steps that holds {first['hold_rate']:.3f} of the time; noise "
        f"{own['observation_noise']:g}, T* {own['fills_per_session']:g}, learning rate "
        f"{own['learning_rate']:g}, fixed terms: bonus {own['fixed_bonus']:g}, ticket "
        f"{own['fixed_ticket']:g}.\n"
    )


def points(share: float) -> str:
    """Percentage points, with a sign; a drawdown that is less deep is negative."""
    return f"{100.0 * share:+.2f} points".replace("-", "\N{MINUS SIGN}")


def _of(one: dict[str, float], count: str, case: dict[str, Any] | None) -> str:
    return "" if case is None else f"{one[count]} of {case['seeds']}"


def speed(_result: Result) -> str:
    """Set the kernel beside itself with noise, and beside its faces."""
    ours = json.loads(SPEED.read_text("utf-8"))["ours"]
    named = (
        ("kernel, 256 accounts", "kernel_256"),
        ("kernel, 256 accounts, `observation_noise = 1`", "kernel_256_with_noise"),
        ("one `gymnasium.Env`", "gymnasium_env"),
        ("SB3 `VecEnv`, 64 accounts", "sb3_vecenv_64"),
    )
    rows = [(words, f"{ours[name]['median'] / 1e6:.2f} million") for words, name in named]
    return table(("steps by", "a second of one core"), rows)


def gateway(_result: Result) -> str:
    """Say what a gateway costs training, by what it does."""
    measured = json.loads(METRICS.read_text("utf-8"))
    rows = [
        (
            name,
            *(
                f"{cost['wall_pct'][part]:+.2f} %".replace("-", "\N{MINUS SIGN}")
                for part in ("median", "low", "high")
            ),
            f"{measured['bound_pct']:g} %",
            str(cost["pushes"]),
            str(cost["failures"]),
        )
        for name, cost in measured["cost"].items()
    ]
    head = ("the gateway is", "time, median", "from", "to", "bound", "pushes", "failed")
    return table(head, rows)


TABLES: dict[str, Callable[[Result], str]] = {
    "asked": asked,
    "cycles": cycles,
    "practice": practice,
    "days": days,
    "weather": weather,
    "divergence": divergence,
    "settings": settings,
    "speed": speed,
    "gateway": gateway,
}


# -- picture ---------------------------------------------------------------------------


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


def main() -> int:
    """Write page and picture; with ``--check``, say whether they are as they should be."""
    result = json.loads(RESULT.read_text("utf-8"))
    wanted = {PAGE: filled(PAGE.read_text("utf-8"), result), PICTURE: picture(result)}
    if sys.argv[1:] == ["--check"]:
        return int(any(not p.exists() or p.read_text("utf-8") != w for p, w in wanted.items()))
    for path, content in wanted.items():
        path.write_text(content, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
