"""What a training run is asked for, and its folder made ready. Imports no training library.

``practice.json`` and ``bars.npz`` are written before anything is trained; whoever finds
them can finish the run without asking again (:mod:`stairway.app.rl`).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from stairway.app import folder as folders
from stairway.app import settings as policies
from stairway.app.environment import overrides
from stairway.app.progress import Progress
from stairway.app.request import RUNS, read_source, source_name
from stairway.app.rl.folder import Ask, RlFolder
from stairway.app.rl.rules import SHIPPED, load
from stairway.base.errors import ConfigError
from stairway.market.align import align
from stairway.training.journal import LAYOUT

GOLD = RUNS / "gold"
"""Where references are kept, by data and settings."""

_SEEDS, _MOST_SEEDS = 2**31, 64


@dataclass(frozen=True, slots=True)
class RlRequest:
    """Everything a person may say to ``stairway train rl``.

    Attributes
    ----------
    source, policy
        As of ``stairway run``: where bars are, and how they are read.
    practice
        ``practice``, or the path of a practice file.
    seeds
        Numbers of the seeds; each once.
    out
        Folder for the run; it must be new.
    gold
        Folder in which references are kept.
    """

    source: str = "sample"
    policy: str = "daily"
    practice: str = SHIPPED
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    out: Path | None = None
    gold: Path = GOLD

    def __post_init__(self) -> None:
        good = 1 <= len(self.seeds) <= _MOST_SEEDS and len(set(self.seeds)) == len(self.seeds)
        if not (good and all(0 <= seed < _SEEDS for seed in self.seeds)):
            msg = (
                f"seeds are {self.seeds}; give 1 to {_MOST_SEEDS} different whole numbers "
                f"from 0, below {_SEEDS}"
            )
            raise ConfigError(msg)


def next_folder(source: str) -> Path:
    """Folder for a training run whose ``--out`` was not said: the first that is free."""
    name, number = source_name(source), 1
    while (RUNS / "rl" / f"{name}-{number}").exists():
        number += 1
    return RUNS / "rl" / f"{name}-{number}"


def prepare(request: RlRequest, progress: Progress) -> RlFolder:
    """Read bars and settings, and make the folder of a new run.

    Raises
    ------
    ConfigError
        If the folder holds something, or settings or source cannot be used.
    DataError
        If the bars cannot be used.
    """
    settings = policies.load(request.policy, overrides())
    _, tables = load(request.practice, settings.session.kind)
    raw, options = read_source(request.source)
    progress.begin("reading bars", 1)
    bars, report = align(raw, settings.bars, settings.session)
    progress.advance(1)
    root = request.out or next_folder(request.source)
    made = folders.create(root)
    folders.write_bars(made, bars)
    ask = Ask(
        layout=LAYOUT,
        version=version("stairway"),
        source=request.source,
        source_options=options,
        policy_name=request.policy,
        policy=policies.plain(settings),
        practice_name=request.practice,
        practice=tables,
        seeds=tuple(sorted(request.seeds)),
        gold=str(request.gold.absolute()),
        instruments=tuple(msgspec.to_builtins(i) for i in bars.instruments),
        data_report=report,
        bars_fingerprint=bars.fingerprint,
    )
    folder = RlFolder(root)
    folders.write_json(folder.ask, ask)
    return folder
