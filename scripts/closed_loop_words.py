"""What the closed loop came to, in sentences: for ``closed_loop.py``, which writes them.

Each is made of the figures, so that it says what they say, whichever way they fall out.
Whether something is met is worked out from the count and from what was asked, for a run and
for the loop alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from closed_loop_picture import FIXED, REGULATED

Result = dict[str, Any]
Case = dict[str, Any]

SHIPPED = Path(__file__).resolve().parents[1] / "src/stairway/policies/practice.toml"
AS_RUN, QUIET, LINEAR = "as run", "regulated, no noise", "regulated, linear target"
CALLED = {AS_RUN: "as run", REGULATED: "the loop alone"}
COUNTS = {"hold": ("hold rate within 0.05 of 0.55", "hold_near_055"),
          "fills": ("fills a day in 15-20", "fills_in_band")}  # fmt: skip
SPANS = {
    "practice": "in practice",
    "training": "training days",
    "validation": "validation days",
    "held_out": "held-out days",
}
HOLD, BAND = 0.55, (15.0, 20.0)


class Held(NamedTuple):
    """One figure held against what was asked."""

    what: str
    asked: str
    measured: str
    met: bool


def counted(case: Case, result: Result, where: dict[str, float] | None = None) -> list[Held]:
    """Hold the counts of seeds against what was asked, in practice or where it is said."""
    there, needed = where or case["practice"], result["needed"]
    return [
        Held(
            what,
            f"{needed[name]} of {needed['seeds']} seeds",
            f"{there[count]} of {case['seeds']}",
            there[count] * needed["seeds"] >= needed[name] * case["seeds"],
        )
        for name, (what, count) in COUNTS.items()
    ]


def drawdowns(case: Case, result: Result) -> list[Held]:
    """Hold drawdowns, seed by seed against those under fixed terms; first that in practice."""
    bound, worse = result["needed"]["drawdown_worse_frac"], case["drawdown_against_fixed"]
    return [
        Held(
            f"drawdown against fixed terms, {called}",
            f"at most {points(bound)} worse",
            points(worse[span]["mean_frac"]),
            worse[span]["mean_frac"] <= bound,
        )
        for span, called in SPANS.items()
    ]


def points(share: float) -> str:
    """Percentage points, with a sign; a drawdown that is less deep is negative."""
    return f"{100.0 * share:+.2f} points".replace("-", "\N{MINUS SIGN}")


def met(result: Result) -> str:
    """Say of a run, and of the loop alone, whether the three that are asked are met."""
    lines, beside = [], []
    for name, called in CALLED.items():
        case = result["cases"][name]
        first, *others = drawdowns(case, result)
        asked = [*counted(case, result), first]
        short = sum(not one.met for one in asked)
        said = f"{short} of the three **not met**" if short else "all three met"
        each = "; ".join(f"{one.what}: {one.measured}, {_met(one)}" for one in asked)
        lines.append(f"- **{_upper(called)}**, {said}. {_upper(each)}.")
        beside += [f"{called}, {o.what}, {o.measured}" for o in others if not o.met]
    over = f": {'; '.join(beside)}" if beside else " is none"
    lines.append(f"\nBeside them, worse than that bound{over}.")
    return "\n".join(lines) + "\n"


def way(result: Result) -> str:
    """Say how the median seed came from the reference to where it ended."""
    curve, first = result["cases"][REGULATED]["curve"], result["reference"]["noise"]
    hold, fills = (curve[figure][1] for figure in ("hold_rate", "fills_per_session"))
    peak = max(range(len(fills)), key=fills.__getitem__)
    after = (peak + 1) * result["settings"]["rollout_steps"]
    return (
        "Under the regulated law the median seed's hold rate goes from "
        f"{first['hold_rate']:.2f} to {hold[-1]:.2f}. Trading is highest after {after:,} "
        f"steps, at {fills[peak]:.0f} fills a day, and at {fills[-1]:.1f} in the last "
        "roll-out.\n"
    )


def decided(result: Result) -> str:
    """Say what became of the cycles, and whether the gate changed what the loop came to."""
    cycles, planned = result["cycles"], result["settings"]["cycles"]
    kept = sum(one["decision"] == "keep" for one in cycles)
    moved = [str(one["cycle"]) for one in cycles if one["gains"] != [1.0, 1.0]]
    gains = f"gains were others after cycle {', '.join(moved)}" if moved else "no gain moved"
    run, loop = (result["cases"][name]["practice"] for name in (AS_RUN, LINEAR))
    same = all(run[figure] == loop[figure] for figure in ("hold_rate", "fills_per_session"))
    said = f"{_pair(run)}, the loop alone to {_pair(loop)}"
    said = "what the loop alone comes to" if same else said
    return (
        f"What was decided on the way. Of {planned} cycles {len(cycles)} were done and {kept} "
        f"kept; {gains}. The run came to {said}, under the same linear target:\n"
    )


def targets(result: Result) -> str:
    """Say how many seeds hold near 0.55, and how many near the target of their own law."""
    said = "; ".join(
        f"{called}, {one['hold_near_055']} of {case['seeds']} near 0.55 and "
        f"{one['hold_near_target']} near the own target of {one['target_hold']:.3f}"
        for name, called in CALLED.items()
        for case in (result["cases"][name],)
        for one in (case["practice"],)
    )
    return f"Hold rates within 0.05: {said}.\n"


def later(result: Result) -> str:
    """Say what the same figures are on days that nobody trained on."""
    needed, lines = result["needed"], []
    for span, called in (("held_out", "held-out days"), ("unseen", "all later days")):
        for name, law in CALLED.items():
            case = result["cases"][name]
            one, of = case["walked"][span], case["seeds"]
            missed = sum(not a.met for a in counted(case, result, one))
            said = ("both are reached", "**one is reached**", "**neither is reached**")[missed]
            worse = case["drawdown_against_fixed"][span]["mean_frac"]
            lines.append(
                f"- {_upper(called)}, {law}: hold rate {one['hold_rate']:.2f}, within 0.05 of "
                f"0.55 on {one['hold_near_055']} of {of} seeds and of its own target of "
                f"{one['target_hold']:.2f} on {one['hold_near_target']}; "
                f"{one['fills_per_session']:.1f} fills a day, in 15-20 on "
                f"{one['fills_in_band']} of {of}; drawdown {points(worse)} against fixed "
                f"terms. Of the counts asked of practice, {said}."
            )
    asked = f"{needed['hold']} and {needed['fills']} of {needed['seeds']} seeds"
    return "\n".join([f"Asked of practice are {asked}.\n", *lines]) + "\n"


def noise(result: Result) -> str:
    """Set the policies that practised without noise beside the others, on held-out days."""
    loud, still = (result["cases"][n]["walked"]["held_out"] for n in (REGULATED, QUIET))
    figures = (("hold rate", _off_hold), ("fills a day", _off_band))
    nearer = [figure for figure, off in figures if off(loud) < off(still)]
    said = f"nearer in {' and '.join(nearer)}" if nearer else "nearer in neither"
    return (
        "- **Noise in practice.** On held-out days policies that practised without it come to "
        f"{_pair(still)}; with it to {_pair(loud)}, {said} to what is asked.\n"
    )


def price(result: Result) -> str:
    """Say what noise does to the days that were practised on."""
    case = result["cases"][REGULATED]
    loud, still = case["practice"], case["walked"]["training"]
    return (
        "- **It has a price.** Noise itself makes a policy change its mind, and the loop "
        f"counts those fills. Regulated to {loud['fills_per_session']:.1f} a day in practice, "
        f"the policies make {still['fills_per_session']:.1f} without noise on the very days "
        f"that they practised on, in 15-20 on {still['fills_in_band']} of {case['seeds']} "
        "seeds. What is in 15-20 is what practice measures, and not what an ordinary day will "
        "show.\n"
    )


def fixed(result: Result) -> str:
    """Set single seeds, and fixed terms, beside the means."""
    seeds = [row["walked"]["held_out"] for row in result["cases"][AS_RUN]["each"]]
    hold, fills = (
        sorted(one[figure] for one in seeds) for figure in ("hold_rate", "fills_per_session")
    )
    case = result["cases"][FIXED]
    there, here = case["walked"]["held_out"], case["practice"]
    return (
        f"- **Single seeds scatter.** As run they hold from {hold[0]:.2f} to {hold[-1]:.2f} on "
        f"held-out days and trade {fills[0]:.1f} to {fills[-1]:.1f} times a day. Fixed terms, "
        f"which aim at nothing, come to {_pair(there)} there ({there['hold_near_055']} and "
        f"{there['fills_in_band']} of {case['seeds']} seeds where they should be), and to "
        f"{_pair(here)} in practice ({here['hold_near_055']} and {here['fills_in_band']}).\n"
    )


def deepest(result: Result) -> str:
    """Hold the drawdowns of the validation days against what the gate allows."""
    shipped = tomllib.loads(SHIPPED.read_text("utf-8"))
    most = shipped["training_gate"]["intraday"]["max_drawdown_frac"]
    laws = (AS_RUN, REGULATED, FIXED)
    depths = {n: result["cases"][n]["walked"]["validation"]["drawdown_frac"] for n in laws}
    each = result["cases"][AS_RUN]["each"]
    over = sum(not row["walked"]["validation"]["drawdown_frac"] <= most for row in each)
    said = ", ".join(f"{100 * depth:.1f} % {name}" for name, depth in depths.items())
    return (
        "- **Drawdowns** of whole spans are those of half the equity in each of two shares. "
        f"Over the validation days the gate's `max_drawdown_frac` allows {100 * most:g} %; the "
        f"means there are {said}. As run, {over} of {len(each)} policies would be refused for "
        "that alone, and should be.\n"
    )


def _met(one: Held) -> str:
    return "met" if one.met else "**not met**"


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _pair(one: dict[str, float]) -> str:
    return f"hold rate {one['hold_rate']:.2f} and {one['fills_per_session']:.1f} fills a day"


def _off_hold(one: dict[str, float]) -> float:
    return abs(one["hold_rate"] - HOLD)


def _off_band(one: dict[str, float]) -> float:
    low, high = BAND
    return max(low - one["fills_per_session"], one["fills_per_session"] - high, 0.0)
