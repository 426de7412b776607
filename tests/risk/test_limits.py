from __future__ import annotations

import math

import msgspec
import pytest
from msgspec.structs import replace

from stairway.base.verdict import Refuse
from stairway.risk.limits import RiskLimits, tightened
from stairway.risk.sizing import SizingRules
from stairway.testing.risk import some_limits, some_rules

LIMITS = some_limits()
FIELDS = RiskLimits.__struct_fields__
NUMBERS = [name for name in FIELDS if name != "restricted_symbols"]
LONGER_IS_TIGHTER = {"duplicate_window_s", "message_window_s"}


def without(value: msgspec.Struct, key: str) -> dict[str, object]:
    return {k: getattr(value, k) for k in value.__struct_fields__ if k != key}


def scaled(name: str, factor: float) -> RiskLimits:
    value = getattr(LIMITS, name)
    return replace(LIMITS, **{name: type(value)(value * factor)})


@pytest.mark.parametrize("key", FIELDS)
def test_no_limit_has_a_default(key) -> None:
    with pytest.raises(TypeError, match=key):
        RiskLimits(**without(LIMITS, key))


@pytest.mark.parametrize("key", SizingRules.__struct_fields__)
def test_no_sizing_rule_has_a_default(key) -> None:
    with pytest.raises(TypeError, match=key):
        SizingRules(**without(some_rules().sizing, key))


def test_a_limit_left_out_of_the_file_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match="max_heat_frac"):
        msgspec.convert(without(LIMITS, "max_heat_frac"), RiskLimits)


def test_a_limit_that_nobody_knows_is_refused() -> None:
    content = without(LIMITS, "") | {"max_hope": 1.0}
    with pytest.raises(msgspec.ValidationError, match="max_hope"):
        msgspec.convert(content, RiskLimits)


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, None, "much"])
def test_a_limit_that_is_no_bound_is_refused(key, value) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(LIMITS, **{key: value})


@pytest.mark.parametrize("key", ["max_symbol_frac", "max_leverage", "max_lots", "max_messages"])
def test_a_maximum_of_nothing_is_refused(key) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(LIMITS, **{key: 0})


@pytest.mark.parametrize("factor", ["range", "trend"])
def test_no_regime_may_enlarge(factor) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(some_rules().sizing, regime_factor={factor: 1.5})


@pytest.mark.parametrize("name", ["stress_factor", "kelly_fraction"])
def test_no_factor_of_the_ladder_may_enlarge(name) -> None:
    with pytest.raises(msgspec.ValidationError):
        replace(some_rules().sizing, **{name: 1.01})


# --- tightening -----------------------------------------------------------------------


@pytest.mark.parametrize("name", NUMBERS)
def test_every_limit_may_be_tightened_at_run_time(name) -> None:
    tighter = scaled(name, 2.0 if name in LONGER_IS_TIGHTER else 0.5)
    assert tightened(LIMITS, tighter) == tighter


@pytest.mark.parametrize("name", NUMBERS)
def test_no_limit_may_be_widened_at_run_time(name) -> None:
    wider = scaled(name, 0.5 if name in LONGER_IS_TIGHTER else 2.0)
    refused = tightened(LIMITS, wider)
    assert isinstance(refused, Refuse)
    assert [f.code for f in refused.findings] == ["risk.limit_widened"]
    assert refused.findings[0].detail.startswith(f"{name}:")


def test_the_same_limits_are_no_wider() -> None:
    assert tightened(LIMITS, LIMITS) == LIMITS


def test_one_wider_limit_spoils_many_tighter_ones() -> None:
    mixed = replace(scaled("max_lots", 0.5), max_heat_frac=0.5)
    assert isinstance(tightened(LIMITS, mixed), Refuse)


def test_symbols_may_be_restricted_at_run_time_but_not_freed() -> None:
    more = replace(LIMITS, restricted_symbols=("NEVER", "A"))
    assert tightened(LIMITS, more) == more
    assert isinstance(tightened(more, LIMITS), Refuse)
