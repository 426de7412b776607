"""Stories of single trades: what other engines were reported to get wrong, and outcomes.

The numbers are issues of the engines named in EXECUTION.md.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stairway.base.errors import InvariantError
from stairway.execution.bracket import on, open_bracket, trade_closed
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
from stairway.execution.state import ExitCause, ExitNow
from stairway.testing.brackets import some_opening, some_order, some_rules


def legs(commands) -> list:
    return [(type(c).__name__, getattr(c, "leg", None)) for c in commands]


def test_a_trade_opens_with_one_market_entry_and_nothing_else(desk) -> None:
    (entry,) = desk(lots=5).asked
    assert (entry.leg, entry.kind, entry.lots, entry.side) == (
        Leg.ENTRY,
        OrderKind.MARKET,
        5,
        1,
    )
    assert entry.price_ticks is None
    assert not entry.reduce_only


@pytest.mark.parametrize(
    "wrong", [{"lots": 0}, {"side": 0}, {"stop_ticks": 0}, {"target_ticks": -1}]
)
def test_an_order_that_cannot_be_guarded_is_not_opened(wrong) -> None:
    with pytest.raises(InvariantError, match="at least 1"):
        open_bracket(some_order(**wrong), some_opening(), some_rules())


def test_the_first_fill_is_guarded_by_both_exits_at_the_size_that_filled(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    stop, target = d.asked
    assert (stop.leg, stop.kind, stop.side, stop.lots, stop.price_ticks) == (
        Leg.STOP,
        OrderKind.STOP,
        -1,
        2,
        990,
    )
    assert (target.leg, target.kind, target.lots, target.price_ticks) == (
        Leg.TARGET,
        OrderKind.LIMIT,
        2,
        1_012,
    )
    assert stop.reduce_only
    assert target.reduce_only


def test_a_short_is_the_mirror_image(desk) -> None:
    d = desk(lots=5, side=-1)
    d.trade(Leg.ENTRY, 5, 1_000)
    stop, target = d.asked
    assert (stop.side, stop.price_ticks, target.price_ticks) == (1, 1_010, 988)


def test_two_quick_fills_before_the_first_answer_end_at_the_whole_size(desk) -> None:
    """nautilus #3435: the child stayed at the first size."""
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    children = d.asked
    d.trade(Leg.ENTRY, 3, 1_005)
    assert d.asked == (), "nothing can be changed before the venue holds it"
    d.answer(children)
    assert d.rests(Leg.STOP) == (5, 993)
    assert d.rests(Leg.TARGET) == (5, 1_015)


def test_a_third_fill_waits_for_the_amend_that_is_under_way(desk) -> None:
    d = desk(lots=9)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    d.trade(Leg.ENTRY, 3, 1_000)
    first = d.asked
    assert [c.lots for c in first] == [5, 5]
    d.trade(Leg.ENTRY, 4, 1_000)
    assert d.asked == ()
    d.answer(first)
    assert d.rests(Leg.STOP) == (9, 990)


def test_a_growing_position_moves_its_stop_first_a_shrinking_one_its_target(desk) -> None:
    d = desk(lots=6, cancel_entry_on_exit=False)
    d.trade(Leg.ENTRY, 4, 1_000)
    d.answer()
    d.trade(Leg.ENTRY, 2, 1_000)
    assert [c.order_id for c in d.asked] == [d.id_of(Leg.STOP), d.id_of(Leg.TARGET)]
    d.answer()
    d.trade(Leg.STOP, 1, 990)
    assert [c.order_id for c in d.asked] == [d.id_of(Leg.TARGET)], "the stop shrank by itself"
    d.answer()
    d.trade(Leg.TARGET, 2, 1_012)
    assert [c.order_id for c in d.asked] == [d.id_of(Leg.STOP)]
    assert d.asked[0] == Amend(d.id_of(Leg.STOP), 4, 990)


def test_a_partial_target_leaves_the_rest_under_the_stop(desk) -> None:
    """nautilus #1093, freqtrade #8374: the stop kept its size after a partial exit."""
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    d.trade(Leg.TARGET, 3, 1_012)
    d.answer()
    assert d.rests(Leg.STOP) == (2, 990)
    assert d.rests(Leg.TARGET) == (2, 1_012)


def test_the_first_exit_takes_back_what_is_left_of_the_entry(desk) -> None:
    """nautilus #2704: the stop filled while the entry was partial."""
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    d.trade(Leg.STOP, 2, 990)
    assert set(d.asked) == {Cancel(d.id_of(Leg.ENTRY)), Cancel(d.id_of(Leg.TARGET))}
    d.answer()
    assert d.bracket.is_done


