"""The example of a small training is the shipped one with a smaller budget, and it runs."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from stairway.app.progress import Silent
from stairway.app.rl.ask import RlRequest
from stairway.app.rl.request import prepare
from stairway.app.rl.rules import load
from stairway.app.rl.train import train
from stairway.testing.ears import Deaf

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = str(ROOT / "examples" / "small_practice.toml")
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "small_practice.py"))
PAGE = (ROOT / "docs" / "practice.md").read_text("utf-8")


def flat(table: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= (
            flat(value, f"{path}.{key}")
            if isinstance(value, dict)
            else {f"{path}.{key}": value}
        )
    return found


def test_the_example_is_what_the_script_makes_of_the_shipped_file() -> None:
    assert SCRIPT["main"](["--check"]) == 0, "run scripts/small_practice.py"


@pytest.mark.parametrize("kind", ["daily", "intraday"])
def test_the_example_is_read_for_every_kind_of_bars(kind: Any) -> None:
    rules, _ = load(EXAMPLE, kind)
    per_rollout = rules.learner.n_envs * rules.learner.n_steps
    assert rules.cycles.steps_per_cycle % per_rollout == 0
    assert rules.cycles.episodes_per_scenario >= rules.scenarios.draws


def test_only_the_budget_differs_and_the_page_names_it() -> None:
    shipped, small = (flat(load(name, "daily")[1]) for name in ("practice", EXAMPLE))
    assert shipped.keys() == small.keys()
    differs = {
        (key.split(".")[1], key.split(".")[-1]) for key in small if small[key] != shipped[key]
    }
    rows = re.findall(
        r"^\| `\[(\w+)\]` \| `(\w+)` \| ([\d,.]+) \| ([\d,.]+) \|", PAGE, re.MULTILINE
    )
    assert {(table, key) for table, key, *_ in rows} == differs
    for table, key, *said in rows:
        both = [
            next(v for k, v in told.items() if re.fullmatch(rf"\.{table}(\.\w+)?\.{key}", k))
            for told in (shipped, small)
        ]
        assert [float(number.replace(",", "")) for number in said] == both


def test_a_shipped_file_that_says_something_else_is_found_out() -> None:
    with pytest.raises(SCRIPT["StaleError"], match="steps is no longer 409_600"):
        SCRIPT["small"]("[gold]\nsteps = 5  # x\n")
    with pytest.raises(SCRIPT["StaleError"], match="not found any more"):
        SCRIPT["small"]("[gold]\n")


@pytest.mark.long
def test_the_small_run_of_the_page_comes_to_an_end(tmp_path: Path) -> None:
    asked = RlRequest(
        practice=EXAMPLE, seeds=(1,), out=tmp_path / "run", gold=tmp_path / "gold"
    )
    result = train(prepare(asked, Silent()).root, Deaf())
    assert result.finished
    assert len(result.cycles) == 2
    assert result.gold is not None
    assert result.gold.hold_rate > 0.8
