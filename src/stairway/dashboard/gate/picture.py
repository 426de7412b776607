"""What is drawn: histograms with their spikes marked, and how actions follow each other.

A histogram is plain shares of its own scale, set by the template as a small SVG: the page
needs no script, and a report is a few dozen kilobytes that can be kept for ever.

One value that takes most of the answers would flatten everything else. So the scale ends a
little above the highest of all ordinary bins, a spike that goes beyond it is cut off, and
its share is written beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stairway.app.gate.report import ModelReport, Side
from stairway.dashboard.gate.account import ACTIONS, percent_of

_ROOM = 1.35
_LEAST = 1e-9
_MOST_LABELS = 3
_APART = 0.09


@dataclass(frozen=True, slots=True)
class Bar:
    """One bin: where it begins, and the height of its ordinary part, both in [0, 1]."""

    at: float
    height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """One spike.

    Attributes
    ----------
    at, base, height
        Its value, where it stands on what is ordinary in its bin, and how high it is.
    cut
        True where it goes beyond the scale.
    label, row, side
        What is written, on which line (0 on top), and on which side of it.
    """

    at: float
    base: float
    height: float
    cut: bool
    label: str
    row: int
    side: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Confidence of one model on one side; ``rows`` lines of labels stand above it."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    rows: int
    said: str


@dataclass(frozen=True, slots=True)
class Cell:
    """How often one action followed another: a share of its row, and the count."""

    frac: float
    count: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """One instrument: its answers, and the share of each action in the order of ACTIONS."""

    name: str
    answers: int
    fracs: tuple[float, ...]


def histograms(one: ModelReport) -> tuple[Histogram | None, Histogram]:
    """Draw both sides on one scale of shares."""
    most = max(_highest(side) for side in (one.before, one.after) if side is not None)
    after = _histogram(one.after, most)
    if one.before is None:
        return None, after
    before = _histogram(one.before, most)
    # As many lines of labels over both, so that they stand at one height.
    rows = max(before.rows, after.rows)
    return replace(before, rows=rows), replace(after, rows=rows)


def matrix(side: Side) -> tuple[tuple[Cell, ...], ...]:
    """Give what followed each action as shares of its row."""
    return tuple(tuple(Cell(n / max(sum(row), 1), n) for n in row) for row in side.transitions)


def symbols(side: Side) -> tuple[Symbol, ...]:
    """Give the mix of actions of each instrument, the most talked about first."""
    found = (
        Symbol(name, sum(mix), tuple(n / max(sum(mix), 1) for n in mix))
        for name, mix in side.symbols.items()
    )
    return tuple(sorted(found, key=lambda s: -s.answers))


def _ordinary(side: Side) -> list[float]:
    """Return the share of answers in each bin, without what stands in spikes."""
    n, bins = max(sum(side.bars), 1), len(side.bars)
    counts = list(side.bars)
    for spike in side.spikes:
        counts[_bin(spike.value, bins)] -= spike.count
    return [max(count, 0) / n for count in counts]


def _bin(value: float, bins: int) -> int:
    return min(max(int(value * bins + _LEAST), 0), bins - 1)


def _highest(side: Side) -> float:
    highest = max(_ordinary(side), default=0.0)
    if highest > _LEAST:
        return highest * _ROOM
    return max((spike.share_frac for spike in side.spikes), default=1.0)


def _histogram(side: Side, most: float) -> Histogram:
    ordinary = [share / most for share in _ordinary(side)]
    bars = tuple(
        Bar(i / len(ordinary), height) for i, height in enumerate(ordinary) if height > 0
    )
    marks = tuple(_marks(side, ordinary, most))
    rows = max((mark.row + 1 for mark in marks if mark.label), default=0)
    names = ", ".join(f"{s.value:g} in {percent_of(s.share_frac)}" for s in side.spikes)
    said = f"{sum(side.bars)} confidences; {f'spikes at {names}' if names else 'no spikes'}"
    return Histogram(bars, marks, rows, said)


def _marks(side: Side, ordinary: Sequence[float], most: float) -> list[Mark]:
    """Mark every spike; the largest have labels, on lines where none covers another."""
    largest = sorted(side.spikes, key=lambda s: -s.share_frac)
    labelled = {spike.value for spike in largest[:_MOST_LABELS]}
    ends: list[float] = []
    marks: list[Mark] = []
    for spike in sorted(side.spikes, key=lambda s: s.value):
        base, height = ordinary[_bin(spike.value, len(ordinary))], spike.share_frac / most
        label = f"{spike.value:g}: {percent_of(spike.share_frac)}"
        row = 0
        if spike.value in labelled:
            row = next((i for i, end in enumerate(ends) if spike.value > end), len(ends))
            ends[row : row + 1] = [spike.value + _APART * len(ACTIONS)]
        cut = base + height > 1
        shown = label if spike.value in labelled else ""
        hand = "left" if spike.value > 1 - 2 * _APART else "right"
        marks.append(
            Mark(
                spike.value,
                min(base, 1.0),
                min(height, 1 - min(base, 1.0)),
                cut,
                shown,
                row,
                hand,
            )
        )
    return marks
