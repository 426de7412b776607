"""The stage, the member and the value at which confidence dies are named, with evidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from stairway.supervision.answers import Stage
from stairway.supervision.collapse import Before, Diagnosis, diagnose
from stairway.testing.answers import MODELS, REASONS, SYMBOLS, lively, tallied
from stairway.testing.climbing import quality_rules

N = 600
FOREST, MLP, TREND, ENSEMBLE, INTENT = range(5)


def whole_way(seed: int = 1) -> dict[int, dict[str, Any]]:
    """Columns of each stage of a bot that is alive: scores, calibrated, ensemble, intent."""
    raw = lively(N, np.random.default_rng(seed))
    ways = {stage: {k: v.copy() for k, v in raw.items()} for stage in (0, 1)}
    first = raw["model"] == FOREST
    for stage, model in ((2, ENSEMBLE), (3, INTENT)):
        ways[stage] = {k: v[first].copy() for k, v in raw.items()}
        ways[stage]["model"][:] = model
    for stage, columns in ways.items():
        columns["stage"][:] = stage
    return ways


def diagnosis(ways: dict[int, dict[str, Any]]) -> Diagnosis:
    every = {k: np.concatenate([c[k] for c in ways.values()]) for k in ways[1]}
    return diagnose(tallied(every), quality_rules())


def freeze(columns: dict[str, Any], model: int, value: float, share: float = 1.0) -> np.ndarray:
    mine = np.flatnonzero(columns["model"] == model)
    chosen = mine[: round(share * len(mine))]
    columns["confidence"][chosen] = value
    return chosen


def test_a_bot_that_is_alive_dies_nowhere() -> None:
    found = diagnosis(whole_way())
    assert found.deaths == found.leaks == found.too_few == ()
    assert len(found.alive) == 8


def test_a_calibrator_that_flattens_its_member_is_named() -> None:
    ways = whole_way()
    frozen = freeze(ways[1], MLP, 0.5, share=0.8)
    ways[1]["reason"][frozen] = REASONS.index("fallback")
    (death,) = diagnosis(ways).deaths
    assert (death.stage, death.member, death.value_ppm) == (Stage.CALIBRATED, "mlp", 500_000)
    assert death.before is Before.ALIVE
    assert (death.count, death.share, death.share_before) == (480, 0.8, 0.0)
    assert death.std < death.std_before
    assert death.told is not None
    assert death.exact
    assert death.told.since_ns == ways[1]["time_ns"][frozen][0]
    assert death.told.until_ns == ways[1]["time_ns"][frozen][-1]
    assert death.told.reasons == {"fallback": 480}
    assert set(death.told.symbols) == set(SYMBOLS)
    assert "gate.single_value" in {finding.code for finding in death.reasons}
    assert death.sentence.startswith("mlp dies at calibrated: alive before it (std 0.1")
    assert "most often 0.5 in 480 answers (80.0%)" in death.sentence


def test_a_score_that_is_dead_already_is_where_it_died() -> None:
    ways = whole_way()
    for stage in (0, 1):
        freeze(ways[stage], TREND, 0.65)
    (death,) = diagnosis(ways).deaths
    assert (death.stage, death.member, death.before) == (Stage.RAW, "trend", Before.UNKNOWN)
    assert death.std_before is None
    assert "nothing earlier is recorded" in death.sentence


def test_a_cap_after_the_ensemble_is_the_fault_of_the_intent() -> None:
    ways = whole_way()
    freeze(ways[3], INTENT, 0.75, share=0.73)
    (death,) = diagnosis(ways).deaths
    assert (death.stage, death.member, death.value_ppm) == (Stage.INTENT, "intent", 750_000)


def test_an_ensemble_that_flattens_living_members_is_named_and_not_what_follows_it() -> None:
    ways = whole_way()
    freeze(ways[2], ENSEMBLE, 0.5)
    freeze(ways[3], INTENT, 0.5)
    (death,) = diagnosis(ways).deaths
    assert (death.stage, death.before) == (Stage.ENSEMBLE, Before.ALIVE)


def test_an_ensemble_of_dead_members_is_not_to_blame() -> None:
    ways = whole_way()
    for stage in (1, 2, 3):
        for model in range(5):
            freeze(ways[stage], model, 0.5)
    assert {(d.stage, d.member) for d in diagnosis(ways).deaths} == {
        (Stage.CALIBRATED, model) for model in MODELS[:3]
    }


def test_confidence_squeezed_without_a_constant_dies_too() -> None:
    ways = whole_way()
    mine = ways[1]["model"] == FOREST
    ways[1]["confidence"][mine] = 0.5 + (ways[1]["confidence"][mine] - 0.5) / 100
    (death,) = diagnosis(ways).deaths
    assert (death.member, death.stage) == ("forest", Stage.CALIBRATED)
    assert death.share < 0.02
    assert "gate.constant" in {finding.code for finding in death.reasons}


def test_a_fallback_that_has_not_killed_is_a_leak() -> None:
    ways = whole_way()
    freeze(ways[1], MLP, 0.5, share=0.08)
    found = diagnosis(ways)
    assert found.deaths == ()
    assert [(one.model, one.constant.value_ppm) for one in found.leaks] == [("mlp", 500_000)]


def test_nothing_is_said_of_who_has_hardly_answered() -> None:
    ways = {1: {k: v[:300] for k, v in whole_way()[1].items()}}
    freeze(ways[1], MLP, 0.5)
    found = diagnosis(ways)
    assert found.deaths == found.alive == ()
    assert found.too_few == tuple((model, Stage.CALIBRATED) for model in MODELS[:3])
