"""A meter that tells nobody: for runs that no one watches."""

from __future__ import annotations

from stairway.base import config as base
from stairway.base.verdict import Verdict
from stairway.simulation.health import Health
from stairway.training.meter import Batch, Unsent


class Config(base.Config, frozen=True, kw_only=True):
    """There is nothing to set."""


def connect(config: Config, instance: str) -> Silent:  # noqa: ARG001 - as every meter
    """Return the meter of one seed."""
    return Silent()


def rehearsal() -> Config:
    """Return settings under which the meter contract can run with nothing outside."""
    return Config()


class Silent:
    """Meets :class:`stairway.training.meter.Meter`, and forgets what it hears."""

    def record(self, batch: Batch) -> None:
        """Forget it."""

    def judge(self, gate: str, verdict: Verdict) -> None:
        """Forget it."""

    def feel(self, health: Health) -> None:
        """Forget it."""

    def ask_to_close(self) -> None:
        """There is nothing to send."""

    def close(self) -> None:
        """There is nothing to send."""

    def unsent(self) -> Unsent | None:
        """There is nothing to send."""
        return None
