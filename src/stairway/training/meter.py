"""Who is told, while a policy is being practised, how it goes.

A meter listens and never answers back: whatever happens to it, training goes on as if it
were not there. Nothing that training decides may depend on one.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from stairway.base.errors import InvariantError
from stairway.base.verdict import Verdict
from stairway.models.observation import ACTIONS
from stairway.simulation.health import Health
from stairway.training.measured import Rollout


class Batch(msgspec.Struct, frozen=True):
    """A roll-out as a meter hears of it.

    Attributes
    ----------
    rollout
        What was measured. ``None`` in it is for what nobody measured; it is left out, and
        never shown as 0.
    steps
        Of this roll-out alone; its own ``steps`` are those since the policy's beginning.
    fills
        Position changes of both instruments.

    Raises
    ------
    InvariantError
        If there are not nine shares of actions.
    """

    rollout: Rollout
    steps: int
    fills: int

    def __post_init__(self) -> None:
        shares = self.rollout.action_share
        if len(shares) != ACTIONS:
            msg = f"a batch has a share for each of {ACTIONS} actions, not {shares}"
            raise InvariantError(msg)


class Unsent(NamedTuple):
    """What a meter could not get rid of.

    Attributes
    ----------
    failed
        How many times it tried, and told nobody.
    where
        Whom it was to tell.
    why
        What was wrong the last time; printable.
    """

    failed: int
    where: str
    why: str


class Meter(Protocol):
    """Where the figures of one seed go. Called from that seed's thread only.

    Promises
    --------
    - No call raises, waits for a network, or takes longer because nobody listens.
    - What was counted is not lost when a listener is away: it hears it when it is back.
    - What comes after ``ask_to_close`` is not sent; closing twice is closing once.
    - ``close`` counts its time from ``ask_to_close``, so that many may send side by side.
    - Who asks once it is closed hears what was not sent.

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

    def unsent(self) -> Unsent | None:
        """Say what could not be sent so far; ``None`` where everything was."""
        ...


def tell(meter: Meter, rollout: Rollout, steps: int, bars_per_session: int) -> None:
    """Tell a meter of one roll-out, and of the controller's health where it is known.

    Parameters
    ----------
    steps
        Of this roll-out alone.
    bars_per_session
        As the rate of fills was made with: a count of fills is made of it again.
    """
    fills = round(rollout.fills_per_session * steps / bars_per_session)
    meter.record(Batch(rollout, steps, fills))
    if rollout.health is not None:
        meter.feel(rollout.health)
