"""``stairway prove``: whether a function of a user's own can see the future."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stairway.features.usual import CUTS, LIMIT_S, SEED, WARM_UP_BARS

HELP = """Try to catch a function looking ahead, by giving it other futures of the same past.

It is called with a mapping of float64 arrays open, high, low, close, volume, and int64 time_ns
and available_ns; with --labels also labels and label_end_ns. It answers with one array, or a
mapping of names to arrays, one value for each bar.

The source is `sample`, a TOML file as `stairway run` takes it, or one CSV or Parquet file with
the columns open, high, low, close, volume and time (UTC, at which the bar was complete).

[bold]Examples[/bold]

  stairway prove features.py:make --source sample

  stairway prove mybot.features:make --source bars.parquet --json

  stairway prove features.py:encode --source bars.csv --labels labels.csv

Exit: 0 causal, 2 it looks ahead or cannot be proved, 1 an error, 130 stopped by Ctrl-C.
"""

_LEFT = "stopped; nothing was changed: start it again, or lower --limit-s"


def command(
    function: Annotated[str, typer.Argument(metavar="MODULE:FUNCTION", help="What to prove.")],
    source: Annotated[str, typer.Option(help="Bars to prove it on.")],
    labels: Annotated[
        Path | None, typer.Option(help="Table of labels and label_end_ns.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="Which instrument, of a source that has two.")
    ] = None,
    cuts: Annotated[
        int, typer.Option(min=8, max=10_000, help="Places to try each kind of future at.")
    ] = CUTS,
    seed: Annotated[int, typer.Option(min=0, help="Of the prover's chance.")] = SEED,
    warm_up: Annotated[
        int, typer.Option(min=1, max=10**6, help="Fewest bars that it must bear.")
    ] = WARM_UP_BARS,
    limit_s: Annotated[
        float, typer.Option(min=0.1, max=86_400, help="Seconds that one call may take.")
    ] = LIMIT_S,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> int:
    """Prove one function."""
    from stairway.app.proof.prove import Asked, proved
    from stairway.cli.progress import Bars
    from stairway.cli.stopping import STOPPED, Stopping

    asked = Asked(function, source, symbol, labels, cuts, seed, warm_up, limit_s)
    try:
        with Stopping(_LEFT), Bars() as progress:
            answer = proved(asked, progress)
    except KeyboardInterrupt:
        return STOPPED
    sys.stdout.write(answer.as_json() if as_json else answer.as_text())
    return answer.exit_code
