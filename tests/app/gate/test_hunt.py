from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stairway.app.gate.asked import Asked
from stairway.app.gate.follow import followed
from stairway.app.gate.hunt import hunted
from stairway.app.progress import Silent
from stairway.testing.telemetry import telemetry, write


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


def test_too_few_answers_have_no_constants_and_no_clean_bill(bots: Path) -> None:
    cutover = telemetry("few_after").cutover
    few = hunted(Asked(str(bots / "few_after.jsonl"), cutover), Silent())
    assert (few.found, few.exit_code) == ((), 2)
    assert "too few answers to tell: forest" in few.as_text()
    assert "no value" not in few.as_text()


def test_of_one_model_that_hardly_answered_nothing_is_said_beside_the_others(
    tmp_path: Path,
) -> None:
    source = write(telemetry("healthy"), tmp_path / "a.csv")
    with source.open("a") as out:
        out.write("2026-03-02T20:00:00Z,late,BTC-USD,newcomer,BUY,0.61\n")
    found = hunted(Asked(str(source)), Silent())
    assert found.too_few == ("newcomer, calibrated",)
    assert found.exit_code == 2
    assert "no value stands out from its neighbours (p < 0.001)\nthe commonest:\n  0." in (
        found.as_text()
    )


def test_a_value_that_was_not_computed_is_a_finding_though_the_rest_lives(bots: Path) -> None:
    found = followed(Asked(str(bots / "fallback.jsonl")), Silent())
    assert found.deaths == ()
    assert {one.value for one in found.leaks} == {0.5}
    assert found.exit_code == 2


def with_reasons(path: Path) -> Path:
    """Write a model that answers 0.5 392 times for one reason, after eight for their own."""
    rows = ["ts,symbol,model,action,confidence,reason"]
    reasons = [f"ADX 1{n}.7 < min 18" for n in range(8)] + ["TIMEOUT"] * 392
    rows += [f"{1772442000 + 60 * n},BTC,m,BUY,0.5,{why}" for n, why in enumerate(reasons)]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("look", [hunted, followed])
def test_the_commonest_reason_is_named_first_and_the_rest_are_counted(
    look: Any, tmp_path: Path
) -> None:
    found = look(Asked(str(with_reasons(tmp_path / "a.csv"))), Silent())
    one = (found.found if look is hunted else found.deaths)[0]
    assert next(iter(one.reasons)) == "TIMEOUT"
    assert (one.exact, one.other_reasons) == (True, 400 - sum(one.reasons.values()))
    said = found.as_text()
    assert "reasons: 392 x TIMEOUT, 1 x ADX 1" in said
    assert " < min 18, and 3 others\n" in said
    assert "instruments: 400 x BTC\n" in said


@pytest.mark.parametrize("healthy", [0, 300])
def test_answers_that_break_the_contract_are_not_passed_over_in_silence(
    healthy: int, tmp_path: Path
) -> None:
    source = tmp_path / "a.csv"
    rows = [f"{1772442000 + 60 * n},BTC,m,NUKE,0.{n:04}" for n in range(50)]
    rows += [f"{1772542000 + 60 * n},BTC,m,BUY,0.{n:04}" for n in range(healthy)]
    source.write_text("\n".join(["ts,symbol,model,action,confidence", *rows]) + "\n")
    found = hunted(Asked(str(source)), Silent())
    assert (found.answers, found.violations) == (healthy, 50)
    assert f"50 of {50 + healthy} answers break the contract" in found.as_text()
    assert "holds no answers" not in found.as_text()
