"""Training's sections of a policy are all there, known and in range, or one sentence says so."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest

from stairway.base.errors import ConfigError
from stairway.training.trainer_rules import TrainerRules, rules_of


def policy(name: str = "daily") -> dict[str, Any]:
    return tomllib.loads(
        files("stairway").joinpath("policies", f"{name}.toml").read_text("utf-8")
    )


@pytest.mark.parametrize("name", ["daily", "intraday", "literal"])
def test_every_shipped_policy_can_be_trained_by(name: str) -> None:
    rules = rules_of(policy(name))

    assert rules.splits.n_blocks >= 2
    assert rules.evidence.binding


def test_the_original_rules_bind_the_original_bound() -> None:
    assert [check.value for check in rules_of(policy("literal")).evidence.binding] == ["brier"]


@pytest.mark.parametrize("section", TrainerRules.__struct_fields__)
def test_a_policy_without_a_section_says_which_one(section: str) -> None:
    tables = policy()
    del tables[section]

    with pytest.raises(ConfigError, match=rf"no \[{section}\] section"):
        rules_of(tables)


@pytest.mark.parametrize("section", TrainerRules.__struct_fields__)
def test_a_key_that_nobody_knows_is_refused(section: str) -> None:
    tables = policy()
    tables[section]["roundz"] = 1

    with pytest.raises(ConfigError, match="roundz"):
        rules_of(tables)


def test_a_value_out_of_range_is_refused() -> None:
    tables = policy()
    tables["boosting"]["learning_rate"] = 2.0

    with pytest.raises(ConfigError, match="learning_rate"):
        rules_of(tables)


def test_sections_that_training_does_not_read_may_say_anything() -> None:
    assert rules_of(policy() | {"limits": {"nonsense": 1}}) == rules_of(policy())
