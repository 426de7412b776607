"""What was counted while accounts were moved, and the rates that it comes to."""

from __future__ import annotations

import math
from typing import NamedTuple

from stairway.base.arrays import FloatArray
from stairway.base.errors import InvariantError
from stairway.models.observation import HOLD_BOTH
from stairway.simulation import kernels
from stairway.simulation.controller import Rates


class Counts(NamedTuple):
    """What was counted over all accounts since the last time it was asked for.

    Attributes
    ----------
    steps
        Steps of all accounts together; all other counts and sums are over them.
    chosen
        Steps by action, nine.
    fills
        Position changes by the policy; two in one step where both instruments changed.
    no_fills
        Steps without any.
    forced
        Positions that a session's end closed; not among the fills.
    ended, terminated, ended_bars
        Episodes that ended, those of them that were lost, and the sum of their lengths.
    profit_bps, profit_square_bps2, reward, reward_square, score
        Sums of the profit and of its square, of the reward and of its square, and of the
        regime score at the bars that were reached.
    drawdown_frac
        Deepest fall from a session's peak that any account went through, as a fraction of
        that peak; one that lost its episode included.
    regimes
        Steps by the regime of the bar that was reached, as ``features.regime.LABELS``.
    """

    steps: int
    chosen: tuple[int, ...]
    fills: int
    no_fills: int
    forced: int
    ended: int
    terminated: int
    ended_bars: int
    profit_bps: float
    profit_square_bps2: float
    reward: float
    reward_square: float
    score: float
    drawdown_frac: float
    regimes: tuple[int, ...]

    @property
    def holds(self) -> int:
        """Steps whose action was to hold both."""
        return self.chosen[HOLD_BOTH]

    def rates(self, bars_per_session: int) -> Rates:
        """Return the same as the controller reads it.

        Raises
        ------
        InvariantError
            If no step was counted: there are no rates then.
        """
        if not self.steps:
            msg = "no step was counted since the last time; step first, then measure"
            raise InvariantError(msg)
        return Rates(
            hold_rate=self.holds / self.steps,
            fills_per_session=self.fills * bars_per_session / self.steps,
            no_fill_share=self.no_fills / self.steps,
            rms_profit_bps=math.sqrt(self.profit_square_bps2 / self.steps),
            steps=self.steps,
            score=self.score / self.steps,
        )


def counts_of(tally: FloatArray) -> Counts:
    """Read the kernel's tally, (25,) float64.

    Examples
    --------
    >>> import numpy as np
    >>> counts_of(np.zeros(kernels.TALLY)).chosen
    (0, 0, 0, 0, 0, 0, 0, 0, 0)
    """
    sums: list[float] = tally.tolist()
    counts = [int(one) for one in sums]
    return Counts(
        steps=counts[kernels.STEPS],
        chosen=tuple(counts[kernels.CHOSEN :]),
        fills=counts[kernels.ALL_FILLS],
        no_fills=counts[kernels.NO_FILLS],
        forced=counts[kernels.FORCED],
        ended=counts[kernels.ENDED],
        terminated=counts[kernels.LOST],
        ended_bars=counts[kernels.ENDED_BARS],
        profit_bps=sums[kernels.SUM_PROFIT],
        profit_square_bps2=sums[kernels.SUM_SQUARE],
        reward=sums[kernels.SUM_REWARD],
        reward_square=sums[kernels.SUM_REWARD_SQUARE],
        score=sums[kernels.SUM_SCORE],
        drawdown_frac=sums[kernels.DEEPEST],
        regimes=tuple(counts[kernels.REGIMES : kernels.CHOSEN]),
    )
