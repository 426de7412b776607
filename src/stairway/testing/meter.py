"""The promises of :class:`stairway.training.meter.Meter`, as tests, and something to record."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from stairway.base.verdict import passed, refuse
from stairway.simulation.health import Health
from stairway.training.measured import Learner, Rollout
from stairway.training.meter import Batch, Meter


def some_batch(steps: int = 2_000, **changes: Any) -> Batch:
    """Return a roll-out of a middling policy, but for ``changes``.

    Examples
    --------
    >>> some_batch(64, score=-1.0).rollout.score
    -1.0
    """
    rollout = Rollout(
        seed=1,
        cycle=1,
        steps=400_000,
        hold_rate=0.55,
        fills_per_session=18.0,
        no_fill_share=0.95,
        action_share=(0.1, 0.0, 0.1, 0.05, 0.55, 0.1, 0.0, 0.05, 0.05),
        reward=0.5,
        reward_variance=1.2,
        profit_bps=0.1,
        rms_profit_bps=6.0,
        scale_bps=5.5,
        bonus=-0.2,
        ticket=0.3,
        downside=0.0,
        target_hold=0.575,
        target_fills=20.0,
        score=0.25,
        episodes=3,
        episode_bars=600.0,
        terminated=1,
        drawdown_frac=0.012,
        positions=(0.25, -0.5),
        health=None,
        learner=Learner(),
        regime_share=(0.5, 0.3, 0.2),
    )
    fills = round(18.0 * steps / 390)
    return Batch(msgspec.structs.replace(rollout, **changes), steps, fills)


def some_health() -> Health:
    """Return the health of a middling controller."""
    return Health(0.9, 0.8, 0.7, 0.5, 1.0, 0.78)


class MeterContract:
    """Subclass, provide the fixture ``meter``, and pytest does the rest.

    ``meter`` is fresh, and whoever it would tell is not there.
    """

    def test_it_takes_everything_in_while_nobody_listens(self, meter: Meter) -> None:
        """No call raises."""
        for _ in range(1_000):
            meter.record(some_batch())
        meter.judge("training", refuse("training.sharpe", "too low", 0.1, 0.6))
        meter.judge("training", passed("training.sharpe", "high enough", 0.7, 0.6))
        meter.feel(some_health())
        meter.close()

    def test_what_could_not_be_sent_is_said_in_a_printable_line(self, meter: Meter) -> None:
        """And a meter that tells nobody has nothing that could not be sent."""
        meter.record(some_batch())
        meter.close()
        unsent = meter.unsent()
        assert unsent is None or (
            unsent.failed > 0 and f"{unsent.where}{unsent.why}".isprintable()
        )

    def test_numbers_that_are_none_do_not_stop_it(self, meter: Meter) -> None:
        """A diverged policy is reported like any other."""
        meter.record(some_batch(reward=math.nan))
        meter.record(some_batch(reward=math.inf, score=math.nan))
        meter.close()

    def test_it_may_be_asked_to_close_before_it_is_closed(self, meter: Meter) -> None:
        """Asking waits for nothing; asking again, before or after the end, is no error."""
        meter.record(some_batch())
        meter.ask_to_close()
        meter.ask_to_close()
        meter.record(some_batch())
        meter.close()
        meter.ask_to_close()

    def test_closing_twice_is_closing_once(self, meter: Meter) -> None:
        """And a batch that comes too late is no error."""
        meter.close()
        meter.close()
        meter.record(some_batch())
        meter.judge("training", passed("training.sharpe", "high enough", 0.7, 0.6))
        meter.close()
