"""What the reward controller does at every step, compiled: targets, and the literal law.

:func:`literal_step` costs the same however long its window is: the window is a ring of
how many environments held at each step, and its sum is kept. Both are whole numbers, so
the sum is exact for ever. ``simulation.targets`` and ``simulation.lanes`` say what the
numbers mean and lay them out; ``memory`` and ``terms`` are written in place.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.compiled import njit
from stairway.simulation.terms import BONUS as TERMS_BONUS
from stairway.simulation.terms import TICKET as TERMS_TICKET

Goal: TypeAlias = tuple[float, float, float]
"""Hold rate, fills a session, factor on the volatility target."""

FIXED, LINEAR, BANDED = 0, 1, 2
MODE, HOLD, SLOPE, LOW, HIGH, FILLS, EDGE, RICH, USUAL, POOR = 0, 1, 2, 3, 4, 5, 6, 7, 10, 13
AIMS = 16
"""Targets as numbers; a band takes three places: hold rate, fills, risk factor."""

(
    ENVS, FAST, WEIGHT, SLOW_GAIN, SLOW_EVERY, SLOW_LIMIT, BASE_BONUS, MOST_BONUS, BASE_TICKET,
    TICKET_GAIN,
) = range(AIMS, AIMS + 10)  # fmt: skip
KNOBS = AIMS + 10
"""Targets and the gains of the literal law as numbers."""

SUM, SEEN, SLOW, ERROR, BONUS, TICKET = range(6)
HEAD = 6
"""What the literal law remembers in front of its ring."""

_SCORES = 3.0
"""A score of this size is an opportunity of 1, as in ``features.regime``."""


@njit(cache=True, nogil=True)
def clip(x: float, low: float, high: float) -> float:
    """Nearest value to ``x`` in [low, high]. NaN stays NaN."""
    return math.nan if math.isnan(x) else max(low, min(x, high))


@njit(cache=True, nogil=True)
def goal_of(score: float, aims: FloatArray) -> Goal:
    """Return what is aimed at under a regime score. A NaN score gives NaN.

    Parameters
    ----------
    aims : (16,) or longer float64
        In the order of the constants of this module.
    """
    if math.isnan(score):
        return math.nan, math.nan, math.nan
    if aims[MODE] == LINEAR:
        hold = clip(aims[HOLD] + aims[SLOPE] * score, aims[LOW], aims[HIGH])
        return hold, aims[FILLS], 1.0
    if aims[MODE] == BANDED:
        opportunity = score / _SCORES
        band = USUAL
        if opportunity > aims[EDGE]:
            band = RICH
        elif opportunity < -aims[EDGE]:
            band = POOR
        return aims[band], aims[band + 1], aims[band + 2]
    return aims[HOLD], aims[FILLS], 1.0


@njit(cache=True, nogil=True)
def risks_of(scores: FloatArray, aims: FloatArray) -> FloatArray:
    """Return the risk factor of :func:`goal_of` at each score, (n,)."""
    risks = np.empty(scores.size)
    for i in range(scores.size):
        risks[i] = goal_of(scores[i], aims)[2]
    return risks


@njit(cache=True, nogil=True)
def literal_law(
    memory: FloatArray, knobs: FloatArray, error: float, opportunity: float
) -> float:
    """Move both lanes by one step and return the hold bonus.

    Parameters
    ----------
    memory : (6 + window,) float64
        ``SEEN`` already counts this step; lane, error, bonus and ticket are written.
    knobs : (26,) float64
    error
        Hold rate less its target; finite.
    opportunity
        In [-1, 1].
    """
    fast = knobs[FAST] * error * (1.0 + knobs[WEIGHT] * opportunity)
    if memory[SEEN] % knobs[SLOW_EVERY] == 0.0:
        limit = knobs[SLOW_LIMIT]
        memory[SLOW] = clip(memory[SLOW] + knobs[SLOW_GAIN] * error, -limit, limit)
    base = knobs[BASE_BONUS]
    bonus = clip(base * (1.0 - fast - memory[SLOW]), 0.0, knobs[MOST_BONUS] * base)
    memory[ERROR], memory[BONUS] = error, bonus
    memory[TICKET] = max(0.0, knobs[BASE_TICKET] * (1.0 - knobs[TICKET_GAIN] * error))
    return bonus


@njit(cache=True, nogil=True)
def literal_step(
    memory: FloatArray, knobs: FloatArray, terms: FloatArray, held: float, score: float
) -> float:
    """Take one step of all environments in, set the terms of the next, return its bonus.

    Parameters
    ----------
    memory : (6 + window,) float64
        Written in place.
    knobs : (26,) float64
    terms : (4,) float64
        Bonus and ticket are written in place.
    held
        How many environments held both. Anything but a number in [0, environments], or a
        score that is not finite, gives NaN and changes nothing.
    score
        Regime score of the step.
    """
    envs, window = knobs[ENVS], memory.size - HEAD
    if not (0.0 <= held <= envs and -math.inf < score < math.inf):
        return math.nan
    place = HEAD + int(memory[SEEN]) % window
    memory[SUM] += held - memory[place]
    memory[place] = held
    memory[SEEN] += 1.0
    rate = memory[SUM] / (envs * min(memory[SEEN], float(window)))
    bonus = literal_law(
        memory, knobs, rate - goal_of(score, knobs)[0], clip(score / _SCORES, -1.0, 1.0)
    )
    terms[TERMS_BONUS], terms[TERMS_TICKET] = bonus, memory[TICKET]
    return bonus
