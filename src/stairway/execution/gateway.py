"""The door to a venue: nothing leaves unrecorded, twice, or without its fate being known.

Sans I/O: values in, values out; the shell owns the log and the socket. The order of calls
is the safety:

1. :func:`plan` says what must be recorded, and refuses what may not leave.
2. The shell writes those facts and waits until the disk has them.
3. :func:`release` gives out the commands that were recorded, and only those.
4. :func:`heard` takes the venue's answers.

What stays unanswered is the business of :mod:`stairway.execution.unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, TypeAlias, assert_never

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from stairway.base.config import Config
from stairway.base.errors import InvariantError
from stairway.base.units import NS_PER_DAY, NS_PER_HOUR, UtcNs
from stairway.execution.facts import CommandSent
from stairway.execution.line import Line, answered, left, reach, traded
from stairway.execution.orders import (
    Accepted,
    Amend,
    Amended,
    AmendRejected,
    Cancel,
    Canceled,
    CancelRejected,
    Command,
    Filled,
    Rejected,
    Submit,
    VenueEvent,
)

_HOUR_NS, _YEAR_NS = NS_PER_HOUR, 366 * NS_PER_DAY


class Gate(StrEnum):
    """How far the door is open. It is only ever closed further here."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


_TIGHTNESS = {Gate.ACTIVE: 0, Gate.REDUCING: 1, Gate.HALTED: 2}


class GatewayRules(Config, frozen=True, kw_only=True):
    """Settings under ``[gateway]``.

    Attributes
    ----------
    answer_max_ns
        An unanswered command is UNKNOWN after this.
    settle_ns
        An order the venue does not show may still turn up for this long after sending.
    retry_base_ns, retry_max_ns
        Pause between questions: doubled each time from the first to the second, with
        jitter of up to a half taken off.
    max_sends
        Times that one order may be sent in all, each time proven absent before.
    remember_ns
        Ids of closed orders are kept for this long, and refused if they come again.
    """

    answer_max_ns: Annotated[int, Meta(ge=0, le=_HOUR_NS)]
    settle_ns: Annotated[int, Meta(ge=0, le=_HOUR_NS)]
    retry_base_ns: Annotated[int, Meta(ge=1, le=_HOUR_NS)]
    retry_max_ns: Annotated[int, Meta(ge=1, le=_HOUR_NS)]
    max_sends: Annotated[int, Meta(ge=1, le=100)]
    remember_ns: Annotated[int, Meta(ge=0, le=_YEAR_NS)]


