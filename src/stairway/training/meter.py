"""Who is told, while a policy is being practised, how it goes.

A meter listens and never answers back: whatever happens to it, training goes on as if it
were not there. Nothing that training decides may depend on one.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from stairway.base.errors import InvariantError
from stairway.base.verdict import Verdict
from stairway.simulation.health import Health
from stairway.simulation.terms import Terms

ACTIONS = 9


class Batch(msgspec.Struct, frozen=True):
    """What happened since the batch before, over all environments of one seed.

    Shares and means are over the batch's own steps. ``None`` is for what nobody measured;
    it is left out, and never shown as 0.

    Attributes
    ----------
    steps
        Steps of single environments.
    reward, reward_variance
        Mean and variance of a step's reward, all terms.
    hold_rate, no_fill_share
        Share of steps whose action was to hold both, and of steps without a fill.
    fills_per_session
        Position changes of both instruments.
    fills
        The same as a count over the batch.
    action_share
        Share of each of the nine actions, in their order.
    terms
        Of the reward that was in force.
    score
        Mean regime score.
    regime_share
        Share of steps in each regime, in the order of ``features.regime.LABELS``.
    target_hold, target_fills
        What the controller is after: hold rate, and fills per session.
    episodes, terminated, episode_bars
        Episodes that ended, how many of them early by their drawdown, and their mean
        length.
    drawdown_frac
        Deepest fall from a session's peak that any environment went through in the batch,
        as a fraction of that peak.
    positions
        Mean position of each instrument, in [-1, 1].

    Raises
    ------
    InvariantError
        If there are not nine shares of actions.
    """

    steps: int
    reward: float
    hold_rate: float
    no_fill_share: float
    fills_per_session: float
    fills: int
    action_share: tuple[float, ...]
    terms: Terms
    score: float
    reward_variance: float | None = None
    regime_share: tuple[float, float, float] | None = None
    target_hold: float | None = None
    target_fills: float | None = None
    episodes: int = 0
    terminated: int = 0
    episode_bars: float | None = None
    drawdown_frac: float | None = None
    positions: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if len(self.action_share) != ACTIONS:
            msg = f"a batch has a share for each of {ACTIONS} actions, not {self.action_share}"
            raise InvariantError(msg)


class Meter(Protocol):
    """Where the figures of one seed go. Called from that seed's thread only.

    Promises
    --------
    - No call raises, waits for a network, or takes longer because nobody listens.
    - What was counted is not lost when a listener is away: it hears it when it is back.
    - What comes after ``ask_to_close`` is not sent; closing twice is closing once.
    - ``close`` counts its time from ``ask_to_close``, so that many may send side by side.

    ``stairway.testing.meter.MeterContract`` checks them.
    """

    def record(self, batch: Batch) -> None:
        """Take a stretch of training in."""
        ...

    def judge(self, gate: str, verdict: Verdict) -> None:
        """Take the answer of a gate in."""
        ...

    def feel(self, health: Health) -> None:
        """Take the controller's health in."""
        ...

    def ask_to_close(self) -> None:
        """Begin to send what was not sent yet, and wait for nothing."""
        ...

    def close(self) -> None:
        """Send what was not sent yet, for a short time, and end."""
        ...
