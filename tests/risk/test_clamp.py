"""Nothing leaves the clamp that breaks a limit, whatever goes in."""

from __future__ import annotations

import csv
import gzip
import math
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.units import MICROS_PER_UNIT, Micros, UtcNs
from stairway.base.verdict import Pass, Refuse, all_of, inconclusive, refuse
from stairway.decision.intent import Enter, Route
from stairway.market.instrument import Instrument
from stairway.risk.account import (
    Account,
    Barrier,
    Sight,
    Terms,
    gross_micros,
    net_micros,
    one_day_var_frac,
    opened,
    symbol_micros,
)
from stairway.risk.clamp import ClampedOrder, _stopped, clamp
from stairway.risk.controls import may_enter
from stairway.testing.risk import Case, committed, some_case, some_rules, some_wish

RULES = some_rules()
EQUITY = 10**12
DATA = Path(os.environ.get("STAIRWAY_DATA", Path(__file__).parents[3] / "shared/data"))


def bent(part: int, **change) -> Case:
    case = list(some_case())
    case[part] = replace(case[part], **change)
    return tuple(case)


def assert_within_limits(order: ClampedOrder, case: Case) -> None:
    """Every limit again, in integers, from the order itself."""
    wish, _, account, instrument, _, rules = case
    limits, equity = rules.limits, account.equity_micros
    unit = order.lots * instrument.micros_per_tick_lot
    notional, risk = unit * order.reference_ticks, unit * order.stop_ticks
    hair = 1 + 1e-12
    assert order.lots >= 1
    assert order.stop_ticks >= 1
    assert order.target_ticks >= 1
    assert (order.symbol, order.side) == (wish.symbol, wish.side)
    assert order.lots <= limits.max_lots
    assert notional <= limits.max_notional_usd * MICROS_PER_UNIT
    assert (
        symbol_micros(account, order.symbol) + notional
        <= limits.max_symbol_frac * equity * hair
    )
    assert gross_micros(account) + notional <= limits.max_gross_frac * equity * hair
    assert (
        abs(net_micros(account) + order.side * notional) <= limits.max_net_frac * equity * hair
    )
    assert account.heat_micros + risk <= limits.max_heat_frac * equity * hair
    assert order.reference_ticks - max(order.stop_ticks * (order.side > 0), 0) > 0
    assert not account.halted
    assert isinstance(may_enter(wish, case[1], account, limits), Pass)


# --- stories --------------------------------------------------------------------------


def test_a_wish_within_limits_becomes_an_order_with_its_audit() -> None:
    order = clamp(*some_case())
    assert (order.symbol, order.side, order.lots) == ("A", 1, 156)
    assert (order.reference_ticks, order.stop_ticks, order.target_ticks) == (10_000, 200, 200)
    assert [rung.name for rung in order.ladder][-1] == "lots"
    assert_within_limits(order, some_case())


def test_a_short_carries_its_side_and_the_same_size() -> None:
    order = clamp(*some_case(0.375))
    assert (order.side, order.lots) == (-1, 156)


def test_a_halted_account_is_told_so_before_anything_else() -> None:
    halted = list(bent(2, halted=True))
    halted[4] = replace(halted[4], ramp=0.0)
    assert [f.code for f in clamp(*halted).findings] == ["risk.halted"]


def test_what_is_missing_is_told_before_any_control() -> None:
    blind = list(bent(2, halted=True))
    blind[1] = replace(blind[1], correlation=math.nan)
    assert clamp(*blind).findings[0].code == "risk.unusable_input"


@pytest.mark.parametrize("verdict", [refuse("a", "no"), inconclusive("a", "who knows")])
def test_a_control_that_cannot_say_stops_the_order_as_one_that_says_no(verdict) -> None:
    assert _stopped(verdict) == Refuse(verdict.findings)
    assert _stopped(all_of([])) is not None
    assert _stopped(Pass()) is None


