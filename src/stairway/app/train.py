"""Have the models trained: start the trainer's process, listen, and read what it left."""

from __future__ import annotations

import msgspec

from stairway.app.child import Child
from stairway.app.folder import Ask, RunFolder, write_json
from stairway.app.plain_file import read_plain
from stairway.app.progress import Progress
from stairway.base.errors import DataError
from stairway.training.report import TrainingReport

FAMILIES = ("lightgbm", "xgboost")
"""Trees that every run grows."""

CANDIDATES = (*FAMILIES, "policy")
"""The same, and a policy where one is to be taught, or to be taken as it was trained."""


def train(folder: RunFolder, ask: Ask, n_bars: int, progress: Progress) -> TrainingReport:
    """Train in a process of its own, unless it was done before; return what was found.

    Raises
    ------
    StairwayError
        What the trainer said was wrong, in its own words.
    """
    if not folder.training.exists():
        if folder.log.exists():
            msg = (
                f"{folder.training} is gone, though the climb has begun: training again would "
                "throw the run's models away; restore the file, or start a new run"
            )
            raise DataError(msg)
        job = folder.root / "job.json"
        write_json(
            job,
            {
                "root": str(folder.root),
                "n_bars": n_bars,
                "instruments": ask.instruments,
                "policy": ask.policy,
                "families": CANDIDATES if ask.practice or ask.practised else FAMILIES,
                "drill": ask.plan is not None,
                "seed": ask.seed,
                "practice": ask.practice,
                "practised": ask.practised,
            },
        )
        with Child("trainer", job) as trainer:
            trainer.listen(progress)
    return read_report(folder)


def read_report(folder: RunFolder) -> TrainingReport:
    """Read what the trainer found out.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        return msgspec.json.decode(read_plain(folder.training), type=TrainingReport)
    except (OSError, ValueError) as error:
        msg = f"{folder.training} cannot be read ({error}); start a new run with another --out"
        raise DataError(msg) from error
