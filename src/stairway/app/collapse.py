"""A member that dies in mid-run without a word: it goes on answering, always the same."""

from __future__ import annotations

from dataclasses import dataclass

from stairway.app.folder import Plan
from stairway.base.arrays import FloatArray
from stairway.models.ports import ModelCard, Runtime

_CAP = 0.75
_ITS_LOG_ODDS = 1.0986122886681098


@dataclass(frozen=True, slots=True)
class Capped:
    """A runtime that answers 0.75 to everything, under the name of the one that died."""

    card: ModelCard

    def predict(self, row: FloatArray, regime: str) -> tuple[float, float]:
        """Only seem to answer."""
        del row, regime
        return _ITS_LOG_ODDS, _CAP


@dataclass(frozen=True, slots=True)
class Collapse:
    """Puts the dead one in the place of the living from a bar on."""

    plan: Plan | None

    def __call__(self, index: int, runtime: Runtime) -> Runtime:
        """Return who answers at bar ``index``."""
        plan = self.plan
        if plan is None or runtime.card.model != plan.collapse_model:
            return runtime
        return Capped(runtime.card) if index >= plan.collapse_index else runtime
