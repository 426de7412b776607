"""What a training run is asked for, and its folder made ready. Imports no training library.

``practice.json`` and ``bars.npz`` are written before anything is trained; whoever finds
them can finish the run without asking again (:mod:`stairway.app.rl`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from stairway.app import caches
from stairway.app import folder as folders
from stairway.app import settings as policies
from stairway.app.environment import overrides
from stairway.app.progress import Progress
from stairway.app.request import RUNS, read_source, source_name
from stairway.app.rl.folder import Ask, RlFolder, require_seeds
from stairway.app.rl.rules import SHIPPED, decode, load, require_telemetry
from stairway.base.errors import ConfigError, DataError
from stairway.market.align import align
from stairway.market.instrument import Instrument
from stairway.training.journal import LAYOUT
from stairway.training.practice_rules import PracticeRules


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
        Folder in which references are kept; ``None`` is that of the person who asks
        (:mod:`stairway.app.caches`).
    """

    source: str = "sample"
    policy: str = "daily"
    practice: str = SHIPPED
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    out: Path | None = None
    gold: Path | None = None

    def __post_init__(self) -> None:
        require_seeds(self.seeds)


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
    gold = caches.golds() if request.gold is None else request.gold.absolute()
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
        gold=str(gold),
        instruments=tuple(msgspec.to_builtins(i) for i in bars.instruments),
        data_report=report,
        bars_fingerprint=bars.fingerprint,
    )
    folder = RlFolder(root)
    folders.write_json(folder.ask, ask)
    return folder


@dataclass(frozen=True, slots=True)
class Understood:
    """What was asked for, with every part of it read as what it is."""

    pair: tuple[Instrument, Instrument]
    settings: policies.Settings
    rules: PracticeRules


def understood(folder: RlFolder, ask: Ask) -> Understood:
    """Read what was asked for before anything is done with it.

    Raises
    ------
    DataError
        If a part of it cannot be what it should be; names the file and the part.
    """
    try:
        first, second = (msgspec.convert(one, Instrument) for one in ask.instruments)
        settings = policies.decode(ask.policy, ask.policy_name)
        rules = decode(ask.practice, settings.session.kind, ask.practice_name)
        require_telemetry(ask.practice, ask.practice_name)
    except (ConfigError, ValueError, TypeError, KeyError, AttributeError) as error:
        msg = f"{folder.ask} cannot be used ({error}); restore it or start a new run"
        raise DataError(msg) from error
    return Understood((first, second), settings, rules)


@contextmanager
def passing(request: RlRequest, progress: Progress) -> Generator[RlFolder]:
    """Make a folder that is gone afterwards: for a reference, which is kept elsewhere.

    Raises
    ------
    ConfigError, DataError
        As :func:`prepare`; also where a folder was named that would be gone.
    """
    if request.out is not None:
        msg = f"--out {request.out} is for a run, and --gold leaves none; leave --out away"
        raise ConfigError(msg)
    with TemporaryDirectory(prefix="stairway-") as place:
        yield prepare(replace(request, out=Path(place) / "run"), progress)