def test_where_the_policy_keeps_the_entry_later_fills_are_guarded_again(desk) -> None:
    d = desk(lots=5, cancel_entry_on_exit=False)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    d.trade(Leg.STOP, 2, 990)
    d.answer()
    d.trade(Leg.ENTRY, 3, 985)
    d.answer()
    assert d.rests(Leg.STOP)[0] == 3


def test_a_fill_after_the_cancel_is_booked_and_guarded(desk) -> None:
    """forven #116: a cancel is done only on the venue's word, and not even then."""
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    d.trade(Leg.TARGET, 2, 1_012)
    d.answer()
    assert d.bracket.is_done
    d.trade(Leg.ENTRY, 1, 1_001)
    assert d.bracket.held_lots == 1
    stop = next(c for c in d.asked if c.leg is Leg.STOP)
    assert stop.lots == 1
    assert stop.order_id != d.bracket.orders[1].order_id, "a new order has a new id"


def test_the_same_fill_twice_is_one_fill(desk) -> None:
    """QuantDinger #231: the same fill was booked again after a restart."""
    d = desk(lots=5)
    fill = d.trade(Leg.ENTRY, 2, 1_000)
    before = d.bracket
    d.tell(fill)
    assert d.bracket is before
    assert d.asked == ()


def test_the_same_fill_under_a_new_id_is_an_overfill(desk) -> None:
    """nautilus #1639, #3317: found by the order's size, whatever the id says."""
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    d.trade(Leg.ENTRY, 5, 1_000)
    assert d.bracket.findings[0].code == "execution.entry_overfilled"
    assert d.bracket.exit is ExitCause.HALT
    assert d.bracket.held_lots == 10, "it is booked: we may really hold it"
    assert Leg.FLATTEN in {c.leg for c in d.asked if isinstance(c, Submit)}


def test_a_known_execution_with_another_content_is_kept_and_not_booked(desk) -> None:
    d = desk(lots=5)
    fill = d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    d.tell(Filled(fill.order_id, fill.exec_id, fill.time_ns, 3, 1_000, 0))
    assert d.bracket.held_lots == 2
    assert d.bracket.quarantine[0].lots == 3
    assert d.bracket.findings[0].code == "execution.conflicting_fill"
    assert d.rests(Leg.STOP) == (2, 990), "what is held stays guarded"
    assert d.asked == (Cancel(d.id_of(Leg.ENTRY)),), "and nothing more comes in"


@pytest.mark.parametrize(("lots", "price"), [(0, 1_000), (-2, 1_000), (2, 0), (2, -5)])
def test_an_impossible_fill_is_not_booked(desk, lots, price) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, lots, price)
    assert d.bracket.held_lots == 0
    assert d.bracket.findings[0].code == "execution.impossible_fill"


@pytest.mark.parametrize(
    "event", [Filled("nobody", "x", 5_000, 1, 1_000, 0), Canceled("nobody", 5_000)]
)
def test_news_of_an_order_that_is_not_ours_halts(desk, event) -> None:
    d = desk()
    d.tell(event)
    assert d.bracket.findings[0].code == "execution.foreign_order"
    assert d.bracket.held_lots == 0


def test_both_legs_filling_is_over_exit_and_is_bought_back(desk) -> None:
    """nautilus #4264: an exit that overfills must not become a position."""
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    d.trade(Leg.TARGET, 5, 1_012)
    d.trade(Leg.STOP, 3, 990)
    assert d.bracket.held_lots == -3
    assert d.bracket.findings[0].code == "execution.over_exit"
    flatten = next(c for c in d.asked if isinstance(c, Submit))
    assert (flatten.leg, flatten.side, flatten.lots) == (Leg.FLATTEN, 1, 3)
    d.trade(Leg.FLATTEN, 3, 991)
    d.answer([Cancel(o.order_id) for o in d.bracket.orders if o.is_live])
    trade = trade_closed(d.bracket)
    assert trade.pnl_micros == (5 * 12 + 3 * (990 - 991)) * 10_000


@pytest.mark.parametrize("leg", [Leg.STOP, Leg.TARGET])
def test_a_leg_that_the_venue_will_not_hold_is_left_at_once(desk, leg) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.tell(Rejected(d.id_of(leg), d.later(), "no"))
    assert d.bracket.exit is ExitCause.HALT
    assert d.bracket.findings[0].code == f"execution.{leg}_rejected"
    flatten = next(c for c in d.asked if isinstance(c, Submit))
    assert (flatten.kind, flatten.side, flatten.lots) == (OrderKind.MARKET, -1, 2)
    assert Cancel(d.id_of(Leg.ENTRY)) in d.asked


