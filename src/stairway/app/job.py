"""What the trainer is told: one file, and the bars that it speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from stairway.app.folder import RunFolder, load_bars
from stairway.app.practised import PractisedRun, TeachingAsked
from stairway.base.errors import ConfigError, DataError
from stairway.market.bars import PairBars
from stairway.market.instrument import Instrument
from stairway.models.manifest import Family


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to train, on what, and where to leave it.

    Attributes
    ----------
    root
        Folder of the run, with ``bars.npz`` in it.
    n_bars
        Train on the first so many bars; the others are not looked at.
    instruments
        First and second, as in the run's own record.
    policy
        All sections of the policy, as plain data.
    families
        Candidates to make.
    drill
        True: offer the leaking pipeline as well.
    seed
        Of trees, policies, parity rows, prover, and back-test.
    practice
        How policies are taught; needed where one is among the families ...
    practised
        ... unless one is taken from the training run named here.
    """

    root: str
    n_bars: int
    instruments: tuple[Instrument, Instrument]
    policy: dict[str, Any]
    families: tuple[Family, ...]
    drill: bool
    seed: int
    practice: TeachingAsked | None = None
    practised: PractisedRun | None = None


def read_bars(job: Job) -> PairBars:
    """Read the bars that training may see, and no others.

    Raises
    ------
    DataError
        If the file is missing, damaged, or shorter than the job says.
    """
    folder = RunFolder(Path(job.root))
    bars = load_bars(folder, job.instruments)
    held, bars = len(bars), bars.part(0, job.n_bars)
    if not 0 < len(bars) == job.n_bars:
        msg = f"{folder.bars} holds {held} bars, but the job trains on the first {job.n_bars}"
        raise DataError(msg)
    return bars


def read_job(arguments: Sequence[str]) -> Job:
    """Read the job named on the command line.

    Raises
    ------
    ConfigError
        If there is none, or it cannot be understood.
    """
    if len(arguments) != 1:
        msg = f"usage: python -m stairway.app.trainer JOB.json; got {len(arguments)} arguments"
        raise ConfigError(msg)
    try:
        return msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Job)
    except (OSError, msgspec.MsgspecError) as error:
        msg = f"{arguments[0]} is no training job: {error}"
        raise ConfigError(msg) from error
