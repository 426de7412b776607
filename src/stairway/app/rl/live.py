"""What a training run has to show while it lasts: one file, and whoever else listens."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import msgspec

from stairway.app.plain_file import open_anew
from stairway.app.rl.folder import RlFolder
from stairway.training.ear import Ear
from stairway.training.journal import CycleReport, PracticeResult, SeedCycle
from stairway.training.measured import Rollout


class Stopped(Exception):  # noqa: N818 - not a fault: somebody asked for it
    """The run was asked to stop; what was kept so far is whole."""


class Live:
    """Writes ``live.json`` after each roll-out, and passes everything on.

    It is replaced whole and never waited for: it is a picture, and no record. So where it
    cannot be written training goes on, and says so once.

    Where ``stop`` is set, whatever is heard next ends with :class:`Stopped`: that is the
    next roll-out of each seed, and the next seed that is judged.
    """

    def __init__(
        self, folder: RlFolder, so_far: Callable[[], PracticeResult], ear: Ear, stop: Event
    ) -> None:
        self._folder, self._so_far, self._ear, self._stop = folder, so_far, ear, stop
        self._said = False

    def begin(self, label: str, total: int) -> None:
        """Pass it on, unless the run is to stop."""
        self._go_on()
        self._ear.begin(label, total)

    def advance(self, done: int) -> None:
        """Pass it on, unless the run is to stop."""
        self._go_on()
        self._ear.advance(done)

    def rollout(self, rollout: Rollout) -> None:
        """Show it, unless the run is to stop."""
        self._go_on()
        self._ear.rollout(rollout)
        self._show()

    def seed_cycle(self, seed_cycle: SeedCycle) -> None:
        """Pass it on."""
        self._ear.seed_cycle(seed_cycle)

    def cycle(self, report: CycleReport) -> None:
        """Show it."""
        self._ear.cycle(report)
        self._show()

    def note(self, line: str) -> None:
        """Pass it on."""
        self._ear.note(line)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _show(self) -> None:
        beside = self._folder.live.with_name(".live.json.new")
        try:
            with open_anew(beside) as file:
                file.write(msgspec.json.encode(self._so_far()))
            beside.replace(self._folder.live)
        except OSError as error:
            if not self._said:
                why = error.strerror or error
                self._ear.note(
                    f"{self._folder.live} cannot be written ({why}); training goes on without "
                    "it, and nothing that counts is lost"
                )
            self._said = True
