"""A training run as one watches it: a row per seed, and what the gate has said so far.

:class:`Board` remembers the newest of everything and draws it; where it is drawn, and how
often, is the business of whoever holds it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stairway.dashboard.practice.account import cycle_line
from stairway.dashboard.words import MINUS, sentence, word
from stairway.training.journal import CycleReport, SeedCycle
from stairway.training.measured import Rollout

_MARKS = {"pass": ("pass", "green"), "refuse": ("refused", "red")}
_DIAL = 16
_WIDE = 76


class Board:
    """What has been heard of a training run.

    Examples
    --------
    >>> from stairway.testing.journal import rollout
    >>> board = Board((1, 2))
    >>> board.rollout(rollout(1, 3))
    >>> round(board.heard_of(1).hold_rate, 4)
    0.6425
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._newest: dict[int, Rollout | None] = dict.fromkeys(seeds)
        self._judged: dict[int, SeedCycle] = {}
        self._cycles: list[CycleReport] = []

    def heard_of(self, seed: int) -> Rollout | None:
        """Newest roll-out of a seed; ``None`` where it has not begun."""
        return self._newest.get(seed)

    def rollout(self, rollout: Rollout) -> None:
        """Take in a roll-out; those of the reference have a row of their own."""
        if rollout.seed not in self._newest:
            self._newest = {rollout.seed: rollout, **self._newest}
        self._newest[rollout.seed] = rollout

    def seed_cycle(self, judged: SeedCycle) -> None:
        """Take in what a seed showed at the end of a cycle."""
        self._judged[judged.seed] = judged

    def cycle(self, report: CycleReport) -> None:
        """Take in what was decided."""
        self._cycles.append(report)

    def draw(self, width: int) -> RenderableType:
        """Draw everything as it is now, for a terminal of this width."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("seed", style="bold")
        table.add_column("steps", justify="right")
        table.add_column("hold rate", no_wrap=True)
        table.add_column("trades/day", justify="right", no_wrap=True)
        if width >= _WIDE:
            table.add_column("bonus", justify="right")
            table.add_column("ticket", justify="right")
            table.add_column("health", justify="right")
        table.add_column("gate so far", no_wrap=True, overflow="ellipsis")
        for seed in self._newest:
            table.add_row(*self._row(seed, wide=width >= _WIDE))
        said = [Text(f"cycle {c.cycle}  {cycle_line(c)}", style="dim") for c in self._cycles]
        return Group(table, *said)

    def _row(self, seed: int, *, wide: bool) -> list[Text]:
        seen = self._newest[seed]
        if seen is None:
            return [Text(str(seed)), *[Text("")] * (6 if wide else 3), Text("waiting", "dim")]
        label = "gold" if seen.cycle == 0 else str(seed)
        cells = [Text(label), Text(f"{seen.steps:,}"), dial(seen), Text(_trades(seen))]
        if wide:
            health = "" if seen.health is None else f"{seen.health.score:.2f}"
            cells += [Text(_signed(seen.bonus)), Text(_signed(seen.ticket)), Text(health)]
        return [*cells, self._gate(seed)]

    def _gate(self, seed: int) -> Text:
        judged = self._judged.get(seed)
        if judged is None:
            return Text("")
        mark, colour = _MARKS.get(word(judged.gate), ("not enough", "yellow"))
        why = judged.gate.findings[0].code.rpartition(".")[2] if judged.gate.findings else ""
        said = mark if mark == "pass" or not why else f"{mark}: {why.replace('_', ' ')}"
        return Text(said, style=colour)


def dial(seen: Rollout, width: int = _DIAL) -> Text:
    """Draw a hold rate on a scale from 0 to 1, and where it should be.

    Examples
    --------
    >>> from stairway.testing.journal import rollout
    >>> dial(rollout(1, 0, hold_rate=0.9, target_hold=0.5), width=10).plain
    '0.90 ····|···●·'
    """
    cells = ["·"] * width
    if seen.target_hold is not None:
        cells[_place(seen.target_hold, width)] = "|"
    cells[_place(seen.hold_rate, width)] = "●"
    return Text(f"{seen.hold_rate:.2f} {''.join(cells)}")


def line(judged: SeedCycle) -> str:
    """Say in one line what a seed showed, for output that is no terminal.

    Examples
    --------
    >>> from stairway.testing.journal import practice_result
    >>> line(practice_result().seed_cycles[-1])
    'seed 2, cycle 2: hold rate 0.56, 17.2 trades a day; gate pass'
    """
    hold = "" if judged.hold_rate is None else f"hold rate {judged.hold_rate:.2f}, "
    fills = judged.fills_per_session
    trades = "" if fills is None else f"{fills:.1f} trades a day; "
    gate = word(judged.gate)
    why = f": {sentence(judged.gate.findings[0])}" if gate != "pass" else ""
    return f"seed {judged.seed}, cycle {judged.cycle}: {hold}{trades}gate {gate}{why}"


def _place(share: float, width: int) -> int:
    return min(max(round(share * (width - 1)), 0), width - 1)


def _trades(seen: Rollout) -> str:
    target = "" if seen.target_fills is None else f" / {seen.target_fills:.0f}"
    return f"{seen.fills_per_session:.1f}{target}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", MINUS)
