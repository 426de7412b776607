"""``stairway replay``: fold the record again and compare every decision."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

STOPPED = 130
HELP = """Fold the log of a run again and compare every decision with the record, hash for hash.

The models and the venue are replaced by what they were recorded to have said, so no model
is needed and nothing is written.

[bold]Examples[/bold]

  stairway replay runs/sample-1

  stairway replay runs/sample-1 --json

Exit: 0 identical, 2 something differs or the run is not finished, 1 an error,
130 stopped by Ctrl-C.
"""


def command(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> int:
    """Replay one run."""
    from stairway.app import kernelcache

    kernelcache.prepare()
    from stairway.app.replay import replay
    from stairway.cli.progress import Bars

    try:
        with Bars() as progress:
            answer = replay(run, progress)
    except KeyboardInterrupt:
        typer.echo("stairway: stopped; a replay changes nothing", err=True)
        return STOPPED
    sys.stdout.write(answer.as_json() if as_json else answer.as_text())
    return answer.exit_code
