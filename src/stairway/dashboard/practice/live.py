"""A training run as one watches it: a row per seed, and what the gate has said so far.

:class:`Board` remembers the newest of everything and draws it; where it is drawn, and how
often, is the business of whoever holds it. What there is no room for is left out whole: a
narrow terminal has fewer columns and a shorter scale, and no word of it is cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.dashboard.practice.account import STEPS, cycle_line
from stairway.dashboard.practice.bounds import missed, tally
from stairway.dashboard.words import MINUS, count, percent, sentence, share, trades, word
from stairway.training.journal import CycleReport, SeedCycle
from stairway.training.measured import Rollout

_WIDTHS = {
    "seed": 4,
    "steps": 9,
    "hold rate": 12,
    "no fill": 7,
    "trades": 13,
    "bonus": 5,
    "ticket": 6,
    "health": 6,
    "gate": 8,
}
"""Room that each column takes at most; that of the hold rate includes its shortest scale."""

_ALWAYS = frozenset(("seed", "hold rate", "trades", "gate"))
_TERMS = ("bonus", "ticket", "health")
_WANTED = (_TERMS, ("steps",), ("no fill",))
_LEFT = frozenset(("seed", "hold rate", "gate"))
_SHORTEST, _LONGEST = 6, 24
_ROOMY = 76
_LEGEND = (
    "hold rate: share of steps that hold both; | is its target",
    "trades: position changes a day / target",
)
_LEGEND_OF_STEPS = (f"{STEPS[0]}: {STEPS[1]}",)
_LEGEND_OF_TERMS = (
    "bonus, ticket: what the controller pays for holding, charges for a trade",
    "health: of the controller, 0 to 1",
)


class Board:
    """What has been heard of a training run.

    Parameters
    ----------
    before
        Steps that the reference had taken when the seeds began; theirs count from there.

    Examples
    --------
    >>> from stairway.testing.journal import rollout
    >>> board = Board((1, 2))
    >>> board.rollout(rollout(1, 3))
    >>> board.draw(80).renderables[0].row_count
    2
    """

    def __init__(self, seeds: Sequence[int], before: int = 0) -> None:
        self._before = before
        self._newest: dict[int, Rollout | None] = dict.fromkeys(seeds)
        self._judged: dict[int, SeedCycle] = {}
        self._cycles: list[CycleReport] = []

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
        columns, places = layout(width)
        gap = 2 if width >= _ROOMY else 1
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
        for header in columns:
            side = "left" if header in _LEFT else "right"
            table.add_column(header, justify=side, no_wrap=True)
        for seed in self._newest:
            cells = self._cells(seed, places)
            table.add_row(*(cells.get(header, Text("")) for header in columns))
        legend = [*_LEGEND, *(_LEGEND_OF_STEPS if "steps" in columns else ())]
        legend += [*(_LEGEND_OF_TERMS if "bonus" in columns else ())]
        said = [Text(f"cycle {c.cycle} {cycle_line(c)}") for c in self._cycles]
        return Group(table, *said, *(Text(line, style="dim") for line in legend))

    def _cells(self, seed: int, places: int) -> dict[str, Text]:
        seen = self._newest[seed]
        if seen is None:
            return {"seed": Text(str(seed), "bold"), "gate": Text("waiting", "dim")}
        return {
            "seed": Text("gold" if seen.cycle == 0 else str(seed), style="bold"),
            "steps": Text(count(seen.steps - (self._before if seen.cycle else 0))),
            "hold rate": dial(seen, places),
            "no fill": Text(percent(seen.no_fill_share, signed=False)),
            "trades": Text(_trades(seen)),
            "bonus": Text(_signed(seen.bonus)),
            "ticket": Text(_signed(seen.ticket)),
            "health": Text("" if seen.health is None else f"{seen.health.score:.2f}"),
            "gate": self._gate(seed),
        }

    def _gate(self, seed: int) -> Text:
        judged = self._judged.get(seed)
        if judged is None:
            return Text("")
        match judged.gate:
            case Pass():
                return Text("passed", style="green")
            case Inconclusive():
                return Text("unclear", style="yellow")
            case Refuse():
                out = sum(1 for one in judged.criteria if not one.holds)
                return Text(f"{out} missed" if out else "refused", style="red")


def layout(width: int) -> tuple[tuple[str, ...], int]:
    """Choose the columns that there is room for, and the places of the hold rate's scale.

    Examples
    --------
    >>> layout(40), layout(60)[1]
    ((('seed', 'hold rate', 'trades', 'gate'), 6), 6)
    >>> layout(120)[0][3:]
    ('no fill', 'trades', 'bonus', 'ticket', 'health', 'gate')
    """
    gap = 2 if width >= _ROOMY else 1
    chosen: set[str] = set(_ALWAYS)
    for more in _WANTED:
        if _room({*chosen, *more}, gap) <= width:
            chosen |= set(more)
    places = _SHORTEST + width - _room(chosen, gap)
    shown = tuple(header for header in _WIDTHS if header in chosen)
    return shown, 0 if places < _SHORTEST else min(places, _LONGEST)


def _room(columns: set[str], gap: int) -> int:
    return sum(_WIDTHS[header] for header in columns) + gap * (len(columns) - 1)


def dial(seen: Rollout, places: int) -> Text:
    """Draw a hold rate on a scale from 0 to 1, and where it should be.

    Without places there is the figure alone.

    Examples
    --------
    >>> from stairway.testing.journal import rollout
    >>> dial(rollout(1, 0, hold_rate=0.9, target_hold=0.5), 10).plain
    ' 90 % ····|···●·'
    """
    cells = ["·"] * places
    if places and seen.target_hold is not None:
        cells[_place(seen.target_hold, places)] = "|"
    if places:
        cells[_place(seen.hold_rate, places)] = "●"
    return Text(f"{share(seen.hold_rate):>5} {''.join(cells)}".rstrip())


def line(judged: SeedCycle) -> str:
    """Say in one line what a seed showed, for output that is no terminal.

    Examples
    --------
    >>> from stairway.testing.journal import practice_result
    >>> line(practice_result().seed_cycles[-1])
    'seed 2, cycle 2: hold rate 56 %, no fill 95.0 %, 17.2 trades a day; gate passed'
    """
    seen: list[str] = []
    if judged.hold_rate is not None:
        seen.append(f"hold rate {share(judged.hold_rate)}")
    if judged.no_fill_share is not None:
        seen.append(f"no fill {percent(judged.no_fill_share, signed=False)}")
    if judged.fills_per_session is not None:
        seen.append(f"{trades(judged.fills_per_session)} trades a day")
    practised = f"{', '.join(seen)}; " if seen else ""
    return f"seed {judged.seed}, cycle {judged.cycle}: {practised}{_gate_said(judged)}"


def _gate_said(judged: SeedCycle) -> str:
    """Say what the gate said of a seed, with the first thing that was wrong."""
    said = word(judged.gate)
    if said == "pass":
        return "gate passed"
    verb = "refused" if said == "refuse" else "could not tell"
    out = missed(judged.criteria)
    if out:
        return f"gate {verb}, {tally(judged.criteria)}: {out[0]}"
    return f"gate {verb}: {sentence(judged.gate.findings[0])}" if judged.gate.findings else verb


def _place(rate: float, places: int) -> int:
    return min(max(round(rate * (places - 1)), 0), places - 1)


def _trades(seen: Rollout) -> str:
    target = "" if seen.target_fills is None else f" / {trades(seen.target_fills)}"
    return f"{trades(seen.fills_per_session)}{target}"


def _signed(value: float) -> str:
    # Plus zero, since what rounds to nothing has no minus.
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", MINUS)
