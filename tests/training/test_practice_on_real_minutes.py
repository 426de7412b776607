"""NVDA and MSFT minutes: the reference holds, a run regulates it, and the policy stays near.

What runs here is the school of ``stairway train rl`` under the shipped settings: it judges
every cycle, keeps or reverts it, and adjusts the controller. The bounds are those that were
asked for, on means over the last 12,000 steps: hold rate within 0.05 of 0.55 on nine of ten
seeds, fills a day in 15 to 20 on eight of ten, drawdown at most one point worse than under
fixed terms. Seeds here are not those that settings were tuned on.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from stairway.app import settings as policies
from stairway.app.request import read_source
from stairway.app.rl.rules import load
from stairway.app.rules import watch_rules
from stairway.base.verdict import Refuse
from stairway.market.align import align
from stairway.simulation.controller import Law
from stairway.testing.ears import Deaf, one_by_one
from stairway.training.gold import Gold, make
from stairway.training.practice_ground import PracticeGround, prepare
from stairway.training.journal import Decision, Gains, Outcome, SeedCycle
from stairway.training.keeping import Midway, Saved
from stairway.training.measured import Rollout
from stairway.training.practice_rules import PracticeRules
from stairway.training.pupil import Pupil
from stairway.training.school import School

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "nvda_msft_minutes.toml"
BARS = Path(os.environ.get("STAIRWAY_DATA", ROOT.parent / "shared" / "data"))
FOLDER = BARS / "stocks_1m_nvda_msft_2018"
FEW, TEN = (9_001, 9_002, 9_003), tuple(range(9_001, 9_011))

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


class Nothing:
    """A keeper of nothing: the run is not stopped."""

    def midway(self, midway: Midway) -> None:
        pass

    def cycle(self, saved: Saved) -> None:
        pass


def run(
    seeds: Sequence[int], ground: PracticeGround, rules: PracticeRules, gold: Gold
) -> School:
    school = School(ground, rules, gold, seeds, "")
    school.begin()
    school.run(Nothing(), Deaf(), one_by_one)
    return school


@pytest.fixture(scope="module")
def school(ground: PracticeGround, rules: PracticeRules, gold: Gold) -> School:
    """Three seeds through all their cycles."""
    return run(FEW, ground, rules, gold)


def at_last(school: School) -> list[SeedCycle]:
    """What each seed showed in the cycle that stands."""
    assert school.last_kept is not None
    return [s for s in school.seed_cycles if s.cycle == school.last_kept.cycle]


def regulated(shown: list[SeedCycle]) -> tuple[int, int]:
    """Count the seeds that hold, and that trade, as often as asked."""
    holds = sum(abs(s.hold_rate - 0.55) <= 0.05 for s in shown)
    return holds, sum(15.0 <= s.fills_per_session <= 20.0 for s in shown)


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


def test_a_run_keeps_every_cycle_on_its_way_to_the_targets(school: School) -> None:
    assert [r.cycle for r in school.reports] == [1, 2, 3, 4]
    assert {r.decision for r in school.reports} == {Decision.KEEP}
    assert school.reports[-1].outcome is Outcome.FINISHED
    assert [r.gains for r in school.reports] == [Gains(1.0, 1.0)] * 4
    come = [school.seed_cycles[0].progress, *(r.progress for r in school.reports)]
    assert come[-1] > 2 * come[0]
    assert come[1:] == sorted(come[1:])


def test_a_run_ends_holding_and_trading_as_often_as_asked(school: School) -> None:
    shown = at_last(school)
    assert all(s.hold_rate > 0.75 for s in school.seed_cycles if s.cycle == 1)
    holds, trades = regulated(shown)
    assert holds == 3, [s.hold_rate for s in shown]
    # Eight of ten are asked for; of three, that is two and a half.
    assert trades >= 2, [s.fills_per_session for s in shown]


@pytest.mark.long
def test_ten_seeds_come_to_what_is_asked_of_ten(ground, rules, gold) -> None:
    steered = run(TEN, ground, rules, gold)
    shown = at_last(steered)
    holds, trades = regulated(shown)
    assert holds >= 9, [s.hold_rate for s in shown]
    assert trades >= 8, [s.fills_per_session for s in shown]
    law = replace(rules.controller, law=Law.FIXED)
    unsteered = dataclasses.replace(rules.lessons, controller=law)
    worse = [
        deepest(r for r in steered.rollouts if (r.seed, r.cycle) == (s.seed, s.cycle))
        - deepest(practised(Pupil(ground.training, unsteered, s.seed), gold))
        for s in shown
    ]
    assert np.mean(worse) <= 0.01, worse


def deepest(rollouts: Iterable[Rollout]) -> float:
    return max(one.drawdown_frac for one in rollouts)


def practised(pupil: Pupil, gold: Gold) -> list[Rollout]:
    """Roll-outs of the last 12,000 steps of 48,000."""
    seen: list[Rollout] = []
    pupil.begin_from(gold.put_down)
    pupil.practise(1, 24, lambda _, rollout: seen.append(rollout))
    return seen[-6:]


def test_the_steps_go_on_counting_from_the_reference(school: School) -> None:
    assert {s.steps for s in at_last(school)} == {409_600 + 48_000}
    assert max(r.steps for r in school.rollouts) == 409_600 + 48_000


def test_the_actor_stays_near_its_reference_while_the_value_does_not(school: School) -> None:
    for shown in at_last(school):
        assert shown.divergence.norm_frac is not None
        assert shown.divergence.whole_frac is not None
        assert 0.03 < shown.divergence.norm_frac < 0.15
        assert shown.divergence.whole_frac > shown.divergence.norm_frac


def test_a_policy_is_judged_with_every_criterion_and_never_for_nothing(
    school: School,
) -> None:
    first, found = school.seed_cycles[0], at_last(school)[0]
    assert first.divergence.norm_frac == 0.0
    assert len(found.criteria) == 6 + 2 + 3 * 5
    assert all(c.value is not None for c in found.criteria)
    # Five days of noise: nobody wins 65 % of round trips after costs here.
    assert isinstance(found.gate, Refuse)
    assert not school.accepted
    assert found.divergence.kl > 0.0
    assert found.validation.bars == 5 * 391 - 1


def test_without_noise_the_same_policies_trade_about_half_as_often(school: School) -> None:
    quiet = [s.validation.fills_per_session / s.fills_per_session for s in at_last(school)]
    assert 0.3 < np.mean(quiet) < 0.85
