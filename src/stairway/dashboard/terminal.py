"""The stairs as one sees them in a terminal of any width."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stairway.dashboard.stairs import Step
from stairway.dashboard.views import RunView

if TYPE_CHECKING:
    from stairway.dashboard.conclude import Result

_MARKS = {"pass": ("+", "green"), "refuse": ("x", "red"), "inconclusive": ("?", "yellow")}
_HEIGHT = {"champion": 4, "canary": 3, "shadow": 2, "candidate": 1}


def draw(result: Result, seen: RunView, width: int | None = None) -> str:
    """Draw everything that ``stairway run`` says at its end."""
    out = io.StringIO()
    screen = Console(width=width)
    console = Console(file=out, width=width or screen.width, force_terminal=screen.is_terminal)
    console.print(Text("The stairs", style="bold"))
    for step in result.steps:
        console.print(_step(step))
    console.print()
    console.print(_accounts(result))
    for line in _events(seen, result.notes):
        console.print(line)
    console.print(f"report  {result.report}", soft_wrap=True)
    console.print(f"check   {result.replay}", soft_wrap=True)
    console.print(f"hash    {result.run_hash}", soft_wrap=True)
    return out.getvalue()


def _step(step: Step) -> Table:
    """One model: a tread as high as its stage, its name, and why it stands there."""
    mark, colour = _MARKS[step.verdict]
    tread = "▁▂▄▆█"[_HEIGHT.get(step.stage, 0)]
    row = Table.grid(padding=(0, 1))
    row.add_column(width=1)
    row.add_column(width=1)
    row.add_column(width=11, no_wrap=True)
    row.add_column(ratio=1)
    record = f"{step.trades} trades"
    if step.average_r is not None:
        record += f", {step.average_r:+.2f} R on average"
    row.add_row(
        tread,
        Text(mark, style=colour),
        Text(step.stage, style=colour),
        f"{step.model}  {record}",
    )
    for why in step.why:
        row.add_row("", "", "", Text(why, style="dim"))
    return row


def _accounts(result: Result) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column("book", no_wrap=True)
    for name in ("return", "drawdown", "trades"):
        table.add_column(name, justify="right")
    for one in result.accounts:
        table.add_row(
            one.book, f"{one.total_return:+.1%}", f"{one.max_drawdown:.1%}", str(one.trades)
        )
    return table


def _events(seen: RunView, notes: Sequence[str]) -> list[str]:
    """What happened on the stairs, one line each."""
    lines = [
        f"{_day(m.time_ns)}  {m.model}: {m.before} -> {m.after} ({m.cause})" for m in seen.moves
    ]
    return ["", *lines, *notes, ""]


def _day(time_ns: int) -> str:
    import numpy as np  # noqa: PLC0415

    return str(np.datetime64(time_ns, "ns").astype("datetime64[m]")).replace("T", " ")
