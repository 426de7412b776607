"""How a training run is asked for, and ``practice.json``, which says how one was.

That file is written first, and it is what makes a folder a training run: whoever finds it can
finish the run without asking again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from stairway.app import folder as folders
from stairway.app.plain_file import read_plain
from stairway.app.rl.folder import RlFolder
from stairway.app.rl.rules import SHIPPED, decode
from stairway.base.errors import ConfigError, DataError
from stairway.market.facts import DataReport
from stairway.training.journal import LAYOUT

MOST_SEEDS = 64
_SEEDS = 2**31


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


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a training run was asked for: enough to resume it without asking again."""

    layout: int
    version: str
    source: str
    source_options: dict[str, Any]
    policy_name: str
    policy: dict[str, Any]
    practice_name: str
    practice: dict[str, Any]
    seeds: tuple[int, ...]
    gold: str
    instruments: tuple[dict[str, Any], ...]
    data_report: DataReport
    bars_fingerprint: str


def require_seeds(seeds: Sequence[int]) -> None:
    """Refuse seeds that cannot run side by side.

    Raises
    ------
    ConfigError
        If there are none or too many, one is there twice, or one is out of range.

    Examples
    --------
    >>> require_seeds((1, 2))
    """
    good = 1 <= len(seeds) <= MOST_SEEDS and len(set(seeds)) == len(seeds)
    if not (good and all(0 <= seed < _SEEDS for seed in seeds)):
        msg = (
            f"seeds are {tuple(seeds)}; give 1 to {MOST_SEEDS} different whole numbers "
            f"from 0, below {_SEEDS}"
        )
        raise ConfigError(msg)


def open_practice(root: Path) -> tuple[RlFolder, Ask]:
    """Open the folder of an earlier training run.

    Raises
    ------
    ConfigError
        If it is not there, is of another layout, or was begun by another version of the
        program and is not finished: it would not come to what it would have come to.
    DataError
        If what it says about itself cannot be read, or cannot be.
    """
    folder = RlFolder(root)
    if not folder.ask.is_file():
        raise ConfigError(_no_training(root))
    try:
        content = read_plain(folder.ask)
        said = msgspec.json.decode(content)
        layout, begun_by, here = said.get("layout"), said.get("version"), version("stairway")
        if layout != LAYOUT:
            msg = (
                f"{root} has layout {layout!r} and this version reads {LAYOUT}; use the "
                "version of stairway that wrote it"
            )
            raise ConfigError(msg)
        if isinstance(begun_by, str) and begun_by != here and not folder.result.exists():
            msg = (
                f"{root} was begun by stairway {begun_by} and this is {here}, which may train "
                "otherwise; finish it with that version, or start a new run"
            )
            raise ConfigError(msg)
        ask = msgspec.json.decode(content, type=Ask)
    except (msgspec.MsgspecError, AttributeError, ValueError, OSError, RecursionError) as error:
        msg = f"{folder.ask} cannot be read ({error}); restore it or start a new run"
        raise DataError(msg) from error
    try:
        require_seeds(ask.seeds)
        _require_place(ask.gold)
    except ConfigError as error:
        msg = f"{folder.ask} cannot be used ({error}); restore it or start a new run"
        raise DataError(msg) from error
    return folder, ask


def reference_steps(folder: RlFolder, ask: Ask) -> int:
    """Say how many steps the reference takes before the seeds begin.

    Raises
    ------
    DataError
        If the settings that were asked for cannot be read.
    """
    try:
        kind = ask.policy["session"]["kind"]
        return decode(ask.practice, kind, ask.practice_name).gold.steps
    except (ConfigError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise unusable(folder, error) from error


def unusable(folder: RlFolder, error: Exception) -> DataError:
    """Say that ``practice.json`` cannot be used, and why."""
    why = f"there is no {error}" if isinstance(error, KeyError) else error
    return DataError(f"{folder.ask} cannot be used ({why}); restore it or start a new run")


def _require_place(gold: str) -> None:
    if not Path(gold).is_absolute() or "\0" in gold:
        msg = f"gold is {gold!r}; it must be the whole path of a folder"
        raise ConfigError(msg)


def _no_training(root: Path) -> str:
    asked = RlFolder(root).ask
    if (root / folders.ASK).is_file():
        return (
            f"{root} is a run and no training run; "
            f"finish or read it with: stairway run --resume {root}"
        )
    if asked.is_symlink() or asked.exists():
        lies = "a folder" if asked.is_dir() else "no file"
        return f"{asked} is {lies}; {folders.PRACTICE} must be the file that the run began with"
    return (
        f"{root} is no training run: it has no {folders.PRACTICE}; stairway train rl makes one"
    )
