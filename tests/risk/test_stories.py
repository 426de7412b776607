"""Sizing and limits as a trading day tells them. Given, when, then."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stairway.base.units import NS_PER_DAY, NS_PER_SECOND, Micros, UtcNs
from stairway.base.verdict import Refuse
from stairway.decision.ensemble import decide, decide_baseline
from stairway.decision.intent import Enter, Route
from stairway.market.instrument import Instrument
from stairway.risk.account import Account, marked, new_day
from stairway.risk.clamp import ClampedOrder, clamp
from stairway.risk.limits import tightened
from stairway.testing import decision as voices
from stairway.testing.risk import committed, some_case, some_wish

EQUITY = 10**12
WISH, SIGHT, ACCOUNT, INSTRUMENT, TERMS, RULES = some_case()


def ordered(account: Account = ACCOUNT, wish: Enter = WISH, **change) -> ClampedOrder | Refuse:
    sight = replace(SIGHT, **change)
    return clamp(wish, sight, account, INSTRUMENT, TERMS, RULES)


def codes(answer: ClampedOrder | Refuse) -> list[str]:
    assert isinstance(answer, Refuse)
    return [finding.code for finding in answer.findings]


def believed(**said: float) -> Enter:
    """What an ensemble of these members wishes for, with a cautious fallback beside it."""
    answers = [voices.answer(model, p) for model, p in said.items()]
    routes = voices.routes(baseline=0.55, fallback=0.60)
    answers = [replace(answer, as_of_ns=WISH.as_of_ns) for answer in answers]
    routes = replace(
        routes,
        baseline=replace(routes.baseline, as_of_ns=WISH.as_of_ns),
        fallback=replace(routes.fallback, as_of_ns=WISH.as_of_ns),
    )
    wish = decide(answers, voices.seats(*said), routes, voices.rules(), "A", WISH.as_of_ns)
    assert isinstance(wish, Enter)
    return wish


def test_a_day_that_loses_its_limit_stops_entries_until_the_next_day() -> None:
    # Given an account that has lost two percent since the morning,
    lost = marked(ACCOUNT, Micros(EQUITY * 98 // 100))
    # when the model wishes to go on, then nothing is sent;
    assert codes(ordered(lost)) == ["risk.daily_loss"]
    # and the next day it may, with what is left.
    assert isinstance(ordered(new_day(lost)), ClampedOrder)


def test_a_drawdown_is_not_forgiven_overnight() -> None:
    lost = new_day(marked(ACCOUNT, Micros(EQUITY * 80 // 100)))
    assert codes(ordered(lost)) == ["risk.drawdown"]


def test_a_smaller_account_trades_smaller() -> None:
    half = marked(ACCOUNT, Micros(EQUITY // 2))
    half = replace(new_day(half), peak_micros=Micros(EQUITY // 2))
    assert ordered(half).lots == ordered().lots // 2


def test_a_canary_trades_its_hundredth_in_the_same_way() -> None:
    money = Micros(EQUITY // 100)
    canary = replace(ACCOUNT, equity_micros=money, day_start_micros=money, peak_micros=money)
    small = Instrument(symbol="A", tick_usd=0.01, lot_units=0.1)
    order = clamp(WISH, SIGHT, canary, small, TERMS, RULES)
    assert (order.lots, order.binding) == (ordered().lots, ordered().binding)


def test_a_champion_comes_back_to_full_size_by_steps() -> None:
    sizes = [
        clamp(WISH, SIGHT, ACCOUNT, INSTRUMENT, replace(TERMS, ramp=ramp), RULES).lots
        for ramp in (0.05, 0.25, 1.0)
    ]
    assert sizes == [7, 39, 156]


def test_a_feed_that_hangs_is_not_traded_on() -> None:
    assert codes(ordered(unchanged_bars=4)) == ["risk.frozen_feed"]


def test_a_feed_that_hangs_at_zero_is_not_traded_on_either() -> None:
    assert codes(ordered(price_usd=0.0)) == ["risk.unusable_input"]


def test_before_the_windows_are_full_nothing_is_sized() -> None:
    assert codes(ordered(correlation=float("nan"))) == ["risk.unusable_input"]
    assert codes(ordered(volatility_per_bar=float("nan"))) == ["risk.unusable_input"]


def test_a_crisis_halves_and_its_volatility_shrinks_as_well() -> None:
    calm, crisis = ordered(), ordered(regime="crisis", volatility_per_bar=0.02)
    assert crisis.lots == pytest.approx(calm.lots / 4, abs=1)


def test_members_that_agree_trade_larger_than_members_that_are_torn() -> None:
    agreed, torn = believed(x=0.60, y=0.60), believed(x=0.99, y=0.21)
    assert (agreed.route, torn.route) == (Route.ENSEMBLE, Route.FALLBACK)
    assert ordered(wish=torn).lots == pytest.approx(ordered(wish=agreed).lots / 2, abs=1)


def test_the_disagreement_can_be_read_from_the_audit() -> None:
    order = ordered(wish=believed(x=0.99, y=0.21))
    assert [rung.name for rung in order.ladder if rung.bound] == [
        "volatility",
        "disagreement",
        "lots",
    ]


def test_without_a_model_the_baseline_trades_small() -> None:
    answer = replace(voices.answer("baseline", 0.55), as_of_ns=WISH.as_of_ns)
    wish = decide_baseline(answer, voices.rules())
    order = ordered(wish=wish)
    assert (wish.route, order.lots) == (Route.BASELINE, 62)


def test_two_instruments_share_one_account() -> None:
    # Given a book that goes all the way in one instrument,
    sure = some_wish(0.95)
    first = ordered(wish=sure)
    account = committed(ACCOUNT, first, INSTRUMENT, sure.as_of_ns)
    # when the second wishes for as much,
    other = replace(INSTRUMENT, symbol="B")
    second = clamp(replace(sure, symbol="B"), SIGHT, account, other, TERMS, RULES)
    # then it finds less room for risk, though the symbol's cap still binds both;
    heat = [{r.name: r.value for r in order.ladder}["heat"] for order in (first, second)]
    assert heat[1] < heat[0]
    assert second.binding == "symbol"
    # and a third finds the working entries counted.
    both = committed(account, second, other, sure.as_of_ns)
    assert (both.open_orders, both.parents) == (2, 2)
    third = replace(INSTRUMENT, symbol="C")
    busy = replace(both, open_orders=RULES.limits.max_open_orders)
    assert codes(clamp(replace(sure, symbol="C"), SIGHT, busy, third, TERMS, RULES)) == [
        "risk.open_orders"
    ]


def test_the_next_entry_waits_for_the_duplicate_window() -> None:
    account = committed(ACCOUNT, ordered(), INSTRUMENT, WISH.as_of_ns)
    account = replace(account, working_micros={}, heat_micros=Micros(0), open_orders=0)
    for seconds, allowed in ((0, False), (29, False), (30, True)):
        later = replace(WISH, as_of_ns=UtcNs(WISH.as_of_ns + seconds * NS_PER_SECOND))
        assert isinstance(ordered(account, later), ClampedOrder) is allowed


def test_a_clock_that_runs_backwards_sends_nothing() -> None:
    account = committed(ACCOUNT, ordered(), INSTRUMENT, WISH.as_of_ns)
    earlier = replace(WISH, as_of_ns=UtcNs(WISH.as_of_ns - NS_PER_DAY))
    assert "risk.duplicate" in codes(ordered(account, earlier))


def test_an_operator_may_tighten_in_a_storm_and_not_loosen() -> None:
    tight = replace(RULES.limits, max_symbol_frac=0.05)
    now = tightened(RULES.limits, tight)
    order = clamp(some_wish(0.9), SIGHT, ACCOUNT, INSTRUMENT, TERMS, replace(RULES, limits=now))
    assert (order.binding, order.lots) == ("symbol", 50)
    assert isinstance(tightened(now, RULES.limits), Refuse)
