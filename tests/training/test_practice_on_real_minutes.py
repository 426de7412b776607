"""NVDA and MSFT minutes: the reference holds, the loop regulates it, and the policy stays near.

Seeds here are not those that settings were tuned on. Figures of a run of tests are bounds,
not results: the benchmark reports those.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from stairway.app import settings as policies
from stairway.app.request import read_source
from stairway.app.rl.rules import load
from stairway.app.rules import watch_rules
from stairway.base.verdict import Refuse
from stairway.market.align import align
from stairway.training.divergence import Part, drift
from stairway.training.gold import Gold, make
from stairway.training.practice_ground import PracticeGround, prepare
from stairway.training.judging import judge, reference_of
from stairway.training.measured import Rollout
from stairway.training.practice_rules import PracticeRules
from stairway.training.pupil import Pupil

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "nvda_msft_minutes.toml"
BARS = Path(os.environ.get("STAIRWAY_DATA", ROOT.parent / "shared" / "data"))
FOLDER = BARS / "stocks_1m_nvda_msft_2018"
SEEDS = (9_001, 9_002, 9_003)

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no minutes in {FOLDER}")


@pytest.fixture(scope="module")
def rules() -> PracticeRules:
    return load("practice", "intraday")[0]


@pytest.fixture(scope="module")
def ground(rules: PracticeRules, tmp_path_factory: pytest.TempPathFactory) -> PracticeGround:
    settings = policies.load("intraday")
    source = tmp_path_factory.mktemp("minutes") / "minutes.toml"
    text = EXAMPLE.read_text("utf-8").replace(f"../shared/data/{FOLDER.name}", str(FOLDER))
    source.write_text(text, "utf-8")
    bars, _ = align(read_source(str(source))[0], settings.bars, settings.session)
    rng = np.random.Generator(np.random.PCG64(rules.cycles.judging_seed))
    return prepare(bars, watch_rules(settings), rules, rng)


@pytest.fixture(scope="module")
def gold(ground: PracticeGround, rules: PracticeRules) -> Gold:
    return make(ground.training, rules.lessons, rules.gold, lambda *_: None)


@pytest.fixture(scope="module")
def taught(
    ground: PracticeGround, rules: PracticeRules, gold: Gold
) -> dict[int, tuple[Pupil, list[Rollout]]]:
    """Four cycles of each seed, none of them judged."""
    made = {}
    for seed in SEEDS:
        pupil, seen = Pupil(ground.training, rules.lessons, seed), []
        pupil.begin_from(gold.put_down)
        per_cycle = rules.learner.rollouts(rules.cycles.steps_per_cycle, "")
        for cycle in range(1, 5):
            pupil.practise(cycle, per_cycle, lambda _, r, seen=seen: seen.append(r))
        made[seed] = (pupil, seen)
    return made


def last_cycle(seen: list[Rollout], figure: str) -> float:
    return float(np.mean([getattr(r, figure) for r in seen if r.cycle == 4]))


def test_the_sessions_are_divided_and_every_scenario_can_be_drawn(
    ground: PracticeGround,
) -> None:
    assert [(s.name, s.sessions) for s in ground.spans] == [
        ("training", 20), ("validation", 5), ("held_out", 4),
    ]  # fmt: skip
    assert [sum(b.n_envs for b in m.batches) for m in ground.markets] == [100] * 5
    assert all(len(m.batches) == 6 for m in ground.markets)


def test_the_reference_is_trained_for_all_its_steps_and_holds_over_four_fifths(
    gold: Gold,
) -> None:
    assert gold.put_down.notes["model"]["num_timesteps"] == 409_600
    assert 0.8 < gold.hold_rate < 0.97
    assert gold.rollouts[0].hold_rate < 0.2


def test_the_loop_brings_the_hold_rate_to_its_target(taught) -> None:
    reached = [last_cycle(seen, "hold_rate") for _, seen in taught.values()]
    assert all(first.hold_rate > 0.75 for _, (first, *_) in taught.values())
    assert all(abs(hold - 0.55) <= 0.07 for hold in reached), reached


def test_the_loop_brings_the_trades_into_reach_of_their_band(taught) -> None:
    reached = [last_cycle(seen, "fills_per_session") for _, seen in taught.values()]
    assert all(12.0 <= fills <= 24.0 for fills in reached), reached


def test_the_steps_go_on_counting_from_the_reference(taught) -> None:
    for pupil, seen in taught.values():
        assert pupil.steps == seen[-1].steps == 409_600 + 48_000


def test_the_actor_stays_near_its_reference_while_the_value_does_not(
    taught, gold, ground
) -> None:
    for pupil, _ in taught.values():
        start = reference_of(pupil.layout, gold.put_down.weights, ground).parameters
        now = pupil.parameters()
        actor, _ = drift(now.part(Part.ACTOR), start.part(Part.ACTOR))
        whole, _ = drift(now, start)
        assert 0.03 < actor < 0.2
        assert whole > actor


def test_a_policy_is_judged_with_every_criterion_and_never_for_nothing(
    taught, gold, ground, rules
) -> None:
    pupil, _ = taught[SEEDS[0]]
    reference = reference_of(pupil.layout, gold.put_down.weights, ground)
    found = judge(pupil.freeze(), reference.parameters, reference, ground, rules)
    assert len(found.criteria) == 6 + 2 + 3 * 5
    assert all(c.value is not None for c in found.criteria)
    # Five days of noise: nobody wins 65 % of round trips after costs here.
    assert isinstance(found.judged.verdict, Refuse)
    assert found.divergence.kl > 0.0
    assert found.validation.bars == 5 * 391 - 1
    assert 0.1 < found.progress <= 1.0


def test_the_reference_and_the_policy_are_told_apart_by_progress(
    taught, gold, ground, rules
) -> None:
    pupil, _ = taught[SEEDS[0]]
    reference = reference_of(pupil.layout, gold.put_down.weights, ground)
    first = Pupil(ground.training, rules.lessons, 1)
    first.begin_from(gold.put_down)
    before = judge(first.freeze(), reference.parameters, reference, ground, rules)
    after = judge(pupil.freeze(), reference.parameters, reference, ground, rules)
    assert after.progress > before.progress
    assert before.divergence.norm_frac == 0.0