class Gateway(msgspec.Struct, frozen=True):
    """All lines, what waits to be recorded, and how far the door is open."""

    rules: GatewayRules
    seed: int
    gate: Gate = Gate.ACTIVE
    lines: dict[str, Line] = {}
    spent: dict[str, UtcNs] = {}
    planned: tuple[CommandSent, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What a call led to.

    Attributes
    ----------
    record
        To be written down, and given to :func:`release` once the disk has it.
    events
        What the asker must be told at once: refused here, or proven by the venue.
    """

    gateway: Gateway
    record: tuple[CommandSent, ...] = ()
    events: tuple[VenueEvent, ...] = ()


class Released(msgspec.Struct, frozen=True):
    """What leaves now, and what the door closed on since it was planned."""

    gateway: Gateway
    commands: tuple[Command, ...] = ()
    events: tuple[VenueEvent, ...] = ()


Told: TypeAlias = Accepted | Amended | AmendRejected | CancelRejected | Filled
Refusal: TypeAlias = Rejected | AmendRejected | CancelRejected


def plan(
    gateway: Gateway, book: str, commands: Sequence[Command], index: int, now_ns: UtcNs
) -> Outcome:
    """Take commands in: record what may leave, refuse the rest.

    Parameters
    ----------
    index
        Bar at whose close, or during which, it was decided; goes on record.

    Raises
    ------
    InvariantError
        If an id comes again with another content.
    """
    record: list[CommandSent] = []
    events: list[VenueEvent] = []
    for command in commands:
        if isinstance(command, Submit) and _is_repeat(gateway, command):
            continue
        why = refusal(gateway, command)
        if why:
            events.append(_refused(command, now_ns, why))
            continue
        fact = CommandSent(index, book, command)
        record.append(fact)
        gateway = recorded_in(gateway, fact)
    planned = (*gateway.planned, *record)
    return Outcome(replace(gateway, planned=planned), tuple(record), tuple(events))


def release(gateway: Gateway, recorded: Iterable[CommandSent], now_ns: UtcNs) -> Released:
    """Give out planned commands that are recorded. The shell sends them at once.

    The door is looked at once more: it may have been closed since.
    """
    on_disk = list(recorded)
    ready = tuple(f.command for f in gateway.planned if f in on_disk)
    waiting = tuple(f for f in gateway.planned if f not in on_disk)
    gateway = replace(gateway, planned=waiting)
    commands: list[Command] = []
    events: list[VenueEvent] = []
    for command in ready:
        line = gateway.lines.get(command.order_id)
        why = closed_to(gateway, command)
        if line is None:
            continue
        if why:
            events.append(_refused(command, now_ns, why))
            gateway = _kept_in(gateway, line, command, now_ns)
        else:
            commands.append(command)
            gateway = with_line(gateway, left(line, command, now_ns))
    return Released(gateway, tuple(commands), tuple(events))


def heard(gateway: Gateway, event: VenueEvent) -> Gateway:
    """Take an answer in. Any event about an order proves that the venue knows it."""
    line = gateway.lines.get(event.order_id)
    if line is None:
        return gateway
    if isinstance(event, Rejected | Canceled):
        return spend(gateway, event.order_id, event.time_ns)
    line = _told(line, event)
    growing = any(isinstance(command, Amend) for command in line.waiting)
    if line.filled >= line.lots and not growing:
        return spend(gateway, event.order_id, event.time_ns)
    return with_line(gateway, line)


def _told(line: Line, event: Told) -> Line:
    match event:
        case Accepted():
            return answered(line, Submit)
        case Filled():
            return answered(traded(line, event), Submit)
        case Amended(lots=lots):
            return replace(answered(answered(line, Submit), Amend), lots=lots)
        case AmendRejected():
            return answered(line, Amend)
        case CancelRejected():
            return answered(line, Cancel)
        case _:
            assert_never(event)


def tighten(gateway: Gateway, gate: Gate) -> Gateway:
    """Close the door further. What was planned and may no longer leave stays behind.

    A wider gate than the present one changes nothing: re-arming is not done here.
    """
    if _TIGHTNESS[gate] <= _TIGHTNESS[gateway.gate]:
        return gateway
    return replace(gateway, gate=gate)


def frozen_symbols(gateway: Gateway) -> frozenset[str]:
    """Symbols of UNKNOWN orders. Nothing new is opened on them until they are proven."""
    return frozenset(line.submit.symbol for line in gateway.lines.values() if line.unknown)


# -- parts -----------------------------------------------------------------------------


def _is_repeat(gateway: Gateway, command: Submit) -> bool:
    line = gateway.lines.get(command.order_id)
    if line is not None and line.submit != command:
        msg = f"order id {command.order_id} came again with another content"
        raise InvariantError(msg)
    return line is not None or command.order_id in gateway.spent


def refusal(gateway: Gateway, command: Command) -> str:
    """Say why ``command`` may not be planned, or an empty string."""
    line = gateway.lines.get(command.order_id)
    if line is None and not isinstance(command, Submit):
        return "the order is closed or was never sent"
    others = frozen_symbols(gateway)
    grows, opens = reach(line, command)
    symbol = command.symbol if isinstance(command, Submit) else ""
    if opens and (symbol in others or (grows and line is not None and line.unknown)):
        return "the symbol is frozen until an order without an answer is proven"
    return closed_to(gateway, command)


def closed_to(gateway: Gateway, command: Command) -> str:
    """Say why the door is closed to ``command``, or an empty string."""
    grows, opens = reach(gateway.lines.get(command.order_id), command)
    if grows and gateway.gate is Gate.HALTED:
        return "halted: nothing is created"
    if grows and opens and gateway.gate is Gate.REDUCING:
        return "reducing: nothing is opened"
    return ""


def _refused(command: Command, now_ns: UtcNs, why: str) -> Refusal:
    match command:
        case Submit(order_id):
            return Rejected(order_id, now_ns, why)
        case Amend(order_id):
            return AmendRejected(order_id, now_ns, why)
        case Cancel(order_id):
            return CancelRejected(order_id, now_ns, why)
        case _:
            assert_never(command)


def recorded_in(gateway: Gateway, fact: CommandSent) -> Gateway:
    """Put the command on its order's line, as waiting for an answer."""
    command = fact.command
    line = gateway.lines.get(command.order_id)
    if line is None:
        if not isinstance(command, Submit):
            return gateway
        return with_line(gateway, Line(fact.book, command, command.lots, (command,)))
    waiting = line.waiting if command in line.waiting else (*line.waiting, command)
    return with_line(gateway, replace(line, waiting=waiting))


def _kept_in(gateway: Gateway, line: Line, command: Command, now_ns: UtcNs) -> Gateway:
    """Strike a command that was planned and may no longer leave."""
    if isinstance(command, Submit):
        return spend(gateway, command.order_id, now_ns)
    waiting = tuple(c for c in line.waiting if c != command)
    return with_line(gateway, replace(line, waiting=waiting))


def with_line(gateway: Gateway, line: Line) -> Gateway:
    """Put the new version of a line in the place of the old one."""
    return replace(gateway, lines=gateway.lines | {line.submit.order_id: line})


def spend(gateway: Gateway, order_id: str, at_ns: UtcNs) -> Gateway:
    """Close a line, and remember its id so that it is never used again."""
    lines = {i: line for i, line in gateway.lines.items() if i != order_id}
    return replace(gateway, lines=lines, spent=gateway.spent | {order_id: at_ns})
