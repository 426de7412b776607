"""The promises of :class:`stairway.training.meter.Meter`, as tests, and something to record."""

from __future__ import annotations

import math

from stairway.base.verdict import passed, refuse
from stairway.simulation.health import Health
from stairway.simulation.terms import Terms
from stairway.training.meter import Batch, Meter


def some_batch(
    steps: int = 2_000,
    reward: float = 0.5,
    terms: Terms = Terms(5.5, -0.2, 0.3, 0.0),  # noqa: B008 - frozen
    score: float = 0.25,
) -> Batch:
    """Return what one roll-out of a middling policy looks like.

    Examples
    --------
    >>> some_batch(64).steps
    64
    """
    return Batch(
        steps=steps,
        reward=reward,
        hold_rate=0.55,
        no_fill_share=0.95,
        fills_per_session=18.0,
        fills=round(18.0 * steps / 390),
        action_share=(0.1, 0.0, 0.1, 0.05, 0.55, 0.1, 0.0, 0.05, 0.05),
        terms=terms,
        score=score,
        reward_variance=1.2,
        regime_share=(0.5, 0.3, 0.2),
        target_hold=0.575,
        target_fills=20.0,
        episodes=3,
        terminated=1,
        episode_bars=600.0,
        drawdown_frac=0.012,
        positions=(0.25, -0.5),
    )


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
