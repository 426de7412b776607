"""Whatever the venue does, what rests protects exactly what is held: invariants I1-I17.

The machine plays a venue that fills in pieces, answers late, twice and out of order,
refuses, cancels by itself and overfills, with messages under way in both directions. After
every step the invariants that hold at all times are checked; at the end all that is under
way is delivered, and those that hold when nothing is in flight.

I2, I6, I7, I13 also stand alone in ``test_bracket_ledger.py``; I14 in
``test_bracket_naked.py``; I15 and I16 belong to the gateway, ``test_gateway.py``.
"""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from stairway.execution.bracket import on, open_bracket, trade_closed
from stairway.execution.order_state import OrderState
from stairway.execution.orders import (
    Accepted,
    Amend,
    Amended,
    AmendRejected,
    Cancel,
    Canceled,
    CancelRejected,
    Filled,
    Leg,
    OrderKind,
    Rejected,
    Submit,
)
from stairway.execution.prices import risk_at
from stairway.execution.rules import VenueMode
from stairway.execution.state import Bracket, ExitCause, ExitNow, Tick
from stairway.testing.brackets import some_opening, some_order, some_rules

MARK = 1_003
PRICES = st.integers(994, 1_006)
MISFORTUNES = (
    "refuse",
    "cancel",
    "overfill",
    "late",
    "overtake",
    "repeat",
    "conflict",
    "leave",
)
"""Each run draws which of them may happen, so that quiet runs are searched, too."""

SECOND = 1_000_000_000


class Order:
    """An order as the venue has it: the truth."""

    def __init__(self, command: Submit) -> None:
        self.command = command
        self.lots = command.lots
        self.price = command.price_ticks
        self.filled = 0
        self.is_open = True

    @property
    def leaves(self) -> int:
        return max(self.lots - self.filled, 0) if self.is_open else 0


