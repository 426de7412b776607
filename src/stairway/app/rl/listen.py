"""Have a policy trained in a process of its own, and listen. Imports no training library.

Its folder is made by a process of its own, too: this one waits as long as training lasts, and
what reads and joins bars would lie in memory beside it all the while.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import msgspec

from stairway.app.child import Child
from stairway.app.progress import Progress
from stairway.app.rl.ask import RlRequest, open_practice
from stairway.app.rl.folder import (
    RlFolder,
    kept_at,
    read_encoded,
)
from stairway.app.rl.outcome import read_result
from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Refuse
from stairway.training.checkpoint import read_record
from stairway.training.ear import Ear
from stairway.training.journal import CycleReport, PracticeResult, SeedCycle
from stairway.training.measured import Rollout

Said = TypeVar("Said")


def prepared(request: RlRequest, progress: Progress) -> RlFolder:
    """Have a folder made as ``rl.request.prepare`` makes it, by a process of its own.

    Raises
    ------
    StairwayError
        What the process said was wrong, in its own words.
    """
    made: list[str] = []

    def hear(line: dict[str, Any]) -> None:
        made.append(line["made"])

    asked = msgspec.json.encode(request, enc_hook=str).decode()
    with Child("request", asked) as child:
        child.listen(progress, hear=hear)
    return RlFolder(Path(made[-1]))


@contextmanager
def passing(request: RlRequest, progress: Progress) -> Generator[RlFolder]:
    """Make a folder that is gone afterwards: for a reference, which is kept elsewhere.

    Raises
    ------
    ConfigError, DataError
        As ``rl.request.prepare``; also where a folder was named that would be gone.
    """
    if request.out is not None:
        msg = f"--out {request.out} is for a run, and --gold leaves none; leave --out away"
        raise ConfigError(msg)
    with TemporaryDirectory(prefix="stairway-") as place:
        yield prepared(replace(request, out=Path(place) / "run"), progress)


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

    # The process can say nothing before it has loaded what it is made of.
    ear.begin("loading the training library", 1)
    with Child("rl", folder.root, *more) as child:
        child.listen(ear, hear=hear)


def _told(said: dict[str, Any], kind: type[Said]) -> Said:
    return msgspec.convert(said, kind)
