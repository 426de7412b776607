"""No number of a practice file is without bounds: an absurd one is refused when it is read."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from stairway.adapters.telemetry import pushgateway
from stairway.app.rl.rules import converted, decode, load, require_telemetry, telemetry_of
from stairway.base.errors import ConfigError
from stairway.testing.cycles import as_toml, practice_rules
from stairway.training.practice_rules import PracticeRules
from stairway.training.quick_rules import QuickRules

TABLES: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(practice_rules()))
Number = inspect.IntType | inspect.FloatType


def numbers(kind: inspect.Type, place: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Yield every number inside of a kind of value, with its place; of a list, the first."""
    match kind:
        case inspect.IntType() | inspect.FloatType():
            yield place, kind
        case inspect.StructType(fields=fields):
            for field in fields:
                yield from numbers(field.type, (*place, field.encode_name))
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            yield from numbers(item, (*place, 0))
        case inspect.TupleType(item_types=types) | inspect.UnionType(types=types):
            for one in types:
                yield from numbers(one, place)
        case _:
            pass


def bounds(kind: Any) -> tuple[float | None, float | None]:
    low = kind.ge if kind.gt is None else kind.gt
    return low, kind.le if kind.lt is None else kind.lt


def lists(kind: inspect.Type, place: str = "") -> Iterator[tuple[str, Any]]:
    match kind:
        case inspect.StructType(fields=fields):
            for field in fields:
                yield from lists(field.type, f"{place}.{field.encode_name}".strip("."))
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            yield place, kind
            yield from lists(item, place)
        case _:
            pass


ROOTS = (PracticeRules, QuickRules, pushgateway.Config)
PLACES = dict(numbers(inspect.type_info(PracticeRules)))


def put(place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(TABLES)
    at: Any = changed
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    return changed


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.__name__)
def test_every_number_is_bounded_above_and_below(root: type) -> None:
    found = dict(numbers(inspect.type_info(root)))
    assert found
    assert [place for place, kind in found.items() if None in bounds(kind)] == []


def test_every_list_is_bounded_but_the_one_that_has_one_for_each_scenario() -> None:
    found = dict(lists(inspect.type_info(PracticeRules)))
    endless = [place for place, kind in found.items() if kind.max_length is None]
    assert endless == ["training_gate.scenarios"]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_a_number_beyond_its_bounds_is_refused_by_name_with_what_was_found(place) -> None:
    low, high = bounds(PLACES[place])
    assert low is not None
    assert high is not None
    key = ".".join(str(step) for step in place if isinstance(step, str))
    for value in (low - 1, high + 1, high * 10 + 1, 10**9, -(10**9)):
        whole = int(value) if isinstance(PLACES[place], inspect.IntType) else float(value)
        if low <= whole <= high:
            continue
        with pytest.raises(ConfigError) as refused:
            decode(put(place, whole), "intraday", "mine")
        said = str(refused.value).replace("[0]", "")
        assert said.startswith(f"practice file 'mine': {key} is {whole}; expected"), said
        assert "\n" not in said


@pytest.mark.parametrize(
    "value", [10**5_000, -(10**5_000), 2**64, float("inf")], ids=["huge", "deep", "2^64", "inf"]
)
def test_a_number_that_nobody_can_mean_is_refused_by_name(value: Any) -> None:
    for place in (("learner", "n_envs"), ("gold", "bonus")):
        with pytest.raises(ConfigError, match=f"{place[0]}.{place[1]} is .*; it must be a fin"):
            decode(put(place, value), "intraday", "mine")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("learner", "hidden"), [8] * 9, r"learner.hidden is \[8, .*; expected `array` of len"),
        (("learner", "hidden"), [64] * 999, r"hidden is \[64, .*\.\.\.; expected `array`"),
        (("learner", "hidden"), [8, 2_000], r"learner.hidden\[1\] is 2000; expected `int` <="),
        (("scenarios", "methods"), ["bootstrap"] * 999, "scenarios.methods is"),
        (("scenarios", "methods"), ["magic"], r"scenarios.methods\[0\] is 'magic'; invalid"),
        (("learner", "n_steps"), 50_000, "a roll-out holds 1000000 at most"),
        (("gold", "n_steps"), 99_999, r"\[gold\] a roll-out is .*1000000 at most"),
        (("gold", "batch_size"), 7, r"\[gold\] a roll-out is .* a multiple of batch_size 7"),
        (("gold", "steps"), 601, r"\[gold\] steps is 601, no multiple of a roll-out"),
    ],
)
def test_what_is_absurd_only_together_is_refused_as_it_is_read(
    place: tuple[str, str], value: Any, words: str
) -> None:
    large = put(place, value)
    large["learner"]["n_envs"] = 64 if value == 50_000 else large["learner"]["n_envs"]
    if value == 99_999:
        large["learner"] |= {"n_envs": 100, "n_steps": 1, "batch_size": 100}
        large["cycles"]["steps_per_cycle"] = 200
    with pytest.raises(ConfigError, match=words):
        decode(large, "intraday", "mine")


