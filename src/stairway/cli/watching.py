"""A training run watched: a live board on a terminal, plain lines elsewhere; all on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stairway.dashboard.practice.account import cycle_line
from stairway.dashboard.practice.live import Board, line
from stairway.training.journal import CycleReport, SeedCycle
from stairway.training.measured import Rollout

_A_SECOND = 8


class Watching:
    """An ear that draws. Use as a context manager."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._board = Board(seeds)
        self._bar = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._task = self._bar.add_task("beginning", total=None)
        self._live = Live(
            console=self._console,
            get_renderable=lambda: Group(self._bar, self._board.draw(self._console.width)),
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
        """Show a new stage."""
        self._bar.reset(self._task, description=label, total=total)
        self._say(f"{label} ...")

    def advance(self, done: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done)

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
        self._say(f"cycle {report.cycle}: {cycle_line(report)}")

    def _say(self, words: str) -> None:
        if not self._shown:
            self._console.print(words, markup=False, soft_wrap=True)
