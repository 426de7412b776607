"""Five parts of health: what each one sees, that it sees only that, and what it will not judge."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.errors import ConfigError
from stairway.base.verdict import Inconclusive, Refuse
from stairway.simulation.controller import Rates
from stairway.simulation.health import Health, HealthRules, Reading, health
from stairway.simulation.targets import Targets
from stairway.simulation.terms import Terms
from stairway.testing.steering import health_rules

RULES = health_rules()
PARTS = Health.__struct_fields__[:-1]
GOOD = Reading(
    measured=Rates(0.55, 18.0, 0.95, 5.5, 2_000, 0.0),
    targets=Targets(0.55, 20.0, 15.0, 1.0),
    terms=Terms(5.5, 0.0, 0.1, 0.0),
    profit_bps=0.05,
    drawdown_frac=0.01,
)
READINGS = st.builds(
    Reading,
    measured=st.builds(
        Rates,
        hold_rate=st.floats(0.0, 1.0),
        fills_per_session=st.floats(0.0, 780.0),
        no_fill_share=st.floats(0.0, 1.0),
        rms_profit_bps=st.floats(0.0, 100.0),
        steps=st.just(2_000),
        score=st.floats(-3.0, 3.0),
    ),
    targets=st.builds(
        Targets, st.floats(0.4, 0.75), st.floats(15.0, 20.0), st.floats(5.0, 15.0), st.just(1.0)
    ),
    terms=st.builds(Terms, st.just(5.5), st.floats(-9, 9), st.floats(-9, 9), st.just(0.0)),
    profit_bps=st.floats(-10.0, 10.0),
    drawdown_frac=st.floats(0.0, 1.0),
)


def did(reading: Reading = GOOD, **changes: float) -> Reading:
    return replace(reading, measured=replace(reading.measured, **changes))


def judged(*readings: Reading, rules: HealthRules = RULES) -> Health:
    answer = health(readings, rules)
    assert isinstance(answer, Health)
    return answer


def hurt(*readings: Reading) -> set[str]:
    """Parts that are lower than those of a loop that does all it should."""
    well, now = judged(*[GOOD] * len(readings)), judged(*readings)
    return {part for part in PARTS if getattr(now, part) < getattr(well, part)}


def test_a_loop_that_does_all_it_should_is_healthy_but_for_what_was_not_asked() -> None:
    assert judged(*[GOOD] * 6) == Health(1.0, 1.0, 1.0, 0.5, 1.0, pytest.approx(0.95))


@given(st.lists(READINGS, min_size=3, max_size=12))
def test_every_part_and_their_sum_lie_between_nothing_and_all(readings: list[Reading]) -> None:
    now = judged(*readings)
    parts = [getattr(now, part) for part in PARTS]
    assert all(0.0 <= part <= 1.0 for part in parts)
    weighed = sum(w * p for w, p in zip(RULES.weights, parts, strict=True))
    assert now.score == pytest.approx(weighed, abs=1e-12)
    assert 0.0 <= now.score <= 1.0


def test_terms_that_jump_to_and_fro_hurt_stability_alone() -> None:
    swings = [replace(GOOD, terms=Terms(5.5, b, 0.1, 0.0)) for b in (1.0, -1.0) * 3]
    assert hurt(*swings) == {"parameter_stability"}
    assert judged(*swings).parameter_stability == pytest.approx(1.0 - 0.5 * 2.0 / 2.0)


def test_a_term_that_is_large_but_still_is_stable() -> None:
    still = replace(GOOD, terms=Terms(5.5, -2.0, 1.5, 0.0))
    assert judged(*[still] * 6).parameter_stability == 1.0


def test_profits_that_scatter_hurt_consistency_alone() -> None:
    scatter = [replace(GOOD, profit_bps=p) for p in (0.3, -0.3) * 3]
    assert hurt(*scatter) == {"performance_consistency"}
    deviation = 0.3 * math.sqrt(6 / 5)
    assert judged(*scatter).performance_consistency == pytest.approx(1.0 - deviation / 0.5)


def test_a_steady_loss_is_consistent() -> None:
    assert judged(*[replace(GOOD, profit_bps=-3.0)] * 6).performance_consistency == 1.0


@pytest.mark.parametrize(("hold", "half"), [(0.60, 0.8), (0.30, 0.0), (0.45, 0.6)])
def test_missing_the_hold_rate_hurts_achievement_alone(hold: float, half: float) -> None:
    missed = [did(hold_rate=hold)] * 6
    assert hurt(*missed) == {"target_achievement"}
    assert judged(*missed).target_achievement == pytest.approx(0.5 * (half + 1.0))


@pytest.mark.parametrize("fills", [15.0, 17.0, 20.0])
def test_fills_anywhere_in_the_band_are_as_good(fills: float) -> None:
    assert judged(*[did(fills_per_session=fills)] * 6).target_achievement == 1.0


@pytest.mark.parametrize(
    ("fills", "off"), [(30.0, math.log(1.5)), (10.0, math.log(1.5)), (0.0, 9.0), (99.0, 9.0)]
)
def test_fills_outside_the_band_hurt_by_their_distance_to_it(fills: float, off: float) -> None:
    missed = [did(fills_per_session=fills)] * 6
    assert hurt(*missed) == {"target_achievement"}
    half = max(1.0 - off / 0.7, 0.0)
    assert judged(*missed).target_achievement == pytest.approx(0.5 * (1.0 + half))


def moving(hold_of: list[float]) -> list[Reading]:
    aims = [0.45, 0.65, 0.45, 0.65, 0.45, 0.65]
    return [
        replace(did(hold_rate=h), targets=replace(GOOD.targets, hold=a))
        for a, h in zip(aims, hold_of, strict=True)
    ]


def test_holding_that_follows_its_target_is_adaptive_and_holding_against_it_is_not() -> None:
    assert judged(*moving([0.5, 0.6] * 3)).market_adaptation == pytest.approx(1.0)
    assert judged(*moving([0.6, 0.5] * 3)).market_adaptation == pytest.approx(0.0, abs=1e-12)
    assert judged(*moving([0.5] * 6)).market_adaptation == 0.5


def test_a_target_that_hardly_moves_asks_nothing() -> None:
    readings = [
        replace(did(hold_rate=h), targets=replace(GOOD.targets, hold=0.55 + 1e-3 * h))
        for h in (0.4, 0.6, 0.7)
    ]
    assert judged(*readings).market_adaptation == 0.5


@pytest.mark.parametrize(
    ("worst", "part"), [(0.01, 1.0), (0.015, 0.5), (0.02, 0.0), (0.9, 0.0)]
)
def test_the_worst_drawdown_hurts_risk_alone_past_its_limit(worst: float, part: float) -> None:
    readings = [GOOD] * 5 + [replace(GOOD, drawdown_frac=worst)]
    assert judged(*readings).risk_preservation == pytest.approx(part)
    assert hurt(*readings) == ({"risk_preservation"} if part < 1.0 else set())


def test_only_the_window_is_looked_at() -> None:
    bad = replace(did(hold_rate=0.0, fills_per_session=500.0), drawdown_frac=0.5, profit_bps=99)
    assert judged(bad, bad, *[GOOD] * 6) == judged(*[GOOD] * 6)
    assert judged(bad, *[GOOD] * 5) != judged(*[GOOD] * 6)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_roll_outs_are_not_judged(n: int) -> None:
    answer = health([GOOD] * n, RULES)
    assert isinstance(answer, Inconclusive)
    assert (answer.findings[0].code, answer.findings[0].value) == ("controller.too_few", n)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["profit_bps", "drawdown_frac"])
def test_a_figure_that_is_none_is_refused_and_its_roll_out_named(
    name: str, value: float
) -> None:
    answer = health([GOOD, replace(GOOD, **{name: value}), GOOD], RULES)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "controller.reading"
    assert "roll-out 1 of the last 3" in answer.findings[0].detail


def test_a_hold_rate_that_is_none_is_refused() -> None:
    assert isinstance(health([GOOD, GOOD, did(hold_rate=math.nan)], RULES), Refuse)


def test_weights_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ConfigError, match="weights that add up to 1"):
        replace(RULES, weight_risk=0.5)


def test_a_window_that_could_never_say_anything_is_refused() -> None:
    with pytest.raises(ConfigError, match="min_rollouts up to window_rollouts"):
        replace(RULES, min_rollouts=7)


@pytest.mark.parametrize("field", HealthRules.__struct_fields__)
def test_no_tolerance_has_a_default_and_none_may_be_nan(field: str) -> None:
    settings = msgspec.to_builtins(RULES)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings | {field: math.nan}, HealthRules)
    del settings[field]
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(settings, HealthRules)
