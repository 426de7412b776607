"""Have a policy trained in a process of its own, and listen. Imports no training library."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from stairway.app.child import Child
from stairway.app.rl.folder import RlFolder, read_result
from stairway.training.ear import Ear
from stairway.training.journal import CycleReport, PracticeResult, SeedCycle
from stairway.training.measured import Rollout

Said = TypeVar("Said")


def practise(folder: RlFolder, ear: Ear) -> PracticeResult:
    """Begin or finish the training in ``folder``; return what came of it.

    A run that is over is read and not done again. Leaving this by Ctrl-C ends the process;
    what it kept so far is whole.

    Raises
    ------
    StairwayError
        What the process said was wrong, in its own words.
    """
    if not folder.result.exists():
        _work(folder, ear)
    return read_result(folder)


def make_reference(folder: RlFolder, ear: Ear) -> None:
    """Have the reference made that a training in ``folder`` would start from, or found."""
    _work(folder, ear, "gold")


def _work(folder: RlFolder, ear: Ear, *more: str) -> None:
    def hear(line: dict[str, Any]) -> None:
        if "rollout" in line:
            ear.rollout(_told(line["rollout"], Rollout))
        elif "seed_cycle" in line:
            ear.seed_cycle(_told(line["seed_cycle"], SeedCycle))
        elif "cycle" in line:
            ear.cycle(_told(line["cycle"], CycleReport))

    with Child("rl", folder.root, *more) as child:
        child.listen(ear, hear=hear)


def _told(said: dict[str, Any], kind: type[Said]) -> Said:
    return msgspec.convert(said, kind)
