"""How long answers took, and a canary's vital signs: errors, and that.

Under the virtual clock a latency is drawn, not measured, so that a run repeats itself to
the last bit; the draw belongs to the slot, the bar and the instrument, so it stays the same
when a model is made anew. The same draw ages the bar that is decided upon and is counted
among a canary's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.hashing import keyed_uniform
from stairway.base.units import UtcNs
from stairway.lifecycle.facts import CanaryHealth
from stairway.market.bars import PairBar
from stairway.models.prediction import Answer, Exclusion, ExclusionCode

_NORMAL = NormalDist()
_SMALLEST = 1e-9
_P999 = 0.999
_NS_PER_MS = 1_000_000


class VitalRules(Config, frozen=True, kw_only=True):
    """Latency of an answer under the virtual clock: log-normal.

    ``latency_median_ms`` and ``latency_log_sigma`` are its median and the deviation of
    its logarithm.
    """

    latency_median_ms: Annotated[float, Meta(gt=0.0, le=1e6)]
    latency_log_sigma: Annotated[float, Meta(ge=0.0, le=5.0)]


def latency_ms(rules: VitalRules, seed: int, slot: str, index: int, k: int) -> float:
    """How long the model of ``slot`` took to answer about instrument ``k`` at bar ``index``.

    Examples
    --------
    >>> steady = VitalRules(latency_median_ms=0.2, latency_log_sigma=0.0)
    >>> latency_ms(steady, 7, "lightgbm", 3, 0)
    0.2
    """
    draw = keyed_uniform(seed, "latency", slot, index, k)
    z = _NORMAL.inv_cdf(min(max(draw, _SMALLEST), 1.0 - _SMALLEST))
    return rules.latency_median_ms * math.exp(rules.latency_log_sigma * z)


@dataclass(frozen=True, slots=True)
class VirtualClock:
    """The instant of a decision, under the virtual clock.

    Models are asked one after the other once the bar has closed, so the answers are in when
    all their latencies have passed.
    """

    rules: VitalRules
    seed: int

    def __call__(self, bar: PairBar, answers: Sequence[Answer]) -> UtcNs:
        """Return when the last of ``answers`` about ``bar`` was in, to the nanosecond."""
        asked: Counter[str] = Counter()
        took_ms = 0.0
        for answer in answers:
            k = asked[answer.digest]
            took_ms += latency_ms(self.rules, self.seed, answer.model, bar.index, k)
            asked[answer.digest] += 1
        return UtcNs(bar.time_ns + round(took_ms * _NS_PER_MS))


@dataclass(slots=True)
class Vitals:
    """Counts of one stay as canary, which began at ``since_ns``."""

    since_ns: UtcNs
    answers: int = 0
    errors: int = 0
    _latencies_ms: list[float] = field(default_factory=list[float])
    _worst_drawdown: float = 0.0

    def take(self, answers: Sequence[Answer], index: int, seed: int, rules: VitalRules) -> None:
        """Count the answers of one bar."""
        for k, answer in enumerate(answers):
            self.answers += 1
            self.errors += _is_error(answer)
            self._latencies_ms.append(latency_ms(rules, seed, answer.model, index, k))

    def health(self, digest: str, now_ns: UtcNs, drawdown_frac: float) -> CanaryHealth:
        """Sum up; what was never measured is missing, and missing is a failure."""
        self._worst_drawdown = max(self._worst_drawdown, drawdown_frac)
        ranked = sorted(self._latencies_ms)
        at = min(len(ranked) - 1, math.ceil(_P999 * len(ranked)) - 1)
        return CanaryHealth(
            time_ns=now_ns,
            digest=digest,
            answers=self.answers,
            errors=self.errors,
            latency_p999_ms=ranked[at] if ranked else None,
            drawdown_frac=self._worst_drawdown,
        )


def _is_error(answer: Answer) -> bool:
    """Whether an answer that was due did not come; while windows fill, none is due."""
    return isinstance(answer, Exclusion) and answer.code is not ExclusionCode.WARMING_UP
