"""A bracket on a wire that can be played by hand."""

from __future__ import annotations

import pytest

from stairway.execution.bracket import on, open_bracket
from stairway.execution.orders import (
    Accepted,
    Amend,
    Amended,
    Cancel,
    Canceled,
    Filled,
    Leg,
    Submit,
)
from stairway.execution.state import Tick
from stairway.testing.brackets import some_opening, some_order, some_rules


class Desk:
    """Tells a bracket things, keeps what it asked for, and answers for an obliging venue."""

    def __init__(self, order, rules) -> None:
        self.bracket, self.asked = open_bracket(order, some_opening(), rules)
        self.now = 2_000
        self.executions = 0

    def tell(self, event):
        self.bracket, self.asked = on(self.bracket, event)
        return self.asked

    def later(self, ns: int = 1) -> int:
        self.now += ns
        return self.now

    def id_of(self, leg: Leg) -> str:
        return [o.order_id for o in self.bracket.orders if o.leg is leg][-1]

    def trade(self, leg: Leg, lots: int, price: int, fee: int = 0):
        self.executions += 1
        fill = Filled(self.id_of(leg), f"x{self.executions}", self.later(), lots, price, fee)
        self.tell(fill)
        return fill

    def tick(self, ns: int, last=None):
        return self.tell(Tick(self.later(ns), last))

    def answer(self, commands=None) -> None:
        """Let the venue do as it was asked, until nothing more is asked."""
        waiting = list(self.asked if commands is None else commands)
        while waiting:
            command = waiting.pop(0)
            match command:
                case Submit(order_id):
                    event = Accepted(order_id, self.later())
                case Amend(order_id, lots, price):
                    event = Amended(order_id, self.later(), lots, price)
                case Cancel(order_id):
                    event = Canceled(order_id, self.later())
            waiting.extend(self.tell(event))

    def rests(self, leg: Leg):
        order = self.bracket.live(leg)
        return None if order is None else (order.leaves, order.price_ticks)


@pytest.fixture
def desk():
    """Make a desk: order and rule settings by keyword."""

    def make(lots=5, side=1, stop_ticks=10, target_ticks=12, **rules) -> Desk:
        return Desk(some_order(lots, side, stop_ticks, target_ticks), some_rules(**rules))

    return make
