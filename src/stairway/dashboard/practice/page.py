"""``train.html``: what a training run showed, in one file that asks nobody for more.

The verdict comes first, then what the seeds learned, then what that was worth on days that
no training saw, beside the reference they all started from.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from stairway.app.folder import write_whole
from stairway.app.rl.rules import SHIPPED
from stairway.base.verdict import Pass
from stairway.dashboard import words
from stairway.dashboard.figures.plain import Figure
from stairway.dashboard.practice import account, bounds, curves, drift
from stairway.dashboard.report import environment, plotly_script
from stairway.training.journal import CycleReport, Decision, PracticeResult, SeedCycle

_MOST_REASONS = 5


class Judged(NamedTuple):
    """One cycle, as the page tells it."""

    number: int
    kept: bool
    word: str
    line: str
    seeds: tuple[tuple[str, str, tuple[str, ...]], ...]


def write_page(path: Path, result: PracticeResult, practice: str = SHIPPED) -> None:
    """Write the page of a training run, whole or not at all.

    ``practice`` is the file with its settings, as it was named.

    Raises
    ------
    ConfigError
        If there is no room or no permission, or Plotly is not installed.
    """
    write_whole(path, page(result, path.parent, practice).encode())


def page(result: PracticeResult, root: Path, practice: str = SHIPPED) -> str:
    """Set the whole page."""
    shown, said = account.judged(result), account.gate(result)
    return (
        environment()
        .get_template("train.html.j2")
        .render(
            result=result,
            root=str(root),
            run=root.name,
            again=again(result, practice),
            headline=account.headline(result),
            because=account.because(result),
            verdict="inconclusive" if said is None else words.word(said.gate),
            reasons=() if shown is None else _unbroken(account.reasons(shown)),
            most=_MOST_REASONS,
            trained=account.in_training(result),
            of_seeds=len(account.last_cycles(result)),
            aimed=account.aimed(result),
            unseen=account.held_out(result),
            legend=(account.STEPS, *account.LEGEND),
            shown=shown,
            bounds=() if shown is None else bounds.of_the_span(shown.criteria),
            weathers=() if shown is None else _weathers(shown),
            rows=account.rows(result),
            rows_held_out=account.rows_held_out(result),
            rows_likeliest=account.rows_likeliest(result),
            cycles=_cycles(result),
            strayed=drift.strayed(result.seed_cycles),
            figures=_figures(result),
            mixes=_mixes(result, shown),
            named=frozenset(result.symbols),
            plotly=Markup(plotly_script()),  # noqa: S704 - a file of the installed wheel
        )
    )


def again(result: PracticeResult, practice: str = SHIPPED) -> str:
    """Say the command that does the same training again."""
    said = ["stairway", "train", "rl", "--source", result.source]
    said += ["--policy", result.policy_name, "--seeds", str(len(result.seeds))]
    if practice != SHIPPED:
        said += ["--practice", practice]
    if min(result.seeds) != 1:
        said += ["--seed", str(min(result.seeds))]
    return shlex.join(said)


def _weathers(shown: SeedCycle) -> tuple[bounds.Weather, ...]:
    said = {one.episodes.scenario: words.word(one.verdict) for one in shown.scenarios}
    return bounds.weathers(shown.scenarios, shown.criteria, said)


def _unbroken(lines: Iterable[str]) -> tuple[str, ...]:
    """Keep a figure and its unit on one line."""
    return tuple(line.replace(" %", "\N{NO-BREAK SPACE}%") for line in lines)


def _cycles(result: PracticeResult) -> tuple[Judged, ...]:
    """Say of each cycle what was decided, and what its median and its worst seed missed."""
    return tuple(
        Judged(
            number=cycle.cycle,
            kept=cycle.decision == Decision.KEEP,
            word=words.word(cycle.gate),
            line=account.cycle_line(cycle),
            seeds=tuple(
                (f"{which} seed {one.seed}", bounds.tally(one.criteria), _missed(one))
                for which, seed in _standing(cycle)
                for one in result.seed_cycles
                if (one.seed, one.cycle) == (seed, cycle.cycle)
            ),
        )
        for cycle in result.cycles
    )


def _standing(cycle: CycleReport) -> tuple[tuple[str, int], ...]:
    """Say which seeds stood for a cycle; one that was both, once."""
    if cycle.median_seed == cycle.worst_seed:
        return (("median and worst", cycle.median_seed),)
    return (("median", cycle.median_seed), ("worst", cycle.worst_seed))


def _missed(one: SeedCycle) -> tuple[str, ...]:
    """Say which bounds a seed missed, and whether it diverged."""
    far = one.divergence.verdict
    strayed = () if isinstance(far, Pass) else tuple(words.sentence(f) for f in far.findings)
    return (*bounds.missed(one.criteria), *strayed)


def _figures(result: PracticeResult) -> dict[str, Figure]:
    """Every figure that there is something to draw in, by its place on the page."""
    drawn: dict[str, Figure] = {}
    if result.rollouts:
        drawn |= {
            "hold": curves.hold_rate(result),
            "fills": curves.fills(result),
            "reward": curves.reward(result),
            "steering": curves.steering(result),
        }
    if result.seed_cycles:
        drawn |= {
            "divergence": curves.divergence(result),
            "answers": curves.answers(result),
        }
    if result.held_out:
        reference = None if result.gold is None else result.gold.held_out
        drawn["equity"] = curves.held_out_equity(result.held_out, reference)
    return drawn


def _mixes(result: PracticeResult, shown: SeedCycle | None) -> tuple[tuple[str, Figure], ...]:
    gold = () if result.gold is None else (("reference", result.gold.validation),)
    mine = () if shown is None else ((f"seed {shown.seed}", shown.validation),)
    return tuple(
        (who, curves.action_mix(walked.action_share, result.symbols))
        for who, walked in (*gold, *mine)
    )