class Machine(RuleBasedStateMachine):
    mode = VenueMode.REDUCE_ONLY

    @initialize(
        lots=st.sampled_from([1, 2, 5, 12, 20]),
        side=st.sampled_from([1, -1]),
        stop=st.sampled_from([1, 2, 3, 12]),
        band=st.integers(0, 2),
        cancel=st.booleans(),
        minimum=st.sampled_from([1, 1, 1, 2]),
        luck=st.frozensets(st.sampled_from(MISFORTUNES), max_size=4),
    )
    def start(self, lots, side, stop, band, cancel, minimum, luck) -> None:
        self.luck = luck
        rules = some_rules(
            self.mode,
            reprice_band_ticks=band,
            cancel_entry_on_exit=cancel,
            min_order_lots=minimum,
        )
        self.order = some_order(lots=lots, side=side, stop_ticks=stop)
        self.rules = rules
        self.bracket, commands = open_bracket(self.order, some_opening(), rules)
        self.first = self.bracket
        self.now = 2_000
        self.inbox = list(commands)
        self.outbox: list = []
        self.heard: list = []
        self.log: list = []
        self.orders: dict[str, Order] = {}
        self.position = 0
        self.executions = 0
        self.amends_under_way: dict[str, int] = {}
        self.final_stops: list[int] = []
        self.sent = 0
        self.naked_from: int | None = None
        self.closed_states: dict[str, OrderState] = {}

    # -- both ends of the wire ---------------------------------------------------------

    def later(self) -> int:
        self.now += 1
        return self.now

    def tell(self, event) -> None:
        """Let the bracket take in an event, and put its commands on the way."""
        before, entry_was_live = self.bracket, self.bracket.entry.is_live
        self.log.append(event)
        self.bracket, commands = on(self.bracket, event)
        self.check_rejection(before, event)
        self.check_ration(event, commands)
        self.watch_naked_time()
        if isinstance(event, Amended | AmendRejected):
            self.amends_under_way[event.order_id] = 0
        for command in commands:
            self.check_command(command, entry_was_live)
        self.inbox.extend(commands)

    def watch_naked_time(self) -> None:
        """I14: naked is when no stop was ever confirmed to us, by this simpler account."""
        bracket = self.bracket
        confirmed = {
            e.order_id for e in self.heard if isinstance(e, Accepted | Amended | Filled)
        }
        stops = [o for o in bracket.exits if o.leg is Leg.STOP and o.is_live]
        guarded = any(o.order_id in confirmed for o in stops)
        if bracket.held_lots <= 0 or bracket.is_dust or guarded:
            self.naked_from = None
        elif self.naked_from is None:
            self.naked_from = self.now

    def check_rejection(self, before, event) -> None:
        """A leg that the venue will not hold means: out."""
        order = before.find(event.order_id) if isinstance(event, Rejected) else None
        if order is None or order.leg is Leg.ENTRY or not order.is_live:
            return
        if before.held_lots > 0:
            assert self.bracket.exit is not None
            assert self.bracket.halted or before.exit is not None

    def check_ration(self, event, commands) -> None:
        """I17: however often the venue refuses, only so much is sent until time passes."""
        decided = isinstance(event, Tick | Filled | ExitNow) or self.bracket.halted
        self.sent = 0 if decided else self.sent
        self.sent += sum(isinstance(c, Submit) for c in commands)
        assert self.sent <= self.rules.max_submits, "I17: sent without end"

    def check_command(self, command, entry_was_live) -> None:
        known = self.bracket.find(command.order_id)
        if isinstance(command, Amend):
            under_way = self.amends_under_way.get(command.order_id, 0)
            assert under_way == 0, "I5: two amends in flight for one leg"
            self.amends_under_way[command.order_id] = 1
            assert command.lots > known.filled, "I5: a total at or below what has filled"
        if isinstance(command, Cancel) and known.leg is Leg.ENTRY:
            bracket = self.bracket
            left = any(o.filled for o in bracket.exits) and self.rules.cancel_entry_on_exit
            assert bracket.halted or bracket.exit or left, "the entry was given up for nothing"
        if isinstance(command, Submit):
            assert command.order_id not in self.orders, "I15: an id is used once"
            if self.mode is VenueMode.ONE_EXIT:
                others = [o for o in self.bracket.exits if o.is_live and o is not known]
                assert others == [], "I11: two exits at a venue without reduce-only"
            if command.leg in {Leg.STOP, Leg.TARGET}:
                assert command.side == -self.order.side
                assert command.lots == self.bracket.held_lots, "children as large as held"
        if known.leg is Leg.STOP and isinstance(command, Submit | Amend):
            self.check_stop(command.price_ticks, entry_was_live)

    def check_stop(self, price: int, entry_was_live) -> None:
        side, entered = self.order.side, self.bracket.entered
        assert price >= 1
        if not self.bracket.entry.is_live:
            if self.final_stops:
                assert side * (price - self.final_stops[-1]) >= 0, "I12: a stop was loosened"
            self.final_stops.append(price)
        if entry_was_live and side * entered.notional / entered.lots > 1:
            assert side * (entered.notional - price * entered.lots) > 0, "I12: wrong side"

    # -- the venue acts ----------------------------------------------------------------

    def process(self, command) -> None:
        order = self.orders.get(command.order_id)
        match command:
            case Submit(order_id):
                reducible = -command.side * self.position
                if command.reduce_only and reducible < 1:
                    self.outbox.append(Rejected(order_id, self.later(), "nothing to reduce"))
                    return
                beside = [
                    o
                    for o in self.orders.values()
                    if o.is_open and o.command.leg is command.leg
                ]
                assert beside == [], "I5: two orders of one leg at the venue"
                self.orders[order_id] = Order(command)
                self.outbox.append(Accepted(order_id, self.later()))
            case Amend(order_id, lots, price):
                if order is None or not order.is_open:
                    self.outbox.append(AmendRejected(order_id, self.later(), "closed"))
                elif lots <= order.filled:
                    order.is_open = False
                    self.outbox.append(Canceled(order_id, self.later()))
                else:
                    order.lots, order.price = lots, price
                    self.outbox.append(Amended(order_id, self.later(), lots, price))
            case Cancel(order_id):
                if order is None or not order.is_open:
                    self.outbox.append(CancelRejected(order_id, self.later(), "closed"))
                else:
                    order.is_open = False
                    self.outbox.append(Canceled(order_id, self.later()))

    def execute(self, order: Order, lots: int, price: int) -> None:
        command = order.command
        order.filled += lots
        if order.filled >= order.lots:
            order.is_open = False
        self.position += command.side * lots
        self.executions += 1
        fill = Filled(
            command.order_id, f"x{self.executions}", self.later(), lots, price, 3 * lots
        )
        self.outbox.append(fill)

    def fillable(self, order: Order) -> int:
        if not order.command.reduce_only:
            return order.leaves
        return min(order.leaves, max(0, -order.command.side * self.position))

    def open_orders(self) -> list[Order]:
        return [o for o in self.orders.values() if self.fillable(o) > 0]

    @precondition(lambda self: self.inbox)
    @rule()
    def a_command_arrives(self) -> None:
        self.process(self.inbox.pop(0))

    @precondition(lambda self: "refuse" in self.luck and self.inbox)
    @rule()
    def a_command_is_refused(self) -> None:
        command = self.inbox.pop(0)
        match command:
            case Submit(order_id):
                self.outbox.append(Rejected(order_id, self.later(), "no"))
                self.orders[order_id] = Order(command)
                self.orders[order_id].is_open = False
            case Amend(order_id):
                self.outbox.append(AmendRejected(order_id, self.later(), "no"))
            case Cancel(order_id):
                self.outbox.append(CancelRejected(order_id, self.later(), "no"))

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data(), price=PRICES)
    def an_order_trades(self, data, price) -> None:
        order = data.draw(st.sampled_from(self.open_orders()))
        lots = data.draw(st.integers(1, self.fillable(order)))
        self.execute(order, lots, price)

    @precondition(lambda self: self.entry_leaves())
    @rule(data=st.data(), price=PRICES)
    def a_little_of_the_entry_trades(self, data, price) -> None:
        entry = self.orders[self.first.entry.order_id]
        self.execute(entry, data.draw(st.integers(1, min(3, entry.leaves))), price)

    @precondition(lambda self: self.exits_at_work())
    @rule(data=st.data(), price=PRICES)
    def an_exit_trades_whole(self, data, price) -> None:
        order = data.draw(st.sampled_from(self.exits_at_work()))
        self.execute(order, self.fillable(order), price)

    def exits_at_work(self) -> list[Order]:
        return [o for o in self.open_orders() if o.command.leg is not Leg.ENTRY]

    def entry_leaves(self) -> int:
        entry = self.orders.get(self.first.entry.order_id)
        return entry.leaves if entry else 0

    @precondition(
        lambda self: "cancel" in self.luck and any(o.is_open for o in self.orders.values())
    )
    @rule(data=st.data())
    def the_venue_cancels_by_itself(self, data) -> None:
        order = data.draw(st.sampled_from([o for o in self.orders.values() if o.is_open]))
        order.is_open = False
        self.outbox.append(Canceled(order.command.order_id, self.later()))

    @precondition(lambda self: "cancel" in self.luck)
    @rule()
    def the_venue_cancels_every_exit_that_comes(self) -> None:
        for _ in range(9):
            self.everything_under_way_arrives()
            for order in self.exits_at_work():
                order.is_open = False
                self.outbox.append(Canceled(order.command.order_id, self.later()))

    @precondition(lambda self: "overtake" in self.luck and self.grown())
    @rule(data=st.data(), price=PRICES)
    def a_fill_overtakes_the_answer_to_an_amend(self, data, price) -> None:
        order = data.draw(st.sampled_from(self.grown()))
        self.execute(order, data.draw(st.integers(1, self.fillable(order))), price)
        event = self.outbox.pop()
        self.heard.append(event)
        self.tell(event)

    def grown(self) -> list[Order]:
        """Return orders whose amend was done, and we do not know it yet."""
        unheard = {e.order_id for e in self.outbox if isinstance(e, Amended)}
        return [o for o in self.open_orders() if o.command.order_id in unheard]

    @precondition(lambda self: "overfill" in self.luck and self.orders)
    @rule(data=st.data(), lots=st.integers(1, 3))
    def the_venue_overfills(self, data, lots) -> None:
        order = data.draw(st.sampled_from(list(self.orders.values())))
        self.execute(order, max(order.lots - order.filled, 0) + lots, MARK)

    @precondition(lambda self: "late" in self.luck and self.late_orders())
    @rule(data=st.data(), price=PRICES)
    def a_closed_order_turns_out_to_have_traded(self, data, price) -> None:
        order = data.draw(st.sampled_from(self.late_orders()))
        lots = data.draw(st.integers(1, self.untraded(order)))
        self.execute(order, lots, price)

    def untraded(self, order: Order) -> int:
        left = order.lots - order.filled
        if not order.command.reduce_only:
            return left
        return min(left, max(0, -order.command.side * self.position))

    def late_orders(self) -> list[Order]:
        return [o for o in self.orders.values() if not o.is_open and self.untraded(o) > 0]

    # -- news reaches us ---------------------------------------------------------------

    @precondition(lambda self: self.outbox)
    @rule()
    def the_next_news_arrives(self) -> None:
        event = self.outbox.pop(0)
        self.heard.append(event)
        self.tell(event)

    @rule()
    def everything_under_way_arrives(self) -> None:
        while self.inbox or self.outbox:
            while self.inbox:
                self.process(self.inbox.pop(0))
            while self.outbox:
                self.the_next_news_arrives()

    @precondition(lambda self: "overtake" in self.luck and len(self.outbox) > 1)
    @rule(data=st.data())
    def later_news_overtakes(self, data) -> None:
        k = data.draw(st.integers(1, len(self.outbox) - 1))
        event = self.outbox.pop(k)
        self.heard.append(event)
        self.tell(event)

    @precondition(lambda self: "repeat" in self.luck and self.heard)
    @rule(data=st.data())
    def news_arrives_again(self, data) -> None:
        changes = [e for e in self.heard if isinstance(e, Amended)]
        event = data.draw(st.sampled_from(changes[-3:] + self.heard))
        before = self.bracket
        if isinstance(event, Filled):
            self.bracket, commands = on(before, event)
            assert self.bracket is before, "I6: a repeated fill changed something"
            assert commands == ()
            return
        under_way = dict(self.amends_under_way)
        self.tell(event)
        for order_id, n in under_way.items():  # a repeat answers nothing
            self.amends_under_way[order_id] = max(n, self.amends_under_way[order_id])
        assert self.bracket.held_lots == before.held_lots

    @precondition(
        lambda self: "conflict" in self.luck and any(isinstance(e, Filled) for e in self.heard)
    )
    @rule(data=st.data(), more=st.integers(1, 3))
    def a_known_execution_comes_with_another_content(self, data, more) -> None:
        fills = [e for e in self.heard if isinstance(e, Filled)]
        event = data.draw(st.sampled_from(fills))
        before = self.bracket
        self.tell(msgspec.structs.replace(event, lots=event.lots + more))
        assert self.bracket.executions == before.executions, "I6: it was applied"
        assert self.bracket.held_lots == before.held_lots
        assert self.bracket.halted
        assert self.bracket.quarantine

    @rule(elapsed=st.sampled_from([1, SECOND // 2, 2 * SECOND]), price=PRICES)
    def time_passes(self, elapsed, price) -> None:
        self.now += elapsed
        self.tell(Tick(self.now, price))
        if self.naked_from is not None and self.now - self.naked_from > SECOND:
            assert self.bracket.exit is not None, "I14: naked, and nothing done about it"

    @precondition(lambda self: "leave" in self.luck)
    @rule(cause=st.sampled_from([ExitCause.HORIZON, ExitCause.ROLLBACK]))
    def we_want_out(self, cause) -> None:
        self.tell(ExitNow(cause, self.later()))

    @rule()
    def we_crash_and_come_back(self) -> None:
        raw = msgspec.msgpack.encode(self.bracket)
        assert msgspec.msgpack.decode(raw, type=Bracket) == self.bracket, "I9: lost on disk"
        again = self.first
        for event in self.log:
            again, _ = on(again, event)
        assert again == self.bracket, "I9: replay of the log is not where we were"
        twice = again
        for event in self.log:
            if isinstance(event, Filled):
                twice, _ = on(twice, event)
        assert twice == again, "I9: replaying twice is not once"

    # -- what holds at all times -------------------------------------------------------

    @invariant()
    def no_more_leaves_than_came_or_we_are_halted(self) -> None:
        assert self.bracket.held_lots >= 0 or self.bracket.halted, "I1"

    @invariant()
    def the_ledger_is_the_sum_of_distinct_executions(self) -> None:
        fills = {e.exec_id: e for e in self.heard if isinstance(e, Filled)}.values()
        entries = [e for e in fills if self.leg(e) is Leg.ENTRY]
        lots = sum(e.lots for e in entries)
        assert self.bracket.entered.lots == lots, "I2"
        assert self.bracket.entered.notional == sum(e.lots * e.price_ticks for e in entries)
        sides = {o.order_id: o.side for o in self.bracket.orders}
        held = sum(sides[e.order_id] * e.lots for e in fills)
        assert self.order.side * self.bracket.held_lots == held
        self.check_money(fills, sides)

    def check_money(self, fills, sides) -> None:
        scale, side = 10_000, self.order.side
        cash = sum(
            -sides[e.order_id] * e.lots * e.price_ticks * scale - e.fee_micros for e in fills
        )
        assert self.bracket.cash_micros == cash, "I13"
        held = self.bracket.held_lots
        if self.bracket.entered.lots == 0:
            return
        entry = Fraction(self.bracket.entered.notional, self.bracket.entered.lots)
        fees = sum(e.fee_micros for e in fills)
        exits = [e for e in fills if self.leg(e) is not Leg.ENTRY]
        realised = sum(-sides[e.order_id] * e.lots * (e.price_ticks - entry) for e in exits)
        unrealised = side * held * (MARK - entry)
        total = (realised + unrealised) * scale - fees
        assert total == self.bracket.worth_micros(MARK), "I13"

    def leg(self, fill: Filled) -> Leg:
        return self.bracket.find(fill.order_id).leg

    @invariant()
    def each_leg_has_at_most_one_live_order(self) -> None:
        for leg in Leg:
            live = [o for o in self.bracket.orders if o.leg is leg and o.is_live]
            assert len(live) <= 1, f"I5: {leg}"

    @invariant()
    def a_closed_order_stays_closed(self) -> None:
        for order in self.bracket.orders:
            before = self.closed_states.get(order.order_id)
            if before is OrderState.FILLED:
                assert order.state is OrderState.FILLED, "I10: FILLED was left"
            if before is not None:
                assert order.state in {before, OrderState.FILLED}, "I10: a closed order moved"
            if not order.is_live:
                self.closed_states[order.order_id] = order.state

    @invariant()
    def nothing_held_means_that_every_exit_is_on_its_way_out(self) -> None:
        bracket = self.bracket
        if bracket.held_lots or bracket.entry.is_live:
            return
        staying = [o for o in bracket.exits if o.is_live and not (o.canceling or o.refused)]
        assert staying == [], "I4"

    @invariant()
    def a_healthy_venue_never_halts_us(self) -> None:
        codes = {f.code for f in self.bracket.findings}
        if "overfill" not in self.luck:
            assert not any(code.endswith("overfilled") for code in codes), codes
        if not self.luck - {"repeat"}:
            assert codes <= {"execution.naked"}, codes

    # -- what holds once all news has arrived ------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "bracket"):
            return
        self.quiesce()
        self.check_quiet()
        self.tell(ExitNow(ExitCause.HORIZON, self.later()))
        self.quiesce()
        self.check_over()

    def quiesce(self) -> None:
        """Deliver everything, in order, to a venue that now behaves."""
        for _ in range(60):
            moved = bool(self.inbox or self.outbox)
            self.everything_under_way_arrives()
            for order in list(self.orders.values()):
                at_market = order.command.kind is OrderKind.MARKET
                if at_market and order.command.leg is not Leg.ENTRY and self.fillable(order):
                    self.execute(order, self.fillable(order), MARK)
                    moved = True
            if not moved and not self.bracket_would_move():
                return
        pytest.fail("I17: never comes to rest")

    def bracket_would_move(self) -> bool:
        self.now += 1
        self.tell(Tick(self.now))
        return bool(self.inbox)

    def check_quiet(self) -> None:
        bracket, side = self.bracket, self.order.side
        held = bracket.held_lots
        assert side * held == self.position, "belief and truth are one"
        for order in bracket.orders:
            truth = self.orders.get(order.order_id)
            assert order.leaves == (truth.leaves if truth else 0), "resting lots are believed"
            assert order.amend is None
        if any(o.filled for o in bracket.exits) and self.rules.cancel_entry_on_exit:
            assert not bracket.entry.is_live, "rule 5: the entry goes on after an exit"
        stop, target = bracket.live(Leg.STOP), bracket.live(Leg.TARGET)
        if held == 0 or bracket.exit is not None or bracket.taking:
            assert stop is None, "I4"
            return
        if held < bracket.rules.min_order_lots:
            return
        assert stop.leaves == held, "I3: the stop covers what is held, exactly"
        assert bracket.protected_lots == held
        if self.mode is VenueMode.REDUCE_ONLY:
            assert target.leaves == held, "I3: so does the target"
        assert risk_at(bracket.entered, stop.price_ticks) <= self.sized(), "I12: money at risk"
        self.check_prices(stop, target)

    def check_prices(self, stop, target) -> None:
        """I3, I12: at the right tick, or as near as the band allows, or tighter."""
        side, band, entered = (
            self.order.side,
            self.rules.reprice_band_ticks,
            self.bracket.entered,
        )
        exact = Fraction(entered.notional, entered.lots)
        assert side * (stop.price_ticks - exact) >= -self.order.stop_ticks - band
        if self.bracket.entry.is_live:
            assert side * (stop.price_ticks - exact) < 1 + band - self.order.stop_ticks
            assert side * (stop.price_ticks - exact) < 0, "I12: wrong side of the entry"
        if target is not None:
            distance = side * (target.price_ticks - exact)
            assert distance > 0
            assert abs(distance - self.order.target_ticks) < 1 + band

    def sized(self) -> int:
        return self.order.lots * self.order.stop_ticks

    def check_over(self) -> None:
        bracket = self.bracket
        assert not any(o.leaves for o in self.orders.values()), "I4: something still works"
        assert bracket.is_done
        if bracket.is_dust:
            assert abs(bracket.held_lots) < bracket.rules.min_order_lots, "I17"
        else:
            assert self.position == bracket.held_lots == 0
        trade = trade_closed(bracket)
        if bracket.entered.lots == 0:
            assert trade is None
            return
        assert trade.lots == bracket.entered.lots
        assert trade.risk_micros > 0
        if not bracket.is_dust:
            assert trade.pnl_micros == bracket.cash_micros
            gross = (trade.exit_usd - trade.entry_usd) * trade.side * trade.lots * 1e6
            assert abs(gross - trade.fees_micros - trade.pnl_micros) <= 1.0 + 1e-9 * abs(gross)


class OneExitMachine(Machine):
    mode = VenueMode.ONE_EXIT


TestReduceOnly = Machine.TestCase
TestReduceOnly.settings = settings(max_examples=400, stateful_step_count=50)
TestOneExit = OneExitMachine.TestCase
TestOneExit.settings = settings(max_examples=200, stateful_step_count=50)


class LongMachine(Machine):
    """The same, searched for longer."""


class LongOneExitMachine(OneExitMachine):
    """The same, searched for longer."""


TestLong = pytest.mark.long(LongMachine.TestCase)
TestLong.settings = settings(max_examples=3_000, stateful_step_count=60, derandomize=False)
TestLongOneExit = pytest.mark.long(LongOneExitMachine.TestCase)
TestLongOneExit.settings = settings(
    max_examples=1_500, stateful_step_count=60, derandomize=False
)
