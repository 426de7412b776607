"""Progress for people: bars on a terminal, plain lines elsewhere, nothing on stdout."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

_PLAIN_STEPS = 4


class Bars:
    """Draws on stderr. Use as a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._rich = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._label = ""
        self._total = 0
        self._said = 0

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish()
        self._rich.stop()

    def begin(self, label: str, total: int) -> None:
        """Start a stage; the one before it is done."""
        self._finish()
        self._label, self._total, self._said = label, total, 0
        if self._console.is_terminal:
            self._task = self._rich.add_task(escape(label), total=total)
        else:
            self._say(f"{label} ...")

    def advance(self, done: int) -> None:
        """Move the bar; on plain output, say a line at each quarter of a longer stage."""
        if self._task is not None:
            self._rich.update(self._task, completed=done)
            return
        if not self._total >= _PLAIN_STEPS:
            return
        quarter = _PLAIN_STEPS * done // self._total
        if quarter > self._said:
            self._said = quarter
            self._say(f"{self._label}: {done} of {self._total}")

    def note(self, line: str) -> None:
        """Say one line that stays, above the bars."""
        self._say(line)

    def _finish(self) -> None:
        if self._task is not None:
            self._rich.update(self._task, completed=self._total)
        self._task = None

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)
