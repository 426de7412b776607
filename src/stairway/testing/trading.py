"""What is seen and what is wished for, made up: for tests of a bar from start to finish."""

from __future__ import annotations

import numpy as np

from stairway.base.units import UtcNs
from stairway.base.verdict import Finding
from stairway.decision.intent import Abstain, Enter, Route, Vote
from stairway.features.regime import Regime, RegimeLabel
from stairway.features.spec import FEATURE_NAMES
from stairway.market.bars import PairBar
from stairway.trader.observe import Seen

CALM = Regime(0.0, RegimeLabel.RANGE, 0.0, 1.0, 0.0, 0.3, warm=True)
"""Weather in which nothing is held back."""


def sight(
    bar: PairBar,
    *,
    volatility: float = 0.01,
    unchanged: tuple[int, int] = (0, 0),
    closing: bool = False,
) -> Seen:
    """See ``bar`` in calm weather; every feature of both instruments is ``volatility``.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> sight(random_walk(3, seed=1).at(2)).volatility_per_bar
    (0.01, 0.01)
    """
    rows = np.full((2, len(FEATURE_NAMES)), volatility)
    first, second = bar.bars
    closes = (first.close, second.close)
    return Seen(bar, rows, CALM, unchanged, closes, closing)


def wish_for(symbol: str, bar: PairBar, side: int = 1, digest: str = "d" * 64) -> Enter:
    """Wish to go into ``symbol`` at the close of ``bar``, on one model's vote.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> wish_for("ALPHA", random_walk(3, seed=1).at(2), side=-1).probability
    0.38
    """
    probability = 0.5 + 0.12 * side
    vote = Vote("lightgbm", digest, "shadow", 1.0, probability)
    return Enter(symbol, UtcNs(bar.time_ns), side, probability, Route.MEMBER, (vote,))


def no_wish(symbol: str, bar: PairBar) -> Abstain:
    """Wish for nothing in ``symbol``.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> no_wish("ALPHA", random_walk(3, seed=1).at(2)).findings[0].code
    'decision.hold'
    """
    finding = Finding("decision.hold", "nothing to do")
    return Abstain(symbol, UtcNs(bar.time_ns), (finding,))
