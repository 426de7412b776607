"""The stairs as one sees them in a terminal of any width; plain text where it is piped.

1. Who may touch money, in one sentence.
2. The stairs, drawn, with everybody on their step.
3. Each model: what it may do, and why.
4. What each book made; what happened; where the rest lies.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stairway.dashboard.accounts import Account
from stairway.dashboard.result import Result
from stairway.dashboard.stairs import RISE, Step, record, standing, title
from stairway.dashboard.story import Event, events
from stairway.dashboard.views import RunView
from stairway.dashboard.words import MINUS, count, counted, percent

_MARKS = {"pass": ("✓", "green"), "refuse": ("✕", "red"), "inconclusive": ("?", "yellow")}
_OFF = ("refused", "quarantined", "retired")
_RISE_WIDTH = 3
_MOST_REASONS = 2
_MOST_EVENTS = 12
_NARROWEST, _WIDEST = 40, 110
_ROOM_FOR_RECORD = 76
_PLAIN = str.maketrans(f"┏━┛✓✕→{MINUS}…", "+-+vx>-.")


def draw(result: Result, seen: RunView, width: int | None = None) -> str:
    """Draw everything that ``stairway run`` says at its end."""
    width = fitting(width, _WIDEST)
    return on_screen(_parts(result, seen, width), _places(result), width)


def fitting(width: int | None, widest: int) -> int:
    """Width of a drawing: as asked for, or the screen's; never too narrow to be read."""
    return min(max(width or Console().width, _NARROWEST), widest)


def on_screen(
    parts: Iterable[RenderableType], places: Iterable[tuple[str, object]], width: int
) -> str:
    """Set parts one below the other, then where the rest lies, as this screen can show it."""
    screen, out = Console(), io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=screen.is_terminal,
        color_system="standard" if screen.is_terminal else None,
        no_color=screen.no_color,
        highlight=False,
    )
    for part in parts:
        console.print(part)
    for name, where in places:
        console.print(f"{name:<8}{where}", soft_wrap=True, markup=False)
    return readable(_trimmed(out.getvalue()), screen.encoding)


def readable(text: str, encoding: str) -> str:
    """Write text so that a terminal of this encoding can show it.

    Examples
    --------
    >>> readable("✓ shadow → canary", "ascii")
    'v shadow > canary'
    """
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return text.translate(_PLAIN).encode("ascii", "replace").decode()
    return text


def _parts(result: Result, seen: RunView, width: int) -> Iterator[RenderableType]:
    yield Text(result.headline, style="bold")
    if result.drill:
        yield Text("A drill: its edge and its misfortunes were planted.", style="yellow")
    yield ""
    yield from _staircase(result.steps)
    yield ""
    yield from (_model(step) for step in result.steps)
    yield ""
    yield _books(result.accounts, wide=width >= _ROOM_FOR_RECORD)
    yield ""
    yield from _events(events(seen), wide=width >= _ROOM_FOR_RECORD)
    yield from (Text(note, style="dim") for note in result.notes)
    if result.notes:
        yield ""


def _staircase(steps: Iterable[Step]) -> Iterator[Text]:
    """Draw the steps from the top down, each further in than the one below it."""
    by_stage = {s: list(g) for s, g in groupby(steps, key=lambda step: step.stage)}
    for height, stage in reversed(list(enumerate(RISE))):
        rise = f"{' ' * (_RISE_WIDTH * height)}┏{'━' * (_RISE_WIDTH - 1)}"
        below = "┛" if height < len(RISE) - 1 else "━"
        yield _tread(rise + below, stage, by_stage.get(stage, ()))
    for stage in _OFF:
        if stage in by_stage:
            yield _tread("", stage, by_stage[stage])
    yield _tread("━" * (_RISE_WIDTH * len(RISE) + 1), "floor", by_stage.get("baseline", ()))


def _tread(rise: str, stage: str, here: Iterable[Step]) -> Text:
    line = Text(f"{rise:<{_RISE_WIDTH * len(RISE) + 2}}", style="dim", no_wrap=True)
    line.append(f"{stage:<12}", style="not dim bold")
    people = list(here)
    if not people:
        return line.append("nobody", style="dim")
    for step in people:
        mark, colour = _MARKS[step.verdict]
        line.append(f"{mark} ", style=f"not dim {colour}")
        line.append(f"{'static rule' if not step.is_model else step.model}  ", style="not dim")
    return line


def _model(step: Step) -> RenderableType:
    """Say what one model may do, how it did, and the first reasons."""
    mark, colour = _MARKS[step.verdict]
    head = Text(f"{mark} ", style=colour)
    head.append("static rule" if not step.is_model else title(step), style="bold not dim")
    head.append(f" {standing(step)}", style="default")
    rest = [] if step.stage == "refused" else [Text(record(step), style="dim")]
    if step.is_model and not step.may_touch_money:
        rest = [*(Text(why) for why in step.why[:_MOST_REASONS]), *rest]
        more = len(step.why) - _MOST_REASONS
        if more > 0:
            rest.append(Text(f"{counted(more, 'more reason')} in the report", style="dim"))
    return Group(head, *(Padding(line, (0, 0, 0, 2)) for line in rest))


def _books(accounts: Iterable[Account], *, wide: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("after costs", overflow="fold")
    table.add_column("return", justify="right", no_wrap=True)
    table.add_column("deepest fall" if wide else "fall", justify="right", no_wrap=True)
    table.add_column("trades", justify="right", no_wrap=True)
    for one in accounts:
        trades = count(one.trades) if one.trades else ""
        fall = percent(one.max_drawdown)
        table.add_row(Text(one.label), percent(one.total_return), fall, trades)
    return table


def _events(found: tuple[Event, ...], *, wide: bool) -> Iterator[RenderableType]:
    """Tell what happened, a line each; only the latest where there is much."""
    moves = [one for one in found if one.way != "ramp"]
    if len(moves) > _MOST_EVENTS:
        earlier = counted(len(moves) - _MOST_EVENTS, "earlier move")
        yield Text(f"{earlier} in the report", style="dim")
    table = Table.grid(padding=(0, 2, 0, 0))
    for one in moves[-_MOST_EVENTS:]:
        why = [Text(one.why if one.way == "down" else "", style="dim")] if wide else []
        table.add_row(Text(one.when, style="dim"), Text(f"{one.model} {one.what}"), *why)
    if moves:
        yield table
        yield ""


def _places(result: Result) -> tuple[tuple[str, str], ...]:
    return (
        ("policy", result.policy.sentence),
        ("report", result.report),
        ("check", result.replay),
        ("hash", result.run_hash),
    )


def _trimmed(text: str) -> str:
    """Take blanks off the ends of lines, where a pipe would carry them on."""
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
