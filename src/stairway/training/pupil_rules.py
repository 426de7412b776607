"""What a pupil is taught under. Imports no training library: settings can be read without."""

from __future__ import annotations

from dataclasses import dataclass

from stairway.simulation.controller import ControllerRules
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.health import HealthRules
from stairway.training.learner_rules import LearnerRules


@dataclass(frozen=True, slots=True)
class PupilRules:
    """The settings that a pupil is taught under."""

    env: EnvRules
    controller: ControllerRules
    health: HealthRules
    learner: LearnerRules
