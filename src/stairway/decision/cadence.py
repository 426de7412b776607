"""When the members are weighed anew.

Often where much may have changed: at once on news, after ten predictions in high
volatility, after twenty in high disagreement, else after two hundred (all of them
settings). Where several apply, the fastest.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.config import Config

Predictions = Annotated[int, Meta(ge=1, le=10**9)]

AT_ONCE = 1


class CadenceRules(Config, frozen=True, kw_only=True):
    """How many predictions pass between two weighings.

    Attributes
    ----------
    calm_predictions
        Where nothing else applies.
    volatile_predictions, volatile_ratio
        While volatility over its historical value is at least this ratio.
    divided_predictions, divided_dispersion
        While the members' dispersion is above this.
    """

    calm_predictions: Predictions
    volatile_predictions: Predictions
    volatile_ratio: Annotated[float, Meta(gt=0.0, le=100.0)]
    divided_predictions: Predictions
    divided_dispersion: Annotated[float, Meta(gt=0.0, le=0.5)]


class Weather(msgspec.Struct, frozen=True):
    """What the pace depends on. NaN counts as stormy: not knowing is no calm.

    Attributes
    ----------
    volatility_ratio
        Present volatility over its historical value.
    dispersion
        Of the members' probabilities; ``None`` where fewer than one answered.
    news
        A news flag was raised since the last prediction.
    """

    volatility_ratio: float
    dispersion: float | None
    news: bool


class Pace(msgspec.Struct, frozen=True):
    """Predictions since the members were last weighed."""

    predictions: int = 0


def interval(weather: Weather, rules: CadenceRules) -> int:
    """Predictions that may pass between two weighings, in this weather.

    Examples
    --------
    >>> rules = CadenceRules(
    ...     calm_predictions=200, volatile_predictions=10, volatile_ratio=1.5,
    ...     divided_predictions=20, divided_dispersion=0.15,
    ... )
    >>> interval(Weather(1.0, 0.0, news=False), rules)
    200
    >>> interval(Weather(2.0, 0.2, news=False), rules)
    10
    >>> interval(Weather(1.0, 0.0, news=True), rules)
    1
    """
    paces = [rules.calm_predictions]
    if weather.news:
        paces.append(AT_ONCE)
    if not weather.volatility_ratio < rules.volatile_ratio:
        paces.append(rules.volatile_predictions)
    if weather.dispersion is not None and not weather.dispersion <= rules.divided_dispersion:
        paces.append(rules.divided_predictions)
    return min(paces)


def predicted(pace: Pace, weather: Weather, rules: CadenceRules) -> tuple[Pace, bool]:
    """Count one prediction; true where the members are to be weighed now.

    Examples
    --------
    >>> rules = CadenceRules(
    ...     calm_predictions=2, volatile_predictions=1, volatile_ratio=1.5,
    ...     divided_predictions=1, divided_dispersion=0.15,
    ... )
    >>> calm = Weather(1.0, 0.0, news=False)
    >>> pace, due = predicted(Pace(), calm, rules)
    >>> pace.predictions, due
    (1, False)
    >>> predicted(pace, calm, rules)
    (Pace(predictions=0), True)
    """
    count = pace.predictions + 1
    due = count >= interval(weather, rules)
    return (Pace() if due else Pace(count)), due
