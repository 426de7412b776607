"""A course and its rules as the numbers that the kernels read."""

from __future__ import annotations

import numpy as np

from stairway.base.arrays import Float32Array, FloatArray
from stairway.base.errors import DataError, TooLittleError
from stairway.base.units import MICROS_PER_UNIT
from stairway.models.observation import laid_out
from stairway.simulation import kernels
from stairway.simulation.course import Course
from stairway.simulation.env_rules import EnvRules

_LEAST_LOTS = 10.0


def market_of(course: Course, rules: EnvRules) -> FloatArray:
    """Prices of one lot and traded values in whole micros, and what comes with a bar: (n, 11).

    Raises
    ------
    DataError
        If a position would be worth a few lots only, so that rounding would decide.
    """
    lots = np.array(course.lot_units)
    market = np.empty((len(course), kernels.MARKET))
    pairs = (
        (kernels.OPEN, course.open * lots),
        (kernels.CLOSE, course.close * lots),
        (kernels.VALUE, course.value_usd),
    )
    for column, usd in pairs:
        market[:, column : column + 2] = np.rint(usd * MICROS_PER_UNIT)
    market[:, kernels.SESSION] = course.session
    market[:, kernels.LAST] = course.last_of_session
    market[:, kernels.SCORE] = course.score
    market[:, kernels.REGIME] = course.regime
    market[:, kernels.RISK] = 1.0
    prices = market[:, : kernels.VALUE]
    dearest, stake = float(prices.max()), rules.stake_frac * rules.equity_usd * MICROS_PER_UNIT
    if not (prices.min() >= 1.0 and stake >= _LEAST_LOTS * dearest):
        msg = (
            f"one lot costs up to {dearest / MICROS_PER_UNIT:g} USD and a position is "
            f"{stake / MICROS_PER_UNIT:g} USD: less than {_LEAST_LOTS:g} lots, or lots worth "
            "nothing; choose other lot_units or a larger [environment] equity_usd"
        )
        raise DataError(msg)
    return market


def rows_of(course: Course) -> Float32Array:
    """Observations with both positions at 0, (n, 26) float32."""
    return laid_out(course.features, np.zeros((len(course), 2)))


def knobs_of(course: Course, rules: EnvRules, *, again: bool) -> FloatArray:
    """Rules as numbers, (20,); the terms among them are still to be set.

    Raises
    ------
    DataError
        If the course has no room for the shortest episode.
    """
    knobs = np.zeros(kernels.KNOBS)
    costs = rules.costs
    knobs[kernels.START_MICROS] = round(rules.equity_usd * MICROS_PER_UNIT)
    knobs[kernels.STAKE] = rules.stake_frac
    knobs[kernels.FEE] = costs.fee_bps
    knobs[kernels.HALF_SPREAD] = costs.half_spread_bps
    knobs[kernels.IMPACT] = costs.impact_coef_bps
    knobs[kernels.CAP] = costs.max_participation_frac
    knobs[kernels.EPISODE_STEPS] = rules.episode_steps
    knobs[kernels.MAX_DRAWDOWN] = rules.max_session_drawdown_frac
    knobs[kernels.RISK_FREE] = rules.risk_free_bps_per_bar(course.periods_per_year)
    knobs[kernels.FLAT_BY_CLOSE] = rules.flat_by_close
    knobs[kernels.REFUSE_LAST] = rules.overnight == "refuse_entry"
    knobs[kernels.THROUGH_FLAT] = rules.flips == "through_flat"
    knobs[kernels.FIRST_START] = course.first
    knobs[kernels.STARTS] = starts_of(course, rules)
    knobs[kernels.AGAIN] = again
    knobs[kernels.NOISE] = rules.observation_noise
    return knobs


def starts_of(course: Course, rules: EnvRules) -> int:
    """How many bars an episode may start at: all that leave room for a whole one.

    Where a course has no room for a whole episode, for the shortest one.

    Raises
    ------
    DataError
        If there is no room for that one either.

    Examples
    --------
    >>> from stairway.testing.practice import env_rules, made_course
    >>> starts_of(made_course(161, seed=1), env_rules(episode_steps=90))
    11
    """
    steps = len(course) - 1 - course.first
    if not steps >= rules.min_episode_steps:
        msg = (
            f"the course has {len(course)} bars, of which {course.first} only warm up: room "
            f"for {max(steps, 0)} steps, and the shortest episode has "
            f"{rules.min_episode_steps} ([environment] min_episode_steps); give more bars, "
            "or lower that"
        )
        raise TooLittleError(msg, max(steps, 0), rules.min_episode_steps)
    needed = rules.episode_steps if steps >= rules.episode_steps else rules.min_episode_steps
    return steps - needed + 1
