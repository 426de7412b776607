"""The figures of a training run, on their way to whoever draws them.

Each seed has a meter of its own, chosen by ``[telemetry] kind`` of the practice file. A
meter never waits and never answers, so it may sit in the middle of training. A file
without the table wants none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from stairway.app.rl.rules import telemetry_of
from stairway.base.hashing import content_hash
from stairway.training.ear import Ear
from stairway.training.journal import CycleReport, SeedCycle
from stairway.training.measured import Rollout
from stairway.training.meter import Meter, Unsent, tell

GATE = "training"
"""Name under which the training gate's answers are counted."""


_MARK = 8
"""Characters of the hash that tells two folders of one name apart."""


def meters_of(
    tables: Mapping[str, Any], folder: Path, seeds: Sequence[int]
) -> dict[int, Meter]:
    """Make the meter of each seed.

    Parameters
    ----------
    tables
        Of the practice file.
    folder
        Of the run. Its name and a hash of where it lies tell the run's figures from those
        of any other, so that two runs of one name do not overwrite each other.

    Raises
    ------
    ConfigError
        If there is no such kind, or its settings cannot be used.
    """
    plugin, config = telemetry_of(tables, "practice")
    run = run_name(folder)
    return {seed: cast("Meter", plugin.connect(config, f"{run}-{seed}")) for seed in seeds}


def run_name(folder: Path) -> str:
    """Name a run as its figures do: its folder's name, and a short hash of where that lies.

    Examples
    --------
    >>> run_name(Path("/runs/a")), run_name(Path("/other/runs/a")) != run_name(Path("/runs/a"))
    ('a-53911322', True)
    """
    whole = folder.resolve()
    return f"{whole.name}-{content_hash(str(whole))[:_MARK]}"


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

    def note(self, line: str) -> None:
        """Pass it on."""
        self._ear.note(line)

    def close(self) -> None:
        """End all meters, which send what they have side by side, for a short time.

        What could not be sent is said in a line, and stands in no result: that is the same
        whoever listened.
        """
        for meter in self._meters.values():
            meter.ask_to_close()
        for meter in self._meters.values():
            meter.close()
        line = unsent_line([meter.unsent() for meter in self._meters.values()])
        if line:
            self._ear.note(line)


def unsent_line(told: Sequence[Unsent | None]) -> str:
    """Say in one line what the meters of all seeds could not send; empty where nothing.

    Examples
    --------
    >>> unsent_line([None, Unsent(3, "http://x:1", "connection refused")])
    'telemetry: 3 pushes to http://x:1 failed (connection refused); training did not wait'
    """
    missed = [one for one in told if one is not None]
    if not missed:
        return ""
    failed, last = sum(one.failed for one in missed), missed[-1]
    pushes = "push" if failed == 1 else "pushes"
    return (
        f"telemetry: {failed:,} {pushes} to {last.where} failed ({last.why}); training did not "
        "wait"
    )
