from __future__ import annotations

import json
from pathlib import Path

import pytest

from stairway.app.gate.asked import Asked
from stairway.app.gate.follow import followed
from stairway.app.gate.hunt import hunted
from stairway.app.progress import Silent
from stairway.testing.telemetry import telemetry


@pytest.mark.parametrize(("name", "value"), [("fallback", 0.5), ("capped", 0.75)])
def test_the_constant_is_found_in_every_model_and_nothing_else(
    name: str, value: float, bots: Path
) -> None:
    found = hunted(Asked(str(bots / f"{name}.jsonl")), Silent())
    assert {one.value for one in found.found} == {value}
    assert len(found.found) == 3
    assert all(one.p_value < 1e-12 and one.exact for one in found.found)
    assert all(sum(one.symbols.values()) == one.count for one in found.found)
    assert found.exit_code == 2
    assert f"{value:g} " in found.as_text()


def test_a_healthy_bot_is_not_accused(bots: Path) -> None:
    found = hunted(Asked(str(bots / "healthy.jsonl")), Silent())
    assert (found.found, found.exit_code) == ((), 0)
    assert followed(Asked(str(bots / "healthy.jsonl")), Silent()).exit_code == 0


def test_the_hunt_begins_at_the_cutover(bots: Path) -> None:
    cutover = telemetry("patched").cutover
    assert hunted(Asked(str(bots / "patched.jsonl"), cutover), Silent()).found == ()
    assert hunted(Asked(str(bots / "patched.jsonl")), Silent()).found != ()


def test_death_is_named_by_stage_member_and_value(bots: Path) -> None:
    found = followed(Asked(str(bots / "one_dead.jsonl")), Silent())
    death = found.deaths[0]
    assert len(found.deaths) == 1
    assert (death.member, death.stage, death.before) == ("mlp/mlp-v1", "calibrated", "alive")
    assert (death.value, death.share_frac) == (0.65, 1.0)
    assert found.exit_code == 2
    assert json.loads(found.as_json())["deaths"][0]["count"] == 1200
    assert "dies at calibrated" in found.as_text()


def test_too_little_or_nothing_is_not_alive(bots: Path, tmp_path: Path) -> None:
    cutover = telemetry("few_after").cutover
    few = followed(Asked(str(bots / "few_after.jsonl"), cutover), Silent())
    assert (few.deaths, few.exit_code) == ((), 2)
    assert "too few" in few.as_text()
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    asked = Asked(str(empty))
    assert followed(asked, Silent()).exit_code == hunted(asked, Silent()).exit_code == 2
