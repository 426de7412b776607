"""For tests of practice: who hears nothing, and who does one seed after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stairway.training.ear import Result
from stairway.training.journal import CycleReport, SeedCycle
from stairway.training.measured import Rollout


class Deaf:
    """Hears nothing."""

    def begin(self, label: str, total: int) -> None:
        """Ignore it."""

    def advance(self, done: int) -> None:
        """Ignore it."""

    def rollout(self, rollout: Rollout) -> None:
        """Ignore it."""

    def seed_cycle(self, seed_cycle: SeedCycle) -> None:
        """Ignore it."""

    def cycle(self, report: CycleReport) -> None:
        """Ignore it."""

    def note(self, line: str) -> None:
        """Ignore it."""


def one_by_one(work: Callable[[int], Result], seeds: Sequence[int]) -> list[Result]:
    """Do it in the order of the seeds.

    Examples
    --------
    >>> one_by_one(lambda seed: seed + 1, [3, 1])
    [4, 2]
    """
    return [work(seed) for seed in seeds]
