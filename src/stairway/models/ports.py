"""What belief needs from the outside world."""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

import msgspec

from stairway.base.arrays import FloatArray


class ModelCard(msgspec.Struct, frozen=True):
    """Who a runtime speaks for.

    Attributes
    ----------
    model, version, digest
        Slot name, label, and SHA-256 of the sealed manifest.
    schema_hash
        Hash of the feature names and order that it was trained on.
    """

    model: str
    version: str
    digest: str
    schema_hash: str


class ModelRuntime(Protocol):
    """A loaded model, ready to answer.

    Promises
    --------
    - ``predict`` has no effect and depends on its arguments alone.
    - It never substitutes a constant for an answer: what cannot be computed comes back
      as NaN and is excluded by the caller.

    ``stairway.testing.RuntimeContract`` checks them.
    """

    @property
    def card(self) -> ModelCard:
        """Return who this is."""
        ...

    def predict(self, row: FloatArray, regime: str) -> tuple[float, float]:
        """Return (raw margin, calibrated probability of the upper barrier).

        Parameters
        ----------
        row : (n_features,) float64
            One instrument's features, in the order of the schema.
        regime
            ``trend``, ``range`` or ``crisis``: chooses the calibration map.
        """
        ...


@runtime_checkable
class PairRuntime(Protocol):
    """A loaded model that looks at both instruments at once, such as a policy.

    It promises what :class:`ModelRuntime` promises; what it says of either instrument may
    depend on both rows, so a hole in one of them leaves no answer about any.

    ``stairway.testing.PairRuntimeContract`` checks them.
    """

    @property
    def card(self) -> ModelCard:
        """Return who this is."""
        ...

    def predict_pair(
        self, rows: FloatArray, regime: str
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return (raw margin, calibrated probability of the upper barrier), for each.

        Parameters
        ----------
        rows : (2, n_features) float64
            Both instruments' features, in their order and in the order of the schema.
        regime
            ``trend``, ``range`` or ``crisis``: chooses the calibration map.
        """
        ...


Runtime: TypeAlias = ModelRuntime | PairRuntime
"""Whoever answers, about one instrument or about both."""