def test_an_order_that_would_open_too_much_risk_is_refused() -> None:
    wide = list(bent(2, heat_micros=EQUITY // 100))
    wide[4] = Terms(Barrier(60.0, 60.0, 10_000), ramp=1.0)
    assert [f.code for f in clamp(*wide).findings] == ["risk.heat"]


def test_an_order_of_too_many_lots_is_refused_and_not_cut_down() -> None:
    case = some_case()
    tight = replace(case[-1], limits=replace(RULES.limits, max_lots=155))
    assert [f.code for f in clamp(*case[:-1], tight).findings] == ["risk.max_lots"]


def test_exits_are_rounded_towards_the_entry() -> None:
    order = clamp(*bent(1, volatility_per_bar=0.010049))
    assert (order.stop_ticks, order.target_ticks) == (200, 200)


def test_a_distance_of_whole_ticks_is_not_shortened_by_rounding() -> None:
    for price in (50.0, 64.1, 99.0, 123.0):
        order = clamp(*bent(1, price_usd=price, reference_usd=price))
        assert order.stop_ticks == math.floor(round(price * 2, 6))


def test_a_barrier_nearer_than_a_tick_is_refused() -> None:
    case = list(
        bent(1, price_usd=1.0, reference_usd=1.0, volatility_per_bar=0.004, cost_bps=0.0)
    )
    assert clamp(*case).findings[0].code == "risk.barrier_too_near"


@pytest.mark.parametrize(
    ("probability", "stop", "target"), [(0.9, 101.0, 2.0), (0.1, 2.0, 2.0)]
)
def test_no_exit_lies_at_a_price_of_zero(probability, stop, target) -> None:
    case = list(some_case(probability))
    case[4] = Terms(Barrier(stop, target, 100_000), ramp=1.0)
    case[-1] = replace(RULES, limits=replace(RULES.limits, max_heat_frac=1.0))
    answer = clamp(*case)
    if stop > 100.0:
        assert answer.findings[0].code in {
            "risk.barrier_below_zero",
            "risk.no_edge_after_costs",
        }
    else:
        assert answer.stop_ticks < answer.reference_ticks


def test_a_shorts_target_does_not_lie_below_zero() -> None:
    case = list(some_case(0.4))
    case[4] = Terms(Barrier(stop_vol=101.0, target_vol=1.0, horizon_bars=10**6), ramp=1.0)
    assert clamp(*case).findings[0].code == "risk.barrier_below_zero"


def test_a_short_is_stopped_at_the_upper_barrier_of_its_label() -> None:
    case = list(some_case(0.3))
    case[4] = Terms(Barrier(stop_vol=2.0, target_vol=1.0, horizon_bars=50), ramp=1.0)
    order = clamp(*case)
    assert (order.stop_ticks, order.target_ticks) == (100, 200)


def test_an_order_survives_the_record() -> None:
    order = clamp(*some_case())
    assert msgspec.json.decode(msgspec.json.encode(order), type=ClampedOrder) == order


# --- the account after an order -------------------------------------------------------


def test_the_next_wish_of_the_same_close_sees_the_order_before_it() -> None:
    wish, sight, account, instrument, terms, rules = some_case(0.9)
    first = clamp(wish, sight, account, instrument, terms, rules)
    after = committed(account, first, instrument, wish.as_of_ns)
    other = Instrument(symbol="B", tick_usd=0.01, lot_units=10.0)
    second = clamp(replace(wish, symbol="B"), sight, after, other, terms, rules)
    assert isinstance(second, ClampedOrder)
    # Heat of the first order: 20 % of equity, stopped 2 % away, of at most 6 %.
    before, now = ({r.name: r.value for r in order.ladder}["heat"] for order in (first, second))
    assert now == pytest.approx(before * (1 - 0.004 / 0.06))


def test_the_same_wish_twice_is_refused_the_second_time() -> None:
    wish, sight, account, instrument, terms, rules = some_case()
    order = clamp(wish, sight, account, instrument, terms, rules)
    after = committed(account, order, instrument, wish.as_of_ns)
    again = clamp(wish, sight, after, instrument, terms, rules)
    assert [f.code for f in again.findings] == ["risk.duplicate"]


def test_a_runaway_strategy_is_stopped_by_its_own_orders() -> None:
    wish, sight, account, instrument, terms, rules = some_case()
    left = 0
    for i in range(1_000):
        later = replace(wish, as_of_ns=UtcNs(wish.as_of_ns + i * 60_000_000_000))
        answer = clamp(later, sight, account, instrument, terms, rules)
        if isinstance(answer, ClampedOrder):
            account = committed(account, answer, instrument, later.as_of_ns)
            left += 1
    assert 1 <= left <= rules.limits.max_open_orders
    assert gross_micros(account) <= rules.limits.max_symbol_frac * EQUITY * (1 + 1e-12)


# --- whatever goes in -----------------------------------------------------------------

number = st.floats(allow_nan=True, allow_infinity=True)
whole = st.integers(-(2**70), 2**70)
symbols = st.sampled_from(["A", "B"])
wild_wishes = st.builds(
    Enter,
    symbol=st.just("A"),
    as_of_ns=whole,
    side=st.sampled_from([1, -1, 0, 2]),
    probability=number,
    route=st.sampled_from(Route),
    votes=st.just(()),
    caution=number,
)
wild_sights = st.builds(
    Sight,
    **{name: number for name in Sight.__struct_fields__ if name != "regime"},
    regime=st.sampled_from(["trend", "range", "crisis", ""]),
)
wild_accounts = st.builds(
    Account,
    **dict.fromkeys(
        [
            "equity_micros",
            "day_start_micros",
            "peak_micros",
            "heat_micros",
            "open_orders",
            "messages",
            "parents",
            "children",
        ],
        whole,
    ),
    held_micros=st.dictionaries(symbols, whole),
    working_micros=st.dictionaries(symbols, whole),
    last_entry_ns=st.dictionaries(symbols, whole),
    frozen_symbols=st.just(()),
    halted=st.booleans(),
)
wild_terms = st.builds(Terms, st.builds(Barrier, number, number, whole), number)


@given(wild_wishes, wild_sights, wild_accounts, wild_terms)
def test_the_clamp_never_raises_and_never_lets_nonsense_through(
    wish, sight, account, terms
) -> None:
    instrument = some_case()[3]
    answer = clamp(wish, sight, account, instrument, terms, RULES)
    if isinstance(answer, ClampedOrder):
        assert_within_limits(answer, (wish, sight, account, instrument, terms, RULES))
    else:
        assert answer.findings


POISON = [math.nan, math.inf, -math.inf, -1.0, 0.0, 5e-324, 1e308, 2**62, None]
PLACES = [
    *((1, name) for name in Sight.__struct_fields__ if name != "regime"),
    *((2, name) for name in Account.__struct_fields__ if name.endswith("micros")),
    (0, "probability"),
    (0, "caution"),
    (4, "ramp"),
]


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize(
    ("part", "name"), [p for p in PLACES if p[1] not in {"held_micros", "working_micros"}]
)
def test_one_bad_number_among_good_ones_is_survived(part, name, poison) -> None:
    case = bent(part, **{name: poison})
    answer = clamp(*case)
    if isinstance(answer, ClampedOrder):
        assert_within_limits(answer, case)
    else:
        assert answer.findings


sane = st.builds(
    lambda p, caution, ramp, sight, account, tick, lot: (
        replace(some_wish(p), caution=caution),
        replace(some_case()[1], **sight),
        replace(opened(Micros(EQUITY)), **account),
        Instrument(symbol="A", tick_usd=tick, lot_units=lot),
        Terms(Barrier(2.0, 2.0, 10), ramp),
        RULES,
    ),
    st.floats(0.0, 1.0).filter(lambda p: abs(p - 0.5) > 1e-6),
    st.floats(0.01, 1.0),
    st.floats(0.01, 1.0),
    st.fixed_dictionaries(
        {
            "price_usd": st.floats(80.0, 120.0),
            "volatility_per_bar": st.floats(0.001, 0.1),
            "correlation": st.floats(-1.0, 1.0),
            "regime": st.sampled_from(["trend", "range", "crisis"]),
            "cost_bps": st.floats(0.0, 20.0),
            "var_frac": st.floats(0.001, 0.5),
        }
    ),
    st.fixed_dictionaries(
        {
            "heat_micros": st.integers(0, EQUITY // 20),
            "held_micros": st.dictionaries(symbols, st.integers(-EQUITY // 2, EQUITY // 2)),
            "working_micros": st.dictionaries(
                symbols, st.integers(-EQUITY // 10, EQUITY // 10)
            ),
            "open_orders": st.integers(0, 5),
        }
    ),
    st.sampled_from([0.01, 0.05, 0.25]),
    st.sampled_from([0.001, 1.0, 10.0]),
)


@settings(max_examples=300)
@given(sane)
@example(some_case(0.999))
def test_every_order_keeps_every_limit(case) -> None:
    answer = clamp(*case)
    if isinstance(answer, ClampedOrder):
        assert_within_limits(answer, case)


@given(sane)
def test_the_controls_never_refuse_what_the_ladder_has_shrunk_for_them(case) -> None:
    roomy = replace(
        RULES.limits,
        max_lots=10**12,
        max_notional_usd=1e12,
        max_net_frac=100.0,
        max_heat_frac=1.0,
    )
    case = (*case[:-1], replace(RULES, limits=roomy))
    answer = clamp(*case)
    if isinstance(answer, Refuse):
        codes = {finding.code for finding in answer.findings}
        assert not codes & {"risk.symbol_share", "risk.gross"}


@given(sane)
def test_long_and_short_are_refused_and_allowed_alike(case) -> None:
    roomy = replace(RULES.limits, max_net_frac=100.0)
    flat = replace(case[2], held_micros={}, working_micros={})
    wish = replace(case[0], probability=0.75, side=1)
    rest = (case[1], flat, *case[3:5], replace(RULES, limits=roomy))
    long, short = clamp(wish, *rest), clamp(replace(wish, probability=0.25, side=-1), *rest)
    assert type(long) is type(short)
    if isinstance(long, ClampedOrder):
        assert (long.lots, long.stop_ticks, long.binding, long.ladder) == (
            short.lots,
            short.stop_ticks,
            short.binding,
            short.ladder,
        )
    else:
        assert long.findings[0].code == short.findings[0].code


# --- real bars ------------------------------------------------------------------------


def real_closes(name: str) -> np.ndarray:
    path = DATA / "stocks_daily" / f"{name}_1d_to_2019.csv.gz"
    if not path.exists():
        pytest.skip(f"no real bars at {path}: set STAIRWAY_DATA to the folder that holds them")
    with gzip.open(path, "rt") as lines:
        return np.array([float(row["close"]) for row in csv.DictReader(lines)])


def real_sights(name: str):
    """One sight a day, volatility over the last 50 days; no days of adjusted penny prices."""
    close = real_closes(name)
    close = close[np.argmax(close > 2.0) :]
    returns = np.diff(np.log(close))
    for i in range(51, close.size):
        volatility = float(returns[i - 50 : i].std())
        yield Sight(
            price_usd=float(close[i]),
            reference_usd=float(close[i - 1]),
            volatility_per_bar=volatility,
            periods_per_year=252.0,
            correlation=0.5,
            regime="range",
            bar_age_ns=0,
            unchanged_bars=0,
            cost_bps=5.0,
            var_frac=one_day_var_frac(volatility, 1.0, 0.99),
        )


@pytest.mark.parametrize("name", ["SPY", "MSFT"])
def test_on_every_real_day_an_order_keeps_every_limit(name) -> None:
    instrument = Instrument(symbol="A", tick_usd=0.01, lot_units=10.0)
    terms = Terms(Barrier(2.0, 2.0, 10), ramp=1.0)
    orders = 0
    for sight in real_sights(name):
        case = (some_wish(0.55), sight, opened(Micros(EQUITY)), instrument, terms, RULES)
        answer = clamp(*case)
        if isinstance(answer, ClampedOrder):
            assert_within_limits(answer, case)
            orders += 1
        else:
            codes = {finding.code for finding in answer.findings}
            assert codes <= {"risk.price_collar", "risk.no_edge_after_costs"}
    assert orders > 5_000


def test_in_the_crash_of_2008_the_same_belief_buys_a_fraction_of_it() -> None:
    instrument = Instrument(symbol="A", tick_usd=0.01, lot_units=1.0)
    terms = Terms(Barrier(2.0, 2.0, 10), ramp=1.0)
    sights = sorted(real_sights("SPY"), key=lambda sight: sight.volatility_per_bar)
    calm, storm = sights[len(sights) // 4], sights[-1]
    orders = [
        clamp(some_wish(0.55), sight, opened(Micros(EQUITY)), instrument, terms, RULES)
        for sight in (calm, storm)
    ]
    worth = [order.lots * order.reference_ticks for order in orders]
    assert worth[1] < worth[0] / 4
