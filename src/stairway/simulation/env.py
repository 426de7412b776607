"""One practice account as a Gymnasium environment.

``info`` of a step holds the four terms of its reward by name (costs are positive), the
profit in basis points and the number of fills; that of a reset says which bar is seen
first. An episode that is lost, by a drawdown of its session, is *terminated*; one that runs
out of steps or bars is *truncated*, and its last observation still has a future worth
estimating.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from stairway.base.arrays import Float32Array
from stairway.base.errors import InvariantError
from stairway.models.normaliser import MAX_CLIP
from stairway.simulation import kernels
from stairway.simulation.batch import PLAIN, PairBatch
from stairway.simulation.course import Course
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.given import action_of, seed_of
from stairway.simulation.terms import Terms

ENV_ID = "stairway/PairTrading-v0"
"""Name under which ``stairway.app.practice`` registers it."""

_SHAPE = (1, kernels.OBSERVATION)


def observation_space() -> spaces.Box[np.float32]:
    """Twelve features and the position, of each instrument: normalised, so never larger."""
    return spaces.Box(-MAX_CLIP, MAX_CLIP, (kernels.OBSERVATION,), np.float32)


def action_space() -> spaces.Discrete:
    """{sell, hold, buy} of the first instrument x the same of the second; 4 holds both."""
    return spaces.Discrete(kernels.ACTIONS)


class PairTradingEnv(gymnasium.Env[Float32Array, np.int64]):
    r"""One account on one course: decide at a close, fill at the next open.

    **Actions.** ``Discrete(9)``. Action ``a`` says ``a // 3`` of the first instrument and
    ``a % 3`` of the second. Sell wants a position of -1, buy one of +1, hold keeps what
    there is: buying while long is no trade, and neither is selling while short.

    ==================  ===============  ================  ===============
    first \ second      sell             hold              buy
    ==================  ===============  ================  ===============
    sell                0                1                 2
    hold                3                **4: hold both**  5
    buy                 6                7                 8
    ==================  ===============  ================  ===============

    Three settings have a say: with ``flips = "through_flat"`` the opposite side only closes
    what is held, with ``overnight = "refuse_entry"`` a decision on a session's last bar does
    nothing, and a stake that buys no whole lot opens nothing.

    **Observations.** ``Box(26)``, float32. Features are normalised on training rows and cut
    at ``feature_clip`` deviations; what each of them is: :mod:`stairway.features.spec`.

    ===========  =====================================================================
    0 to 11      features of the first instrument, in this order: log_return,
                 momentum_short, momentum_long, volatility_short, volatility_long,
                 volatility_ratio, rsi, ema_distance, volume_z, range, time_sin, time_cos
    12           position of the first: -1 short, 0 flat, +1 long
    13 to 24     features of the second, in the same order
    25           position of the second
    ===========  =====================================================================

    Neither the regime nor the terms of the reward are among them. ``observation_noise`` is
    added to the 24 features only, once they were cut.

    **Rewards.** Profit of the step in usual moves, plus what :class:`Terms` pay or charge
    beside it (:mod:`stairway.simulation.terms`); with the terms left out, the profit alone,
    in basis points.

    **The end.** *Terminated*: equity fell more than ``max_session_drawdown_frac`` below its
    peak of the session. *Truncated*: ``episode_steps`` were made, or the bars ran out.

    **info** of a step:

    ==============  ==================================================================
    profit          profit of the step, in usual moves (units of reward)
    hold_bonus      paid for choosing to hold both; negative is a charge
    ticket_cost     charged for the step's fills; negative pays for them
    downside        charged for the step's loss
    profit_bps      profit of the step, basis points of equity, after costs and interest
    fills           position changes that the action made, 0 to 2; what is sold because a
                    session closes is not among them, and its cost is in the profit
    ==============  ==================================================================

    ``reward == profit + hold_bonus - ticket_cost - downside``.

    **info** of a reset:

    ==============  ==================================================================
    symbols         names of the first and of the second instrument
    bar             number in the course of the bar that is observed first
    time_ns         its close, UTC nanoseconds
    episode         number of this episode since the seed was given, from 0
    ==============  ==================================================================

    Parameters
    ----------
    course
        Must have room for an episode.
    rules
        Of the account; costs included.
    terms
        What a step is paid beside its profit.
    seed
        Of the starts, until ``reset(seed=...)`` gives another. An episode depends on the
        seed and on its number since then, and on nothing else.

    Raises
    ------
    DataError
        If the course is too short for an episode.

    Examples
    --------
    >>> from stairway.testing.practice import env_rules, made_course
    >>> env = PairTradingEnv(made_course(300, seed=7), env_rules())
    >>> seen, info = env.reset(seed=1)
    >>> seen.shape, info["symbols"], info["episode"]
    ((26,), ('ALPHA', 'BETA'), 0)
    >>> seen, reward, terminated, truncated, info = env.step(8)
    >>> seen[12], seen[25], info["fills"], bool(reward == info["profit"])
    (np.float32(1.0), np.float32(1.0), 2, True)
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as gymnasium declares it

    def __init__(
        self, course: Course, rules: EnvRules, terms: Terms = PLAIN, seed: int = 0
    ) -> None:
        self.observation_space = observation_space()
        self.action_space = action_space()
        self.render_mode = None
        self._course = course
        self.batch = PairBatch(course, rules, 1, seed_of(seed), again=False)
        self.batch.set_terms(terms)
        self._arrays = self.batch.arrays
        self._told = self.batch.told[0]
        self._actions = np.zeros(1, np.int64)
        self._walks = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32Array, dict[str, Any]]:
        """Begin the next episode; under ``seed``, the first one of that seed.

        Raises
        ------
        ConfigError
            If the seed is no whole number from 0 to 2^63 - 1.
        """
        if seed is not None:
            seed = seed_of(seed)
            self.batch.seed(seed)
        super().reset(seed=seed, options=options)
        self._walks = True
        seen, books = self.batch.reset()[0], self.batch.books[0]
        bar = int(books[kernels.BAR])
        return seen, {
            "symbols": self._course.symbols,
            "bar": bar,
            "time_ns": int(self._course.time_ns[bar]),
            "episode": int(books[kernels.EPISODE]),
        }

    def step(
        self, action: np.int64 | int
    ) -> tuple[Float32Array, float, bool, bool, dict[str, Any]]:
        """Move by one bar.

        Raises
        ------
        InvariantError
            If the episode is over or was never begun.
        DataError
            If the action is none of the nine.
        """
        if not self._walks:
            msg = "the episode is over or was never begun; call reset() first"
            raise InvariantError(msg)
        self._actions[0] = action_of(action)
        seen = np.empty(_SHAPE, np.float32)
        kernels.step_pairs(*self._arrays, self._actions, seen)
        reward, profit, bonus, ticket, downside, gained_bps, fills, end, *_ = (
            self._told.tolist()
        )
        self._walks = end == kernels.RUNS
        info = {
            "profit": profit,
            "hold_bonus": bonus,
            "ticket_cost": ticket,
            "downside": downside,
            "profit_bps": gained_bps,
            "fills": int(fills),
        }
        return (
            seen[0],
            reward,
            end == kernels.TERMINATED,
            end == kernels.TRUNCATED,
            info,
        )
