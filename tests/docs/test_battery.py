"""docs/battery.md says what the benchmark counted, and what the battery answers."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stairway.app.settings import load, shipped
from stairway.testing.leak_counts import HONEST, PLANTED, RECORDED, SIMULATED, TRUE_EDGE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "battery.md").read_text("utf-8")
_SPEC = importlib.util.spec_from_file_location("battery_page", ROOT / "scripts" / "battery.py")
assert _SPEC is not None
assert _SPEC.loader is not None
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)


def test_the_tables_of_the_page_are_what_was_counted() -> None:
    assert script.filled(PAGE, script.counts()) == PAGE, "run scripts/battery.py"


@pytest.mark.parametrize("policy", shipped())
def test_what_was_counted_is_what_every_shipped_policy_asks(policy: str) -> None:
    assert script.counts().rules == load(policy).battery.asked, "run bench_battery.py"


def test_each_leak_was_found_in_95_of_100_seeds_on_every_market() -> None:
    cells = script.counts().cells
    for market in (*SIMULATED, *RECORDED):
        for case in PLANTED:
            assert cells[market][case].seeds == 100
            assert cells[market][case].alarms >= 95, (market, case)


def test_honest_studies_raised_at_most_5_alarms_in_100_seeds_on_every_market() -> None:
    cells = script.counts().cells
    for market in (*SIMULATED, *RECORDED, TRUE_EDGE):
        for case in HONEST:
            assert cells[market][case].seeds == 100
            assert cells[market][case].alarms <= 5, (market, case)
            assert cells[market][case].inconclusive == 0, (market, case)


def test_every_code_of_the_battery_is_on_the_page_and_no_other() -> None:
    source = "".join(
        path.read_text("utf-8")
        for path in (ROOT / "src/stairway/evaluation/battery").glob("*.py")
    )
    assert set(re.findall(r"`(leak\.\w+)`", PAGE)) == set(re.findall(r'"(leak\.\w+)"', source))


def test_the_example_prints_what_the_page_says() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=True
    )
    assert [f"`{line}`" in PAGE for line in done.stdout.splitlines()] == [True, True]
