"""Orders without an answer: asked about, proven, and only then sent again.

No answer never means "no". An order is UNKNOWN until the venue shows it, or shows that it
is not there after the time in which it could still turn up.
"""

from __future__ import annotations

from typing import assert_never

import msgspec
from msgspec.structs import replace

from stairway.base.hashing import keyed_uniform
from stairway.base.units import UtcNs
from stairway.execution.facts import CommandSent, VenueSaid
from stairway.execution.gateway import (
    Gateway,
    Outcome,
    closed_to,
    heard,
    recorded_in,
    spend,
    with_line,
)
from stairway.execution.line import Line, answered, left
from stairway.execution.orders import Accepted, Cancel, Leg, Rejected, Submit, VenueEvent


class Query(msgspec.Struct, frozen=True, tag="order.query"):
    """Ask the venue for everything about an order: open, closed, and its trades."""

    order_id: str
    symbol: str


class Proof(msgspec.Struct, frozen=True, tag="order.proof"):
    """What the venue showed when it was asked at ``looked_ns``."""

    order_id: str
    present: bool
    looked_ns: UtcNs


def overdue(gateway: Gateway, now_ns: UtcNs) -> tuple[Gateway, tuple[Query, ...]]:
    """Make unanswered orders UNKNOWN, and say what to ask the venue about."""
    rules, queries = gateway.rules, list[Query]()
    lines = dict(gateway.lines)
    for order_id, line in gateway.lines.items():
        late = line.asked_ns is not None and now_ns - line.asked_ns > rules.answer_max_ns
        if not (line.unknown or late):
            continue
        if now_ns >= line.ask_again_ns:
            queries.append(Query(order_id, line.submit.symbol))
            again_ns = UtcNs(now_ns + _pause_ns(gateway, line))
            line = replace(line, asks=line.asks + 1, ask_again_ns=again_ns)  # noqa: PLW2901 - the line's next version
        lines[order_id] = replace(line, unknown=True)
    spent = {i: at for i, at in gateway.spent.items() if now_ns - at <= rules.remember_ns}
    return replace(gateway, lines=lines, spent=spent), tuple(queries)


def proven(gateway: Gateway, proof: Proof, index: int) -> Outcome:
    """Act on what the venue showed about an UNKNOWN order.

    Present: the order stands, and what was unanswered about it is sent again, which is
    harmless, as amends are totals. Absent, and too old to turn up: an exit is sent again
    under its id, unless it was to be cancelled, the door has closed, or it was sent often
    enough. An entry is not: the price that it was sized for has gone.
    """
    line = gateway.lines.get(proof.order_id)
    if line is None or not line.unknown:
        return Outcome(gateway)
    if proof.present:
        was_waiting = any(isinstance(command, Submit) for command in line.waiting)
        line = replace(answered(line, Submit), unknown=False, asks=0, asked_ns=None)
        again = tuple(CommandSent(index, line.book, c) for c in line.waiting)
        shown = (Accepted(proof.order_id, proof.looked_ns),) if was_waiting else ()
        return _planned_again(with_line(gateway, line), again, shown)
    if not proof.looked_ns - line.sent_ns > gateway.rules.settle_ns:
        return Outcome(gateway)
    why = _not_again(gateway, line)
    if why:
        gone = Rejected(proof.order_id, proof.looked_ns, why)
        return Outcome(spend(gateway, proof.order_id, proof.looked_ns), (), (gone,))
    line = replace(line, lots=line.submit.lots, waiting=(line.submit,), asked_ns=None)
    line = replace(line, unknown=False, asks=0)
    again = (CommandSent(index, line.book, line.submit),)
    return _planned_again(with_line(gateway, line), again, ())


def recall(gateway: Gateway, fact: CommandSent | VenueSaid, now_ns: UtcNs) -> Gateway:
    """Fold one recorded fact at ``now_ns``, the start: nothing is old before we looked.

    What was recorded may or may not have left, and is taken to have.
    """
    match fact:
        case CommandSent(command=command):
            gateway = recorded_in(gateway, fact)
            line = gateway.lines.get(command.order_id)
            return gateway if line is None else with_line(gateway, left(line, command, now_ns))
        case VenueSaid():
            return heard(gateway, fact.event)
        case _:
            assert_never(fact)


def recovered(gateway: Gateway) -> Gateway:
    """After the fold: everything unanswered is UNKNOWN, and nothing is planned."""
    lines = {
        order_id: replace(line, unknown=True) if line.waiting else line
        for order_id, line in gateway.lines.items()
    }
    return replace(gateway, lines=lines, planned=())


def _not_again(gateway: Gateway, line: Line) -> str:
    """Say why an order that never arrived stays unsent, or an empty string."""
    if line.submit.leg is Leg.ENTRY:
        return "never arrived, and an entry is not sent late"
    if any(isinstance(command, Cancel) for command in line.waiting):
        return "cancelled before it arrived"
    if line.sends >= gateway.rules.max_sends:
        return f"never arrived, though sent {line.sends} times"
    return closed_to(gateway, line.submit)


def _planned_again(
    gateway: Gateway, again: tuple[CommandSent, ...], events: tuple[VenueEvent, ...]
) -> Outcome:
    planned = (*gateway.planned, *again)
    return Outcome(replace(gateway, planned=planned), again, events)


def _pause_ns(gateway: Gateway, line: Line) -> int:
    rules = gateway.rules
    whole = min(rules.retry_max_ns, rules.retry_base_ns << min(line.asks, 32))
    draw = keyed_uniform(gateway.seed, line.submit.order_id, line.asks)
    return round(whole * (1.0 - 0.5 * draw))
