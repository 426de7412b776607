"""``stairway gate``: is this model still alive? Asked of anybody's stream of answers."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from stairway.base.errors import ConfigError
from stairway.cli.found import stoppable

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

  A bot that says LONG, FLAT and SHORT needs a map with an actions table: --explain-source
  prints one to fill in.

Exit: 0 it passes, 2 refused or not enough to tell (the codes say which), 1 an error, 130
stopped by Ctrl-C.
"""


class Form(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    JSON = "json"
    MD = "md"
    HTML = "html"


Source = Annotated[
    str,
    typer.Option(
        "--source", help="What to read: a Redis stream, the folder of a run, a file, or -."
    ),
]
After = Annotated[
    str | None,
    typer.Option(
        "--after",
        help="Judge from there on: an instant, last-deploy, last-deploy:FILE, systemd:UNIT or "
        "docker:CONTAINER.",
    ),
]
Policy = Annotated[
    str, typer.Option("--policy", help=r"A shipped policy, or a .toml with \[quality_gate].")
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
    as_json: Annotated[bool, typer.Option("--json", help="As --format json.")] = False,
    explain_source: Annotated[
        bool, typer.Option("--explain-source", help="Only say how SOURCE is understood.")
    ] = False,
    reports: Annotated[
        Path, typer.Option("--reports", help="Folder in which verdicts are kept.")
    ] = Path("reports/safety"),
) -> int:
    """Judge telemetry."""
    asked = (source, after, policy, field_map)
    if explain_source:
        return stoppable(lambda: _explained(asked))
    form = _form(form, as_json=as_json)
    return stoppable(lambda: _judged(asked, form, reports, wait=wait))


_Words: TypeAlias = tuple[str, str | None, str, Path | None]
"""Source, cutover, policy and field map, as they were given."""


def _explained(words: _Words) -> int:
    from stairway.app.gate.asked import Asked
    from stairway.app.gate.explain import explained

    sys.stdout.write(explained(Asked(*words)) + "\n")
    return 0


def _judged(words: _Words, form: Form, reports: Path, *, wait: bool) -> int:
    from stairway.app.gate.asked import Asked
    from stairway.app.gate.audit import keep

    report = _waited(Asked(*words)) if wait else _once(Asked(*words))
    forms = _forms(report)
    folder = keep(report, forms, reports)
    sys.stdout.write(_printed(report, forms, form))
    typer.echo(f"report {folder / 'report.html'}", err=True)
    return report.exit_code


def _form(form: Form, *, as_json: bool) -> Form:
    """Return what is printed: ``--json`` is what the other commands call ``--format json``."""
    if not as_json:
        return form
    if form not in {Form.TEXT, Form.JSON}:
        msg = f"--json and --format {form} contradict each other: leave one of them out"
        raise ConfigError(msg)
    return Form.JSON


def _once(asked: Asked) -> GateReport:
    from stairway.app.gate.once import gated
    from stairway.app.rl.compiling import said_once
    from stairway.cli.progress import Bars

    with Bars() as progress, said_once(progress.note):
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
