"""``train.html``: what a training run showed, in one file that asks nobody for more.

The verdict comes first, then what the seeds learned, then what that was worth on days that
no training saw, beside the reference they all started from.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from markupsafe import Markup

from stairway.app.folder import write_whole
from stairway.dashboard import words
from stairway.dashboard.figures.plain import Figure
from stairway.dashboard.practice import account, curves
from stairway.dashboard.report import environment, plotly_script
from stairway.training.journal import PracticeResult, SeedCycle

_MOST_REASONS = 5


def write_page(path: Path, result: PracticeResult) -> None:
    """Write the page of a training run, whole or not at all.

    Raises
    ------
    ConfigError
        If there is no room or no permission, or Plotly is not installed.
    """
    write_whole(path, page(result, path.parent).encode())


def page(result: PracticeResult, root: Path) -> str:
    """Set the whole page."""
    shown, said = account.judged(result), account.gate(result)
    return (
        environment()
        .get_template("train.html.j2")
        .render(
            result=result,
            root=str(root),
            run=root.name,
            again=again(result),
            headline=account.headline(result),
            because=account.because(result),
            verdict="inconclusive" if said is None else words.word(said.gate),
            reasons=() if shown is None else account.reasons(shown),
            most=_MOST_REASONS,
            trained=account.in_training(result),
            unseen=account.held_out(result),
            shown=shown,
            bars=() if shown is None else account.bars(shown.criteria),
            weathers=() if shown is None else _weathers(shown),
            rows=account.rows(result),
            rows_held_out=account.rows_held_out(result),
            cycles=[(c, words.word(c.gate), account.cycle_line(c)) for c in result.cycles],
            figures=_figures(result),
            mixes=_mixes(result, shown),
            named=frozenset(result.symbols),
            plotly=Markup(plotly_script()),  # noqa: S704 - a file of the installed wheel
        )
    )


def again(result: PracticeResult) -> str:
    """Say the command that does the same training again."""
    seeds = str(len(result.seeds))
    said = ["stairway", "train", "rl", "--source", result.source, "--policy"]
    return shlex.join([*said, result.policy_name, "--seeds", seeds])


def _weathers(shown: SeedCycle) -> tuple[account.Weather, ...]:
    said = {one.episodes.scenario: words.word(one.verdict) for one in shown.scenarios}
    return account.weathers(shown.scenarios, said)


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
        drawn["divergence"] = curves.divergence(result)
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
