"""Has the edge gone? A quick signal that moves nothing, and a slow alarm that does.

The signal is a run of losses (three). A healthy 55 % model has one every 18 trades, so it
is written down and shown, and never moves capital by itself.

The alarm is an e-detector (Shiryaev-Roberts over likelihood ratios of win and loss): for
each alternative q, ``M <- (M + 1) * q / q0`` after a loss and ``(M + 1) * (1 - q) / (1 -
q0)`` otherwise; it rings when the mean of M reaches A. Under the reference loss rate q0
the mean time between alarms is at least A trades, by construction.

q0 is the *upper* bound of the loss rate that was approved (lower bound of the win rate),
measured on the trades made before promotion: a guess that is too good rings falsely.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.config import Config

_EDGE = 0.01
"""Loss rates nearer to 0 or 1 than this cannot be bet on: a ratio would divide by nothing."""

_Rate = Annotated[float, Meta(gt=0, lt=1)]


class DriftRules(Config, frozen=True):
    """What raises a signal, and what an alarm.

    Attributes
    ----------
    loss_run
        Losses in a row that raise the signal.
    reference_win_rate
        Approved share of trades that are no loss, where too few were seen to measure it.
    alternative_loss_rates
        Loss rates looked for at that reference; at another one, the same odds ratios.
    run_length_trades
        Mean number of trades between false alarms, at least.
    approved_trades
        Trades before promotion from which the reference is measured.
    approved_z
        One-sided normal quantile of the bound on it (1.2816 is 90 %).
    """

    loss_run: Annotated[int, Meta(ge=1, le=100)]
    reference_win_rate: _Rate
    alternative_loss_rates: Annotated[tuple[_Rate, ...], Meta(min_length=1)]
    run_length_trades: Annotated[float, Meta(ge=1, le=1e6)]
    approved_trades: Annotated[int, Meta(ge=1, le=10**6)]
    approved_z: Annotated[float, Meta(ge=0, le=10)]


class Detector(msgspec.Struct, frozen=True):
    """The e-detector between two trades."""

    reference_loss_rate: float
    alternatives: tuple[float, ...]
    evidence: tuple[float, ...]
    n: int = 0

    @property
    def level(self) -> float:
        """Mean evidence: what is held against the run length."""
        return sum(self.evidence) / len(self.evidence)


def lengthen(run: int, r: float) -> int:
    """Losses in a row after one more trade. A loss is R < 0.

    Examples
    --------
    >>> lengthen(2, -0.5), lengthen(2, 0.0)
    (3, 0)
    """
    return 0 if r >= 0 else run + 1


def rings(run: int, rules: DriftRules) -> bool:
    """Return True on the trade that completes a run; once until one that is no loss."""
    return run == rules.loss_run


def reference_loss_rate(kept: int, trades: int, rules: DriftRules) -> float:
    """Upper bound of the approved loss rate: Wilson's, on the trades before promotion.

    Parameters
    ----------
    kept
        How many of ``trades`` were no loss.
    """
    if trades < rules.approved_trades:
        return 1.0 - rules.reference_win_rate
    z2, rate = rules.approved_z**2, kept / trades
    spread = rules.approved_z * math.sqrt(rate * (1 - rate) / trades + z2 / (4 * trades**2))
    lower = (rate + z2 / (2 * trades) - spread) / (1 + z2 / trades)
    return min(max(1.0 - lower, _EDGE), 1.0 - _EDGE)


def watch(loss_rate: float, rules: DriftRules) -> Detector:
    """Begin to watch for a loss rate above ``loss_rate``.

    Examples
    --------
    >>> from stairway.testing.climbing import drift_rules
    >>> [round(q, 3) for q in watch(0.45, drift_rules()).alternatives]
    [0.55, 0.6, 0.7, 0.8]
    """
    usual = _odds(1.0 - rules.reference_win_rate)
    odds = (_odds(q) / usual * _odds(loss_rate) for q in rules.alternative_loss_rates)
    alternatives = tuple(o / (1 + o) for o in odds)
    return Detector(loss_rate, alternatives, (0.0,) * len(alternatives))


def listen(detector: Detector, r: float, rules: DriftRules) -> tuple[Detector, float | None]:
    """Take one more trade into account.

    Returns the evidence at which the alarm rang, and a detector that starts afresh; or
    ``None`` where it did not ring.
    """
    reference = detector.reference_loss_rate
    lost = not r >= 0
    evidence = tuple(
        (m + 1) * (q / reference if lost else (1 - q) / (1 - reference))
        for m, q in zip(detector.evidence, detector.alternatives, strict=True)
    )
    after = msgspec.structs.replace(detector, evidence=evidence, n=detector.n + 1)
    if not after.level < rules.run_length_trades:
        silent = (0.0,) * len(evidence)
        return msgspec.structs.replace(after, evidence=silent, n=0), after.level
    return after, None


def _odds(rate: float) -> float:
    return rate / (1 - rate)
