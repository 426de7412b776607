"""What a training run came to: a few lines for the terminal, and the page."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stairway.app.rl.folder import RlFolder
from stairway.dashboard.practice import account
from stairway.dashboard.practice.page import write_page
from stairway.dashboard.terminal import readable
from stairway.training.journal import PracticeResult

_NARROWEST, _WIDEST = 40, 100
_ROOMY = 72
_MOST_REASONS = 4


def conclude(folder: RlFolder, result: PracticeResult) -> Path:
    """Leave the page of a training run beside its result; return where."""
    page = folder.root / "train.html"
    write_page(page, result)
    return page


def draw(folder: RlFolder, result: PracticeResult, width: int | None = None) -> str:
    """Draw everything that ``stairway train rl`` says at its end."""
    screen = Console()
    width = min(max(width or screen.width, _NARROWEST), _WIDEST)
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=screen.is_terminal,
        color_system="standard" if screen.is_terminal else None,
        no_color=screen.no_color,
        highlight=False,
    )
    for part in _parts(result, width):
        console.print(part)
    for name, where in (("report", folder.root / "train.html"), ("result", folder.result)):
        console.print(f"{name:<8}{where}", soft_wrap=True, markup=False)
    return readable(out.getvalue(), screen.encoding)


def _parts(result: PracticeResult, width: int) -> Iterator[RenderableType]:
    yield Text(account.headline(result), style="bold")
    yield Text(f"{account.because(result)}.")
    yield from _reasons(result)
    yield ""
    hold, fills = account.in_training(result)
    if hold:
        unseen = account.held_out(result)
        yield Text(f"In training, median of the seeds: hold rate {hold}, {fills} trades a day.")
        if unseen[0]:
            yield Text(f"On days never seen: hold rate {unseen[0]}, {unseen[1]} trades a day.")
        yield ""
    for title, rows in (
        ("Validation days, which decided what was kept", account.rows(result)),
        ("Held-out days, which decided nothing", account.rows_held_out(result)),
    ):
        if rows:
            yield Text(title, style="bold")
            yield _table(rows, wide=width >= _ROOMY)
            yield ""


def _reasons(result: PracticeResult) -> Iterator[RenderableType]:
    shown = account.judged(result)
    if shown is None or result.accepted:
        return
    missed = account.reasons(shown)
    for line in missed[:_MOST_REASONS]:
        yield Padding(Text(line, style="yellow"), (0, 0, 0, 2), expand=False)
    if len(missed) > _MOST_REASONS:
        yield Padding(
            f"and {len(missed) - _MOST_REASONS} more, in the report", (0, 0, 0, 2), expand=False
        )


def _table(rows: Sequence[account.Row], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("policy", overflow="fold")
    for name in ("hold", "trades/day", "return", *(("fall", "won") if wide else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        more = (row.drawdown, row.wins) if wide else ()
        table.add_row(row.who, row.hold, row.fills, row.total_return, *more)
    return table
