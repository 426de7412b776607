"""``stairway gate``: is this model still alive? Asked of anybody's stream of answers."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stairway.cli.found import LEFT_ALONE
from stairway.cli.stopping import STOPPED

if TYPE_CHECKING:
    from stairway.app.gate.asked import Asked
    from stairway.app.gate.report import GateReport

HELP = """Say whether models still answer as if alive, from what they said.

SOURCE is read and never written: redis://HOST:PORT/DB?stream=KEY, the folder of a run, a file
(.jsonl .csv .parquet, .gz and .zst too), or - for standard input. Every verdict is kept under
reports/safety, with the hash of what was read.

[bold]Examples[/bold]

  stairway gate --source bot.jsonl

  Only what came after a change, and wait until that is enough:

    stairway gate --source "redis://localhost/0?stream=trade.intents" --after systemd:bot --wait

  What would be read from a foreign layout:

    stairway gate --source log.csv.gz --field-map map.toml --explain-source

Exit: 0 it passes, 2 refused or not enough to tell (the codes say which), 1 an error, 130
stopped by Ctrl-C.
"""


class Form(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    JSON = "json"
    MD = "md"
    HTML = "html"


Source = Annotated[str, typer.Option("--source", help="What to read; see above.")]
After = Annotated[
    str | None,
    typer.Option(
        "--after",
        help="Judge from there on: an instant, last-deploy, systemd:UNIT or docker:CONTAINER.",
    ),
]
Policy = Annotated[
    str, typer.Option("--policy", help="A shipped policy, or a .toml with [quality_gate].")
]
FieldMap = Annotated[
    Path | None, typer.Option("--field-map", help="TOML that says which field means what.")
]


def command(
    source: Source,
    after: After = None,
    policy: Policy = "intraday",
    field_map: FieldMap = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Go on until there is enough to tell.")
    ] = False,
    form: Annotated[Form, typer.Option("--format", help="What to print.")] = Form.TEXT,
    explain_source: Annotated[
        bool, typer.Option("--explain-source", help="Only say how SOURCE is understood.")
    ] = False,
    reports: Annotated[
        Path, typer.Option("--reports", help="Folder in which verdicts are kept.")
    ] = Path("reports/safety"),
) -> int:
    """Judge telemetry."""
    from stairway.app.gate.asked import Asked
    from stairway.app.gate.audit import keep
    from stairway.app.gate.explain import explained

    asked = Asked(source=source, after=after, policy=policy, field_map=field_map)
    if explain_source:
        sys.stdout.write(explained(asked) + "\n")
        return 0
    try:
        report = _waited(asked) if wait else _once(asked)
    except KeyboardInterrupt:
        typer.echo(LEFT_ALONE, err=True)
        return STOPPED
    forms = _forms(report)
    folder = keep(report, forms, reports)
    sys.stdout.write(_printed(report, forms, form))
    typer.echo(f"report {folder / 'report.html'}", err=True)
    return report.exit_code


def _once(asked: Asked) -> GateReport:
    from stairway.app.gate.once import gated
    from stairway.cli.progress import Bars

    with Bars() as progress:
        return gated(asked, progress)


def _waited(asked: Asked) -> GateReport:
    from stairway.app.gate.wait import waited
    from stairway.cli.waiting import Waiting

    with Waiting() as line:
        return waited(asked, line)


def _forms(report: GateReport) -> dict[str, str]:
    from stairway.dashboard.gate import markdown, page

    return {
        "report.json": report.as_json(),
        "report.md": markdown.draw(report),
        "report.html": page.page(report),
    }


def _printed(report: GateReport, forms: dict[str, str], form: Form) -> str:
    from stairway.dashboard.gate import terminal

    if form is Form.TEXT:
        return terminal.draw(report)
    return forms[f"report.{form}"]
