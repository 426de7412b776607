"""``stairway deployed``: put a deployment on record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HELP = """Put a deployment on record, for ``stairway gate --after last-deploy``.

One line is appended to deployments.jsonl and nothing else is touched: the stream that the gate
reads stays as it is. Run it as the last step of a deployment.

[bold]Examples[/bold]

  stairway deployed --commit "$(git rev-parse --short HEAD)" --notes "cap removed"

  stairway deployed --at 2026-03-02T11:00:00Z --notes "rolled back by hand"

  Kept in another place, where the gate reads them with --after last-deploy:ops/bot.jsonl:

    stairway deployed --file ops/bot.jsonl

Exit: 0 it is on record, 1 an error.
"""


def command(
    commit: Annotated[str, typer.Option("--commit", help="What was deployed.")] = "",
    notes: Annotated[str, typer.Option("--notes", help="Why, in a few words.")] = "",
    at: Annotated[
        str | None, typer.Option("--at", help="When; with its zone. Left out: now.")
    ] = None,
    file: Annotated[Path, typer.Option("--file", help="Where deployments are kept.")] = Path(
        "deployments.jsonl"
    ),
) -> int:
    """Record a deployment."""
    from stairway.app.gate.deployments import record_now

    made = record_now(at, commit, notes, file)
    typer.echo(f"{file}: deployed {made.at}, {made.what}")
    return 0
