"""One seed at practice: what it measures, what it is paid, and going on as if never stopped."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from stairway.base.errors import ConfigError, DataError, InvariantError
from stairway.base.hashing import array_hash
from stairway.simulation import kernels
from stairway.simulation.controller import FixedRules, Law
from stairway.simulation.targets import TargetMode, targets_at
from stairway.testing.cycles import learner_rules, practice_rules
from stairway.testing.practice import made_course
from stairway.training.divergence import drift
from stairway.training.journal import Gains
from stairway.training.pupil_rules import PupilRules
from stairway.training.measured import Rollout
from stairway.training.pupil_state import WEIGHTS, PutDown, parameters_of
from stairway.training.pupil import Pupil

COURSE = made_course(3 * 390, seed=5, bar_seconds=60)
LESSONS = practice_rules().lessons
STEPS = LESSONS.learner.rollout_steps
ENDLESS = replace(LESSONS.env, episode_steps=390, max_session_drawdown_frac=1.0)


def under(law: Law, **fixed: float) -> PupilRules:
    controller = replace(LESSONS.controller, law=law)
    if fixed:
        controller = replace(controller, fixed=FixedRules(**fixed))
    return PupilRules(LESSONS.env, controller, LESSONS.health, LESSONS.learner)


def pupil(seed: int = 1, lessons: PupilRules = LESSONS) -> Pupil:
    return Pupil(COURSE, lessons, seed)


def practised(one: Pupil, rollouts: int, cycle: int = 1) -> list[Rollout]:
    seen: list[Rollout] = []
    one.practise(cycle, rollouts, lambda _, r: seen.append(r))
    return seen


def everything(one: Pupil) -> str:
    tensors, notes = one.put_down()
    return f"{array_hash(*(tensors[n] for n in sorted(tensors)))} {notes}"


# -- practice ------------------------------------------------------------------------------


def test_each_roll_out_is_told_once_with_what_it_did() -> None:
    counted: list[int] = []
    one = pupil()
    one.practise(2, 3, lambda done, _: counted.append(done))
    assert counted == [1, 2, 3]
    (seen,) = practised(one, 1, cycle=3)
    assert (seen.seed, seen.cycle, seen.steps) == (1, 3, 4 * STEPS)
    assert sum(seen.action_share) == pytest.approx(1.0)
    assert seen.hold_rate == seen.action_share[4]
    assert 0.0 <= seen.no_fill_share <= 1.0
    assert seen.rms_profit_bps > abs(seen.profit_bps)
    assert seen.reward_variance > 0.0
    assert seen.learner.entropy == pytest.approx(np.log(9), rel=0.02)
    assert None not in {seen.learner.kl, seen.learner.clip_frac, seen.learner.policy_loss}


def test_the_terms_told_are_those_that_were_paid_and_not_the_next() -> None:
    first, second = practised(pupil(), 2)
    assert (first.bonus, first.ticket) == (0.0, 0.0)
    # Nothing is known of the first policy but that it holds far too little.
    assert second.bonus > 0.0
    wanted = targets_at(first.score, LESSONS.controller.targets)
    assert (first.target_hold, first.target_fills) == (wanted.hold, wanted.fills_per_session)


def test_health_judges_by_the_terms_that_were_paid() -> None:
    one = pupil()
    told = practised(one, 3)
    paid = [reading["terms"] for reading in one.put_down().notes["readings"]]
    assert [t["bonus"] for t in paid] == [r.bonus for r in told]
    assert [t["ticket"] for t in paid] == [r.ticket for r in told]


def test_reward_is_profit_and_terms() -> None:
    (seen,) = practised(pupil(1, under(Law.FIXED, bonus=0.25, ticket=0.5)), 1)
    fills_per_step = seen.fills_per_session / COURSE.bars_per_session
    made = seen.profit_bps / seen.scale_bps + 0.25 * seen.hold_rate - 0.5 * fills_per_step
    assert seen.reward == pytest.approx(made, abs=1e-9)


def test_variance_is_that_of_each_step_about_the_mean() -> None:
    one, paid = pupil(1, under(Law.FIXED, bonus=2.0, ticket=0.0)), []
    batch, move = one._env.batch, one._env.batch.step

    def step(actions: np.ndarray) -> np.ndarray:
        seen = move(actions)
        paid.append(batch.told[:, kernels.REWARD].copy())
        return seen

    batch.step = step  # type: ignore[method-assign]
    (seen,) = practised(one, 1)
    assert seen.reward == pytest.approx(np.mean(paid))
    assert seen.reward_variance == pytest.approx(np.var(paid))


def test_profit_is_told_in_basis_points_whatever_is_paid_for_it() -> None:
    one, earned = pupil(), []
    batch, move = one._env.batch, one._env.batch.step

    def step(actions: np.ndarray) -> np.ndarray:
        seen = move(actions)
        earned.append(batch.told[:, kernels.PROFIT_BPS].copy())
        return seen

    batch.step = step  # type: ignore[method-assign]
    (seen,) = practised(one, 1)
    assert seen.profit_bps == pytest.approx(np.mean(earned))
    assert seen.rms_profit_bps == pytest.approx(np.sqrt(np.mean(np.square(earned))))


def test_positions_told_are_the_means_of_each_instrument_at_the_end() -> None:
    one, told = pupil(), []
    for _ in range(4):
        (seen,) = practised(one, 1)
        held = one._env.batch.books[:, [kernels.FIRST_POSITION, kernels.SECOND_POSITION]]
        assert seen.positions == tuple(held.mean(axis=0).tolist())
        told.append(seen.positions)
    assert any(first != second for first, second in told)


def test_where_no_episode_ended_there_is_no_length_of_one() -> None:
    one = pupil(1, PupilRules(ENDLESS, LESSONS.controller, LESSONS.health, LESSONS.learner))
    (seen,) = practised(one, 1)
    assert (seen.episodes, seen.episode_bars) == (0, None)
    ended = [r for r in practised(pupil(), 8) if r.episodes]
    assert all(0.0 < r.episode_bars <= LESSONS.env.episode_steps for r in ended)
    assert ended


def test_health_looks_at_no_more_than_its_window() -> None:
    short = replace(LESSONS.health, window_rollouts=LESSONS.health.min_rollouts)
    lessons = PupilRules(LESSONS.env, LESSONS.controller, short, LESSONS.learner)
    one = pupil(1, lessons)
    told = practised(one, 4)
    assert len(one.put_down().notes["readings"]) == short.window_rollouts
    wide = practised(pupil(), 4)
    assert told[-1].health != wide[-1].health
    assert replace(told[-1], health=None) == replace(wide[-1], health=None)


def test_fixed_terms_have_no_target_and_no_health() -> None:
    for seen in practised(pupil(1, under(Law.FIXED, bonus=0.3, ticket=0.0)), 4):
        assert (seen.bonus, seen.ticket) == (0.3, 0.0)
        assert seen.target_hold is seen.target_fills is seen.health is None


def test_health_is_told_once_enough_was_seen() -> None:
    told = [seen.health for seen in practised(pupil(), 5)]
    least = LESSONS.health.min_rollouts
    assert told[: least - 1] == [None] * (least - 1)
    assert all(h is not None and 0.0 <= h.score <= 1.0 for h in told[least - 1 :])


def test_the_fall_told_is_the_deepest_that_any_account_went_through() -> None:
    """Most of it is made good, or begun anew, by the time that the roll-out ends."""
    one, deepest, stood = pupil(), [], []
    books, move = one._env.batch.books, one._env.batch.step

    def falls() -> float:
        equity, peak = (books[:, c] for c in (kernels.EQUITY, kernels.PEAK))
        return float((1.0 - equity / peak).max())

    def step(actions: np.ndarray) -> np.ndarray:
        seen = move(actions)
        deepest.append(falls())
        return seen

    one._env.batch.step = step  # type: ignore[method-assign]
    told: list[float] = []
    for _ in range(4):
        deepest.clear()
        (seen,) = practised(one, 1)
        if seen.terminated:
            assert seen.drawdown_frac > LESSONS.env.max_session_drawdown_frac
        else:
            assert seen.drawdown_frac >= max(deepest) > 0.0
        told.append(seen.drawdown_frac)
        stood.append(falls())
    assert all(inside >= end for inside, end in zip(told, stood, strict=True))
    assert any(inside > end for inside, end in zip(told, stood, strict=True))


def test_what_was_risked_inside_a_roll_out_is_what_health_judges() -> None:
    limit = LESSONS.health.drawdown_limit_frac
    told = practised(pupil(), 5)
    for i, seen in enumerate(told):
        if seen.health is None:
            continue
        worst = max(r.drawdown_frac for r in told[: i + 1])
        assert seen.health.risk_preservation == pytest.approx(np.clip(2 - worst / limit, 0, 1))
    assert told[-1].health is not None
    assert told[-1].health.risk_preservation < 1.0, "nothing was risked, so nothing is shown"


def test_a_lost_episode_takes_all_of_the_health_that_risk_can_give() -> None:
    tight = replace(LESSONS.env, max_session_drawdown_frac=0.002)
    strict = replace(LESSONS.health, drawdown_limit_frac=0.001)
    lessons = PupilRules(tight, LESSONS.controller, strict, LESSONS.learner)
    told = practised(pupil(1, lessons), 3)
    assert all(seen.terminated and seen.drawdown_frac > 0.002 for seen in told)
    assert told[-1].health is not None
    assert told[-1].health.risk_preservation == 0.0


def test_shares_of_regimes_are_those_of_the_bars_that_were_reached() -> None:
    one, reached = pupil(), []
    batch, move = one._env.batch, one._env.batch.step

    def step(actions: np.ndarray) -> np.ndarray:
        reached.append(COURSE.regime[batch.books[:, kernels.BAR].astype(int) + 1])
        return move(actions)

    batch.step = step  # type: ignore[method-assign]
    (seen,) = practised(one, 1)
    counted = np.bincount(np.ravel(reached), minlength=3)
    assert counted.sum() == STEPS
    assert seen.regime_share == tuple((counted / STEPS).tolist())


@pytest.mark.parametrize("law", [Law.LITERAL, Law.PLAN])
def test_the_literal_law_moves_at_every_step(law: Law) -> None:
    one = pupil(1, under(law))
    first = practised(one, 1)[0]
    base = LESSONS.controller.literal
    assert (first.bonus, first.ticket) == (base.base_bonus, base.base_ticket)
    second = practised(one, 1)[0]
    assert second.bonus != first.bonus
    assert 0.0 <= second.bonus <= base.base_bonus * base.most_bonus_factor
    paid = one._env.batch.knobs
    assert one._steer.bonus in paid.tolist()


def test_a_course_too_short_for_an_episode_is_refused() -> None:
    with pytest.raises(DataError, match="room for"):
        Pupil(COURSE.part(0, 62), LESSONS, 1)


# -- put down and taken up -----------------------------------------------------------------


@pytest.mark.parametrize("law", list(Law))
@pytest.mark.parametrize("stop", [0, 1, 3])
def test_taken_up_it_goes_on_as_if_it_had_never_been_put_down(law: Law, stop: int) -> None:
    through, stopped = pupil(1, under(law)), pupil(1, under(law))
    whole = practised(through, 5)
    before = practised(stopped, stop) if stop else []
    put_down = stopped.put_down()
    again = Pupil(COURSE, under(law), 1)
    again.take_up(put_down)
    assert before + practised(again, 5 - stop) == whole
    assert everything(again) == everything(through)


def test_what_was_put_down_does_not_follow_the_pupil() -> None:
    one = pupil()
    practised(one, 1)
    put_down = one.put_down()
    kept = {name: tensor.copy() for name, tensor in put_down.tensors.items()}
    practised(one, 2)
    assert all(np.array_equal(kept[n], t) for n, t in put_down.tensors.items())


def test_another_seed_could_not_pass_for_it() -> None:
    one = pupil()
    practised(one, 1)
    other = pupil(2)
    other.take_up(one.put_down())
    assert practised(other, 1)[0] == replace(practised(one, 1)[0], seed=2)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda p: p._replace(notes={}), "not a pupil's"),
        (lambda p: p._replace(notes=p.notes | {"readings": [1]}), "not a pupil's"),
        (lambda p: p._replace(notes=p.notes | {"model": {}}), "scalars"),
        (lambda p: p._replace(tensors={}), "snapshot"),
        (
            lambda p: p._replace(
                tensors={n: t for n, t in p.tensors.items() if not n.startswith("steer.")}
            ),
            "controller",
        ),
        (
            lambda p: p._replace(tensors=p.tensors | {WEIGHTS: p.tensors[WEIGHTS][:-1]}),
            "parameters",
        ),
        (
            lambda p: p._replace(tensors=p.tensors | {WEIGHTS: np.full_like(p.tensors[WEIGHTS], np.nan)}),
            "not finite",
        ),
    ],
)  # fmt: skip
def test_what_is_not_a_pupil_is_not_taken_up(broken, words: str) -> None:
    one = pupil()
    practised(one, 1)
    with pytest.raises(DataError, match=words):
        pupil().take_up(broken(one.put_down()))


def test_a_pupil_of_another_environment_is_not_taken_up() -> None:
    other = PupilRules(
        replace(LESSONS.env, stake_frac=0.4),
        LESSONS.controller,
        LESSONS.health,
        LESSONS.learner,
    )
    with pytest.raises(DataError, match="other rules"):
        Pupil(COURSE, other, 1).take_up(pupil().put_down())


def test_a_pupil_of_other_layers_is_not_taken_up() -> None:
    other = PupilRules(
        LESSONS.env, LESSONS.controller, LESSONS.health, learner_rules(hidden=(4,))
    )
    with pytest.raises(DataError, match=r"policy=\(8,\)"):
        Pupil(COURSE, other, 1).take_up(pupil().put_down())


# -- rolled back ---------------------------------------------------------------------------


def test_rolled_back_it_has_the_policy_the_optimiser_and_the_controller_of_then() -> None:
    one = pupil()
    practised(one, 2)
    good, then = one.good(), one.put_down()
    practised(one, 3)
    later = one.put_down()
    one.roll_back(good)
    now = one.put_down()
    for name in then.tensors:
        of_policy = name.startswith(("model.", "steer.")) and name.split(".")[1] not in {
            "last_obs", "last_starts", "episodes",
        }  # fmt: skip
        wanted = then if of_policy else later
        if not name.startswith("env.knobs"):  # the terms in force are the controller's
            assert np.array_equal(now.tensors[name], wanted.tensors[name]), name
    assert now.notes["model"]["adam_steps"] == then.notes["model"]["adam_steps"]
    assert now.notes["model"]["generator"] == later.notes["model"]["generator"]
    assert one.steps == 5 * STEPS


def test_rolled_back_it_is_paid_by_the_controller_of_then() -> None:
    one = pupil()
    practised(one, 2)
    good = one.good()
    paid = one._terms
    practised(one, 2)
    assert one._terms != paid
    one.roll_back(good)
    assert one._terms == paid
    assert practised(one, 1)[0].bonus == paid.bonus


def test_a_good_policy_does_not_follow_the_pupil() -> None:
    one = pupil()
    good, before = one.good(), parameters_of(one.layout, one.freeze().flat)
    practised(one, 2)
    assert np.array_equal(good.weights, pupil().good().weights)
    assert drift(parameters_of(one.layout, one.freeze().flat), before)[0] > 0.0


def test_a_rollback_that_did_not_take_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = pupil()
    good = one.good()
    practised(one, 1)
    monkeypatch.setattr("stairway.training.pupil.import_state", lambda *_: None)
    with pytest.raises(InvariantError, match="nothing was put back"):
        one.roll_back(good)


# -- from a reference ----------------------------------------------------------------------


def test_it_starts_from_a_reference_with_its_own_chance_and_place() -> None:
    gold = pupil(7)
    practised(gold, 2)
    one, put_down = pupil(3), gold.put_down()
    own = one.put_down()
    one.begin_from(put_down)
    now = one.put_down()
    for name in ("parameters", "adam_first", "adam_second"):
        assert np.array_equal(now.tensors[f"model.{name}"], put_down.tensors[f"model.{name}"])
    assert now.notes["model"]["generator"] == own.notes["model"]["generator"]
    assert one.steps == 2 * STEPS
    assert np.array_equal(now.tensors["env.keys"], own.tensors["env.keys"])
    assert practised(one, 1)[0].steps == 3 * STEPS


# -- gains and lanes -----------------------------------------------------------------------


def test_gains_multiply_what_is_shipped_and_keep_what_is_remembered() -> None:
    one = pupil()
    practised(one, 2)
    before = one.put_down().tensors
    one.retune(Gains(hold=1.5, trades=0.5))
    after = one.put_down().tensors
    assert all(np.array_equal(before[n], after[n]) for n in before)
    one.retune(Gains(hold=2.0, trades=1.0))
    law = one._rules.regulated
    assert law.hold_gain == 2.0 * LESSONS.controller.regulated.hold_gain
    assert law.trades_gain == LESSONS.controller.regulated.trades_gain


def test_a_stronger_gain_answers_the_same_error_with_more() -> None:
    weak, strong = pupil(), pupil()
    weak.retune(Gains(0.01, 1.0))
    strong.retune(Gains(0.02, 1.0))
    (_, one), (_, other) = practised(weak, 2), practised(strong, 2)
    assert other.bonus == pytest.approx(2.0 * one.bonus)


# -- settings ------------------------------------------------------------------------------


def test_a_roll_out_that_minibatches_do_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="100, which is no multiple of batch_size 30"):
        learner_rules(batch_size=30)


@pytest.mark.parametrize("steps", [0, 50, 150, 201])
def test_steps_that_roll_outs_do_not_make_up_are_refused(steps: int) -> None:
    with pytest.raises(ConfigError, match=r"\[cycles\] steps is .* no multiple of a roll-out"):
        learner_rules().rollouts(steps, "[cycles] steps")
    assert learner_rules().rollouts(300, "[cycles] steps") == 3


def test_put_down_names_its_weights() -> None:
    put_down: PutDown = pupil().put_down()
    assert put_down.weights is put_down.tensors[WEIGHTS]


def test_banded_it_stakes_more_where_opportunity_is_high_and_less_where_it_is_low() -> None:
    targets = replace(LESSONS.controller.targets, mode=TargetMode.BANDED)
    controller = replace(LESSONS.controller, targets=targets)
    one = pupil(lessons=dataclasses.replace(LESSONS, controller=controller))
    risk, score = one._env.batch.market[:, kernels.RISK], one.course.score
    assert set(risk[score > 1.5]) | {1.1} == {1.1}
    assert set(risk[score < -1.5]) | {0.9} == {0.9}
    assert set(risk[np.abs(score) <= 1.5]) == {1.0}
    assert set(pupil()._env.batch.market[:, kernels.RISK]) == {1.0}
