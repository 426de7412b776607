"""The gate in a terminal of any width: the verdict first, then why, then the figures."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stairway.app.gate.report import GateReport, ModelReport
from stairway.dashboard.gate import account
from stairway.dashboard.gate.cleaning import clean, visible
from stairway.dashboard.terminal import readable
from stairway.dashboard.words import word

_MARKS = {"pass": ("✓", "green"), "refuse": ("✕", "red"), "inconclusive": ("?", "yellow")}
_NARROWEST, _WIDEST = 40, 110
_MOST_REASONS = 6
_SHOWN = ("answers", "HOLD", account.STD, account.WIDTH)


def draw(report: GateReport, width: int | None = None) -> str:
    """Draw everything that ``stairway gate`` says."""
    screen = Console()
    out = io.StringIO()
    console = Console(
        file=out,
        width=min(max(width or screen.width, _NARROWEST), _WIDEST),
        force_terminal=screen.is_terminal,
        color_system="standard" if screen.is_terminal else None,
        no_color=screen.no_color,
        highlight=False,
    )
    for part in _parts(clean(report)):
        console.print(part)
    console.print(f"again  {visible(report.command)}", soft_wrap=True, markup=False)
    trimmed = "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
    return readable(trimmed, screen.encoding)


def _parts(report: GateReport) -> Iterator[RenderableType]:
    _, colour = _MARKS[word(report.verdict)]
    yield Text(account.headline(report), style=f"bold {colour}")
    yield Text(account.scope(report))
    if times := account.times(report):
        yield Text(times)
    if report.cutover is not None:
        yield Text(account.parting(report))
    yield from (Text(f"{one.detail} ({one.code})") for one in report.missing)
    yield ""
    yield from (_model(one, report) for one in account.order(report.models))
    yield ""
    if report.cutover is not None:
        yield _changes(report)
        yield ""
    yield from (Text(line) for line in report.diagnosis)
    if report.agreement is not None:
        yield Text(f"{report.agreement.word}  {report.agreement.detail}")
    if report.rate.alert:
        yield Text(report.rate.alert, style="yellow")
    yield from (Text(f"! {warning}", style="yellow") for warning in report.warnings)
    yield from (Text(f"! {line}", style="yellow") for line in account.noticed(report))
    yield Text(report.statement, style="dim")
    yield ""


def _model(one: ModelReport, report: GateReport) -> RenderableType:
    is_open = bool(one.last_spoke) and word(one.verdict) == "pass"
    mark, colour = _MARKS["inconclusive" if is_open else word(one.verdict)]
    head = Text(f"{mark} ", style=colour).append(account.title(one), style="bold")
    if one.last_spoke:
        head.append(f"  last spoke at {one.last_spoke}", style=colour)
    reasons = account.why(one)
    lines = [Text(line) for line in reasons[:_MOST_REASONS]]
    if len(reasons) > _MOST_REASONS:
        lines.append(Text(f"and {len(reasons) - _MOST_REASONS} more, see the report"))
    lines.extend(Text(f"exactly {line}", style="yellow") for line in account.spikes(one.after))
    if design := account.design(one, report):
        lines.append(Text(design))
    lines.append(Text(account.vitals(one.after), style="dim"))
    return Group(head, *(Padding(line, (0, 0, 0, 2)) for line in lines))


def _changes(report: GateReport) -> Table:
    """Set answers, HOLD and spread of each model, before and after."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", overflow="fold")
    for name in ("before", "after", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in report.models:
        if one.before is None:
            continue
        table.add_row(Text(account.title(one), style="bold"))
        for row in account.figures(one):
            if row.what in _SHOWN:
                table.add_row(f"  {row.what}", row.before, row.after, row.change)
    return table
