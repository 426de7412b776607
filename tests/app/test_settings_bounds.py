"""No number of a policy is without bounds, and an absurd one is refused by its name."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from stairway.adapters.brokers import paper
from stairway.adapters.sources import csv, parquet, sample
from stairway.app import settings as policies
from stairway.app.settings import Settings, decode, load, shipped
from stairway.app.tables import read
from stairway.base.errors import ConfigError
from stairway.execution.gateway import GatewayRules

ROOTS = (Settings, GatewayRules, paper.Config, csv.Config, parquet.Config, sample.Config)
UNBOUNDED: dict[str, str] = {}
"""Numbers that need no bound, with the reason. There is none so far."""

Number = inspect.IntType | inspect.FloatType


def numbers(kind: inspect.Type, place: str = "") -> Iterator[tuple[str, Number]]:
    """Yield every number inside of a kind of value, with its place."""
    if isinstance(kind, Number):
        yield place, kind
    for name, inner in parts(kind):
        yield from numbers(inner, f"{place}.{name}".strip("."))


def parts(kind: inspect.Type) -> Iterator[tuple[str, inspect.Type]]:
    """Yield what a kind of value is made of: fields by name, anything else without."""
    match kind:
        case inspect.StructType(fields=fields):
            yield from ((field.encode_name, field.type) for field in fields)
        case inspect.UnionType(types=types) | inspect.TupleType(item_types=types):
            yield from (("", one) for one in types)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            yield "", item
        case inspect.DictType(value_type=item):
            yield "", item
        case _:
            pass


def lowest(kind: Number) -> float | None:
    return kind.ge if kind.gt is None else kind.gt


def highest(kind: Number) -> float | None:
    return kind.le if kind.lt is None else kind.lt


DAILY = read("policy", "daily", shipped())
PLACES = dict(numbers(inspect.type_info(Settings)))


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: f"{root.__module__}.{root.__name__}")
def test_every_number_of_the_settings_is_bounded_above_and_below(root: type) -> None:
    open_ended = {
        place
        for place, kind in numbers(inspect.type_info(root))
        if lowest(kind) is None or highest(kind) is None
    }
    assert open_ended == {place for place in UNBOUNDED if place in open_ended}


def test_the_walk_finds_every_number_of_the_shipped_policies() -> None:
    def written(table: dict[str, Any], place: str = "") -> Iterator[str]:
        for name, value in table.items():
            here = f"{place}.{name}" if place else name
            if isinstance(value, dict):
                yield from written(value, here)
            elif isinstance(value, int | float | list) and not isinstance(value, bool):
                numeric = not isinstance(value, list) or any(
                    isinstance(one, int | float) for one in value
                )
                if numeric:
                    yield here

    for name in shipped():
        for place in written(read("policy", name, shipped())):
            parent = place.rpartition(".")[0]
            assert place in PLACES or parent in PLACES, place


def test_an_unbounded_number_would_be_noticed() -> None:
    class Careless(policies.Config, frozen=True, kw_only=True):
        limit: float
        counts: tuple[int, ...]
        shares: dict[str, float]
        other: int | None

    found = dict(numbers(inspect.type_info(Careless)))
    assert set(found) == {"limit", "counts", "shares", "other"}
    assert all(highest(kind) is None for kind in found.values())


def whole(kind: Number, number: float) -> float:
    return int(number) if isinstance(kind, inspect.IntType) else number


def put(place: str, value: Any) -> dict[str, Any]:
    """The tables of the daily policy with one number changed, also inside of a list."""
    changed = copy.deepcopy(DAILY)
    *sections, key = place.split(".")
    table = changed
    for section in sections:
        table = table[section]
    if isinstance(table[key], dict):
        table[key] = {"crisis": value}
    else:
        table[key] = [value] if isinstance(table[key], list) else value
    return changed


@pytest.mark.parametrize("place", sorted(PLACES))
def test_a_number_beyond_its_bounds_is_refused_by_its_name(place: str) -> None:
    kind = PLACES[place]
    high, low = highest(kind), lowest(kind)
    assert high is not None
    assert low is not None
    below = (low - 1, -1e17, -(2**53) - 1)
    above = (high + 1, high * 10 + 1, 2**53 + 1, 10**17)
    for value in (*below, *above):
        with pytest.raises(ConfigError) as caught:
            decode(put(place, whole(kind, value)), "mine.toml")
        text = str(caught.value)
        assert place.rpartition(".")[2] in text, text
        assert "\n" not in text


@pytest.mark.parametrize(
    ("place", "absurd"),
    [
        ("limits.max_unchanged_bars", 101),
        ("limits.max_bar_age_s", 2_678_401.0),
        ("limits.max_open_orders", 1_001),
        ("execution.naked_max_ns", 60_000_000_001),
        ("execution.max_submits", 101),
        ("canary.max_latency_p999_ms", 1_001.0),
        ("canary.silent_clocks", 1_001),
        ("canary.e_degraded", 10_001.0),
        ("evidence.sharpe_floor", -0.001),
        ("evidence.too_good_sharpe", 1_001.0),
        ("evidence.level", 0.5),
        ("proof.max_unjudged_frac", 0.21),
        ("battery.level", 1e-300),
        ("battery.level", 0.0009),
        ("promotion.betting.bound_r", 100.1),
        ("promotion.tolerance_r", 1.01),
        ("probation.min_average_r", -1.01),
        ("probation.min_trades", 1_001),
        ("probation.e_confirmed", 10_001.0),
        ("rollback.max_rollbacks", 101),
        ("steward.quality_every_bars", 10_001),
        ("supervision.drift.loss_run", 101),
    ],
)
def test_no_guard_can_be_blunted_by_an_absurd_number(place: str, absurd: float) -> None:
    with pytest.raises(ConfigError, match=place.rpartition(".")[2]):
        decode(put(place, absurd), "mine.toml")


@pytest.mark.parametrize("name", shipped())
def test_the_shipped_policies_lie_well_inside(name: str) -> None:
    assert isinstance(load(name), Settings)


def test_a_file_is_held_to_the_same_bounds(tmp_path: Any) -> None:
    text = policies.files("stairway").joinpath("policies", "daily.toml").read_text("utf-8")
    absurd = tmp_path / "absurd.toml"
    absurd.write_text(
        text.replace("max_unchanged_bars = 1", "max_unchanged_bars = 9007199254740993")
    )
    assert tomllib.loads(absurd.read_text())["limits"]["max_unchanged_bars"] == 2**53 + 1
    with pytest.raises(ConfigError, match="max_unchanged_bars"):
        load(str(absurd))
