"""Everything that a model or a rule of ours may be told, as named columns.

This is what the causality prover is run on before anything is trained: the very
functions that training and trading call, and not a copy of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from stairway.base.arrays import FloatArray
from stairway.features import engine, regime
from stairway.features.regime import Regime, RegimeRules
from stairway.features.spec import FEATURE_NAMES, FeatureRules
from stairway.features.weather import kernels
from stairway.market.bars import PairBar, PairBars

REGIME_NAMES = ("score", "label", "momentum", "volatility_ratio", "divergence_z", "correlation")
"""Outputs of the detector, in the order of its table."""


class PipelineRules(Protocol):
    """Rules of both halves; ``trader.observe.WatchRules`` is one."""

    @property
    def features(self) -> FeatureRules:
        """Windows of the features."""
        ...

    @property
    def regime(self) -> RegimeRules:
        """Windows and bounds of the detector."""
        ...


def columns(bars: PairBars, rules: PipelineRules) -> Mapping[str, FloatArray]:
    """All 24 features and the outputs of the regime detector, (n,) each.

    Names are ``SYMBOL.feature`` and ``regime.output``; ``regime.label`` holds the label's
    place in ``regime.LABELS``.
    """
    features = engine.batch(bars, rules.features)
    table = regime.batch(bars, rules.regime).table
    named = {
        name: features[:, k, j]
        for k in range(2)
        for j, name in enumerate(_feature_names(bars.symbols[k]))
    }
    places = range(kernels.WARM)
    return named | {
        f"regime.{name}": table[:, j] for j, name in zip(places, REGIME_NAMES, strict=True)
    }


def stream(
    bars: Iterable[PairBar], symbols: tuple[str, str], rules: PipelineRules
) -> Iterator[Mapping[str, float]]:
    """Yield the same columns bar by bar, each before the next bar is looked at."""
    features, weather = engine.start(rules.features), regime.start(rules.regime)
    names = (_feature_names(symbols[0]), _feature_names(symbols[1]))
    for bar in bars:
        features, rows = engine.step(features, bar)
        weather, now = regime.step(weather, bar)
        told = {
            name: float(value)
            for k in range(2)
            for name, value in zip(names[k], rows[k], strict=True)
        }
        yield told | _regime_values(now)


def _feature_names(symbol: str) -> tuple[str, ...]:
    return tuple(f"{symbol}.{name}" for name in FEATURE_NAMES)


def _regime_values(now: Regime) -> dict[str, float]:
    return {
        "regime.score": now.score,
        "regime.label": float(regime.LABELS.index(now.label)),
        "regime.momentum": now.momentum,
        "regime.volatility_ratio": now.volatility_ratio,
        "regime.divergence_z": now.divergence_z,
        "regime.correlation": now.correlation,
    }
