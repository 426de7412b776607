"""``stairway diagnose``: where on its way confidence dies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stairway.cli.found import printed, stoppable
from stairway.cli.gate import After, FieldMap, Source

HELP = """Follow confidence from raw score to final intent, and name where its variance dies.

Stage, member and value are named, with the share, the count, the first and last time, and the
reason codes and instruments that travel with it.

[bold]Examples[/bold]

  stairway diagnose --source bot.jsonl

  stairway diagnose --source runs/sample-1 --json

Exit: 0 it is alive at every stage and every value was computed, 2 it dies, a value was not
computed or there is too little to tell, 1 an error, 130 stopped by Ctrl-C.
"""


def command(
    source: Source,
    after: After = None,
    field_map: FieldMap = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> int:
    """Follow confidence."""
    return stoppable(lambda: _asked(source, after, field_map, as_json=as_json))


def _asked(source: str, after: str | None, field_map: Path | None, *, as_json: bool) -> int:
    from stairway.app.gate.asked import Asked
    from stairway.app.gate.follow import followed

    return printed(followed, Asked(source, after, field_map=field_map), as_json=as_json)
