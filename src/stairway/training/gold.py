"""The gold reference: what a run starts from, and what its drift is measured against.

It is trained under fixed terms that pay for holding, until it holds most of the time, and
never again: a policy that holds 80 % of the time is safe to start from and has everything
to learn. Making it takes far longer than a cycle and depends on data and settings alone, so
it is made once, kept under their hash, and sealed: a run that uses it records the hash of
its parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from stairway.base.errors import DataError
from stairway.base.hashing import content_hash
from stairway.base.verdict import Pass, Verdict, passed, refuse
from stairway.simulation.controller import FixedRules, Law
from stairway.simulation.course import Course
from stairway.simulation.targets import TargetMode
from stairway.training.gold_rules import GoldRules
from stairway.training.measured import Rollout
from stairway.training.pupil import Pupil
from stairway.training.pupil_rules import PupilRules
from stairway.training.pupil_state import PutDown

CYCLE = 0
"""Number under which the making of the reference is recorded."""

_RECIPE = 2
"""Raised whenever the same settings would make another reference."""


class Gold(NamedTuple):
    """A reference as it was left.

    Attributes
    ----------
    put_down
        Everything that moved, as of any pupil.
    rollouts
        Its learning curve, thinned.
    hold_rate
        Mean over the last roll-outs.
    """

    put_down: PutDown
    rollouts: tuple[Rollout, ...]
    hold_rate: float

    def last(self, rules: GoldRules) -> Sequence[Rollout]:
        """Return those of its last roll-outs that were kept, one at least."""
        return self.rollouts[-max(1, rules.tail_rollouts // rules.keep_every) :]


def lessons_for(lessons: PupilRules, rules: GoldRules) -> PupilRules:
    """Return what the reference is taught under: the same accounts, terms that never move.

    Nor do its stakes move: under ``banded`` targets they would follow the regime score, and
    the reference would be another one for each mode.
    """
    learner = msgspec.structs.replace(
        lessons.learner,
        n_steps=rules.n_steps,
        batch_size=rules.batch_size,
        learning_rate=rules.learning_rate,
        gamma=rules.gamma,
        gae_lambda=rules.gae_lambda,
        ent_coef=rules.ent_coef,
    )
    controller = msgspec.structs.replace(
        lessons.controller,
        law=Law.FIXED,
        fixed=FixedRules(bonus=rules.bonus, ticket=rules.ticket),
        targets=msgspec.structs.replace(lessons.controller.targets, mode=TargetMode.FIXED),
    )
    return PupilRules(lessons.env, controller, lessons.health, learner)


def identity(data: str, lessons: PupilRules, rules: GoldRules) -> str:
    """Hash of all that decides what the reference is.

    Parameters
    ----------
    data
        Hash of bars, split and normaliser.
    """
    taught = lessons_for(lessons, rules)
    # Nothing of the controller that is not in force there enters: it may be tuned freely.
    paid = (taught.controller.scale_bps, taught.controller.downside, rules.bonus, rules.ticket)
    return content_hash((_RECIPE, data, taught.env, taught.learner, paid, rules))


def make(
    course: Course,
    lessons: PupilRules,
    rules: GoldRules,
    tell: Callable[[int, int], None],
) -> Gold:
    """Train the reference.

    Parameters
    ----------
    tell
        Told after each roll-out how many are done, and of how many.

    Raises
    ------
    ConfigError
        If its steps are no whole number of roll-outs.
    DataError
        If it does not hold enough, or ceased to be numbers.
    """
    taught = lessons_for(lessons, rules)
    total = taught.learner.rollouts(rules.steps, "[gold] steps")
    pupil, seen = Pupil(course, taught, rules.seed), list[Rollout]()

    def ended(done: int, rollout: Rollout) -> None:
        seen.append(rollout)
        tell(done, total)

    pupil.practise(CYCLE, total, ended)
    tail = seen[-rules.tail_rollouts :]
    hold_rate = sum(one.hold_rate for one in tail) / len(tail)
    answer = holds_enough(hold_rate, len(tail), rules)
    if not isinstance(answer, Pass):
        raise DataError(answer.findings[0].detail)
    kept = tuple(seen[:: rules.keep_every])
    return Gold(
        pupil.put_down(), kept if kept[-1] == seen[-1] else (*kept, seen[-1]), hold_rate
    )


def holds_enough(hold_rate: float, n: int, rules: GoldRules) -> Verdict:
    """Pass where a reference holds *over* the bound; at it is not enough."""
    bound = rules.min_hold_rate
    if hold_rate > bound:
        return passed(
            "practice.gold", f"the reference holds {hold_rate:.3f}", hold_rate, bound, n
        )
    detail = (
        f"the reference holds {hold_rate:.3f} of the time over its last {n} roll-outs and must "
        f"hold over {bound:g}: raise [gold] bonus or steps"
    )
    return refuse("practice.gold", detail, hold_rate, bound, n)
