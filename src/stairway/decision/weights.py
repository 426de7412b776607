"""Whose word weighs how much, and what to do when that is in doubt.

Weights come from the supervisor or from a JSON file that an outside process replaces:

.. code-block:: json

    {"timestamp": "2018-01-02T21:00:00Z",
     "overall_weights": {"lightgbm": 0.6, "xgboost": 0.4},
     "regime_weights": {"crisis": {"lightgbm": 0.5, "xgboost": 0.5}}}

``timestamp`` is an RFC 3339 string with a zone, or seconds since 1970 in UTC. What is
offered is checked as a whole and taken or left as a whole. Left: the last good weights,
while they are young enough; then the static ones. Every case is a fact.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.units import NS_PER_SECOND, UtcNs
from stairway.base.verdict import Finding, Pass, Refuse, Verdict, all_of, refuse
from stairway.decision.facts import WeightsInForce, WeightSource

_ROUNDING = 1e-6
"""An outside process may have written six decimals."""

_ABSURD = 1e6  # weights add up to about one; sums of anything beyond this may overflow
_FARTHEST_S = 9.2e9  # the years 1678 to 2261: what fits nanoseconds in 64 bits

Share = Annotated[float, Meta(gt=0.0, le=1.0)]
Seconds = Annotated[float, Meta(ge=0.0, le=1e9)]


class WeightChecks(Config, frozen=True, kw_only=True):
    """Which weights are taken.

    Attributes
    ----------
    sum_tolerance
        How far the sum of weights may lie from one.
    floor, cap, cap_even_multiple
        No weight under the floor, and none over ``max(cap, cap_even_multiple / n)`` of
        ``n`` members. With more members than ``1 / floor``, the floor is ``1 / n``.
    max_age_s
        Older weights are not taken.
    max_ahead_s
        How far the writer's clock may run before ours.
    last_good_max_age_s
        Until when the last good weights stand in.
    refresh_s
        How often the file is read.
    static
        Weights by model for when nothing else is left; equal ones where a member is not
        listed.
    """

    sum_tolerance: Annotated[float, Meta(ge=0.0, lt=1.0)]
    floor: Annotated[float, Meta(ge=0.0, lt=1.0)]
    cap: Share
    cap_even_multiple: Annotated[float, Meta(ge=1.0, le=100.0)]
    max_age_s: Seconds
    max_ahead_s: Seconds
    last_good_max_age_s: Seconds
    refresh_s: Annotated[float, Meta(gt=0.0, le=1e9)]
    static: dict[str, Share]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.max_age_s <= self.last_good_max_age_s:
            msg = (
                f"[weight_checks] max_age_s is {self.max_age_s} and last_good_max_age_s "
                f"{self.last_good_max_age_s}; the second may not be the shorter"
            )
            raise ConfigError(msg)


class WeightTable(msgspec.Struct, frozen=True):
    """Weights by model: overall, and by regime where a regime has its own."""

    as_of_ns: UtcNs
    overall: dict[str, float]
    by_regime: dict[str, dict[str, float]]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    timestamp: dt.datetime | float
    overall_weights: dict[str, float]
    regime_weights: dict[str, dict[str, float]]


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DECODER = msgspec.json.Decoder(_File)
_ENCODER = msgspec.json.Encoder(order="deterministic")


def parse(raw: bytes) -> WeightTable | Refuse:
    """Read the file's bytes. Only the form is looked at: see :func:`check`.

    Examples
    --------
    >>> table = parse(b'{"timestamp": 2, "overall_weights": {"x": 1}, "regime_weights": {}}')
    >>> table.as_of_ns, table.overall
    (2000000000, {'x': 1.0})
    >>> parse(b"{}").findings[0].code
    'weights.unreadable'
    """
    try:
        file = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return refuse("weights.unreadable", f"the weights file cannot be read: {error}")
    as_of_ns = _nanoseconds(file.timestamp)
    if as_of_ns is None:
        detail = (
            f"timestamp {file.timestamp}: give a zone, or seconds since 1970 in UTC, of the "
            "years 1678 to 2261"
        )
        return refuse("weights.timestamp", detail)
    return WeightTable(as_of_ns, file.overall_weights, file.regime_weights)


def written(table: WeightTable) -> bytes:
    """Bytes of the file that :func:`parse` reads back, to the microsecond.

    Examples
    --------
    >>> table = WeightTable(UtcNs(2_000_000_000), {"x": 1.0}, {})
    >>> parse(written(table)) == table
    True
    """
    at = _EPOCH + dt.timedelta(microseconds=table.as_of_ns // 1_000)
    return _ENCODER.encode(_File(at, table.overall, table.by_regime))


def check(
    table: WeightTable, members: frozenset[str], rules: WeightChecks, now_ns: UtcNs
) -> Verdict:
    """Whether these weights may be taken for these members, now.

    Names that are not seated are allowed: the ensemble weighs whoever sits at the table
    against each other.

    Examples
    --------
    >>> from stairway.testing import decision as some
    >>> table = WeightTable(UtcNs(0), {"x": 0.5, "y": 0.6}, {})
    >>> check(table, frozenset({"x", "y"}), some.weight_checks(), UtcNs(1)).findings[0].code
    'weights.sum'
    """
    tables = {"overall": table.overall, **table.by_regime}
    return all_of(
        (
            _age(table, rules, now_ns),
            *(
                v
                for name, weights in tables.items()
                for v in _sound(name, weights, members, rules)
            ),
        )
    )


def choose(
    offered: WeightTable | Refuse,
    last_good: WeightTable | None,
    members: frozenset[str],
    rules: WeightChecks,
    now_ns: UtcNs,
) -> WeightsInForce:
    """Take the best weights that are sound, and say what was wrong with better ones.

    Parameters
    ----------
    offered
        As :func:`parse` gave it, or a refusal where there is nothing to offer.

    Examples
    --------
    >>> from stairway.base.verdict import refuse
    >>> from stairway.testing import decision as some
    >>> rules = some.weight_checks()
    >>> nothing = refuse("weights.missing", "there is no weights file")
    >>> chosen = choose(nothing, None, frozenset({"x", "y"}), rules, UtcNs(1))
    >>> chosen.source.value, chosen.overall
    ('static', {'x': 0.5, 'y': 0.5})
    """
    wrong: list[Finding] = []
    patient = msgspec.structs.replace(rules, max_age_s=rules.last_good_max_age_s)
    for source, table, bound in (
        (WeightSource.OFFERED, offered, rules),
        (WeightSource.LAST_GOOD, last_good, patient),
    ):
        if table is None:
            continue
        verdict = table if isinstance(table, Refuse) else check(table, members, bound, now_ns)
        if isinstance(verdict, Pass) and isinstance(table, WeightTable):
            return WeightsInForce(now_ns, source, table.overall, table.by_regime, tuple(wrong))
        wrong.extend(verdict.findings)
    static = _static(members, rules.static)
    return WeightsInForce(now_ns, WeightSource.STATIC, static, {}, tuple(wrong))


def weight_of(weights: WeightsInForce, model: str, regime: str) -> float:
    """Weight of ``model`` in ``regime``; NaN for a stranger, which unseats the quorum.

    Examples
    --------
    >>> table = WeightsInForce(
    ...     UtcNs(1), WeightSource.OFFERED, {"x": 1.0}, {"crisis": {"x": 0.3}}, ()
    ... )
    >>> weight_of(table, "x", "trend"), weight_of(table, "x", "crisis")
    (1.0, 0.3)
    """
    return weights.by_regime.get(regime, weights.overall).get(model, math.nan)


def _nanoseconds(timestamp: dt.datetime | float) -> UtcNs | None:
    if isinstance(timestamp, dt.datetime):
        if timestamp.tzinfo is None:
            return None
        since = timestamp - _EPOCH
        if not abs(since.total_seconds()) <= _FARTHEST_S:
            return None
        seconds = since.days * 86_400 + since.seconds
        return UtcNs(seconds * NS_PER_SECOND + since.microseconds * 1_000)
    near = abs(timestamp) <= _FARTHEST_S  # which no NaN is
    return UtcNs(round(timestamp * NS_PER_SECOND)) if near else None


def _age(table: WeightTable, rules: WeightChecks, now_ns: UtcNs) -> Verdict:
    age_s = (now_ns - table.as_of_ns) / NS_PER_SECOND
    if not age_s >= -rules.max_ahead_s:
        detail = f"the weights are dated {-age_s:g} s in the future"
        return refuse("weights.future", detail, -age_s, rules.max_ahead_s)
    if not age_s <= rules.max_age_s:
        return refuse("weights.age", f"the weights are {age_s:g} s old", age_s, rules.max_age_s)
    return Pass()


def _sound(
    name: str, weights: Mapping[str, float], members: frozenset[str], rules: WeightChecks
) -> Iterator[Verdict]:
    """Every check of one table. A single table of weights is sound as a whole or not."""
    missing = sorted(members - weights.keys())
    if missing or not weights:
        yield refuse("weights.member_missing", f"{name}: no weight for {missing or 'anybody'}")
        return
    sane = all(abs(weight) <= _ABSURD for weight in weights.values())
    total = math.fsum(weights.values()) if sane else math.nan
    if not abs(total - 1.0) <= rules.sum_tolerance + _ROUNDING:
        detail = f"{name}: the weights must be finite and add up to one"
        value = total if math.isfinite(total) else None
        yield refuse("weights.sum", detail, value, 1.0, len(weights))
        return
    n = len(weights)
    lowest = min(weights, key=lambda model: weights[model])
    highest = max(weights, key=lambda model: weights[model])
    floor, cap = min(rules.floor, 1.0 / n), max(rules.cap, rules.cap_even_multiple / n)
    if not weights[lowest] >= floor - _ROUNDING:
        detail = f"{name}: {lowest} weighs too little"
        yield refuse("weights.floor", detail, weights[lowest], floor, n)
    if not weights[highest] <= cap + _ROUNDING:
        detail = f"{name}: {highest} weighs too much"
        yield refuse("weights.cap", detail, weights[highest], cap, n)
    yield Pass()


def _static(members: frozenset[str], listed: Mapping[str, float]) -> dict[str, float]:
    """Give those who are seated their static weights, made to add up to one."""
    known = members <= listed.keys()
    raw = {model: listed[model] if known else 1.0 for model in sorted(members)}
    total = math.fsum(raw.values())
    return {model: weight / total for model, weight in raw.items()}
