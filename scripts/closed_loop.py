"""Put what the closed loop came to, and what practice costs, into docs/practice.md.

``benchmarks/bench_closed_loop.py`` measures; this reads what it wrote. Blocks between
``<!-- loop: NAME -->`` and ``<!-- /loop -->`` hold one of the tables below or a sentence of
``closed_loop_words.py``, and ``docs/images/closed_loop.svg`` is the picture
(``closed_loop_picture.py``). What practice costs is of the other benchmarks
(``practice_costs.py``). A test keeps all of it true: ``--check`` says whether it is.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import closed_loop_words as words
import practice_costs as costs
from closed_loop_picture import FIXED, REGULATED, picture
from closed_loop_words import AS_RUN, counted, drawdowns, points
from practice_costs import table, yes

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "closed_loop.json"
PAGE = ROOT / "docs" / "practice.md"
PICTURE = ROOT / "docs" / "images" / "closed_loop.svg"
_BLOCK = re.compile(r"(<!-- loop: (\w+) -->\n).*?(<!-- /loop -->)", re.DOTALL)

Result = dict[str, Any]
QUIET, FAST = words.QUIET, "regulated, learning twice as fast"
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


def asked(result: Result) -> str:
    """Hold what a run came to against what was asked, and the loop alone beside it."""
    run, loop = (result["cases"][name] for name in (AS_RUN, REGULATED))
    rows = [
        (
            one.what,
            one.asked,
            one.measured,
            other.measured,
            yes(met=one.met),
            yes(met=other.met),
        )
        for one, other in zip(
            (*counted(run, result), *drawdowns(run, result)),
            (*counted(loop, result), *drawdowns(loop, result)),
            strict=True,
        )
    ]
    head = ("means over the last 12,000 steps", "asked", "as run", "the loop alone",
            "met as run", "met by the loop alone")  # fmt: skip
    return table(head, rows)


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
                    _of(one, "hold_near_055", case),
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
        "own target",
        "within 0.05 of it",
        "within 0.05 of 0.55",
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


def _of(one: dict[str, float], count: str, case: dict[str, Any] | None) -> str:
    return "" if case is None else f"{one[count]} of {case['seeds']}"


TABLES: dict[str, Callable[[Result], str]] = {
    "asked": asked,
    "cycles": cycles,
    "practice": practice,
    "days": days,
    "weather": weather,
    "divergence": divergence,
    "settings": settings,
    "met": words.met,
    "way": words.way,
    "decided": words.decided,
    "targets": words.targets,
    "later": words.later,
    "noise": words.noise,
    "price": words.price,
    "fixed": words.fixed,
    "deepest": words.deepest,
    "first": lambda _: costs.first_words(),
    "costs": lambda _: costs.costs_words() + "\n" + costs.costs_table(),
    "memory": lambda _: costs.memory_words() + "\n" + costs.memory_table(),
    "speed": lambda _: costs.speed_table(),
    "gateway": lambda _: costs.gateway_table(),
}


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