def test_a_refused_entry_is_no_trade(desk) -> None:
    d = desk()
    d.tell(Rejected(d.id_of(Leg.ENTRY), d.later(), "no"))
    assert d.bracket.is_done
    assert trade_closed(d.bracket) is None
    assert not d.bracket.halted


def test_a_fill_of_a_refused_entry_is_guarded_all_the_same(desk) -> None:
    d = desk(lots=5)
    d.tell(Rejected(d.id_of(Leg.ENTRY), d.later(), "no"))
    d.trade(Leg.ENTRY, 5, 1_000)
    assert [c.leg for c in d.asked] == [Leg.STOP, Leg.TARGET]


def test_a_stop_that_the_venue_cancelled_is_put_back(desk) -> None:
    """LEAN, Alpaca: one-cancels-other that cancels on a partial fill."""
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    d.trade(Leg.TARGET, 2, 1_012)
    d.tell(Canceled(d.id_of(Leg.STOP), d.later()))
    (again,) = d.asked
    assert (again.leg, again.lots, again.price_ticks) == (Leg.STOP, 3, 990)


def test_a_venue_that_cancels_for_ever_does_not_keep_us_busy_for_ever(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    attempts = 0
    while d.bracket.live(Leg.STOP) is not None:
        d.tell(Canceled(d.id_of(Leg.STOP), d.later()))
        attempts += 1
        assert attempts < 20
    assert d.tick(10), "the clock allows another"


def test_a_refused_amend_is_tried_again_only_after_a_tick(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    d.trade(Leg.ENTRY, 3, 1_000)
    d.tell(AmendRejected(d.id_of(Leg.STOP), d.later(), "no"))
    assert d.asked == ()
    assert Amend(d.id_of(Leg.STOP), 5, 990) in d.tick(10)


def test_a_refused_cancel_is_not_taken_for_done(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    d.trade(Leg.STOP, 5, 990)
    d.tell(CancelRejected(d.id_of(Leg.TARGET), d.later(), "busy"))
    assert not d.bracket.is_done
    assert d.tick(10) == (Cancel(d.id_of(Leg.TARGET)),)


def test_leaving_takes_everything_back_and_flattens_what_is_held(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    d.tell(ExitNow(ExitCause.HORIZON, d.later()))
    assert legs(d.asked)[:3] == [("Cancel", None)] * 3
    flatten = d.asked[-1]
    assert (flatten.leg, flatten.lots, flatten.side) == (Leg.FLATTEN, 2, -1)
    assert flatten.reduce_only


def test_the_flattening_order_follows_what_is_held(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 4, 1_000)
    d.answer()
    d.tell(ExitNow(ExitCause.SESSION, d.later()))
    d.answer([c for c in d.asked if isinstance(c, Submit)])
    d.trade(Leg.STOP, 3, 990)
    assert d.asked == (Amend(d.id_of(Leg.FLATTEN), 1, None),), "never more than is held"
    d.answer()
    d.trade(Leg.ENTRY, 1, 1_000)
    assert d.asked == (Amend(d.id_of(Leg.FLATTEN), 2, None),), "never less"


def test_leaving_twice_is_leaving_once_for_the_first_reason(desk) -> None:
    d = desk()
    d.trade(Leg.ENTRY, 5, 1_000)
    d.tell(ExitNow(ExitCause.HORIZON, d.later()))
    before = d.bracket
    assert d.tell(ExitNow(ExitCause.ROLLBACK, d.later())) == ()
    assert d.bracket is before


def test_leaving_before_any_fill_is_no_trade(desk) -> None:
    d = desk()
    d.tell(ExitNow(ExitCause.HALT, d.later()))
    assert d.asked == (Cancel(d.id_of(Leg.ENTRY)),)
    d.answer()
    assert d.bracket.is_done
    assert trade_closed(d.bracket) is None


def test_a_refused_flatten_is_named_and_tried_again(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.tell(ExitNow(ExitCause.HORIZON, d.later()))
    d.tell(Rejected(d.id_of(Leg.FLATTEN), d.later(), "no"))
    assert d.bracket.findings[0].code == "execution.flatten_rejected"
    assert [c.leg for c in d.asked] == [Leg.FLATTEN]


# -- what the record says --------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1])
def test_a_stopped_trade_loses_what_was_at_risk_and_its_fees(desk, side) -> None:
    d = desk(lots=5, side=side, stop_ticks=10)
    d.trade(Leg.ENTRY, 5, 1_000, fee=70)
    d.answer()
    d.trade(Leg.STOP, 5, 1_000 - side * 10, fee=30)
    assert trade_closed(d.bracket) is None, "the target still works"
    d.answer()
    trade = trade_closed(d.bracket)
    assert trade.exit == "stop"
    assert trade.pnl_micros == -5 * 10 * 10_000 - 100
    assert trade.risk_micros == 5 * 10 * 10_000
    assert trade.fees_micros == 100
    assert trade.r_multiple == pytest.approx(-1.0002)
    assert trade.pnl_frac == pytest.approx(trade.pnl_micros / (5 * 1_000 * 10_000))
    assert trade.entry_usd == pytest.approx(10.0)
    assert trade.exit_usd == pytest.approx(10.0 - side * 0.1)


def test_a_trade_says_who_it_belongs_to_and_when_it_lived(desk) -> None:
    d = desk(lots=5)
    first = d.trade(Leg.ENTRY, 2, 1_000)
    d.trade(Leg.ENTRY, 3, 1_000)
    d.answer([c for o in d.bracket.exits for c in [Amend(o.order_id, 5, o.price_ticks)]])
    last = d.trade(Leg.TARGET, 5, 1_012)
    d.answer()
    trade = trade_closed(d.bracket)
    assert (trade.trade_id, trade.book, trade.model) == ("b-1", "capital", "lightgbm")
    assert (trade.opened_ns, trade.closed_ns) == (first.time_ns, last.time_ns)
    assert (trade.lots, trade.exit, trade.side) == (5, "target", 1)
    assert trade.votes == d.bracket.opening.votes


def test_whoever_takes_the_last_of_it_is_the_reason(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    d.trade(Leg.TARGET, 2, 1_012)
    d.answer()
    d.tell(ExitNow(ExitCause.SESSION, d.later()))
    d.answer()
    d.trade(Leg.FLATTEN, 3, 1_004)
    trade = trade_closed(d.bracket)
    assert trade.exit == "session"
    assert trade.exit_usd == pytest.approx((2 * 1_012 + 3 * 1_004) / 5 * 0.01)


def test_a_trade_without_votes_belongs_to_its_route() -> None:
    opening = replace(some_opening(), votes=())
    bracket, _ = open_bracket(some_order(lots=1), opening, some_rules())
    entry = bracket.entry.order_id
    bracket, commands = on(bracket, Filled(entry, "x1", 5_000, 1, 1_000, 0))
    stop, target = (c.order_id for c in commands)
    for event in (
        Accepted(stop, 5_001),
        Filled(target, "x2", 5_002, 1, 1_012, 0),
        Canceled(stop, 5_003),
    ):
        bracket, _ = on(bracket, event)
    assert trade_closed(bracket).model == "ensemble"


def test_dust_is_named_and_counted_at_its_cost(desk) -> None:
    d = desk(lots=5, min_order_lots=2)
    d.trade(Leg.ENTRY, 5, 1_000)
    d.answer()
    d.trade(Leg.TARGET, 4, 1_012)
    d.answer()
    assert d.bracket.is_dust
    assert d.bracket.is_done
    trade = trade_closed(d.bracket)
    assert trade.pnl_micros == 4 * 12 * 10_000
    assert d.tick(10**12) == (), "dust is not chased"


def test_an_answer_that_was_heard_before_changes_nothing(desk) -> None:
    d = desk(lots=5)
    d.trade(Leg.ENTRY, 5, 1_000)
    ack = Accepted(d.id_of(Leg.STOP), d.later())
    d.tell(ack)
    before = d.bracket
    assert d.tell(ack) == ()
    assert d.bracket is before


def test_an_amend_confirmed_after_its_order_filled_up_ends_guarded(desk) -> None:
    """nautilus #4154: fill on the old size while the larger one was under way."""
    d = desk(lots=5, cancel_entry_on_exit=False)
    d.trade(Leg.ENTRY, 2, 1_000)
    d.answer()
    d.trade(Leg.ENTRY, 3, 1_000)
    stop = d.id_of(Leg.STOP)
    d.trade(Leg.STOP, 2, 990)
    assert not any(isinstance(c, Submit) for c in d.asked), "no second stop beside it"
    d.tell(Amended(stop, d.later(), 5, 990))
    assert d.rests(Leg.STOP) == (3, 990)
