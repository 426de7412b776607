"""A practice file is read strictly, and each kind of bars gets its own tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.app.rl.rules import SHIPPED, converted, decode, load
from stairway.base.errors import ConfigError
from stairway.testing.cycles import as_toml, practice_rules
from stairway.training.quick_rules import QuickRules

RULES = practice_rules()


def tables() -> dict[str, Any]:
    return msgspec.to_builtins(RULES)


@pytest.mark.parametrize("kind", ["daily", "intraday"])
def test_the_shipped_file_is_good_for_both_kinds_of_bars(kind) -> None:
    rules, kept = load(SHIPPED, kind)
    assert rules == decode(kept, kind, "again")


def test_the_shipped_figures_for_minutes_are_those_of_the_specification() -> None:
    rules, _ = load(SHIPPED, "intraday")
    assert (rules.cycles.cycles, rules.cycles.steps_per_cycle) == (4, 12_000)
    assert (rules.cycles.early_stop_frac, rules.cycles.converged_stability) == (0.05, 0.95)
    assert rules.cycles.episodes_per_scenario == 100
    learner = rules.learner
    assert (learner.n_envs, learner.n_steps, learner.batch_size) == (8, 250, 100)
    assert (learner.n_epochs, learner.gamma, learner.gae_lambda) == (10, 0.9, 0.9)
    assert (rules.gold.steps, rules.gold.min_hold_rate) == (409_600, 0.8)
    gate = rules.training_gate
    assert (gate.min_return_frac, gate.max_drawdown_frac) == (0.01, 0.02)
    assert (gate.min_trades_per_day, gate.max_trades_per_day) == (5.0, 25.0)
    assert (gate.min_sharpe, gate.min_win_rate) == (0.6, 0.65)
    assert (gate.min_hold_rate, gate.max_hold_rate) == (0.40, 0.75)
    assert (gate.over_episode_bars, gate.under_early_frac) == (400.0, 0.40)
    levels = rules.divergence
    assert (levels.moved_frac, levels.far_frac, levels.diverged_frac) == (0.05, 0.10, 0.15)


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(as_toml(RULES), "utf-8")
    rules, kept = load(str(path), "intraday")
    assert rules == RULES
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept


def test_a_table_for_each_kind_is_chosen_by_the_bars() -> None:
    both = tables()
    both["gold"] = {"daily": both["gold"] | {"seed": 1}, "intraday": both["gold"] | {"seed": 2}}
    assert decode(both, "daily", "x").gold.seed == 1
    assert decode(both, "intraday", "x").gold.seed == 2


def test_a_table_that_is_missing_is_named() -> None:
    few = {name: table for name, table in tables().items() if name != "gold"}
    with pytest.raises(ConfigError, match=r"lacks \[gold\]; copy it"):
        decode(few, "daily", "mine")


def test_a_table_that_nothing_reads_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[divergance\], which nothing reads"):
        decode(tables() | {"divergance": {}}, "daily", "mine")


@pytest.mark.parametrize("kinds", [("daily",), ("daily", "intraday", "weekly")])
def test_a_table_by_kind_of_bars_has_one_for_each_and_no_other(kinds: tuple[str, ...]) -> None:
    odd = tables()
    odd["gold"] = dict.fromkeys(kinds, odd["gold"])
    with pytest.raises(ConfigError, match=r"\[gold\] holds daily"):
        decode(odd, "intraday", "mine")


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        ("learner", {"gama": 0.9}, "unknown field `gama`"),
        ("learner", {"gamma": "high"}, "gamma"),
        ("learner", {"gamma": 2.0}, "gamma"),
        (
            "learner",
            {"gamma": float("nan")},
            "learner.gamma is nan; it must be a finite number",
        ),
        ("gold", {"bonus": float("inf")}, "gold.bonus is inf"),
        ("cycles", {"steps_per_cycle": 201}, "no multiple of a roll-out"),
        ("divergence", {"far_frac": 0.2}, "far_frac under diverged_frac"),
    ],
)
def test_what_cannot_be_used_is_said_by_name(section: str, change: dict, words: str) -> None:
    wrong = tables()
    wrong[section] = wrong[section] | change
    with pytest.raises(ConfigError, match=f"practice file 'mine': .*{words}"):
        decode(wrong, "daily", "mine")


@pytest.mark.parametrize("kind", ["daily", "intraday"])
@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("training_gate", "min_return_frac", "much", "min_return_frac is 'much'"),
        ("training_gate", "min_return_frac", float("nan"), "min_return_frac is nan"),
        ("training_gate", "min_retrun_frac", 0.1, "min_retrun_frac`"),
        ("gold", "steps", -1, "steps is -1"),
    ],
)
def test_a_key_is_named_with_the_table_that_it_stands_in(
    section: str, key: str, value: object, words: str, kind
) -> None:
    wrong = tables()
    table = wrong[section]
    if not {"daily", "intraday"} & table.keys():
        table = {"daily": table, "intraday": table}
    wrong[section] = table | {kind: table[kind] | {key: value}}
    with pytest.raises(ConfigError) as refused:
        decode(wrong, kind, "mine")
    assert f"{section}.{kind}" in str(refused.value)
    assert words in str(refused.value)


def test_a_key_that_was_left_out_is_named() -> None:
    wrong = tables()
    del wrong["cycles"]["gains"]["most"]
    with pytest.raises(ConfigError, match=r"`most`.*cycles\.gains"):
        decode(wrong, "daily", "mine")


@pytest.mark.parametrize("name", ["nothing", "no.toml", "daily"])
def test_a_file_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"no practice file named '{name}'; shipped are practice"
    ):
        load(name, "daily")


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is not TOML"):
        load(str(path), "daily")


@pytest.mark.parametrize("table", [3, [], "x", None])
def test_a_table_that_is_none_is_refused(table: object) -> None:
    with pytest.raises(ConfigError, match="practice file 'mine'"):
        decode(tables() | {"gold": table}, "daily", "mine")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (
            "controller.daily.law",
            "x",
            "law is 'x'; .*; allowed are 'regulated', 'literal', 'plan', 'fixed'; see",
        ),
        ("environment.daily.flips", "no", "allowed are 'at_once', 'through_flat'; see"),
        ("cycles.daily.keep_when", "never", "allowed are 'gate', 'progress'; see the shipped"),
        (
            "scenarios.daily.methods",
            ["garch", "x"],
            r"methods\[1\] is 'x'; .*; allowed are 'bootstrap', 'garch', 'switching'; see",
        ),
        ("controller.daily.targets.mode", "x", "allowed are 'fixed', 'linear', 'banded'; see"),
    ],
)
def test_a_word_that_is_none_of_few_is_answered_with_those_there_are(
    place: str, value: object, words: str
) -> None:
    given = load(SHIPPED, "daily")[1]
    *path, key = place.split(".")
    at = given
    for name in path:
        at = at[name]
    at[key] = value
    with pytest.raises(ConfigError, match=words):
        decode(given, "daily", "mine")


def test_a_number_where_a_word_belongs_has_no_list_to_choose_from() -> None:
    with pytest.raises(ConfigError, match=r"quick.steps is 0; expected `int` >= 1; see the"):
        converted({"steps": 0}, QuickRules, "mine", "quick")
