"""``stairway log``: look at a record, check it, carry it away, archive what is old."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stairway.cli import signing
from stairway.cli.asking import agreed_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stairway.app.record.stats import Stats, StreamStats

GROUP_HELP = """Look at a record, check it, carry it away, archive what is old.

LOG is the folder of a run, the folder of a log, or the URL of one: redis://..., postgresql://...
Nothing here flushes, and nothing is trimmed that is not in a verified archive.
"""
STOPPED = 130
_COLUMNS = (
    ("stream", "events", "archived", "a minute", "first", "last"),
    ("stream", "events", "archived", "last"),
    ("stream", "events", "last"),
    ("stream", "events"),
)
"""Of ``log stats``, from the widest terminal to the narrowest."""
_TAIL_HELP = """Show the newest events, decoded.

[bold]Examples[/bold]

  stairway log tail runs/sample-1

  stairway log tail runs/sample-1 --stream gate.verdict -n 5

  As JSON lines, and go on as more is recorded:

    stairway log tail runs/sample-1 --follow --json

Exit: 0 shown, 1 an error, 130 stopped by Ctrl-C.
"""
_STATS_HELP = """Count events, and say since when and how fast each stream grows.

[bold]Examples[/bold]

  stairway log stats runs/sample-1

  stairway log stats runs/sample-1 --json

Exit: 0 shown, 1 an error.
"""
_GROUPS_HELP = """Show who consumes a log, how far each group has come, and its dead letters.

A dead letter is an event that failed as often as its group allows. --again gives it back to \
the group, with all its tries; --settle lays it aside once you have seen to it.

[bold]Examples[/bold]

  stairway log groups runs/sample-1

  stairway log groups runs/sample-1 --again desk fill 7

  stairway log groups runs/sample-1 --settle desk fill 7

Exit: 0 shown, 1 an error or not agreed to.
"""
_VERIFY_HELP = """Check every event against its checksum, its chain and the high-water mark.

[bold]Examples[/bold]

  stairway log verify runs/sample-1

Exit: 0 intact, 2 damaged (stream, position and cause are named), 1 an error.
"""
_ARCHIVE_HELP = """Move old events into Parquet files; reading goes on as before.

An event stays in the database while it is among the newest --keep-events, or younger than \
--keep-days, or not yet handled by every consumer group. It is trimmed only once its file is \
written, synced and read back. A server is trimmed as a user who may: its address names him, \
and the folder that the files go to.

[bold]Examples[/bold]

  stairway log archive runs/sample-1 --dry-run

  stairway log archive runs/sample-1 --keep-days 7 --yes

  As the archiver of a log in Redis:

    URL="redis://archiver:PW@HOST/0?log=NAME&archive=FOLDER"

    stairway log archive "$URL" --dry-run

Exit: 0 archived or nothing to archive, 1 an error or not agreed to, 130 stopped by Ctrl-C.
"""
_EXPORT_HELP = """Write events, decoded, to a file: .jsonl or .parquet.

[bold]Examples[/bold]

  stairway log export runs/sample-1 events.jsonl

  stairway log export runs/sample-1 x.parquet --stream order

Of a damaged log it saves what is whole, and says where each stream ends.

Exit: 0 written, 2 written and the log is damaged, 1 an error, 130 stopped by Ctrl-C.
"""
group = typer.Typer(name="log", help=GROUP_HELP, no_args_is_help=False)
LogName = Annotated[
    str, typer.Argument(metavar="LOG", help="Folder of a run or a log, or a URL.")
]
Streams = Annotated[
    list[str] | None, typer.Option("--stream", help="Only this stream; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@group.callback()
def _log() -> None:
    """Look at a record."""


@group.command("tail", help=_TAIL_HELP)
def tail(
    log: LogName,
    stream: Streams = None,
    count: Annotated[int, typer.Option("-n", min=0, max=1_000_000, help="How many.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on for ever.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> int:
    """Show the newest events."""
    from contextlib import closing
    from itertools import chain
    from shutil import get_terminal_size

    from stairway.app.record import entries
    from stairway.app.record.place import find, opened
    from stairway.app.record.stats import unseen

    place = find(log)
    # Into a file or a program whole lines, unless COLUMNS says how wide they may be.
    width = get_terminal_size((sys.maxsize, 24)).columns
    with closing(opened(place)) as record, entries.waiting(place, record) as wait:
        wanted = entries.streams_named(record, stream or ())
        # Taken once, before anything is shown: what comes meanwhile is what follows.
        ends = entries.heads(record, wanted)
        floors = unseen(place, wanted)
        newest = entries.newest(record, ends, count, floors)
        missing = entries.left_out(newest, ends, count, floors)
        if missing is not None:
            typer.echo(f"stairway: {missing}", err=True)
        rest = entries.from_now_on(record, stream or (), wait, ends) if follow else iter(())
        try:
            for envelope in chain(newest, rest):
                said = entries.entry(envelope)
                sys.stdout.write((said.as_json() if as_json else said.as_text(width)) + "\n")
                sys.stdout.flush()
        except KeyboardInterrupt:
            return STOPPED
    return 0


@group.command("stats", help=_STATS_HELP)
def stats(log: LogName, as_json: AsJson = False) -> int:
    """Measure a log."""
    from contextlib import closing

    from stairway.app.record.place import find, opened
    from stairway.app.record.stats import stats as measure

    place = find(log)
    with closing(opened(place)) as record:
        found = measure(place, record)
    if as_json:
        sys.stdout.write(found.as_json())
    else:
        _draw(found)
    return 0


def _draw(found: Stats) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    rows = [_cells(one) for one in found.streams]
    for name in _fitting(rows, console.width):
        justify = "left" if name in {"stream", "first", "last"} else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    for cells in rows:
        table.add_row(*(cells[str(column.header)] for column in table.columns))
    console.print(table)
    console.print(f"{found.events:,} events in {found.log}", soft_wrap=True)
    sizes = (f"{name} {size / 1e6:.1f} MB" for name, size in found.files.items())
    for line in _packed(sizes, console.width):
        console.print(line, soft_wrap=True)


def _cells(one: StreamStats) -> dict[str, str]:
    return {
        "stream": one.stream,
        "events": f"{one.events:,}",
        "archived": f"{one.archived:,}",
        "a minute": "" if one.per_minute is None else f"{one.per_minute:,.1f}",
        "first": one.first[:19],
        "last": one.last[:19],
    }


def _fitting(rows: Sequence[dict[str, str]], width: int) -> tuple[str, ...]:
    """Choose the columns that fit whole: a figure that is cut is none."""
    for names in _COLUMNS:
        widths = [max([len(name), *(len(cells[name]) for cells in rows)]) for name in names]
        if sum(widths) + 2 * (len(names) - 1) <= width:
            return names
    return _COLUMNS[-1]


def _packed(words: Iterable[str], width: int) -> list[str]:
    """Put as many on a line as fit; none is broken."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 2 + len(word) <= width:
            lines[-1] += f"  {word}"
        else:
            lines.append(word)
    return lines


