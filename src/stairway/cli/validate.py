"""``stairway validate``: what a sceptic asks of an edge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stairway.features.usual import LIMIT_S, SEED

if TYPE_CHECKING:
    from stairway.app.validate.asked import Asked

HELP = """Ask of a back-test what a sceptic would, in that order.

Could it see the future? Do the splits touch? Is it better than chance, than the best of so many
tries, than the baseline, than what is in charge? Are its probabilities honest? And after costs?

TARGET is a table of returns after costs, CSV or Parquet, with a time and one column for each
configuration that was tried, or the folder of a run. What is not given is not shown, and what
is not shown never passes.

[bold]Examples[/bold]

  stairway validate returns.csv --periods-per-year 252 --trials 40

  stairway validate returns.csv --periods-per-year 252 --chosen b --baseline rule --out proof

  stairway validate runs/one --model lightgbm --out proof

Exit: 0 every answer is a pass, 2 one is refused or open, 1 an error, 130 stopped by Ctrl-C.
"""

_LEFT = "stopped; nothing was changed: start it again"


Target = Annotated[Path, typer.Argument(metavar="TARGET", help="Returns, or a run.")]
Chosen = Annotated[
    str | None, typer.Option(help="Column to prove; the first where it is not said.")
]
PerYear = Annotated[
    float | None, typer.Option(help="Rows of a year, such as 252. Never guessed.")
]
Trials = Annotated[
    int | None, typer.Option(min=1, help="Configurations tried in all; the columns at least.")
]
Baseline = Annotated[str | None, typer.Option(help="Column of the static rule.")]
Champion = Annotated[str | None, typer.Option(help="Column of what is in charge now.")]
Gross = Annotated[str | None, typer.Option(help="Column of the chosen one before costs.")]
Cost = Annotated[
    list[str] | None,
    typer.Option(help="Column of costs, a fraction of wealth; may be said again."),
]
Position = Annotated[str | None, typer.Option(help="Column of what was held over each row.")]
Market = Annotated[str | None, typer.Option(help="Column of what the market did in each row.")]
Probabilities = Annotated[
    Path | None, typer.Option(help="Table of probability, outcome; also regime, start, end.")
]
Function = Annotated[
    str | None, typer.Option(metavar="MODULE:FUNCTION", help="What makes the features.")
]
Study = Annotated[
    str | None, typer.Option(metavar="MODULE:OBJECT", help="Everything from bars to profit.")
]
OnBars = Annotated[
    str | None, typer.Option(help="Bars to try these on, as for stairway prove.")
]
Model = Annotated[
    str | None, typer.Option(help="Of a run: one candidate; all where it is not said.")
]
Policy = Annotated[
    str | None, typer.Option(help="Bounds: a shipped policy or a file. A run has its own.")
]
Limit = Annotated[
    float,
    typer.Option(min=0.1, max=86_400, help="Seconds that one step of your code may take."),
]
Seed = Annotated[int, typer.Option(min=0, help="Of all that is drawn.")]
Out = Annotated[Path | None, typer.Option(help="Folder for proof.html and proof.json.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


def command(
    target: Target,
    chosen: Chosen = None,
    periods_per_year: PerYear = None,
    trials: Trials = None,
    baseline: Baseline = None,
    champion: Champion = None,
    gross: Gross = None,
    cost: Cost = None,
    position: Position = None,
    market: Market = None,
    probabilities: Probabilities = None,
    function: Function = None,
    study: Study = None,
    bars: OnBars = None,
    model: Model = None,
    policy: Policy = None,
    limit_s: Limit = LIMIT_S,
    seed: Seed = SEED,
    out: Out = None,
    as_json: AsJson = False,
) -> int:
    """Prove an edge, or say what is missing."""
    from stairway.app.validate.asked import Asked

    asked = Asked(
        target=target,
        policy=policy,
        seed=seed,
        chosen=chosen,
        baseline=baseline,
        champion=champion,
        costs=tuple(cost or ()),
        gross=gross,
        position=position,
        market=market,
        probabilities=probabilities,
        periods_per_year=periods_per_year,
        n_trials=trials,
        function=function,
        study=study,
        bars=bars,
        model=model,
        limit_s=limit_s,
    )
    return _answered(asked, out, as_json=as_json)


def _answered(asked: Asked, out: Path | None, *, as_json: bool) -> int:
    from stairway.app.validate.place import require_place
    from stairway.app.validate.validated import validated
    from stairway.cli.progress import Bars
    from stairway.cli.stopping import STOPPED, Stopping

    try:
        with Stopping(_LEFT), Bars() as progress:
            if out is not None:
                require_place(out)
            report = validated(asked, progress)
            if out is not None:
                from stairway.dashboard.proof.page import write_proof

                write_proof(out, report)
    except KeyboardInterrupt:
        return STOPPED
    sys.stdout.write(report.as_json() if as_json else report.as_text())
    if out is not None:
        typer.echo(f"proof {out / 'proof.html'}", err=True)
    return report.exit_code
