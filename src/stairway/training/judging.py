"""What a policy is worth, seen from outside: walks, scenarios, divergence, gate.

Every policy of a run is judged on the same ground by the same draws, so that two of them
differ by what they do and not by their luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stairway.base.arrays import Float32Array, FloatArray
from stairway.base.errors import DataError
from stairway.simulation.targets import targets_at
from stairway.training import divergence, training_gate
from stairway.training.divergence import Parameters
from stairway.training.journal import HeldOut, SeedCycle
from stairway.training.measured import (
    Criterion,
    DivergenceLevel,
    DivergenceReport,
    Rollout,
    ScenarioReport,
    Walked,
)
from stairway.training.ppo.export import policy_from
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.ppo.layout import Layout
from stairway.training.practice_ground import PracticeGround
from stairway.training.practice_rules import PracticeRules
from stairway.training.progress import CARE, habits, progress
from stairway.training.pupil_state import parameters_of
from stairway.training.ranking import Figures, Standing
from stairway.training.training_gate import Judged
from stairway.training.walk import episodes, walk

_VALIDATION, _HELD_OUT, _SCENARIO = range(3)
"""What draws are keyed on, beside their place."""


class Reference(NamedTuple):
    """The policy that a run started from.

    Attributes
    ----------
    parameters
        A copy of its tensors.
    logits : (n, 9)
        What it says at the probes.
    """

    parameters: Parameters
    logits: FloatArray


class Practised(NamedTuple):
    """A policy as practice left it.

    Attributes
    ----------
    policy
        Frozen.
    rollouts
        In which it showed how it holds and trades: those of its cycle. The reference is
        known by the last of its making.
    failed
        Why the trainer could not go on from it: it counts as diverged then.
    """

    policy: FrozenPolicy
    rollouts: Sequence[Rollout]
    failed: DataError | None = None


class Opinion(NamedTuple):
    """What was found about one policy."""

    validation: Walked
    scenarios: tuple[ScenarioReport, ...]
    divergence: DivergenceReport
    judged: Judged
    progress: float

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Every bound of the gate, held or not."""
        return self.judged.criteria

    def standing(self, seed: int) -> Standing:
        """How it stands among the seeds."""
        walked = self.validation
        return Standing(
            seed=seed,
            attainment=self.judged.attainment,
            progress=self.progress,
            diverged=self.divergence.level is DivergenceLevel.DIVERGED,
            figures=Figures(
                hold_rate=walked.hold_rate,
                trades_per_day=walked.fills_per_session,
                return_frac=walked.return_frac,
                drawdown_frac=walked.drawdown_frac,
            ),
        )

    def seed_cycle(
        self,
        seed: int,
        cycle: int,
        steps: int,
        rollouts: Sequence[Rollout] = (),
        *,
        rolled_back: bool = False,
    ) -> SeedCycle:
        """Return what a seed showed in a cycle: its roll-outs, and what is found of it.

        Parameters
        ----------
        steps
            Environment steps of the policy so far.
        rollouts
            Of the cycle; what was not practised has no rates.
        """
        return SeedCycle(
            seed=seed,
            cycle=cycle,
            steps=steps,
            hold_rate=_mean([r.hold_rate for r in rollouts]),
            fills_per_session=_mean([r.fills_per_session for r in rollouts]),
            no_fill_share=_mean([r.no_fill_share for r in rollouts]),
            validation=self.validation,
            scenarios=self.scenarios,
            divergence=self.divergence,
            gate=self.judged.verdict,
            criteria=self.criteria,
            attainment=self.judged.attainment,
            progress=self.progress,
            rolled_back=rolled_back,
        )


def reference_of(layout: Layout, flat: Float32Array, ground: PracticeGround) -> Reference:
    """Copy a policy as the reference that others are measured against."""
    return Reference(parameters_of(layout, flat), _logits(layout, flat, ground))


def judge(
    one: Practised,
    accepted: Parameters,
    reference: Reference,
    ground: PracticeGround,
    rules: PracticeRules,
) -> Opinion:
    """Walk a policy everywhere, and hold it against the gate.

    Parameters
    ----------
    accepted
        Parameters that this seed would be rolled back to.

    Raises
    ------
    DataError
        If it has no answer at some bar.
    """
    policy = one.policy
    layout, flat = policy.layout, policy.flat
    # A walk sees no noise, whatever the rules of practice say.
    walked = walk(policy, ground.validation, rules.environment, _draws(_VALIDATION))
    runs = [
        episodes(policy, market, _draws(_SCENARIO, place))
        for place, market in enumerate(ground.markets)
    ]
    gate = rules.training_gate
    reports = tuple(ScenarioReport(r, training_gate.judge_scenario(r, gate)) for r in runs)

    def now() -> Parameters:
        if one.failed is not None:
            raise one.failed
        return parameters_of(layout, flat)

    apart = divergence.check(
        now,
        reference.parameters,
        accepted,
        lambda: (reference.logits, _logits(layout, flat, ground)),
        rules.divergence,
    )
    judged = training_gate.judge(walked, reports, apart, gate)
    shown = habits(one.rollouts)
    goal = targets_at(shown.score, rules.controller.targets)
    come = progress(shown, goal, judged.degrees(CARE), rules.cycles.progress)
    return Opinion(walked, reports, apart, judged, come)


def unseen(
    policy: FrozenPolicy, ground: PracticeGround, rules: PracticeRules, seed: int
) -> HeldOut:
    """Walk the days that nothing was decided on, once by chance and once by preference."""
    env = rules.environment
    return HeldOut(
        seed=seed,
        sampled=walk(policy, ground.held_out, env, _draws(_HELD_OUT)),
        greedy=walk(policy, ground.held_out, env, None),
    )


def _draws(*key: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _logits(layout: Layout, flat: Float32Array, ground: PracticeGround) -> FloatArray:
    return policy_from(layout, flat).logits(ground.probes).astype(np.float64)


def _mean(figures: Sequence[float]) -> float | None:
    return sum(figures) / len(figures) if figures else None
