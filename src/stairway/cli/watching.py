"""A training run watched: a live board on a terminal, plain lines elsewhere; all on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from stairway.cli.stopping import say
from stairway.dashboard.practice.account import cycle_line
from stairway.dashboard.practice.live import Board, line
from stairway.training.journal import CycleReport, SeedCycle
from stairway.training.measured import Rollout

_A_SECOND = 8
_QUARTERS, _LONG = 4, 40


class Watching:
    """An ear that draws. Use as a context manager."""

    def __init__(self, seeds: Sequence[int], before: int = 0) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._board = Board(seeds, before)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._label, self._total, self._quarter = "beginning", 0, 0
        self._task = self._bar.add_task(self._label, total=None)
        self._last = ""
        self._live = Live(
            console=self._console,
            get_renderable=self._drawn,
            refresh_per_second=_A_SECOND,
        )
        self._shown = self._console.is_terminal

    def __enter__(self) -> Self:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._live.stop()

    def begin(self, label: str, total: int) -> None:
        """Show a new stage; one that is shown already is not begun again."""
        if (label, total) == (self._label, self._total):
            return
        self._label, self._total, self._quarter = label, total, 0
        self._bar.reset(self._task, description=label, total=total)
        self._say(f"{label} ...")

    def advance(self, done: int) -> None:
        """Move the bar; where there is none, say a line at each quarter of a long stage."""
        self._bar.update(self._task, completed=done)
        if not self._total >= _LONG:
            return
        quarter = _QUARTERS * done // self._total
        if self._quarter < quarter < _QUARTERS:
            self._say(f"{self._label}: {done} of {self._total}")
        self._quarter = max(self._quarter, quarter)

    def rollout(self, rollout: Rollout) -> None:
        """Take in a roll-out."""
        self._board.rollout(rollout)

    def seed_cycle(self, seed_cycle: SeedCycle) -> None:
        """Take in what a seed showed."""
        self._board.seed_cycle(seed_cycle)
        self._say(line(seed_cycle))

    def cycle(self, report: CycleReport) -> None:
        """Take in what was decided."""
        self._board.cycle(report)
        self._say(f"cycle {report.cycle} {cycle_line(report)}")

    def note(self, line: str) -> None:
        """Say one line that stays."""
        self._console.print(line, markup=False, soft_wrap=True)

    def last_words(self, sentence: str) -> None:
        """Say under the board that it ends; safe inside a signal handler.

        The board is drawn by a thread of its own, several times a second, and once more
        when it is over.
        """
        if self._shown:
            # What is to be typed stands on a line of its own, to be copied.
            self._last = f"stairway: {sentence}".replace("with: ", "with:\n  ")
        else:
            say(sentence)

    def _drawn(self) -> RenderableType:
        board = self._board.draw(self._console.width)
        last = [Text(self._last, style="yellow")] if self._last else []
        return Group(self._bar, board, *last)

    def _say(self, words: str) -> None:
        if not self._shown:
            self._console.print(words, markup=False, soft_wrap=True)
