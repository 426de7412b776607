"""The ladder, against hand-worked cases, a slow reference and its own promises."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.units import Micros
from stairway.base.verdict import Refuse
from stairway.risk.account import Barrier, gross_micros, symbol_micros
from stairway.risk.sizing import Sized, kelly_leverage, ladder
from stairway.testing.risk import Case, some_case, some_wish

NAMES = [
    "edge",
    "volatility",
    "var",
    "heat",
    "caps",
    "stress",
    "regime",
    "disagreement",
    "ramp",
    "lots",
]
EQUITY = 10**12


def bent(
    probability: float = 0.625, *, caution: float = 1.0, ramp: float = 1.0, **change
) -> Case:
    """The plain case with fields of sight and account changed by name."""
    wish, sight, account, instrument, terms, rules = some_case(probability)
    of_sight = {k: v for k, v in change.items() if k in sight.__struct_fields__}
    of_account = {k: v for k, v in change.items() if k in account.__struct_fields__}
    assert {*of_sight, *of_account} == set(change)
    wish = replace(wish, caution=caution)
    account = replace(account, **of_account)
    return (
        wish,
        replace(sight, **of_sight),
        account,
        instrument,
        replace(terms, ramp=ramp),
        rules,
    )


def ruled(case: Case, **change) -> Case:
    """The same case under other limits or sizing rules."""
    rules = case[-1]
    limits = {k: v for k, v in change.items() if k in rules.limits.__struct_fields__}
    sizing = {k: v for k, v in change.items() if k in rules.sizing.__struct_fields__}
    rules = replace(
        rules, limits=replace(rules.limits, **limits), sizing=replace(rules.sizing, **sizing)
    )
    return (*case[:-1], rules)


def values(case: Case) -> dict[str, float]:
    sized = ladder(*case)
    assert isinstance(sized, Sized), sized
    return {rung.name: rung.value for rung in sized.ladder}


def code(case: Case) -> str:
    refused = ladder(*case)
    assert isinstance(refused, Refuse)
    return refused.findings[0].code


# --- by hand --------------------------------------------------------------------------


def test_the_plain_case_by_hand() -> None:
    sized = ladder(*some_case())
    assert [rung.name for rung in sized.ladder] == NAMES
    by_hand = [0.25, 0.25 * 0.10 / 0.16] + [0.15625] * 7 + [156.0]
    assert [rung.value for rung in sized.ladder] == pytest.approx(by_hand)
    # A lot is 10 units of 100 USD: 156.25 of them would be 15.625 % of a million.
    assert (sized.lots, sized.binding) == (156, "none")
    assert [rung.name for rung in sized.ladder if rung.bound] == ["volatility", "lots"]


def test_the_edge_is_twice_the_probability_less_one() -> None:
    assert values(bent(0.55))["edge"] == pytest.approx(0.10)
    assert values(bent(0.45))["edge"] == pytest.approx(0.10)


def test_a_daily_edge_of_five_points_is_a_small_position() -> None:
    assert values(bent(0.55))["ramp"] == pytest.approx(0.0625)


def test_a_calm_market_is_the_only_reason_to_enlarge() -> None:
    calm = values(bent(0.55, volatility_per_bar=0.005))
    assert calm["volatility"] == pytest.approx(0.10 * 0.10 / 0.08)
    assert calm["volatility"] > calm["edge"]


def test_value_at_risk_is_a_ceiling_and_is_named() -> None:
    sized = ladder(*bent(var_frac=0.2))
    assert sized.binding == "var"
    assert values(bent(var_frac=0.2))["var"] == pytest.approx(0.1)


def test_heat_takes_its_share_off() -> None:
    hot = values(bent(heat_micros=EQUITY * 3 // 100))
    assert hot["heat"] == pytest.approx(hot["var"] / 2)


@pytest.mark.parametrize("percent", [6, 7, 100])
def test_no_room_for_heat_is_no_order(percent) -> None:
    finding = ladder(*bent(heat_micros=EQUITY * percent // 100)).findings[0]
    assert (finding.code, finding.value) == ("risk.no_heat_room", 0.0)


def test_heat_is_taken_off_after_the_ceiling_of_value_at_risk() -> None:
    both = values(bent(var_frac=0.2, heat_micros=EQUITY * 3 // 100))
    assert both["heat"] == pytest.approx(0.05)


def test_the_share_of_a_symbol_binds_and_is_named() -> None:
    sized = ladder(*bent(0.9))
    assert (sized.binding, sized.lots) == ("symbol", 200)


def test_what_is_held_and_working_in_the_symbol_takes_room() -> None:
    held = bent(0.9, held_micros={"A": -EQUITY // 20}, working_micros={"A": EQUITY // 20})
    assert values(held)["caps"] == pytest.approx(0.1)


def test_what_is_held_elsewhere_takes_no_room_under_the_symbols_cap() -> None:
    held = bent(0.9, held_micros={"B": EQUITY // 2})
    assert values(held)["caps"] == pytest.approx(0.2)


def test_leverage_binds_and_is_named() -> None:
    sized = ladder(*bent(0.9, held_micros={"B": -EQUITY * 95 // 100}))
    assert (sized.binding, sized.lots) == ("leverage", 50)


def test_kelly_binds_and_is_named() -> None:
    sized = ladder(*bent(cost_bps=49.0))
    assert sized.binding == "kelly"
    # (0.25 * 2 % - 0.49 %) / (2 %)^2 of a quarter.
    assert values(bent(cost_bps=49.0))["caps"] == pytest.approx(0.25 * 0.0001 / 0.0004)


def test_a_full_symbol_leaves_no_room() -> None:
    assert code(bent(0.9, held_micros={"A": EQUITY // 4})) == "risk.no_room"


def test_costs_above_the_edge_are_no_trade() -> None:
    assert code(bent(cost_bps=51.0)) == "risk.no_edge_after_costs"


def test_a_tie_between_caps_goes_to_the_first() -> None:
    tie = ruled(bent(0.9, volatility_per_bar=0.005), max_symbol_frac=0.5, max_leverage=0.5)
    assert ladder(*tie).binding == "symbol"


@pytest.mark.parametrize(
    "change",
    [{"regime": "crisis"}, {"correlation": 0.81}, {"regime": "crisis", "correlation": 0.9}],
)
def test_stress_halves_once(change) -> None:
    assert values(bent(**change))["stress"] == pytest.approx(0.15625 / 2)


def test_a_correlation_on_the_bound_is_no_stress() -> None:
    assert values(bent(correlation=0.8))["stress"] == pytest.approx(0.15625)


def test_stress_comes_after_the_caps_and_halves_what_they_left() -> None:
    assert values(bent(0.9, regime="crisis"))["stress"] == pytest.approx(0.1)


@pytest.mark.parametrize("regime", ["trend", "range"])
def test_a_calm_regime_is_no_stress(regime) -> None:
    assert values(bent(regime=regime))["stress"] == pytest.approx(0.15625)


def test_a_regime_has_its_own_factor() -> None:
    case = ruled(bent(regime="range"), regime_factor={"range": 0.5})
    assert values(case)["regime"] == pytest.approx(0.15625 / 2)


def test_a_regime_that_is_not_listed_is_refused() -> None:
    assert code(bent(regime="euphoria")) == "risk.unknown_regime"


def test_disagreement_and_ramp_multiply_what_is_left() -> None:
    small = values(bent(caution=0.5, ramp=0.25))
    assert small["disagreement"] == pytest.approx(0.15625 / 2)
    assert small["ramp"] == pytest.approx(0.15625 / 8)


def test_a_closed_ramp_sends_nothing() -> None:
    assert code(bent(ramp=0.0)) == "risk.ramp_closed"


def test_less_than_a_lot_is_no_order() -> None:
    assert code(bent(ramp=0.006)) == "risk.below_min_lot"
    assert ladder(*bent(ramp=0.007)).lots == 1


def test_the_least_order_is_a_rule() -> None:
    assert ladder(*ruled(some_case(), min_lots=156)).lots == 156
    assert code(ruled(some_case(), min_lots=157)) == "risk.below_min_lot"


def test_an_overflow_on_the_way_is_refused() -> None:
    assert code(bent(volatility_per_bar=1e-320)) == "risk.not_finite"


# --- promises -------------------------------------------------------------------------

probabilities = st.floats(0.0, 1.0).filter(lambda p: abs(p - 0.5) > 1e-6)
micros = st.integers(-EQUITY, EQUITY)
cases = st.builds(
    bent,
    probabilities,
    caution=st.floats(0.01, 1.0),
    ramp=st.floats(0.0, 1.0),
    price_usd=st.floats(0.5, 50_000.0),
    volatility_per_bar=st.floats(1e-5, 0.2),
    correlation=st.floats(-1.0, 1.0),
    regime=st.sampled_from(["trend", "range", "crisis"]),
    cost_bps=st.floats(0.0, 60.0),
    var_frac=st.floats(1e-4, 1.0),
    heat_micros=st.integers(0, EQUITY // 10),
    held_micros=st.dictionaries(st.sampled_from("AB"), micros),
    working_micros=st.dictionaries(st.sampled_from("AB"), micros),
)


def mirrored(case: Case) -> Case:
    wish = some_wish(1.0 - case[0].probability)
    return (replace(wish, caution=case[0].caution), *case[1:])


@given(cases)
def test_a_short_meets_exactly_the_caps_that_a_long_meets(case) -> None:
    assume(1.0 - (1.0 - case[0].probability) == case[0].probability)
    one, other = ladder(*case), ladder(*mirrored(case))
    assert type(one) is type(other)
    if isinstance(one, Sized):
        assert one.binding == other.binding
        assert abs(one.lots - other.lots) <= 1
        assert [r.value for r in one.ladder[:-1]] == pytest.approx(
            [r.value for r in other.ladder[:-1]], rel=1e-9
        )


@given(cases)
def test_no_size_exceeds_a_cap(case) -> None:
    wish, sight, account, instrument, terms, rules = case
    sized = ladder(*case)
    if isinstance(sized, Refuse):
        return
    lot_micros = instrument.ticks(sight.price_usd) * instrument.micros_per_tick_lot
    share = Fraction(sized.lots * lot_micros, account.equity_micros)
    slack = Fraction(1, 10**12)
    held = Fraction(symbol_micros(account, "A"), account.equity_micros)
    gross = Fraction(gross_micros(account), account.equity_micros)
    win = max(wish.probability, 1.0 - wish.probability)
    kelly = kelly_leverage(win, sight, terms.barrier, wish.side, rules.sizing.kelly_fraction)
    assert share + held <= Fraction(rules.limits.max_symbol_frac) + slack
    assert share + gross <= Fraction(rules.limits.max_leverage) + slack
    assert share <= Fraction(kelly) + slack
    assert share <= Fraction(rules.limits.max_var_frac / sight.var_frac) + slack
    assert share <= Fraction(abs(2 * wish.probability - 1) * 1e6)


@given(cases)
def test_after_the_volatility_target_nothing_enlarges(case) -> None:
    sized = ladder(*case)
    if isinstance(sized, Sized):
        after = [rung.value for rung in sized.ladder[1:-1]]
        assert after == sorted(after, reverse=True)


@given(cases)
def test_a_rung_is_bound_exactly_where_it_made_the_size_smaller(case) -> None:
    sized = ladder(*case)
    if isinstance(sized, Refuse):
        return
    leverage = [rung.value for rung in sized.ladder[:-1]]
    bound = [rung.bound for rung in sized.ladder[:-1]]
    assert bound == [False, *(b < a for a, b in itertools.pairwise(leverage))]
    ladder_by_name = {rung.name: rung for rung in sized.ladder}
    capped = ladder_by_name["caps"].bound or ladder_by_name["var"].bound
    assert (sized.binding != "none") == capped


@given(cases, st.floats(0.01, 1.0))
def test_less_ramp_or_less_caution_never_buys_more(case, factor) -> None:
    full = ladder(*case)
    if isinstance(full, Refuse):
        return
    wish, sight, account, instrument, terms, rules = case
    ramped = replace(terms, ramp=terms.ramp * factor)
    careful = replace(wish, caution=wish.caution * factor)
    for smaller in (
        ladder(wish, sight, account, instrument, ramped, rules),
        ladder(careful, sight, account, instrument, terms, rules),
    ):
        assert isinstance(smaller, Refuse) or smaller.lots <= full.lots


@given(cases, probabilities)
def test_more_belief_in_the_same_side_never_buys_less(case, other) -> None:
    wish = case[0]
    assume((other - 0.5) * wish.side > 0 and abs(other - 0.5) > abs(wish.probability - 0.5))
    surer = ladder(replace(wish, probability=other), *case[1:])
    less_sure = ladder(*case)
    if isinstance(less_sure, Sized):
        assert isinstance(surer, Sized)
        assert surer.lots >= less_sure.lots


@given(cases)
def test_more_open_risk_never_buys_more(case) -> None:
    before = ladder(*case)
    hotter = replace(case[2], heat_micros=Micros(case[2].heat_micros + EQUITY // 100))
    after = ladder(*case[:2], hotter, *case[3:])
    if isinstance(before, Refuse):
        assert isinstance(after, Refuse)
    else:
        assert isinstance(after, Refuse) or after.lots <= before.lots


@given(cases)
def test_the_same_case_gives_the_same_ladder(case) -> None:
    assert ladder(*case) == ladder(*case)


def reference_lots(case: Case) -> int:
    """SPEC.md section 5 again, step by step, on the signed number, in exact fractions."""
    wish, sight, account, instrument, terms, rules = case
    limits, sizing, barrier = rules.limits, rules.sizing, terms.barrier
    equity, sigma = Fraction(account.equity_micros), Fraction(sight.volatility_per_bar)
    p = Fraction(wish.probability)
    base = max(Fraction(-1), min(Fraction(1), 2 * p - 1))
    yearly = sigma * Fraction(math.sqrt(sight.periods_per_year))
    signed = base * Fraction(sizing.target_volatility_frac) / yearly
    sign, size = (1 if signed > 0 else -1), abs(signed)
    size = min(size, Fraction(limits.max_var_frac) / Fraction(sight.var_frac))
    heat = account.heat_micros / equity
    size *= max(Fraction(0), 1 - heat / Fraction(limits.max_heat_frac))
    win = p if sign > 0 else 1 - p
    reach, mean_reach = (
        Fraction(math.sqrt(barrier.horizon_bars * f)) for f in (1, 2 / math.pi)
    )
    distance = Fraction(barrier.stop_vol)  # symmetric in these cases
    mu = sigma * min(distance, mean_reach) * (2 * win - 1) - Fraction(sight.cost_bps) / 10_000
    second_moment = (sigma * min(distance, reach)) ** 2
    size = min(
        size,
        Fraction(limits.max_symbol_frac) - symbol_micros(account, wish.symbol) / equity,
        Fraction(limits.max_leverage) - gross_micros(account) / equity,
        Fraction(sizing.kelly_fraction) * mu / second_moment,
    )
    if sight.regime == "crisis" or sight.correlation > sizing.stress_correlation:
        size *= Fraction(sizing.stress_factor)
    size *= Fraction(sizing.regime_factor[sight.regime])
    size *= Fraction(wish.caution) * Fraction(terms.ramp)
    lot = instrument.ticks(sight.price_usd) * instrument.micros_per_tick_lot
    return max(0, math.floor(size * equity / lot))


@given(cases)
def test_the_ladder_equals_its_slow_reference(case) -> None:
    sized = ladder(*case)
    lots = sized.lots if isinstance(sized, Sized) else 0
    assert abs(lots - reference_lots(case)) <= 1  # a float may fall on the other side of a lot


# --- Kelly ----------------------------------------------------------------------------


def seen(volatility: float, cost_bps: float = 0.0):
    return replace(some_case()[1], volatility_per_bar=volatility, cost_bps=cost_bps)


@given(st.floats(0.001, 0.05), st.floats(0.5, 3.0), st.floats(0.5, 3.0), st.floats(0.001, 0.1))
def test_kelly_is_close_to_the_leverage_of_greatest_growth_for_small_edges(
    volatility, stop, target, edge
) -> None:
    """Against a search for the leverage that maximises expected log wealth."""
    up, down = target * volatility, stop * volatility
    p = (down + edge * min(up, down)) / (up + down)
    full = kelly_leverage(p, seen(volatility), Barrier(stop, target, 10_000), 1, 1.0)
    grid = np.linspace(0.0, 0.99 / down, 20_001)
    growth = p * np.log1p(grid * up) + (1 - p) * np.log1p(-grid * down)
    assert full == pytest.approx(grid[np.argmax(growth)], rel=0.25, abs=1e-3 / down)


def test_with_a_short_horizon_kelly_is_that_of_a_normal_move() -> None:
    # DEFINITIONS.md: about 0.8 (2p - 1) / sigma; p = 0.52, sigma = 0.6 % gives 5.3.
    full = kelly_leverage(0.52, seen(0.006), Barrier(50.0, 50.0, 1), 1, 1.0)
    assert full == pytest.approx(5.3, abs=0.05)


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.1), st.floats(0.01, 1.0))
def test_kelly_of_both_sides_of_an_even_bet_is_opposite(p, volatility, fraction) -> None:
    barrier = Barrier(2.0, 2.0, 20)
    win = kelly_leverage(p, seen(volatility), barrier, 1, fraction)
    lose = kelly_leverage(1.0 - p, seen(volatility), barrier, -1, fraction)
    assert win == pytest.approx(-lose, rel=1e-6, abs=1e-9)


@given(st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_dearer_trading_never_raises_kelly(a, b) -> None:
    cheap, dear = sorted((a, b))
    barrier = Barrier(2.0, 2.0, 20)
    assert kelly_leverage(0.6, seen(0.01, dear), barrier, 1, 0.25) <= kelly_leverage(
        0.6, seen(0.01, cheap), barrier, 1, 0.25
    )


def test_an_uneven_bet_is_weighed_by_what_each_side_pays() -> None:
    barrier = Barrier(stop_vol=1.0, target_vol=3.0, horizon_bars=1_000)
    long = kelly_leverage(0.4, seen(0.01), barrier, 1, 1.0)
    assert long == pytest.approx((0.4 * 0.03 - 0.6 * 0.01) / (0.4 * 9e-4 + 0.6 * 1e-4))
    # A short wins the near barrier and loses at the far one.
    short = kelly_leverage(0.6, seen(0.01), barrier, -1, 1.0)
    assert short == pytest.approx((0.6 * 0.01 - 0.4 * 0.03) / (0.6 * 1e-4 + 0.4 * 9e-4))


def test_where_nothing_moves_there_is_no_kelly() -> None:
    assert math.isnan(kelly_leverage(0.6, seen(1e-200), Barrier(2.0, 2.0, 10), 1, 0.25))
    assert code(bent(volatility_per_bar=1e-200)) in {
        "risk.no_edge_after_costs",
        "risk.not_finite",
    }
