"""One order between us and the venue: what left, and what has not been answered."""

from __future__ import annotations

from typing import assert_never

import msgspec
from msgspec.structs import replace

from stairway.base.units import Lots, UtcNs
from stairway.execution.orders import Amend, Cancel, Command, Filled, Leg, Submit


class Line(msgspec.Struct, frozen=True):
    """One order between us and the venue.

    Attributes
    ----------
    lots
        Total last asked for.
    waiting
        Commands that the venue has not answered, in order.
    asked_ns
        When the oldest of them left; None while nothing has.
    sent_ns
        When the order itself last left.
    unknown
        An answer is overdue.
    """

    book: str
    submit: Submit
    lots: Lots
    waiting: tuple[Command, ...]
    filled: Lots = Lots(0)
    exec_ids: tuple[str, ...] = ()
    asked_ns: UtcNs | None = None
    sent_ns: UtcNs = UtcNs(0)
    sends: int = 0
    unknown: bool = False
    asks: int = 0
    ask_again_ns: UtcNs = UtcNs(0)


def left(line: Line, command: Command, now_ns: UtcNs) -> Line:
    """Note that ``command`` leaves now."""
    match command:
        case Submit():
            line = replace(line, sent_ns=now_ns, sends=line.sends + 1)
        case Amend(lots=lots):
            line = replace(line, lots=lots)
        case Cancel():
            pass
        case _:
            assert_never(command)
    return line if line.asked_ns is not None else replace(line, asked_ns=now_ns)


def answered(line: Line, kind: type[Command]) -> Line:
    """Strike the oldest waiting command of ``kind``."""
    first = next((c for c in line.waiting if isinstance(c, kind)), None)
    waiting = tuple(c for c in line.waiting if c is not first)
    if waiting:
        return replace(line, waiting=waiting)
    return replace(line, waiting=(), asked_ns=None, unknown=False, asks=0)


def traded(line: Line, event: Filled) -> Line:
    """Count an execution, once."""
    if event.exec_id in line.exec_ids:
        return line
    exec_ids = (*line.exec_ids, event.exec_id)
    return replace(line, filled=Lots(line.filled + event.lots), exec_ids=exec_ids)


def reach(line: Line | None, command: Command) -> tuple[bool, bool]:
    """Whether ``command`` makes anything larger, and whether it belongs to an entry."""
    match command:
        case Submit(leg=leg):
            return True, leg is Leg.ENTRY
        case Amend(lots=lots):
            is_entry = line is not None and line.submit.leg is Leg.ENTRY
            return line is None or lots > line.lots, is_entry
        case Cancel():
            return False, False
        case _:
            assert_never(command)
