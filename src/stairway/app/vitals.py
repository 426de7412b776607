"""A canary's vital signs: errors, and how long it took to answer.

Under the virtual clock a latency is drawn, not measured, so that a run repeats itself to
the last bit; the draw belongs to the model and the bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.hashing import keyed_uniform
from stairway.base.units import UtcNs
from stairway.lifecycle.facts import CanaryHealth
from stairway.models.prediction import Answer, Exclusion, ExclusionCode

_NORMAL = NormalDist()
_SMALLEST = 1e-9
_P999 = 0.999


class VitalRules(Config, frozen=True, kw_only=True):
    """Latency of an answer under the virtual clock: log-normal.

    ``latency_median_ms`` and ``latency_log_sigma`` are its median and the deviation of
    its logarithm.
    """

    latency_median_ms: Annotated[float, Meta(gt=0.0, le=1e6)]
    latency_log_sigma: Annotated[float, Meta(ge=0.0, le=10.0)]


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
            draw = keyed_uniform(seed, "latency", answer.digest, index, k)
            z = _NORMAL.inv_cdf(min(max(draw, _SMALLEST), 1.0 - _SMALLEST))
            self._latencies_ms.append(
                rules.latency_median_ms * math.exp(rules.latency_log_sigma * z)
            )

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
