"""From a roll-out to what a meter is told of it."""

from __future__ import annotations

from stairway.simulation.terms import Terms
from stairway.training.measured import Rollout
from stairway.training.meter import Batch, Meter


def tell(meter: Meter, rollout: Rollout, steps: int, bars_per_session: int) -> None:
    """Tell a meter of one roll-out, and of the controller's health where it is known."""
    meter.record(batch_of(rollout, steps, bars_per_session))
    if rollout.health is not None:
        meter.feel(rollout.health)


def batch_of(rollout: Rollout, steps: int, bars_per_session: int) -> Batch:
    """Return a roll-out as a batch.

    Parameters
    ----------
    steps
        Of this roll-out alone; the roll-out itself counts since the policy's beginning.
    bars_per_session
        As the rate of fills was made with: a count of fills is made of it again.
    """
    return Batch(
        steps=steps,
        reward=rollout.reward,
        hold_rate=rollout.hold_rate,
        no_fill_share=rollout.no_fill_share,
        fills_per_session=rollout.fills_per_session,
        fills=round(rollout.fills_per_session * steps / bars_per_session),
        action_share=rollout.action_share,
        terms=Terms(rollout.scale_bps, rollout.bonus, rollout.ticket, rollout.downside),
        score=rollout.score,
        reward_variance=rollout.reward_variance,
        regime_share=rollout.regime_share,
        target_hold=rollout.target_hold,
        target_fills=rollout.target_fills,
        episodes=rollout.episodes,
        terminated=rollout.terminated,
        episode_bars=rollout.episode_bars,
        drawdown_frac=rollout.drawdown_frac,
        positions=rollout.positions,
    )
