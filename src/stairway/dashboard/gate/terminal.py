"""The gate in a terminal of any width: the verdict first, then why, then the figures."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from typing import Any, cast

import msgspec
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stairway.app.gate.report import GateReport, ModelReport
from stairway.dashboard.gate import account
from stairway.dashboard.terminal import readable
from stairway.dashboard.words import count, word

_MARKS = {"pass": ("✓", "green"), "refuse": ("✕", "red"), "inconclusive": ("?", "yellow")}
_NARROWEST, _WIDEST = 40, 110
_MOST_REASONS = 6
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp"})


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
    for part in _parts(_clean(report)):
        console.print(part)
    console.print(f"again  {visible(report.command)}", soft_wrap=True, markup=False)
    trimmed = "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
    return readable(trimmed, screen.encoding)


def visible(text: str) -> str:
    r"""Write control characters out: a name must not move the cursor or take a colour.

    Examples
    --------
    >>> print(visible(chr(27) + "[31mred"))
    \x1b[31mred
    """
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _HIDDEN else c
        for c in text
    )


def _clean(report: GateReport) -> GateReport:
    """Return the same report with every text made visible."""
    plain = msgspec.to_builtins(report)
    return msgspec.convert(_cleaned(plain), GateReport)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        named = cast("dict[Any, Any]", value)
        return {_cleaned(key): _cleaned(one) for key, one in named.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in cast("list[Any]", value)]
    return value


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
    mark, colour = _MARKS[word(one.verdict)]
    head = Text(f"{mark} ", style=colour).append(account.title(one), style="bold")
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
    table.add_column("before > after", overflow="fold")
    for name in ("answers", "HOLD", "std"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in report.models:
        if one.before is None:
            continue
        table.add_row(Text(account.title(one)), *_pairs(one))
    return table


def _pairs(one: ModelReport) -> Iterator[str]:
    before, after = one.before, one.after
    assert before is not None  # noqa: S101 - asked for models of both sides only
    yield f"{count(before.counted.events)} > {count(after.counted.events)}"
    for was, now in ((before.hold_frac, after.hold_frac), (before.std, after.std)):
        texts = ["none" if v is None else f"{v:.2f}" for v in (was, now)]
        yield " > ".join(texts)
