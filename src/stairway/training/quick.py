"""The preset ``quick``: one seed, one stretch of practice, no reference and no cycles.

It makes the policy that stands among the candidates of a run, and the ones before it that
only its evidence is made of. Each is taught from nothing on the bars it may see: features,
normaliser and course are made of those alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stairway.features.pipeline import PipelineRules
from stairway.features.spec import FEATURE_NAMES
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.models.actor import Actor
from stairway.models.normaliser import fit
from stairway.simulation.course import course, first_known, raw_rows
from stairway.training.measured import Rollout
from stairway.training.policy_craft import Taught
from stairway.training.ppo.export import parity_of, policy_from, rebuilt
from stairway.training.pupil import Pupil
from stairway.training.pupil_rules import PupilRules
from stairway.training.quick_rules import QuickRules


@dataclass(frozen=True, slots=True)
class Quick:
    """Teaches policies on the first bars of ``bars``; see ``policy_craft.Teach``.

    Attributes
    ----------
    bars
        All bars that training may see.
    pipeline, session
        How features and regimes are computed, and the calendar.
    lessons
        Accounts, controller and learner.
    rules
        How long.
    seed
        Of first weights, actions, minibatches, starts, and parity rows.
    """

    bars: PairBars
    pipeline: PipelineRules
    session: SessionRules
    lessons: PupilRules
    rules: QuickRules
    seed: int

    def __call__(self, count: int) -> Taught:
        """Teach a policy on the first ``count`` bars.

        Raises
        ------
        ConfigError
            If the steps are no whole number of roll-outs.
        DataError
            If the bars are too few for an episode, or what is learnt ceases to be numbers.
        """
        seen = self.bars.part(0, count)
        rows = raw_rows(seen, self.pipeline)
        normaliser = fit(rows[first_known(rows) :], self.lessons.env.feature_clip)
        walk = course(seen, self.pipeline, self.session, normaliser)
        rollouts = self.lessons.learner.rollouts(self.rules.steps, "[quick] steps")
        pupil = Pupil(walk, self.lessons, self.seed)
        pupil.practise(1, rollouts, _unheard)
        frozen = pupil.freeze()
        rng = np.random.Generator(np.random.PCG64(self.seed))
        pairs = rows.reshape(count, 2, len(FEATURE_NAMES))
        told = rebuilt(frozen.layout, frozen.flat)
        return Taught(
            Actor(policy_from(frozen.layout, frozen.flat), normaliser),
            parity_of(told, pairs, normaliser, rng),
        )


def _unheard(done: int, rollout: Rollout) -> None:
    """Let roll-outs pass: a candidate is judged by its answers, not by how it got there."""
    del done, rollout
