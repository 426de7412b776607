"""The simulated venue fills as a bar allows, worse where in doubt, and always the same."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from stairway.adapters.sources import sample
from stairway.base.errors import InvariantError
from stairway.base.hashing import content_hash
from stairway.execution.bracket import on, open_bracket, trade_closed
from stairway.execution.costs import CostRules, fee_micros
from stairway.execution.orders import (
    Accepted,
    Amend,
    Amended,
    Cancel,
    Canceled,
    CancelRejected,
    Filled,
    Leg,
    OrderKind,
    Rejected,
    Submit,
)
from stairway.execution.state import ExitCause, ExitNow, Tick
from stairway.market.align import align
from stairway.market.bars import Bar, PairBar, PairBars
from stairway.market.instrument import Instrument
from stairway.simulation.fills import PaperRules
from stairway.simulation.venue import Venue, VenueState
from stairway.testing.bars import random_walk
from stairway.testing.brackets import some_opening, some_order, some_rules
from stairway.testing.source import daily_rules

AAA = Instrument(symbol="AAA", tick_usd=0.01, lot_units=1.0)
BBB = Instrument(symbol="BBB", tick_usd=0.01, lot_units=1.0)
FREE = CostRules(
    fee_bps=0.0, half_spread_bps=0.0, impact_coef_bps=0.0, max_participation_frac=1.0
)
DEAR = CostRules(
    fee_bps=0.7, half_spread_bps=3.0, impact_coef_bps=50.0, max_participation_frac=0.1
)
CALM = PaperRules(partial_fill_prob=0.0, reject_prob=0.0, limit_through_ticks=0)
ROUGH = PaperRules(partial_fill_prob=0.4, reject_prob=0.03, limit_through_ticks=1)


def venue(costs=FREE, paper=CALM, seed=7, state=None) -> Venue:
    return Venue((AAA, BBB), costs, paper, seed, state)


def bar(index: int, open_, high, low, close, volume=1_000.0) -> PairBar:
    one = Bar(open_, high, low, close, volume)
    return PairBar(index, 1_000 * (index + 1), 0, last_of_session=False, bars=(one, one))


def market(order_id="m", side=1, lots=5) -> Submit:
    kind = OrderKind.MARKET
    return Submit(order_id, "AAA", Leg.ENTRY, kind, side, lots, None, reduce_only=False)


def stop(price, order_id="s", side=-1, lots=5) -> Submit:
    return Submit(
        order_id, "AAA", Leg.STOP, OrderKind.STOP, side, lots, price, reduce_only=True
    )


def limit(price, order_id="t", side=-1, lots=5) -> Submit:
    return Submit(
        order_id, "AAA", Leg.TARGET, OrderKind.LIMIT, side, lots, price, reduce_only=True
    )


def fills(v: Venue) -> list[tuple]:
    return [(e.order_id, e.lots, e.price_ticks) for e in v.drain() if isinstance(e, Filled)]


def holding(v: Venue, side=1, lots=5, index=0) -> None:
    """Give the account a position at 100, and take the news away."""
    v.submit(market("h", side, lots))
    v.open(bar(index, 100, 100, 100, 100))
    v.range(bar(index, 100, 100, 100, 100))
    list(v.drain())


# -- when ------------------------------------------------------------------------------


def test_a_decision_at_a_close_trades_at_the_next_open() -> None:
    v = venue()
    v.open(bar(0, 100, 110, 90, 105))
    v.submit(market())
    v.range(bar(0, 100, 110, 90, 105))
    assert fills(v) == []
    v.open(bar(1, 106, 110, 90, 105))
    assert fills(v) == [("m", 5, 10_600)]


def test_events_carry_the_close_time_of_their_bar() -> None:
    v = venue()
    v.submit(market())
    v.open(bar(0, 100, 110, 90, 105))
    accepted, filled = v.drain()
    assert (type(accepted), accepted.time_ns) == (Accepted, 0)
    assert (type(filled), filled.time_ns) == (Filled, 1_000)


@pytest.mark.parametrize("index", [0, 1])
def test_the_venue_never_goes_back(index: int) -> None:
    v = venue()
    v.open(bar(1, 100, 110, 90, 105))
    with pytest.raises(InvariantError, match="never goes back"):
        v.open(bar(index, 100, 110, 90, 105))
    with pytest.raises(InvariantError, match="has not been opened"):
        v.range(bar(2, 100, 110, 90, 105))


def test_exits_sent_at_the_open_rest_inside_the_same_bar() -> None:
    v = venue()
    v.submit(market())
    v.open(bar(0, 100, 106, 99, 105))
    v.submit(limit(10_500))
    v.range(bar(0, 100, 106, 99, 105))
    assert fills(v) == [("m", 5, 10_000), ("t", 5, 10_500)]


def test_a_target_sent_after_the_range_was_seen_waits_for_the_next_bar() -> None:
    v = venue()
    holding(v)
    v.open(bar(1, 100, 110, 99, 105))
    v.range(bar(1, 100, 110, 99, 105))
    v.submit(limit(10_500))
    v.range(bar(1, 100, 110, 99, 105))
    assert fills(v) == []
    v.open(bar(2, 104, 110, 99, 105))
    v.range(bar(2, 104, 110, 99, 105))
    assert fills(v) == [("t", 5, 10_500)]


def test_a_target_moved_after_the_range_was_seen_waits_too() -> None:
    v = venue()
    holding(v)
    v.submit(limit(12_000))
    v.open(bar(1, 100, 110, 99, 105))
    v.range(bar(1, 100, 110, 99, 105))
    v.submit(Amend("t", 5, 10_500))
    v.range(bar(1, 100, 110, 99, 105))
    assert fills(v) == []


def test_a_stop_sent_after_the_range_was_seen_does_not_wait() -> None:
    v = venue()
    holding(v)
    v.open(bar(1, 100, 110, 95, 105))
    v.range(bar(1, 100, 110, 95, 105))
    v.submit(stop(9_800))
    v.range(bar(1, 100, 110, 95, 105))
    assert fills(v) == [("s", 5, 9_800)]


# -- at what price ---------------------------------------------------------------------


def test_where_both_exits_lie_in_one_bar_the_stop_is_taken() -> None:
    v = venue()
    holding(v)
    v.submit(limit(10_500))
    v.submit(stop(9_500))
    v.open(bar(1, 100, 110, 90, 105))
    v.range(bar(1, 100, 110, 90, 105))
    assert fills(v) == [("s", 5, 9_500)]
    assert v.positions["AAA"] == 0


def test_a_part_of_the_stop_keeps_the_target_out_for_the_whole_bar() -> None:
    v = venue(CostRules(**msgspec.structs.asdict(FREE) | {"max_participation_frac": 0.002}))
    for k in range(3):
        v.submit(market(f"h{k}", lots=2))
    v.open(bar(0, 100, 100, 100, 100))
    v.submit(stop(9_500, lots=6))
    v.submit(limit(10_500, lots=6))
    list(v.drain())
    v.open(bar(1, 100, 110, 90, 105))
    for _ in range(3):
        v.range(bar(1, 100, 110, 90, 105))
    assert fills(v) == [("s", 2, 9_500)]
    v.open(bar(2, 97, 110, 90, 105))
    assert fills(v) == [("s", 2, 9_700)], "what is left takes at the next open"


@pytest.mark.parametrize(
    ("side", "trigger", "open_", "price"),
    [(1, 9_500, 93, 9_300), (-1, 10_500, 107, 10_700)],
)
def test_a_gap_beyond_the_stop_trades_at_the_open_which_is_worse(
    side, trigger, open_, price
) -> None:
    v = venue()
    holding(v, side)
    v.submit(stop(trigger, side=-side))
    v.open(bar(1, open_, 110, 90, 100))
    assert fills(v) == [("s", 5, price)]


def test_a_gap_beyond_the_target_trades_at_the_open_less_costs() -> None:
    v = venue(DEAR)
    holding(v, index=0)
    v.submit(limit(10_500))
    v.open(bar(1, 110, 111, 109, 110))
    ((_, _, price),) = fills(v)
    assert 10_500 <= price < 11_000


def test_a_limit_that_is_only_touched_waits_where_the_rules_say_so() -> None:
    through = PaperRules(partial_fill_prob=0.0, reject_prob=0.0, limit_through_ticks=1)
    for paper, expected in ((CALM, 1), (through, 0)):
        v = venue(paper=paper)
        holding(v)
        v.submit(limit(10_500))
        v.open(bar(1, 100, 105, 99, 100))
        v.range(bar(1, 100, 105, 99, 100))
        assert len(fills(v)) == expected


def test_takers_pay_spread_impact_and_a_fee_rounded_up() -> None:
    v = venue(DEAR)
    v.submit(market(lots=10))
    v.open(bar(0, 100, 110, 90, 105, volume=1_000.0))
    event = next(e for e in v.drain() if isinstance(e, Filled))
    assert event.price_ticks == 10_008  # 3 bp of spread, 50 x sqrt(1 %) = 5 bp of impact
    assert event.fee_micros == fee_micros(10_008 * 10 * 10_000, 0.7)


# -- how much --------------------------------------------------------------------------


def test_what_the_bar_cannot_take_is_carried_to_the_next() -> None:
    v = venue(CostRules(**msgspec.structs.asdict(FREE) | {"max_participation_frac": 0.1}))
    v.submit(market(lots=25))
    traded = []
    for k in range(4):
        v.open(bar(k, 100 + k, 110, 90, 105, volume=100.0))
        v.range(bar(k, 100 + k, 110, 90, 105, volume=100.0))
        traded.extend(fills(v))
    assert traded == [("m", 10, 10_000), ("m", 10, 10_100), ("m", 5, 10_200)]


def test_a_bar_without_volume_trades_nothing() -> None:
    v = venue()
    v.submit(market())
    v.open(bar(0, 100, 110, 90, 105, volume=0.0))
    assert fills(v) == []


def test_an_exit_never_turns_the_position_around() -> None:
    v = venue()
    holding(v, lots=3)
    v.submit(stop(9_500, "s1", lots=2))
    v.submit(stop(9_500, "s2", lots=3))
    v.open(bar(1, 100, 110, 90, 105))
    v.range(bar(1, 100, 110, 90, 105))
    assert fills(v) == [("s1", 2, 9_500), ("s2", 1, 9_500)]
    assert v.positions["AAA"] == 0
    v.open(bar(2, 100, 110, 90, 105))
    v.range(bar(2, 100, 110, 90, 105))
    assert [type(e) for e in v.drain()] == [Canceled], "what cannot reduce is closed"


@pytest.mark.parametrize(
    ("order", "word"),
    [
        (market(side=0), "not an order"),
        (market(lots=0), "not an order"),
        (stop(None), "with price None"),
        (stop(9_500), "nothing to reduce"),
    ],
)
def test_an_order_that_cannot_be_held_is_refused_with_the_reason(order, word) -> None:
    v = venue()
    v.submit(order)
    (event,) = v.drain()
    assert isinstance(event, Rejected)
    assert word in event.why


def test_an_amend_of_the_wrong_kind_is_refused() -> None:
    v = venue()
    v.submit(market())
    v.submit(Amend("m", 5, 100))
    assert [type(e).__name__ for e in v.drain()] == ["Accepted", "AmendRejected"]


def test_a_waiting_taker_can_be_made_smaller_or_taken_back() -> None:
    v = venue()
    v.submit(market(lots=9))
    v.submit(Amend("m", 4, None))
    v.submit(market("n"))
    v.submit(Cancel("n"))
    v.submit(Cancel("n"))
    v.open(bar(0, 100, 110, 90, 105))
    events = list(v.drain())
    assert [type(e) for e in events] == [
        Accepted,
        Amended,
        Accepted,
        Canceled,
        CancelRejected,
        Filled,
    ]
    assert events[-1].lots == 4


# -- always the same -------------------------------------------------------------------


def test_some_orders_are_refused_by_draw_and_the_same_ones_every_time() -> None:
    paper = PaperRules(partial_fill_prob=0.0, reject_prob=0.2, limit_through_ticks=0)
    refused = []
    for _ in range(2):
        v = venue(paper=paper)
        for k in range(500):
            v.submit(market(f"o{k}"))
        refused.append([e.order_id for e in v.drain() if isinstance(e, Rejected)])
    assert refused[0] == refused[1]
    assert 70 < len(refused[0]) < 130


def test_the_luck_of_an_order_does_not_depend_on_the_others() -> None:
    def traded(crowd: int) -> list:
        v = venue(DEAR, ROUGH)
        for k in range(crowd):
            v.submit(market(f"crowd{k}"))
        v.submit(market("mine", lots=40))
        out = []
        for k in range(12):
            v.open(bar(k, 100, 110, 90, 105, volume=90.0))
            out.extend(f for f in fills(v) if f[0] == "mine")
        return out

    assert traded(0) == traded(7)
    assert len(traded(0)) > 1


def test_who_is_refused_does_not_depend_on_who_else_is_there() -> None:
    def refused(crowd: int) -> set:
        v = venue(paper=PaperRules(partial_fill_prob=0, reject_prob=0.2, limit_through_ticks=0))
        for k in range(crowd):
            v.submit(market(f"crowd{k}"))
        for k in range(100):
            v.submit(market(f"mine{k}"))
        said = [e.order_id for e in v.drain() if isinstance(e, Rejected)]
        return {order_id for order_id in said if order_id.startswith("mine")}

    assert refused(0) == refused(7) != set()


class Book:
    """One account driven as the trader drives it, one trade at a time."""

    def __init__(self, bars: PairBars, costs, paper, seed, state=None) -> None:
        self.bars = bars
        self.venue = Venue(bars.instruments, costs, paper, seed, state)
        self.bracket = None
        self.opened = 0
        self.trades: list = []
        self.said: list = []

    def submit(self, commands) -> None:
        for command in commands:
            self.venue.submit(command)

    def settle(self) -> None:
        while events := list(self.venue.drain()):
            for event in events:
                self.said.append(event)
                was_done = self.bracket.is_done
                self.bracket, commands = on(self.bracket, event)
                self.submit(commands)
                if self.bracket.is_done and not was_done and trade_closed(self.bracket):
                    self.trades.append(trade_closed(self.bracket))

    def step(self, bar_: PairBar) -> None:
        self.venue.open(bar_)
        if self.bracket:
            self.settle()
        self.venue.range(bar_)
        if self.bracket:
            self.settle()
            self.bracket, commands = on(self.bracket, Tick(bar_.time_ns))
            self.submit(commands)
        self.decide(bar_)

    def decide(self, bar_: PairBar) -> None:
        if self.bracket is not None and not self.bracket.is_done:
            if bar_.index - self.opened >= 5:
                out = ExitNow(ExitCause.HORIZON, bar_.time_ns)
                self.bracket, commands = on(self.bracket, out)
                self.submit(commands)
            return
        one = self.bars.instruments[0]
        close = one.ticks(bar_.bars[0].close)
        side = 1 if bar_.index % 3 else -1
        distance = max(1, close // 80)
        order = msgspec.structs.replace(
            some_order(400, side, distance, distance), symbol=one.symbol
        )
        opening = msgspec.structs.replace(
            some_opening(f"b{bar_.index}"),
            opened_ns=bar_.time_ns,
            micros_per_tick_lot=one.micros_per_tick_lot,
            tick_usd=one.tick_usd,
        )
        self.opened = bar_.index
        self.bracket, commands = open_bracket(order, opening, some_rules())
        self.submit(commands)


def thinned(bars: PairBars, volume: float) -> PairBars:
    """The same prices with so little volume that orders fill in pieces."""
    return dataclasses.replace(bars, volume=bars.volume * 0.0 + volume)


def run(bars: PairBars, seed=7) -> Book:
    book = Book(bars, DEAR, ROUGH, seed)
    for bar_ in bars:
        book.step(bar_)
    return book


@given(st.integers(0, 10**6))
@settings(max_examples=15)
def test_trades_add_up_and_prices_lie_in_their_bars_whatever_the_market(seed) -> None:
    bars = thinned(random_walk(120, seed), 3_000.0)
    book = run(bars, seed)
    check(book, bars)


def check(book: Book, bars: PairBars) -> None:
    """Positions, money and prices of a run hold together."""
    one = bars.instruments[0]
    by_time = {int(t): k for k, t in enumerate(bars.time_ns)}
    found = [e for e in book.said if isinstance(e, Filled)]
    assert found
    for event in found:
        k = by_time[event.time_ns]
        # At 10 % of the volume: 3 bp of spread, 50 x sqrt(0.1) bp of impact, one tick.
        slack = bars.high[k, 0] * (3 + 16) / 1e4 + one.tick_usd
        price = event.price_ticks * one.tick_usd
        assert bars.low[k, 0] - slack <= price <= bars.high[k, 0] + slack
    held = book.bracket.order.side * book.bracket.held_lots
    assert book.venue.positions[one.symbol] == held
    codes = {f.code for f in book.bracket.findings}
    assert codes <= {"execution.stop_rejected", "execution.target_rejected"} | {
        "execution.flatten_rejected"
    }
    for trade in book.trades:
        assert trade.closed_ns >= trade.opened_ns
        assert trade.risk_micros > 0


def test_twenty_years_of_real_bars_trade_and_trade_the_same_again() -> None:
    pytest.importorskip("arch", reason="the sample bars come with the arch package")
    bars = align(sample.read(sample.Config()), *daily_rules())[0].part(0, 900)
    one, again = run(bars), run(bars)
    check(one, bars)
    assert len(one.trades) > 120
    assert content_hash(one.said) == content_hash(again.said)
    assert {t.exit for t in one.trades} >= {"stop", "target", "horizon"}
    total = sum(t.pnl_micros for t in one.trades)
    assert total < 0, "no edge, and costs: it must lose"


def test_a_venue_made_from_its_memory_goes_on_as_it_would_have() -> None:
    bars = thinned(random_walk(60, 3), 3_000.0)
    whole = run(bars)
    part = Book(bars, DEAR, ROUGH, 7)
    for bar_ in bars.part(0, 30):
        part.step(bar_)
    raw = msgspec.msgpack.encode(part.venue.state)
    memory = msgspec.msgpack.decode(raw, type=VenueState)
    part.venue = Venue(bars.instruments, DEAR, ROUGH, 7, memory)
    for k in range(30, 60):
        part.step(bars.at(k))
    assert part.said == whole.said
    assert part.venue.state == whole.venue.state
