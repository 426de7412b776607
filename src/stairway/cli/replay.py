"""``stairway replay``: fold the record again and compare every decision."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stairway.app.progress import Progress
    from stairway.app.shadow import Shadowed

STOPPED = 130
HELP = """Fold the log of a run again and compare every decision with the record, hash for hash.

The models and the venue are replaced by what they were recorded to have said, so no model
is needed and nothing is written.

With --shadow, models answer again and the venue fills again, from the recorded bars and seeds.

[bold]Examples[/bold]

  stairway replay runs/sample-1

  stairway replay runs/sample-1 --json

  stairway replay runs/sample-1 --shadow

  One model only, by the beginning of its digest:

    stairway replay runs/sample-1 --shadow --model 51a374c2

Exit: 0 identical, 2 something differs or the run is not finished, 1 an error,
130 stopped by Ctrl-C.
"""


def command(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Ask the models and fill the orders anew.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="With --shadow: judge this model only.")
    ] = None,
    models: Annotated[
        Path | None, typer.Option(help="With --shadow: the models that the run was given.")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(help="With --shadow: public key of --models.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> int:
    """Replay one run."""
    from stairway.app.replay import replay
    from stairway.cli.progress import Bars

    if not shadow:
        _require_shadow(model, models, trust)
    try:
        with Bars() as progress:
            answer = (
                _shadowed((run, models, trust), model, progress)
                if shadow
                else replay(run, progress)
            )
    except KeyboardInterrupt:
        typer.echo("stairway: stopped; a replay changes nothing", err=True)
        return STOPPED
    sys.stdout.write(answer.as_json() if as_json else answer.as_text())
    return answer.exit_code


def _require_shadow(*given: object) -> None:
    from stairway.base.errors import ConfigError

    if any(one is not None for one in given):
        msg = "--model, --models and --trust belong to --shadow; a plain replay asks no model"
        raise ConfigError(msg)


def _shadowed(
    where: tuple[Path, Path | None, Path | None], model: str | None, progress: Progress
) -> Shadowed:
    from stairway.app.request import resumed
    from stairway.app.shadow import shadow_run

    return shadow_run(resumed(*where), model, progress)
