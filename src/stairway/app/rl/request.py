"""What a training run is asked for, and its folder made ready. Imports no training library.

``practice.json`` and ``bars.npz`` are written before anything is trained; whoever finds
them can finish the run without asking again (:mod:`stairway.app.rl`).

``python -m stairway.app.ward request JSON`` does it in a process of its own
(:func:`stairway.app.rl.listen.prepared`): the bars, and all that reads and joins them, are
gone from memory before training begins. It says its progress as JSON lines, and last
``{"made": FOLDER}``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from stairway.app import caches
from stairway.app import folder as folders
from stairway.app import settings as policies
from stairway.app.environment import overrides
from stairway.app.lines import Lines, say_error
from stairway.app.progress import Progress
from stairway.app.request import RUNS, read_source, source_name
from stairway.app.rl.ask import Ask, RlRequest, unusable
from stairway.app.rl.folder import RlFolder
from stairway.app.rl.rules import decode, load, require_telemetry
from stairway.base.errors import ConfigError, StairwayError
from stairway.market.align import align
from stairway.market.instrument import Instrument
from stairway.training.journal import LAYOUT
from stairway.training.practice_rules import PracticeRules


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
        first, second = _pair(ask)
        settings = policies.decode(ask.policy, ask.policy_name)
        rules = decode(ask.practice, settings.session.kind, ask.practice_name)
        require_telemetry(ask.practice, ask.practice_name)
    except (ConfigError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise unusable(folder, error) from error
    return Understood((first, second), settings, rules)


def _pair(ask: Ask) -> tuple[Instrument, Instrument]:
    match ask.instruments:
        case (first, second):
            return msgspec.convert(first, Instrument), msgspec.convert(second, Instrument)
        case others:
            msg = f"{len(others)} instruments, where there must be two"
            raise ConfigError(msg)


def main(arguments: Sequence[str]) -> int:
    """Prepare what is asked for as JSON, and say where it lies."""
    try:
        asked = msgspec.json.decode(arguments[0], type=RlRequest, dec_hook=_of_kind)
        folder = prepare(asked, Lines())
    except StairwayError as error:
        say_error(error)
        return 1
    sys.stdout.write(msgspec.json.encode({"made": str(folder.root)}).decode() + "\n")
    return 0


def _of_kind(kind: type[Any], said: Any) -> Any:
    return kind(said)
