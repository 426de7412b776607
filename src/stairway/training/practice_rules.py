"""Everything that decides how a training in cycles goes, in one place."""

from __future__ import annotations

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.hashing import content_hash
from stairway.simulation.controller import ControllerRules
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.health import HealthRules
from stairway.simulation.scenarios import Scenario, ScenarioRules
from stairway.training.cycle_rules import CycleRules, SplitShares
from stairway.training.divergence import DivergenceRules
from stairway.training.gold_rules import GoldRules
from stairway.training.learner_rules import MOST_ROWS, LearnerRules
from stairway.training.pupil_rules import PupilRules
from stairway.training.training_gate_rules import TrainingGateRules


class PracticeRules(Config, frozen=True, kw_only=True):
    """Sections of ``practice.toml`` for one kind of bars.

    Attributes
    ----------
    environment, controller, controller_health, learner
        What a policy is taught under.
    gold
        What it starts from.
    split
        How the sessions are divided.
    cycles, training_gate, divergence, scenarios
        How it is judged, and what follows.

    Raises
    ------
    ConfigError
        If cycles or reference are no whole number of roll-outs, or the gate has no
        criteria for one of the scenarios, or some for a scenario that there is not.
    """

    environment: EnvRules
    controller: ControllerRules
    controller_health: HealthRules
    learner: LearnerRules
    gold: GoldRules
    split: SplitShares
    cycles: CycleRules
    training_gate: TrainingGateRules
    divergence: DivergenceRules
    scenarios: ScenarioRules

    def __post_init__(self) -> None:
        super().__post_init__()
        self.learner.rollouts(self.cycles.steps_per_cycle, "[cycles] steps_per_cycle")
        # Not only once it is made, which takes minutes: before anything is asked for.
        self._require_gold()
        named = {criteria.name for criteria in self.training_gate.scenarios}
        there = {scenario.value for scenario in Scenario}
        if named != there:
            msg = (
                f"[training_gate] has criteria for {', '.join(sorted(named))}; it needs some "
                f"for each of {', '.join(sorted(there))} and for no other"
            )
            raise ConfigError(msg)

    @property
    def lessons(self) -> PupilRules:
        """What a policy is taught under."""
        return PupilRules(
            self.environment, self.controller, self.controller_health, self.learner
        )

    def _require_gold(self) -> None:
        gold = self.gold
        rollout = self.learner.n_envs * gold.n_steps
        if not rollout <= MOST_ROWS or rollout % gold.batch_size:
            msg = (
                f"[gold] a roll-out is {rollout} steps ([learner] n_envs {self.learner.n_envs} "
                f"x [gold] n_steps {gold.n_steps}); it must be a multiple of batch_size "
                f"{gold.batch_size}, {MOST_ROWS} at most"
            )
            raise ConfigError(msg)
        if gold.steps % rollout:
            msg = (
                f"[gold] steps is {gold.steps}, no multiple of a roll-out of {rollout} steps "
                "([learner] n_envs x [gold] n_steps); change one of them"
            )
            raise ConfigError(msg)

    @property
    def fingerprint(self) -> str:
        """Hash of every setting."""
        return content_hash(self)
