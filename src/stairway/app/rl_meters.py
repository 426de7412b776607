"""The figures of a training run, on their way to whoever draws them.

Each seed has a meter of its own, chosen by ``[telemetry] kind`` of the practice file. A
meter never waits and never answers, so it may sit in the middle of training. A file
without the table wants none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from stairway.app import plugins
from stairway.base.errors import ConfigError
from stairway.training.ear import Ear
from stairway.training.journal import CycleReport, SeedCycle
from stairway.training.measured import Rollout
from stairway.training.meter import Meter
from stairway.training.metering import tell

GATE = "training"
"""Name under which the training gate's answers are counted."""


def meters_of(tables: Mapping[str, Any], run: str, seeds: Sequence[int]) -> dict[int, Meter]:
    """Make the meter of each seed.

    Parameters
    ----------
    tables
        Of the practice file.
    run
        Name of the run: first half of what tells its figures from another's.

    Raises
    ------
    ConfigError
        If there is no such kind, or its settings cannot be used.
    """
    table: Mapping[str, Any] = tables.get("telemetry", {"kind": "silent"})
    kind = table.get("kind")
    if not isinstance(kind, str):
        msg = 'practice file: [telemetry] has no kind; say kind = "silent" to send nothing'
        raise ConfigError(msg)
    plugin = plugins.load("telemetry", kind)
    try:
        config = msgspec.convert(table.get(kind, {}), plugin.Config)
    except msgspec.ValidationError as error:
        msg = f"practice file: [telemetry.{kind}]: {error}; see the shipped one for every key"
        raise ConfigError(msg) from error
    return {seed: cast("Meter", plugin.connect(config, f"{run}-{seed}")) for seed in seeds}


class Metered:
    """An ear that tells the meters, and passes everything on."""

    def __init__(
        self, ear: Ear, meters: Mapping[int, Meter], rollout_steps: int, bars_per_session: int
    ) -> None:
        self._ear, self._meters = ear, meters
        self._steps, self._bars = rollout_steps, bars_per_session

    def begin(self, label: str, total: int) -> None:
        """Pass it on."""
        self._ear.begin(label, total)

    def advance(self, done: int) -> None:
        """Pass it on."""
        self._ear.advance(done)

    def rollout(self, rollout: Rollout) -> None:
        """Count it."""
        tell(self._meters[rollout.seed], rollout, self._steps, self._bars)
        self._ear.rollout(rollout)

    def seed_cycle(self, seed_cycle: SeedCycle) -> None:
        """Count the gate's answer."""
        self._meters[seed_cycle.seed].judge(GATE, seed_cycle.gate)
        self._ear.seed_cycle(seed_cycle)

    def cycle(self, report: CycleReport) -> None:
        """Pass it on."""
        self._ear.cycle(report)

    def close(self) -> None:
        """End all meters; each sends what it has, for a short time."""
        for meter in self._meters.values():
            meter.close()
