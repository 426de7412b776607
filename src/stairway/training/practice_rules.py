"""Everything that decides how a training in cycles goes, in one place."""

from __future__ import annotations

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.hashing import content_hash
from stairway.simulation.controller import ControllerRules
from stairway.simulation.health import HealthRules
from stairway.simulation.practice_rules import EnvRules
from stairway.simulation.scenarios import Scenario, ScenarioRules
from stairway.training.cycle_rules import CycleRules, SplitShares
from stairway.training.divergence import DivergenceRules
from stairway.training.gold_rules import GoldRules
from stairway.training.learner_rules import LearnerRules
from stairway.training.lessons import Lessons
from stairway.training.training_gate import TrainingGateRules


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
        named = {criteria.name for criteria in self.training_gate.scenarios}
        there = {scenario.value for scenario in Scenario}
        if named != there:
            msg = (
                f"[training_gate] has criteria for {', '.join(sorted(named))}; it needs some "
                f"for each of {', '.join(sorted(there))} and for no other"
            )
            raise ConfigError(msg)

    @property
    def lessons(self) -> Lessons:
        """What a policy is taught under."""
        return Lessons(self.environment, self.controller, self.controller_health, self.learner)

    @property
    def fingerprint(self) -> str:
        """Hash of every setting."""
        return content_hash(self)
