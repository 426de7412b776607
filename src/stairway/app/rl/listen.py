"""Have a policy trained in a process of its own, and listen. Imports no training library."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from stairway.app.child import Child
from stairway.app.rl.folder import RlFolder, kept_at, open_practice, read_encoded
from stairway.app.rl.outcome import read_result
from stairway.base.errors import DataError
from stairway.base.verdict import Refuse
from stairway.training.checkpoint import read_record
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


def make_reference(folder: RlFolder, ear: Ear) -> Path:
    """Have the reference made that a training in ``folder`` would start from, or found.

    Returns
    -------
    Path
        Where it is kept for every training on these bars under these settings.

    Raises
    ------
    StairwayError
        What the process said was wrong, in its own words.
    """
    _work(folder, ear, "gold")
    _, ask = open_practice(folder.root)
    encoded = read_encoded(folder.gold, "the reference", "make it again")
    record = read_record(encoded.record)
    if isinstance(record, Refuse):
        raise DataError(record.findings[0].detail)
    return kept_at(Path(ask.gold), record.identity).parent


def _work(folder: RlFolder, ear: Ear, *more: str) -> None:
    def hear(line: dict[str, Any]) -> None:
        if "rollout" in line:
            ear.rollout(_told(line["rollout"], Rollout))
        elif "seed_cycle" in line:
            ear.seed_cycle(_told(line["seed_cycle"], SeedCycle))
        elif "cycle" in line:
            ear.cycle(_told(line["cycle"], CycleReport))
        elif "note" in line:
            ear.note(line["note"])

    with Child("rl", folder.root, *more) as child:
        child.listen(ear, hear=hear)


def _told(said: dict[str, Any], kind: type[Said]) -> Said:
    return msgspec.convert(said, kind)
