"""The simulated venue fills as a bar allows, worse where in doubt, and always the same."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

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
from stairway.simulation.fills import Luck, PaperRules
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


def venue(costs=FREE, paper=CALM, seed=7, state=None, account="capital") -> Venue:
    return Venue((AAA, BBB), costs, paper, Luck(seed, account), state)


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


def limit_entry(order_id: str) -> Submit:
    """Wish to buy at a tick, which no market fills."""
    return Submit(order_id, "AAA", Leg.ENTRY, OrderKind.LIMIT, 1, 5, 1, reduce_only=False)


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


THROUGH = PaperRules(partial_fill_prob=0.0, reject_prob=0.0, limit_through_ticks=1)


@pytest.mark.parametrize(
    ("paper", "open_", "filled_at"),
    [
        (THROUGH, 105.0, None),  # it was only touched, and others were first
        (THROUGH, 105.005, None),
        (THROUGH, 105.01, 10_501),
        (CALM, 105.0, 10_500),
        (CALM, 104.99, None),
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_an_open_at_the_limit_fills_no_sooner_than_a_touch_inside_the_bar(
    paper: PaperRules, open_: float, filled_at: int | None, side: int
) -> None:
    """For a long's target above the market, and for a short's mirrored at 100."""
    v = venue(paper=paper)
    holding(v, side)
    v.submit(limit(10_000 + side * 500, side=-side))
    opened = 100.0 + side * (open_ - 100.0)
    v.open(bar(1, opened, max(opened, 100.0), min(opened, 100.0), 100.0))
    expected = None if filled_at is None else 10_000 + side * (filled_at - 10_000)
    assert [f[2] for f in fills(v)] == ([] if expected is None else [expected])


def test_a_limit_that_the_open_only_touched_fills_later_at_its_own_price() -> None:
    for open_ in (105.0, 105.005):
        v = venue(paper=THROUGH)
        holding(v)
        v.submit(limit(10_500))
        v.open(bar(1, open_, 106, 99, 100))
        assert fills(v) == []
        v.range(bar(1, open_, 106, 99, 100))
        assert fills(v) == [("t", 5, 10_500)]


@pytest.mark.parametrize("side", [1, -1])
def test_costs_never_push_a_limit_beyond_its_price(side: int) -> None:
    v = venue(DEAR, THROUGH)
    holding(v, side)
    v.submit(limit(10_000 + side * 500, side=-side))
    opened = 100.0 + side * 5.01
    v.open(bar(1, opened, max(opened, 100.0), min(opened, 100.0), 100.0))
    assert [f[2] for f in fills(v)] == [10_000 + side * 500]


def test_a_limit_sent_after_the_open_gets_nothing_better_than_its_price() -> None:
    """The open is gone by then, however far beyond the limit it was."""
    v = venue()
    holding(v)
    v.open(bar(1, 108, 110, 99, 100))
    v.submit(limit(10_500))
    v.range(bar(1, 108, 110, 99, 100))
    assert fills(v) == [("t", 5, 10_500)]


@given(
    st.sampled_from([1, -1]), st.integers(9_000, 11_000), st.integers(0, 3),
    st.integers(9_000, 11_000), st.integers(0, 500), st.integers(0, 500),
)  # fmt: skip
def test_a_limit_fills_only_in_a_bar_that_went_far_enough_beyond_it(
    side: int, price: int, through: int, open_: int, up: int, down: int
) -> None:
    paper = PaperRules(partial_fill_prob=0.0, reject_prob=0.0, limit_through_ticks=through)
    v = venue(paper=paper)
    holding(v, side)
    v.submit(limit(price, side=-side))
    one = bar(1, open_ / 100, (open_ + up) / 100, (open_ - down) / 100, open_ / 100)
    v.open(one)
    v.range(one)
    best = open_ + up if side > 0 else open_ - down
    traded = fills(v)
    assert bool(traded) == (side * (best - price) >= through)
    opened_beyond = side * (open_ - price) >= through
    assert all(f[2] == (open_ if opened_beyond else price) for f in traded)


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


def traded(name="mine", crowd: tuple[Submit, ...] = (), **choice) -> list:
    """What an order of 40 lots does bar by bar, beside others that came before it."""
    v = venue(DEAR, ROUGH, **choice)
    for other in crowd:
        v.submit(other)
    v.submit(market(name, lots=40))
    out = []
    for k in range(12):
        v.open(bar(k, 100, 110, 90, 105, volume=90.0))
        out.extend(f[1:] for f in fills(v) if f[0] == name)
    return out


def test_the_luck_of_an_order_does_not_depend_on_its_name() -> None:
    """Names hold the digest of a model, so any edit of the program changes them."""
    assert traded("mine") == traded("another") == traded("mine")
    assert len(traded()) > 1


def test_the_luck_of_an_order_does_not_depend_on_orders_of_other_kinds() -> None:
    elsewhere = [replace(market(f"b{k}"), symbol="BBB") for k in range(7)]
    targets = [replace(limit(50_000, f"t{k}"), reduce_only=False) for k in range(7)]
    assert traded(crowd=(*elsewhere, *targets)) == traded()


def test_another_seed_and_another_account_are_other_luck() -> None:
    assert traded() != traded(seed=8)
    assert traded() != traded(account="shadow:lightgbm")


def test_orders_of_one_kind_at_one_bar_have_each_its_own_luck() -> None:
    assert traded() != traded(crowd=(market("before"),))
    v = venue(paper=PaperRules(partial_fill_prob=0, reject_prob=0.5, limit_through_ticks=0))
    for k in range(40):
        v.submit(market(f"o{k}"))
    refused = sum(isinstance(e, Rejected) for e in v.drain())
    assert 5 < refused < 35


def test_the_same_order_sent_twice_takes_no_place_from_the_next() -> None:
    places = []
    for repeats in (1, 3):
        v = venue()
        for _ in range(repeats):
            v.submit(market("a"))
        v.submit(market("b"))
        places.append([order.place for order in v.state.orders])
    assert places[0] == places[1] == ["AAA/entry/-1/0", "AAA/entry/-1/1"]


def test_places_are_counted_anew_at_every_bar() -> None:
    v = venue()
    for k in range(3):
        v.submit(limit_entry(f"a{k}"))
        v.open(bar(k, 100, 110, 90, 105))
        v.submit(limit_entry(f"b{k}"))
        v.range(bar(k, 100, 110, 90, 105))
        v.submit(limit_entry(f"c{k}"))
    places = [order.place for order in v.state.orders]
    assert len(set(places)) == len(places) == 9
    assert places[:4] == ["AAA/entry/-1/0", "AAA/entry/0/0", "AAA/entry/0/1", "AAA/entry/0/2"]


def test_a_venue_remembers_what_came_before_at_this_bar() -> None:
    v = venue()
    v.submit(market("a"))
    again = venue(state=v.state)
    for one in (v, again):
        one.submit(market("b"))
    assert again.state == v.state
    assert [order.place for order in again.state.orders][1] == "AAA/entry/-1/1"


def test_a_cut_fill_is_drawn_anew_at_every_bar() -> None:
    half = PaperRules(partial_fill_prob=1.0, reject_prob=0.0, limit_through_ticks=0)
    v = venue(FREE, half)
    v.submit(market("m", lots=10**6))
    shares = []
    for k in range(8):
        v.open(bar(k, 100, 110, 90, 105, volume=1_000.0))
        shares.extend(f[1] for f in fills(v))
    assert len(set(shares)) > 4


class Book:
    """One account driven as the trader drives it, one trade at a time."""

    def __init__(self, bars: PairBars, costs, paper, seed, state=None) -> None:
        self.bars = bars
        self.venue = Venue(bars.instruments, costs, paper, Luck(seed, "capital"), state)
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
    part.venue = Venue(bars.instruments, DEAR, ROUGH, Luck(7, "capital"), memory)
    for k in range(30, 60):
        part.step(bars.at(k))
    assert part.said == whole.said
    assert part.venue.state == whole.venue.state
