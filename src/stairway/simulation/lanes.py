"""The controller's rule as it was first written, kept for comparison.

At every step, over a trailing window of the hold rate:

1. error e = hold rate - target.
2. fast = fast_gain x e x (1 + opportunity_weight x opportunity).
3. every ``slow_every_steps`` steps slow <- clip(slow + slow_gain x e, -limit, limit). The
   lane accumulates, and its clamp is all that keeps it from winding up.
4. hold bonus = clip(base x (1 - fast - slow), 0, most_bonus_factor x base),
   ticket = max(0, base_ticket x (1 - ticket_gain x e)).

The sign is negative feedback: who holds too much is paid less for it. But the rule has no
authority. With the shipped figures 1 - fast - slow stays above 0.18, so it *always* pays
for holding, and all it can do is to pay less; the ``regulated`` law can charge for it.
The preset ``plan`` is the same rule with a larger fast gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.errors import ConfigError, DataError
from stairway.simulation.controlling import kernels
from stairway.simulation.targets import TargetRules, aims_of

Gain = Annotated[float, Meta(gt=0.0, le=10.0)]
Reward = Annotated[float, Meta(gt=0.0, le=100.0)]
Steps = Annotated[int, Meta(ge=1, le=1_000_000)]


class LiteralRules(Config, frozen=True, kw_only=True):
    """Settings under ``[controller.literal]``; the module says what they do.

    Attributes
    ----------
    window_steps
        Trailing window of the hold rate, in steps of all environments together.
    fast_gain, plan_fast_gain
        Of the fast lane, under ``literal`` and under the preset ``plan``.
    opportunity_weight
        How much more the fast lane does at opportunity 1.
    slow_gain, slow_every_steps, slow_limit
        Of the slow lane.
    base_bonus, most_bonus_factor
        Reward of a held step without error, and how many times it at most.
    base_ticket, ticket_gain
        Reward taken for a fill without error, and how it follows the error.
    """

    window_steps: Steps
    fast_gain: Gain
    plan_fast_gain: Gain
    opportunity_weight: Annotated[float, Meta(ge=0.0, lt=1.0)]
    slow_gain: Gain
    slow_every_steps: Steps
    slow_limit: Annotated[float, Meta(gt=0.0, le=1.0)]
    base_bonus: Reward
    most_bonus_factor: Annotated[float, Meta(ge=1.0, le=10.0)]
    base_ticket: Reward
    ticket_gain: Gain


@dataclass(frozen=True, slots=True)
class Lanes:
    """The literal law at work. Its memory is the one state here that is changed in place.

    Attributes
    ----------
    memory : (6 + window,) float64
        Sum of the ring, steps seen, slow lane, error, bonus, ticket; then the ring.
    knobs : (26,) float64
        The rules as numbers; read only.
    """

    memory: FloatArray
    knobs: FloatArray

    @property
    def bonus(self) -> float:
        """Hold bonus now in force."""
        return float(self.memory[kernels.BONUS])

    @property
    def ticket(self) -> float:
        """Ticket now in force."""
        return float(self.memory[kernels.TICKET])

    def step(self, terms: FloatArray, held: float, score: float) -> float:
        """Take one step of all environments in, and set the terms of the next.

        Parameters
        ----------
        terms : (4,) float64
            Array of :func:`stairway.simulation.terms.as_array`; bonus and ticket are
            written in place.
        held
            How many environments held both.
        score
            Regime score of the step.

        Returns
        -------
        float
            The hold bonus: one number, whatever the number of environments.

        Raises
        ------
        DataError
            If ``held`` is not within 0 and the number of environments, or the score is not
            finite. Nothing has changed then.
        """
        bonus: float = kernels.literal_step(self.memory, self.knobs, terms, held, score)
        if not bonus >= 0.0:
            most = int(self.knobs[kernels.ENVS])
            msg = (
                f"cannot steer by {held} held steps at score {score}: held must be from 0 to "
                f"{most}, the number of environments, and the score finite"
            )
            raise DataError(msg)
        return bonus


def open_lanes(rules: LiteralRules, targets: TargetRules, fast_gain: float, envs: int) -> Lanes:
    """Begin with nothing seen: no error, base bonus, base ticket.

    Parameters
    ----------
    fast_gain
        One of the two of the rules.
    envs
        How many environments take each step together; at least 1.

    Raises
    ------
    ConfigError
        If there is no environment.
    """
    if not envs >= 1:
        msg = f"the controller needs at least one environment to watch, not {envs}"
        raise ConfigError(msg)
    gains = (fast_gain, rules.opportunity_weight, rules.slow_gain, rules.slow_every_steps)
    bonus = (rules.slow_limit, rules.base_bonus, rules.most_bonus_factor)
    rest = (rules.base_ticket, rules.ticket_gain)
    knobs = np.concatenate((aims_of(targets), np.array((envs, *gains, *bonus, *rest))))
    memory = np.zeros(kernels.HEAD + rules.window_steps)
    memory[kernels.BONUS], memory[kernels.TICKET] = rules.base_bonus, rules.base_ticket
    return Lanes(memory, knobs)