@pytest.mark.parametrize(
    ("telemetry", "words"),
    [
        (5, r"\[telemetry\] is 5; it must be a table"),
        ([], r"\[telemetry\] is \[\]; it must be a table"),
        ({}, r"\[telemetry\] kind is None; allowed are pushgateway, silent"),
        ({"kind": "telegraph"}, "kind is 'telegraph'; allowed are pushgateway, silent"),
        ({"kind": ["silent"]}, r"kind is \['silent'\]; allowed are"),
        ({"kind": "silent", "pushgatway": {}}, r"has 'pushgatway', which nothing reads"),
        ({"kind": "pushgateway"}, "missing required field `url` in telemetry.pushgateway"),
        ({"kind": "pushgateway", "pushgateway": 3}, "telemetry.pushgateway is 3; expected"),
        ({"kind": "silent", "silent": {"loud": 1}}, "unknown field `loud` in telemetry.silent"),
    ],
)
def test_telemetry_that_cannot_be_is_refused_as_it_is_read(telemetry: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=f"practice file 'mine': .*{words}"):
        require_telemetry(TABLES | {"telemetry": telemetry}, "mine")


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a module missing, as it is for whoever never installed it."""

    def block(name: str) -> None:
        monkeypatch.delitem(sys.modules, pushgateway.__name__)
        monkeypatch.setitem(sys.modules, name, None)

    return block


def test_a_meter_that_is_not_installed_is_left_to_whoever_trains(
    without: Callable[[str], None],
) -> None:
    without("prometheus_client")
    rules, tables = load("practice", "daily")
    assert rules == decode(tables, "daily", "again")
    assert tables["telemetry"]["kind"] == "pushgateway"
    require_telemetry(TABLES | {"telemetry": {"kind": "pushgateway"}}, "mine")
    with pytest.raises(ConfigError, match=r"prometheus_client.*'stairway\[train\]'"):
        telemetry_of(tables, "mine")


def test_without_what_a_meter_needs_other_mistakes_are_refused_all_the_same(
    without: Callable[[str], None],
) -> None:
    without("prometheus_client")
    with pytest.raises(ConfigError, match="kind is 'telegraph'"):
        require_telemetry({"telemetry": {"kind": "telegraph"}}, "mine")


def test_a_part_of_the_program_that_is_missing_is_not_passed_over(
    without: Callable[[str], None],
) -> None:
    without("stairway.training.figures")
    with pytest.raises(ModuleNotFoundError, match=r"stairway\.training\.figures"):
        require_telemetry({"telemetry": {"kind": "pushgateway"}}, "mine")


def written(tmp_path: Path, more: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(as_toml(practice_rules()) + more, "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[telemetry]\nkind = "telegraph"\n', "kind is 'telegraph'"),
        ("[quick]\nsteps = 0\n", "quick.steps is 0; expected `int` >= 1"),
        ("[quick]\nsteps = 10000000000\n", "quick.steps is 10000000000; expected `int` <="),
        (f"[quick]\nsteps = {'9' * 5_000}\n", "is not TOML"),
        (f"[quick]\nsteps = 0x{'f' * 5_000}\n", "quick.steps is over 1e"),
    ],
)
def test_what_stands_beside_the_rules_is_read_with_them(
    more: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        load(written(tmp_path, more), "intraday")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch) -> None:
    def closed(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, "")
    monkeypatch.setattr(Path, "read_bytes", closed)
    with pytest.raises(ConfigError, match=r"mine.toml' cannot be read \(Permission denied\)"):
        load(path, "intraday")


def test_the_shipped_file_lies_inside() -> None:
    assert b"telemetry" in files("stairway").joinpath("policies/practice.toml").read_bytes()
    for kind in ("daily", "intraday"):
        rules, tables = load("practice", kind)
        assert rules == decode(tables, kind, "again")
        assert converted(tables["quick"], QuickRules, "x", "quick").steps > 0
