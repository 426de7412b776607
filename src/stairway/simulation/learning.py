"""What made-up markets are made of, learnt from recorded bars once.

Learning cuts the bars off at a stated row and looks at nothing behind it. It finds the whole
sessions, what is usual in them and what they were like, and fits the models that were asked
for. If there is too little of anything, it says so and nothing is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from stairway.base.arrays import FloatArray
from stairway.base.errors import ConfigError
from stairway.base.verdict import Finding, Pass, Refuse, Verdict, all_of, refuse
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.simulation import garch, switching
from stairway.simulation.bootstrap import Blocks, cut, moves_of
from stairway.simulation.conditions import Windows, windows_of
from stairway.simulation.dressing import Wardrobe, strip
from stairway.simulation.garch import Garch
from stairway.simulation.scenarios import Method, ScenarioRules
from stairway.simulation.switching import Switching

Model: TypeAlias = Garch | Switching


@dataclass(frozen=True, slots=True)
class Past:
    """What was learnt from recorded bars, and all that a draw may use.

    Attributes
    ----------
    bars
        The recorded bars, up to where learning ended.
    session
        Hours of the market.
    wardrobe
        Their whole sessions.
    deviation : (2,) float64
        Of one bar's log return, by instrument.
    windows
        What they were like, spell by spell.
    models
        What was fitted.
    rules
        By which it was learnt, and by which is drawn.
    """

    bars: PairBars
    session: SessionRules
    wardrobe: Wardrobe
    deviation: FloatArray
    windows: Windows
    models: Mapping[Method, Model]
    rules: ScenarioRules


def learn(
    bars: PairBars, until: int, session: SessionRules, rules: ScenarioRules
) -> Past | Refuse:
    """Learn from bars ``[0, until)``; those behind change nothing.

    Raises
    ------
    ConfigError
        If there are no such bars.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> from stairway.testing.scenarios import scenario_rules
    >>> from stairway.testing.source import intraday_session
    >>> minutes = random_walk(3 * 390, seed=1, bar_seconds=60)
    >>> learn(minutes, 800, intraday_session(), scenario_rules()).findings[0].detail
    '1 whole sessions are 1 windows of 1 ([scenarios] spell_sessions), and min_windows ...'
    """
    if not 0 < until <= len(bars):
        msg = f"scenarios cannot be learnt from the first {until} of {len(bars)} bars"
        raise ConfigError(msg)
    known = bars.part(0, until)
    wardrobe = strip(moves_of(known, session), session, rules.smooth_bars)
    if isinstance(wardrobe, Refuse):
        return wardrobe
    deviation = np.sqrt(np.square(wardrobe.returns).mean(axis=0))
    window_bars = rules.spell_sessions * session.bars_per_session
    windows = windows_of(wardrobe.returns, deviation, window_bars)
    blocks = cut(wardrobe.moves, wardrobe.returns / deviation, rules.block_bars)
    verdict = all_of((_enough_windows(windows, wardrobe, rules), enough_blocks(blocks, rules)))
    if isinstance(verdict, Refuse):
        return verdict
    models: dict[Method, Model] = {}
    for method in dict.fromkeys(rules.methods):
        fitted = _fit(method, wardrobe, rules)
        if isinstance(fitted, Refuse):
            return fitted
        if fitted is not None:
            models[method] = fitted
    return Past(known, session, wardrobe, deviation, windows, models, rules)


def enough_blocks(blocks: Blocks, rules: ScenarioRules) -> Verdict:
    """Say whether every regime has blocks to choose from, and any two can lie apart."""
    every = blocks.start.shape[1]
    chosen = round(min(rules.extreme_frac, rules.trend_frac) * every)
    detail = f"a regime chooses from {chosen} of {every} blocks, and needs {rules.min_blocks}"
    finding = Finding("scenario.blocks", detail, chosen, rules.min_blocks, every)
    if not chosen >= rules.min_blocks:
        return Refuse((finding,))
    # Whichever block one instrument takes, another must fit before it or behind it.
    room = int(np.diff(blocks.start[0]).min()) * (every // 2)
    length = int(blocks.length.max())
    if not room >= length:
        detail = f"blocks of {length} bars cannot lie apart in so few bars: lower block_bars"
        return refuse("scenario.blocks_too_long", detail, room, length, every)
    return Pass((finding,))


def _enough_windows(windows: Windows, wardrobe: Wardrobe, rules: ScenarioRules) -> Verdict:
    sessions = len(wardrobe.level)
    detail = (
        f"{sessions} whole sessions are {len(windows)} windows of {rules.spell_sessions} "
        f"([scenarios] spell_sessions), and min_windows asks for {rules.min_windows}: "
        f"{rules.min_windows * rules.spell_sessions} sessions are needed"
    )
    finding = Finding("scenario.windows", detail, len(windows), rules.min_windows, sessions)
    return Pass((finding,)) if len(windows) >= rules.min_windows else Refuse((finding,))


def _fit(method: Method, wardrobe: Wardrobe, rules: ScenarioRules) -> Model | Refuse | None:
    match method:
        case Method.BOOTSTRAP:
            return None
        case Method.GARCH:
            return garch.fit(wardrobe.pure, rules.garch)
        case Method.SWITCHING:
            per_session = wardrobe.moves.per_session
            return switching.fit(wardrobe.pure, per_session, rules.switching)
