"""Minutes with a planted edge, and a short training that makes a policy of them.

Two thirds of a drill: nothing dies here. The edge is strong on the early sessions, where a
policy is to learn it within seconds and pass the shipped training gate; on the later ones,
where it is judged and climbs, it is weaker.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from stairway.base.errors import InvariantError
from stairway.market.bars import PairBars
from stairway.simulation.misfortune import EdgeRules, plant_edge
from stairway.testing.bars import random_walk
from stairway.testing.cycles import MINUTES

EARLY, SESSIONS, BARS_PER_SESSION = 12, 20, 390
"""Sessions that are practised on, of so many in all."""

SETTINGS: Mapping[str, str] = {
    **MINUTES,
    "STAIRWAY__RUN__TRAIN_FRAC": "0.9",
    "STAIRWAY__EVIDENCE__BINDING": '["skill_pooled", "too_good"]',
    "STAIRWAY__EVIDENCE__TOO_GOOD_SKILL": "0.5",
}
"""``intraday.toml`` for these bars: too few of a crisis, and an edge too good to be true."""

_SHORTER = (
    ("steps = 409_600 ", "steps = 102_400 "),
    ("cycles = 4 ", "cycles = 2 "),
    ("episodes_per_scenario = 100 ", "episodes_per_scenario = 8 "),
    ("draws = 6 ", "draws = 1 "),
    ('methods = ["bootstrap", "garch", "switching"]', 'methods = ["bootstrap"]'),
    ("min_blocks = 3 ", "min_blocks = 2 "),
)
"""What costs time in the shipped practice file. Its gate stays as it is."""


@cache
def planted() -> PairBars:
    """Make the minutes; looked at by many, so never changed.

    Examples
    --------
    >>> len(planted()), len(early())
    (7800, 4680)
    """
    bars = random_walk(SESSIONS * BARS_PER_SESSION, seed=3, bar_seconds=60)
    edge = EdgeRules(
        block_bars=30,
        training_drift_sigmas=0.8,
        climb_drift_sigmas=0.35,
        volume_log_shift=0.8,
    )
    return plant_edge(bars, edge, 7, EARLY * BARS_PER_SESSION, len(bars))


def early() -> PairBars:
    """Give the sessions that are practised on: the beginning of them all."""
    return planted().part(0, EARLY * BARS_PER_SESSION)


def short_practice() -> str:
    """Give the text of a practice file: the shipped one with smaller budgets.

    Examples
    --------
    >>> "steps = 102_400" in short_practice()
    True
    """
    text = files("stairway").joinpath("policies", "practice.toml").read_text("utf-8")
    for shipped, shorter in _SHORTER:
        if shipped not in text:
            msg = f"the shipped practice file no longer says {shipped!r}"
            raise InvariantError(msg)
        text = text.replace(shipped, shorter)
    return text
