from __future__ import annotations

import datetime as dt
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import ConfigError
from stairway.base.units import NS_PER_SECOND, UtcNs
from stairway.base.verdict import Pass, Refuse, refuse
from stairway.decision.facts import WeightSource
from stairway.decision.weights import (
    WeightChecks,
    WeightTable,
    check,
    choose,
    parse,
    weight_of,
    written,
)
from stairway.testing.decision import weight_checks

NOW = UtcNs(1_500_000_000 * NS_PER_SECOND)
MEMBERS = frozenset({"x", "y", "z"})
RULES = weight_checks()
NOTHING = refuse("weights.missing", "there is no weights file")


def table(x: float, y: float, z: float, age_s: float = 0.0, **regimes) -> WeightTable:
    as_of = UtcNs(NOW - round(age_s * NS_PER_SECOND))
    return WeightTable(as_of, {"x": x, "y": y, "z": z}, regimes)


GOOD = table(0.5, 0.3, 0.2)


def codes(verdict) -> list[str]:
    return [finding.code for finding in verdict.findings]


def look(offered: WeightTable, rules: WeightChecks = RULES):
    return check(offered, MEMBERS, rules, NOW)


# --- the file -------------------------------------------------------------------------


def as_json(**changes) -> bytes:
    content = {
        "timestamp": "2017-07-14T02:40:00Z",
        "overall_weights": {"x": 0.5, "y": 0.3, "z": 0.2},
        "regime_weights": {"crisis": {"x": 0.4, "y": 0.3, "z": 0.3}},
    }
    return json.dumps(content | changes).encode()


def test_a_file_in_the_documented_form_is_read() -> None:
    read = parse(as_json())
    assert read == table(0.5, 0.3, 0.2, crisis={"x": 0.4, "y": 0.3, "z": 0.3})


@pytest.mark.parametrize(
    "timestamp",
    ["2017-07-14T02:40:00Z", "2017-07-14T04:40:00+02:00", 1_500_000_000, 1_500_000_000.0],
)
def test_the_same_instant_may_be_written_in_several_ways(timestamp) -> None:
    assert parse(as_json(timestamp=timestamp)).as_of_ns == NOW


def test_a_time_without_a_zone_is_refused() -> None:
    assert codes(parse(as_json(timestamp="2017-07-14T02:40:00"))) == ["weights.timestamp"]


@pytest.mark.parametrize(
    "timestamp",
    [
        1e300,
        -1e300,
        9.3e9,
        -9.3e9,
        2**63,
        10**300,
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_an_absurd_time_is_refused_and_does_not_raise(timestamp) -> None:
    assert codes(parse(as_json(timestamp=timestamp)))[0] in {
        "weights.timestamp",
        "weights.unreadable",
    }


@given(st.floats(allow_nan=False, allow_infinity=False) | st.datetimes().map(lambda d: f"{d}Z"))
def test_any_time_is_read_as_one_that_fits_the_clock_or_refused(timestamp) -> None:
    read = parse(as_json(timestamp=timestamp))
    assert isinstance(read, Refuse) or abs(read.as_of_ns) < 2**63


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"<html>502 Bad Gateway</html>",
        b"[]",
        b"{}",
        as_json()[:-10],
        as_json(timestamp=None),
        as_json(timestamp="yesterday"),
        as_json(overall_weights={"x": "0.5"}),
        as_json(overall_weights=None),
        as_json(regime_weights={"crisis": 1.0}),
        as_json(surprise=1),
        b'{"timestamp": 1, "overall_weights": {"x": NaN}, "regime_weights": {}}',
        b'{"timestamp": 1, "overall_weights": {"x": 1e999}, "regime_weights": {}}',
    ],
)
def test_whatever_else_is_in_the_file_is_refused_and_never_raises(raw) -> None:
    assert codes(parse(raw)) == ["weights.unreadable"]


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw) -> None:
    assert isinstance(parse(raw), WeightTable | Refuse)


