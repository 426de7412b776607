"""Twelve bots, alive, dying, dead or hard to tell: what is said of each from its columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stairway.base.units import UtcNs
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.supervision.answers import columns
from stairway.supervision.cutover import Sides
from stairway.supervision.quality_gate import judge, judge_spread
from stairway.testing.answers import lively, names, tallied
from stairway.testing.climbing import quality_rules

RULES = quality_rules()


def codes(verdict) -> set[str]:
    return {finding.code for finding in verdict.findings}


EVENTS = 1_200
FOREST, MLP, TREND = range(3)


def alive(seed: int = 1, events: int = EVENTS) -> dict[str, Any]:
    return lively(events, np.random.default_rng(seed))


def stuck(value: float, share: float) -> dict[str, Any]:
    said = alive()
    said["confidence"][np.random.default_rng(2).random(3 * EVENTS) < share] = value
    return said


def said_of(said: dict[str, Any], model: str = "mlp"):
    return judge(tallied(said).measured(model), model, RULES)


def test_a_healthy_bot_passes_counted_from_columns() -> None:
    assert all(isinstance(said_of(alive(), m), Pass) for m in ("forest", "mlp", "trend"))


def test_a_fallback_of_eight_percent_passes_the_gate() -> None:
    assert isinstance(said_of(stuck(0.5, 0.08)), Pass)


def test_a_cap_on_three_quarters_is_refused() -> None:
    assert "gate.single_value" in codes(said_of(stuck(0.75, 0.73)))


def test_a_model_capped_and_then_patched_passes_after_the_cutover_only() -> None:
    said = stuck(0.75, 0.73)
    said["confidence"][1_800:] = alive()["confidence"][1_800:]
    cut = Sides(names(), UtcNs(int(said["time_ns"][1_800])))
    cut.add(columns(**said))
    assert isinstance(judge(cut.after.measured("mlp"), "mlp", RULES), Pass)
    assert isinstance(judge(cut.before.measured("mlp"), "mlp", RULES), Refuse)


def test_forty_one_events_after_the_cutover_are_inconclusive() -> None:
    said = alive()
    cut = Sides(names(), UtcNs(int(said["time_ns"][-3 * 41])))
    cut.add(columns(**said))
    verdict = judge(cut.after.measured("mlp"), "mlp", RULES)
    assert isinstance(verdict, Inconclusive)
    assert codes(verdict) == {"gate.too_few", "gate.span"}
    assert verdict.findings[0].detail == "41 of 200 answers"


def test_a_confidence_above_one_is_refused_and_kept_as_it_was_said() -> None:
    said = alive()
    said["confidence"][301] = 1.05
    tally = tallied(said)
    verdict = judge(tally.measured("mlp"), "mlp", RULES)
    assert isinstance(verdict, Refuse)
    assert [f.detail for f in verdict.findings] == [
        "1 of 1200 answers have a confidence outside [0, 1]"
    ]
    assert [(e.fault, e.confidence) for e in tally.examples] == [("outside", 1.05)]
    assert isinstance(said_of(said, "forest"), Pass)


def test_each_kind_of_fault_is_refused_with_its_own_count() -> None:
    said = alive()
    said["action"][1:13:3], said["action"][31], said["confidence"][61] = 3, 4, np.nan
    said["confidence"][91] = -0.5
    verdict = said_of(said)
    assert isinstance(verdict, Refuse)
    assert [(f.code, f.value) for f in verdict.findings] == [
        ("gate.contract", n) for n in (2, 4, 1)
    ]


def test_sticky_actions_are_inconclusive_counted_from_columns() -> None:
    said, rng = alive(), np.random.default_rng(3)
    last: dict[tuple[int, int], int] = {}
    for row, key in enumerate(zip(said["model"], said["symbol"], strict=True)):
        if key in last and rng.random() < 0.99:
            said["action"][row] = last[key]
        last[key] = said["action"][row]
    verdict = said_of(said)
    assert isinstance(verdict, Inconclusive)
    assert codes(verdict) == {"gate.effective"}


def test_a_frozen_feed_is_refused() -> None:
    said = alive()
    for symbol, value in enumerate((0.3, 0.55, 0.8)):
        said["confidence"][said["symbol"] == symbol] = value
    assert "gate.distinct" in codes(said_of(said))


def test_one_symbol_alone_is_inconclusive() -> None:
    said = alive()
    said["symbol"][:] = 1
    assert codes(said_of(said)) == {"gate.symbols"}


def test_holding_in_86_of_100_is_refused() -> None:
    said = alive()
    said["action"][:] = np.repeat(np.resize([1] * 43 + [0, 2] * 3 + [2], EVENTS), 3)
    verdict = said_of(said)
    assert isinstance(verdict, Refuse)
    assert {"gate.majority", "gate.dead_zone"} == codes(verdict)


def test_a_hundred_and_fifty_events_sent_twice_are_too_few() -> None:
    said = {k: np.concatenate([v, v]) for k, v in alive(events=150).items()}
    verdict = said_of(said)
    assert isinstance(verdict, Inconclusive)
    assert "gate.too_few" in codes(verdict)


def test_a_dead_model_does_not_hide_between_two_that_are_alive() -> None:
    said = alive()
    said["confidence"][said["model"] == MLP] = 0.65
    assert "gate.constant" in codes(said_of(said, "mlp"))
    assert isinstance(said_of(said, "forest"), Pass)
    assert isinstance(said_of(said, "trend"), Pass)


@pytest.mark.parametrize("extra", [0, 1])
def test_exactly_seventy_percent_passes_counted_from_columns(extra: int) -> None:
    said = alive(events=1_000)
    shuffled = np.random.default_rng(4).permutation(1_000) < 700 + extra
    said["action"][:] = np.repeat(np.where(shuffled, 2, np.arange(1_000) % 2), 3)
    refused = isinstance(said_of(said), Refuse)
    assert refused == bool(extra)


def test_spread_alone_is_judged_as_the_whole_gate_judges_it() -> None:
    for said in (alive(), stuck(0.75, 0.73), alive(events=100)):
        counted = tallied(said).measured("mlp")
        whole = {c for c in codes(judge(counted, "mlp", RULES)) if c in SPREAD}
        assert codes(judge_spread(counted, RULES)) & SPREAD == whole
        assert isinstance(judge_spread(counted, RULES), Inconclusive) == (counted.events < 200)


SPREAD = {"gate.constant", "gate.std", "gate.width", "gate.distinct", "gate.single_value"}


def test_a_deviation_needs_two_answers() -> None:
    assert tallied(alive(events=1)).measured("mlp").std == 0.0
    said = alive()
    sample = said["confidence"][said["model"] == MLP]
    assert tallied(said).measured("mlp").std == pytest.approx(sample.std(ddof=1), abs=1e-6)
