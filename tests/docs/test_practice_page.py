"""The page on practice names every figure that is pushed, and says what holds a result."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from stairway.adapters.telemetry.pushgateway import Config
from stairway.app.rl.rules import load, telemetry_of
from stairway.app.tables import read
from stairway.dashboard.practice.account import LEGEND
from stairway.training.figures import METRICS, PREFIX
from stairway.training.journal import PracticeResult

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "practice.md").read_text("utf-8")
MEASURED = json.loads((ROOT / "benchmarks" / "results" / "metrics.json").read_text("utf-8"))
SHIPPED = (ROOT / "src/stairway/policies/practice.toml").read_text("utf-8")


def rows(pattern: str) -> list[tuple[str, ...]]:
    return re.findall(pattern, PAGE, re.MULTILINE)


def test_every_figure_that_is_pushed_stands_on_the_page_and_no_other() -> None:
    said = rows(rf"^\| `{PREFIX}(\w+)` \| (\w+) \| (.*?) ?\| (.+?) \| (.+?) \|$")
    assert [tuple(one) for one in said] == [
        (name, m.kind, ", ".join(f"`{one}`" for one in m.labels), m.unit, m.help.rstrip("."))
        for name, m in METRICS.items()
    ]


def test_the_keys_of_a_gateway_are_the_shipped_ones() -> None:
    _, shipped = telemetry_of(load("practice", "daily")[1], "practice")
    assert isinstance(shipped, Config)
    said = dict(rows(r"^\| `(\w+)` \| `?([^ `|]+)(?: s)?`? \| .*\|$"))
    for key in Config.__struct_fields__:
        value = getattr(shipped, key)
        assert said[key] == (f"{value:g}" if isinstance(value, int | float) else value), key


def test_a_gateway_costs_what_the_page_says_in_words_too() -> None:
    assert "Every median lies within half a percent of none" in PAGE
    assert MEASURED["bound_pct"] == 1.0
    for name, cost in MEASURED["cost"].items():
        assert abs(cost["wall_pct"]["median"]) <= 0.5, name
        assert cost["bound"] == "held", name
        assert f"| {name} |" in PAGE
    assert f"medians of {MEASURED['rounds']} rounds" in PAGE
    assert f"`telemetry: {MEASURED['cost']['dead']['failures']} pushes to " in PAGE


def test_each_part_of_a_result_is_said_to_be_held_against_something_or_nothing() -> None:
    table = PAGE.partition("| says | is held against |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", table)) - {"practice"}
    assert named == set(PracticeResult.__struct_fields__) - {"layout", "seal", "rest"}


def test_the_page_and_the_legend_agree_on_what_is_kept() -> None:
    (kept,) = (meaning for word, meaning in LEGEND if word == "kept")
    assert "fell back by no more than is allowed" in kept
    assert "it passed, or fell back by no more than is allowed" in PAGE


def test_a_comment_that_points_to_a_table_above_has_one_above() -> None:
    seen: set[str] = set()
    before = ""
    for line in SHIPPED.splitlines():
        if found := re.match(r"\[+([\w.]+)\]", line):
            name = re.sub(r"\.(daily|intraday)\b", "", found[1])
            assert "above" not in before or name in seen, line
            seen.add(name)
        before = line
    assert not re.search(r"^#.*;$", SHIPPED, re.MULTILINE), "a sentence ends in a full stop"


@pytest.mark.parametrize("name", ["practice", "daily"])
def test_a_file_that_begins_with_a_byte_order_mark_is_read(name: str, tmp_path: Path) -> None:
    text = (ROOT / f"src/stairway/policies/{name}.toml").read_text("utf-8")
    path = tmp_path / "my.toml"
    path.write_bytes(text.encode("utf-8-sig"))
    assert read("file", str(path), ()) == read("file", name, (name,))
