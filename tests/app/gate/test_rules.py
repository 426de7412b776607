from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from stairway.app.gate import gate
from stairway.app.gate.rules import policy
from stairway.base.errors import ConfigError


def section() -> str:
    text = files("stairway").joinpath("policies", "intraday.toml").read_text("utf-8")
    return "[quality_gate]" + text.split("[quality_gate]")[1].split("\n[")[0]


def own(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return str(path)


def test_a_file_with_that_section_alone_is_enough(tmp_path: Path) -> None:
    mine = policy(own(tmp_path, section()))
    assert mine.rules == policy().rules
    assert mine.digest == policy("intraday").digest != policy("daily").digest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"no \[quality_gate\]"),
        ("quality_gate = 3", "quality_gate"),
        (section().replace("min_std = 0.05", ""), "min_std"),
        (section().replace("min_std = 0.05", "min_std = nan"), "finite"),
        (section().replace("min_std = 0.05", "min_std = 1.5"), "min_std"),
        (section() + "\nlenient = true", "lenient"),
    ],
)
def test_bounds_that_cannot_be_used_are_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        policy(own(tmp_path, text))


def test_a_policy_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="lenient"):
        policy("lenient")


@pytest.mark.parametrize(("hours", "alarmed"), [("23.9", True), ("24.0", False)])
def test_a_policy_that_looks_at_a_whole_day_is_not_alarmed_by_a_slow_stream(
    hours: str, *, alarmed: bool, tmp_path: Path
) -> None:
    """Exactly a day is a day: one answer an hour is what such a policy is for."""
    text = re.sub(r"min_span_hours = .*", f"min_span_hours = {hours}", section())
    path = tmp_path / "bot.csv"
    rows = [f"{1_772_442_000 + 3_600 * i},A,m,BUY,0.{i % 90 + 10}" for i in range(48)]
    path.write_text("\n".join(["ts,symbol,model,action,confidence", *rows, ""]))
    report = gate(path, policy=own(tmp_path, text))
    assert bool(report.rate.alert) is alarmed
