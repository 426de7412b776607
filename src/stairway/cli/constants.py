"""``stairway constants``: values that models say far too often to have come by them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stairway.cli.found import printed, stoppable
from stairway.cli.gate import After, FieldMap, Source

HELP = """Find exact confidences whose mass no smooth distribution explains, ranked.

A fallback that answers 0.5, a cap at 0.75, and values that nobody thought of. A model that is
discrete by nature, calibrated in steps say, is not accused.

[bold]Examples[/bold]

  stairway constants --source bot.jsonl

  stairway constants --source "redis://localhost/0?stream=trade.intents" --json

Exit: 0 none found, 2 some found or too little to tell, 1 an error, 130 stopped by Ctrl-C.
"""


def command(
    source: Source,
    after: After = None,
    field_map: FieldMap = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> int:
    """Look for constants."""
    return stoppable(lambda: _asked(source, after, field_map, as_json=as_json))


def _asked(source: str, after: str | None, field_map: Path | None, *, as_json: bool) -> int:
    from stairway.app.gate.asked import Asked
    from stairway.app.gate.hunt import hunted

    return printed(hunted, Asked(source, after, field_map=field_map), as_json=as_json)