@given(
    st.integers(0, 4_000_000_000_000_000),
    st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_what_is_written_is_read_back(microseconds, weights) -> None:
    before = WeightTable(UtcNs(microseconds * 1_000), weights, {"trend": weights})
    assert parse(written(before)) == before


def test_the_written_file_has_the_three_documented_keys() -> None:
    content = json.loads(written(GOOD))
    assert sorted(content) == ["overall_weights", "regime_weights", "timestamp"]
    assert dt.datetime.fromisoformat(content["timestamp"]).timestamp() == 1_500_000_000


# --- the checks -----------------------------------------------------------------------


def test_sound_weights_pass() -> None:
    assert isinstance(look(GOOD), Pass)


@pytest.mark.parametrize(
    ("offered", "code"),
    [
        (table(0.5, 0.3, 0.215), "weights.sum"),
        (table(0.5, 0.3, 0.185), "weights.sum"),
        (table(math.nan, 0.3, 0.2), "weights.sum"),
        (table(math.inf, 0.3, 0.2), "weights.sum"),
        (table(-math.inf, math.inf, 1.0), "weights.sum"),
        (table(0.5, 0.47, 0.03), "weights.floor"),
        (table(0.5, 0.5, 0.0), "weights.floor"),
        (table(0.51, 0.29, 0.2), "weights.cap"),
        (table(0.5, 0.3, 0.2, age_s=61), "weights.age"),
        (table(0.5, 0.3, 0.2, age_s=-6), "weights.future"),
        (table(0.5, 0.3, 0.2, range={"x": 0.5, "y": 0.5}), "weights.member_missing"),
        (table(0.5, 0.3, 0.2, range={}), "weights.member_missing"),
        (table(0.5, 0.3, 0.2, range={"x": 0.9, "y": 0.05, "z": 0.05}), "weights.cap"),
        (table(0.5, 0.3, 0.2, range={"x": math.nan, "y": 0.5, "z": 0.5}), "weights.sum"),
        (WeightTable(NOW, {"x": 0.5, "y": 0.5}, {}), "weights.member_missing"),
        (WeightTable(NOW, {}, {}), "weights.member_missing"),
    ],
)
def test_each_fault_is_named(offered, code) -> None:
    verdict = look(offered)
    assert isinstance(verdict, Refuse)
    assert codes(verdict) == [code]


@pytest.mark.parametrize(
    "offered",
    [
        table(0.5, 0.3, 0.21),
        table(0.5, 0.3, 0.19),
        table(0.5, 0.45, 0.05),
        table(0.5, 0.3, 0.2, age_s=60),
        table(0.5, 0.3, 0.2, age_s=-5),
        table(0.333333, 0.333333, 0.333334),
    ],
)
def test_exactly_on_a_bound_is_inside(offered) -> None:
    assert isinstance(look(offered), Pass)


def test_a_regime_is_named_when_its_weights_are_bad() -> None:
    verdict = look(table(0.5, 0.3, 0.2, crisis={"x": 0.6, "y": 0.2, "z": 0.2}))
    assert verdict.findings[0].detail.startswith("crisis: x")


def test_models_that_are_not_seated_may_have_weights() -> None:
    weights = {"x": 0.4, "y": 0.2, "z": 0.2, "elsewhere": 0.2}
    assert isinstance(look(WeightTable(NOW, weights, {})), Pass)


def test_one_member_may_have_all_the_weight() -> None:
    alone = WeightTable(NOW, {"x": 1.0}, {})
    assert isinstance(check(alone, frozenset({"x"}), RULES, NOW), Pass)


def test_two_members_may_stand_three_to_one() -> None:
    pair = WeightTable(NOW, {"x": 0.75, "y": 0.25}, {})
    assert isinstance(check(pair, frozenset({"x", "y"}), RULES, NOW), Pass)


def test_many_members_cannot_all_reach_the_floor_and_need_not() -> None:
    weights = {f"m{i}": 1 / 40 for i in range(40)}
    assert isinstance(
        check(WeightTable(NOW, weights, {}), frozenset(weights), RULES, NOW), Pass
    )


@given(
    st.lists(
        st.floats(allow_nan=True, allow_infinity=True) | st.floats(0.0, 1.0),
        min_size=3,
        max_size=3,
    ),
    st.floats(-100.0, 1000.0),
)
def test_whatever_passes_is_finite_adds_up_and_is_young(weights, age_s) -> None:
    offered = table(*weights, age_s=age_s)
    if not isinstance(look(offered), Pass):
        return
    assert all(0.049 <= w <= 0.501 for w in weights)
    assert math.isclose(sum(weights), 1.0, abs_tol=0.0101)
    assert -5.0 <= age_s <= 60.0


# --- the choice -----------------------------------------------------------------------


def pick(offered, last_good, rules: WeightChecks = RULES):
    return choose(offered, last_good, MEMBERS, rules, NOW)


def test_sound_weights_are_taken_without_a_word() -> None:
    chosen = pick(GOOD, table(0.4, 0.4, 0.2))
    assert (chosen.source, chosen.overall, chosen.findings) == (
        WeightSource.OFFERED,
        GOOD.overall,
        (),
    )


@pytest.mark.parametrize(
    "bad", [NOTHING, table(0.9, 0.3, 0.2), table(0.5, 0.3, 0.2, age_s=599)]
)
def test_the_last_good_weights_stand_in_and_the_reason_is_told(bad) -> None:
    chosen = pick(bad, table(0.4, 0.4, 0.2, age_s=599))
    assert chosen.source is WeightSource.LAST_GOOD
    assert chosen.overall == {"x": 0.4, "y": 0.4, "z": 0.2}
    assert chosen.findings


def test_weights_that_stay_on_disk_grow_old_but_serve_as_the_last_good_ones() -> None:
    old = table(0.4, 0.4, 0.2, age_s=300)
    chosen = pick(old, old)
    assert (chosen.source, codes(chosen)) == (WeightSource.LAST_GOOD, ["weights.age"])


def test_last_good_weights_that_are_too_old_give_way_to_the_static_ones() -> None:
    chosen = pick(NOTHING, table(0.4, 0.4, 0.2, age_s=601))
    assert chosen.source is WeightSource.STATIC
    assert chosen.overall == {"x": 1 / 3, "y": 1 / 3, "z": 1 / 3}
    assert codes(chosen) == ["weights.missing", "weights.age"]


def test_last_good_weights_without_a_new_member_give_way() -> None:
    chosen = pick(NOTHING, WeightTable(NOW, {"x": 0.6, "y": 0.4}, {}))
    assert chosen.source is WeightSource.STATIC
    assert codes(chosen) == ["weights.missing", "weights.member_missing"]


def test_nothing_ever_written_gives_the_static_weights() -> None:
    chosen = pick(NOTHING, None)
    assert (chosen.source, codes(chosen)) == (WeightSource.STATIC, ["weights.missing"])


def test_static_weights_are_those_of_the_members_made_to_add_up() -> None:
    rules = msgspec.structs.replace(RULES, static={"x": 0.2, "y": 0.1, "z": 0.1, "w": 0.6})
    chosen = pick(NOTHING, None, rules)
    assert chosen.overall == {"x": 0.5, "y": 0.25, "z": 0.25}


def test_static_weights_that_forget_a_member_are_equal_ones() -> None:
    rules = msgspec.structs.replace(RULES, static={"x": 0.9})
    assert set(pick(NOTHING, None, rules).overall.values()) == {1 / 3}


def test_without_members_there_are_no_weights() -> None:
    chosen = choose(NOTHING, None, frozenset(), RULES, NOW)
    assert chosen.overall == {}


def test_a_regime_has_its_own_weights_where_it_has_any() -> None:
    own = {"x": 0.3, "y": 0.3, "z": 0.4}
    chosen = pick(table(0.5, 0.3, 0.2, crisis=own), None)
    assert [weight_of(chosen, "z", regime) for regime in ("crisis", "trend")] == [0.4, 0.2]


def test_a_stranger_has_no_weight_rather_than_some() -> None:
    assert math.isnan(weight_of(pick(GOOD, None), "stranger", "trend"))


def test_the_choice_can_be_put_on_record() -> None:
    chosen = pick(table(math.nan, 0.5, 0.5), None)
    assert msgspec.json.decode(msgspec.json.encode(chosen), type=type(chosen)) == chosen


def test_a_shorter_life_for_the_last_good_weights_is_no_setting() -> None:
    with pytest.raises(ConfigError, match="the second may not be the shorter"):
        msgspec.structs.replace(RULES, last_good_max_age_s=59.0)
