"""What a training run came to: a few lines for the terminal, and the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stairway.app.rl.folder import RlFolder
from stairway.app.rl.rules import SHIPPED
from stairway.dashboard.practice import account
from stairway.dashboard.practice.page import write_page
from stairway.dashboard.terminal import fitting, on_screen
from stairway.dashboard.words import listed
from stairway.training.journal import PracticeResult

_WIDEST = 100
_MOST_REASONS = 4
_COLUMNS = (
    ("hold rate", "hold", 0),
    ("no fill", "still", 60),
    ("trades", "fills", 0),
    ("return", "total_return", 0),
    ("fall", "drawdown", 72),
    ("won", "wins", 72),
)
"""Header, what stands under it, and the width from which there is room for it."""


def conclude(folder: RlFolder, result: PracticeResult, practice: str = SHIPPED) -> Path:
    """Leave the page of a training run beside its result; return where."""
    page = folder.root / "train.html"
    write_page(page, result, practice)
    return page


def draw(folder: RlFolder, result: PracticeResult, width: int | None = None) -> str:
    """Draw everything that ``stairway train rl`` says at its end."""
    width = fitting(width, _WIDEST)
    return on_screen(_parts(result, width), _places(folder, result), width)


def _parts(result: PracticeResult, width: int) -> Iterator[RenderableType]:
    yield Text(account.headline(result), style="bold")
    yield Text(f"{account.because(result)}.")
    yield from _reasons(result)
    yield ""
    yield from _habits(result)
    for title, rows in (
        ("Validation days, which decided care and the gate", account.rows(result)),
        ("Held-out days, which decided nothing", account.rows_held_out(result)),
    ):
        if rows:
            yield Text(title, style="bold")
            yield _table(rows, width)
            yield ""
    yield _legend()
    left_out = [name for name, _, least in _COLUMNS if width < least]
    if left_out:
        yield Text(f"No room here for {listed(left_out)}: the page has them.", style="dim")
    yield ""


def _places(folder: RlFolder, result: PracticeResult) -> Iterator[tuple[str, Path]]:
    yield "report", folder.root / "train.html"
    yield "result", folder.result
    if result.chosen_seed is not None:
        yield "policy", folder.policy if result.accepted else folder.unaccepted


def _reasons(result: PracticeResult) -> Iterator[RenderableType]:
    shown = account.judged(result)
    if shown is None or result.accepted:
        return
    missed = account.reasons(shown)
    if missed:
        which = f"{shown.seed}, the median one," if len(result.seeds) > 1 else f"{shown.seed}"
        yield Text(f"Seed {which} missed:")
    for line in missed[:_MOST_REASONS]:
        yield Padding(Text(line, style="yellow"), (0, 0, 0, 2), expand=False)
    if len(missed) > _MOST_REASONS:
        yield Padding(
            f"and {len(missed) - _MOST_REASONS} more, in the report", (0, 0, 0, 2), expand=False
        )


def _habits(result: PracticeResult) -> Iterator[RenderableType]:
    """Say how often the seeds hold and trade, what was aimed at, and what came of it later."""
    practised = account.in_training(result)
    if not practised.hold:
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    rows = (
        ("median of the seeds", "hold rate", "no fill", "trades"),
        ("in practice", *_told(practised)),
        ("aimed at", *_told(account.aimed(result))),
        ("on days never seen", *_told(account.held_out(result))),
    )
    for name in rows[0]:
        table.add_column(justify="left" if name == rows[0][0] else "right")
    for number, row in enumerate(rows):
        if any(row[1:]):
            table.add_row(*row, style="dim" if number == 0 else "")
    yield table
    yield ""


def _told(habits: account.Habits) -> tuple[str, str, str]:
    return habits.hold, habits.still, habits.fills


def _table(rows: Sequence[account.Row], width: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    shown = [(name, field) for name, field, least in _COLUMNS if width >= least]
    table.add_column("policy", overflow="fold")
    for name, _ in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row.who, *(str(getattr(row, field)) for _, field in shown))
    return table


def _legend() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    _fill(table, account.LEGEND)
    return table


def _fill(table: Table, lines: Iterable[tuple[str, str]]) -> None:
    for word, meaning in lines:
        table.add_row(Text(word, style="dim"), Text(meaning, style="dim"))