@group.command("groups", help=_GROUPS_HELP)
def groups(
    log: LogName,
    again: Annotated[
        tuple[str, str, int] | None,
        typer.Option(metavar="GROUP STREAM POSITION", help="Give a dead letter back."),
    ] = None,
    settle: Annotated[
        tuple[str, str, int] | None,
        typer.Option(metavar="GROUP STREAM POSITION", help="Lay a dead letter aside."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show who consumes a log."""
    from stairway.app.record.consumers import consumers, give_again
    from stairway.app.record.consumers import settle as lay_aside
    from stairway.app.record.place import find

    place = find(log)
    if again is not None and settle is not None:
        msg = "say either --again or --settle"
        raise typer.BadParameter(msg)
    if again is not None:
        if not (yes or agreed_to(f"give {again[1]} #{again[2]} back to {again[0]}?")):
            return 1
        give_again(place, *again)
    elif settle is not None:
        if not (yes or agreed_to(f"lay {settle[1]} #{settle[2]} of {settle[0]} aside?")):
            return 1
        lay_aside(place, *settle)
    answer = consumers(place)
    sys.stdout.write(answer.as_json() if as_json else answer.as_text())
    return 0


@group.command("verify", help=_VERIFY_HELP)
def verify(log: LogName, as_json: AsJson = False) -> int:
    """Check every event."""
    from stairway.app.record.check import check
    from stairway.app.record.place import find
    from stairway.cli.progress import Bars

    try:
        with Bars() as progress:
            answer = check(find(log), progress)
    except KeyboardInterrupt:
        typer.echo("stairway: stopped; a check changes nothing", err=True)
        return STOPPED
    sys.stdout.write(answer.as_json() if as_json else answer.as_text())
    return answer.exit_code


@group.command("archive", help=_ARCHIVE_HELP)
def archive(
    log: LogName,
    keep_events: Annotated[
        int, typer.Option(min=1, help="Newest events of a stream that stay.")
    ] = 10_000,
    keep_days: Annotated[
        float, typer.Option(min=0, max=36_525, help="Younger events stay too.")
    ] = 7.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be moved.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Archive, then trim."""
    from stairway.adapters.journal.archiver import RetentionRules
    from stairway.app.record.place import find
    from stairway.app.record.retention import move, would_move
    from stairway.cli.progress import Bars

    place = find(log)
    rules = RetentionRules(keep_events=keep_events, keep_days=keep_days)
    answer = would_move(place, rules)
    if answer.events and not dry_run:
        if not (yes or _agreed(answer.as_text())):
            return 1
        try:
            with Bars() as progress:
                answer = move(place, rules, progress)
        except KeyboardInterrupt:
            typer.echo("stairway: stopped; what was not archived was not trimmed", err=True)
            return STOPPED
    sys.stdout.write(answer.as_json() if as_json else answer.as_text())
    return 0


def _agreed(what: str) -> bool:
    typer.echo(what, err=True, nl=False)
    return agreed_to("archive these, and trim what was archived?")


@group.command("export", help=_EXPORT_HELP)
def export(
    log: LogName,
    file: Annotated[Path, typer.Argument(help="File to write; must not exist.")],
    stream: Streams = None,
    as_json: AsJson = False,
) -> int:
    """Carry events away."""
    from stairway.app.record.export import export as carry
    from stairway.app.record.place import find
    from stairway.cli.progress import Bars

    try:
        with Bars() as progress:
            answer = carry(find(log), file, stream or (), progress)
    except KeyboardInterrupt:
        typer.echo(f"stairway: stopped; {file} was not made", err=True)
        return STOPPED
    sys.stdout.write(answer.as_json() if as_json else answer.as_text())
    return answer.exit_code


group.command("key", help=signing.KEY_HELP)(signing.key)
group.command("sign", help=signing.SIGN_HELP)(signing.sign)
group.command("attest", help=signing.ATTEST_HELP)(signing.attest)
