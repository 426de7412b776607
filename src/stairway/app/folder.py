"""The folder of a run: what lies where, and how it gets there whole.

::

    runs/NAME/
      run.json        how the run was asked for; written first
      bars.npz        the aligned bars, misfortunes of a drill included
      trust.pub       public key that the models must be signed with
      generation.1    the policy of the run, signed with the same key
      operator.pub    public key of who may issue later generations; put there by hand
      policy.cache    what the desk last held of the policy store
      models/         sealed artifacts, by digest
      training.json   what the trainer found out; written last by the trainer
      oof/            out-of-fold predictions, for the report
      log/            the record: durable.db, telemetry.db, marks
      job.json        what the trainer was told
      undisturbed/    of a drill: the same run, not killed, to compare with
      result.json     what came of it; written last
      perf.json       latencies of this run on this machine
      report.html     the same as a picture

Small files are written beside their place and renamed into it, so a file that is there
is whole.
"""

from __future__ import annotations

import errno
import io
import os
import threading
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stairway.adapters.journal.files import make_folder
from stairway.app.facts import LAYOUT
from stairway.app.plain_file import open_anew, read_plain
from stairway.app.practised import PractisedRun, TeachingAsked
from stairway.base.errors import ConfigError, DataError
from stairway.market.bars import PairBars
from stairway.market.facts import DataReport
from stairway.market.instrument import Instrument

_UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, RuntimeError,
    zipfile.BadZipFile, zlib.error, ConfigError, SyntaxError,
)  # fmt: skip


class Ask(msgspec.Struct, frozen=True):
    """How a run was asked for: enough to resume it without asking again.

    ``log`` is the URL of the engine that keeps the record, without its password; ``None``
    where it lies in the folder. ``policy_store`` is that of a policy store which several
    machines share; ``None`` where the record is the run's own store.
    """

    layout: int
    version: str
    source: str
    source_options: dict[str, Any]
    policy_name: str
    policy: dict[str, Any]
    seed: int
    first_index: int | None
    instruments: tuple[dict[str, Any], ...]
    data_report: DataReport
    bars_fingerprint: str
    models: str | None = None
    plan: Plan | None = None
    practice: TeachingAsked | None = None
    practised: PractisedRun | None = None
    log: str | None = None
    policy_store: str | None = None


class Plan(msgspec.Struct, frozen=True):
    """What a drill has in store: bars of the run, counted from its first."""

    edge_dies_index: int
    collapse_index: int
    collapse_model: str
    freeze_index: int
    freeze_bars: int
    kill_index: int


ASK, PRACTICE = "run.json", "practice.json"
"""What makes a folder a run: of ``stairway run``, and of ``stairway train rl``."""

_BEGINNINGS = frozenset(
    {
        ".writable", "bars.npz", ".bars.npz.new", f".{ASK}.new", f".{PRACTICE}.new",
        "operator.pub", ".operator.pub.new", "policy.cache", ".policy.cache.new",
    }
)  # fmt: skip
"""What a start that was killed before that file leaves behind."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths inside one run's folder."""

    root: Path

    @property
    def ask(self) -> Path:
        """How the run was asked for."""
        return self.root / ASK

    @property
    def bars(self) -> Path:
        """The aligned bars."""
        return self.root / "bars.npz"

    @property
    def trust(self) -> Path:
        """Public key of the run's trainer."""
        return self.root / "trust.pub"

    @property
    def generation(self) -> Path:
        """First signed generation: the policy that the run was trained under."""
        return self.root / "generation.1"

    @property
    def operator(self) -> Path:
        """Public key of whoever may issue later generations; it signs no model."""
        return self.root / "operator.pub"

    @property
    def policy_cache(self) -> Path:
        """What the desk last held of the policy store."""
        return self.root / "policy.cache"

    @property
    def models(self) -> Path:
        """Sealed artifacts."""
        return self.root / "models"

    @property
    def training(self) -> Path:
        """What the trainer found out."""
        return self.root / "training.json"

    @property
    def log(self) -> Path:
        """The record."""
        return self.root / "log"

    @property
    def result(self) -> Path:
        """What came of the run."""
        return self.root / "result.json"

    @property
    def perf(self) -> Path:
        """Latencies of the run."""
        return self.root / "perf.json"

    @property
    def report(self) -> Path:
        """The picture."""
        return self.root / "report.html"


def create(root: Path) -> RunFolder:
    """Make a folder for a new run.

    Raises
    ------
    ConfigError
        If it exists already with something in it, or cannot be written.
    """
    try:
        if root.exists() and not (root.is_dir() and _is_free(root)):
            msg = f"{root} already holds something; give another --out, or --resume {root}"
            raise ConfigError(msg)
        root.mkdir(parents=True, exist_ok=True)
        probe = root / ".writable"
        open_anew(probe).close()
        probe.unlink()
    except OSError as error:
        why = _in_the_way(root, error) or error.strerror
        msg = f"cannot write {root}: {why}; choose another --out"
        raise ConfigError(msg) from error
    return RunFolder(root)


def _is_free(root: Path) -> bool:
    """Tell an empty folder, or one in which a run was killed as it began, from others."""
    return all(entry.name in _BEGINNINGS for entry in root.iterdir())


def open_existing(root: Path) -> tuple[RunFolder, Ask]:
    """Open the folder of an earlier run.

    Raises
    ------
    ConfigError
        If it is not there, or is of another layout.
    DataError
        If what it says about itself cannot be read.
    """
    folder = RunFolder(root)
    if not folder.ask.is_file():
        raise ConfigError(_no_run(root))
    try:
        content = read_plain(folder.ask)
        layout = msgspec.json.decode(content).get("layout")
        if layout != LAYOUT:
            msg = (
                f"{root} has layout {layout!r} and this version reads {LAYOUT}; "
                "use the version of stairway that wrote it"
            )
            raise ConfigError(msg)
        ask = msgspec.json.decode(content, type=Ask)
    except (msgspec.MsgspecError, AttributeError, UnicodeDecodeError, OSError) as error:
        msg = (
            f"{folder.ask} cannot be read ({error}); restore it from a copy or start a new run"
        )
        raise DataError(msg) from error
    return folder, ask


def _no_run(root: Path) -> str:
    if (root / PRACTICE).is_file():
        return (
            f"{root} is a training run, and only what stairway run made can be taken up or "
            f"replayed here; finish it or read it with: stairway train rl --resume {root}"
        )
    return f"{root} is no run folder, it has no {ASK}; stairway run --out {root} makes one"


def write_whole(path: Path, content: bytes, *, shared: bool = False) -> None:
    """Write ``content`` so that ``path`` is either the old file or the new one, never half.

    ``shared`` says that other processes may write the same file at the same time, as in a
    cache: each then writes beside it under a name of its own, and the last one stands.

    Raises
    ------
    ConfigError
        If there is no room or no permission; nothing half written is left then.
    """
    whose = f".{os.getpid()}-{threading.get_ident()}" if shared else ""
    beside = path.with_name(f".{path.name}{whose}.new")
    try:
        if not path.parent.is_dir():
            make_folder(path.parent)
        with open_anew(beside) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise _cannot_write(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def write_bars(folder: RunFolder, bars: PairBars) -> None:
    """Keep the bars of the run beside its record.

    Raises
    ------
    ConfigError
        If there is no room or no permission.
    """
    file = io.BytesIO()
    np.savez(
        file,
        time_ns=bars.time_ns,
        session=bars.session,
        last_of_session=bars.last_of_session,
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
    )
    write_whole(folder.bars, file.getvalue())


def read_bars(folder: RunFolder, ask: Ask) -> PairBars:
    """Read the bars of the run back.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        first, second = (msgspec.convert(i, Instrument) for i in ask.instruments)
    except (msgspec.ValidationError, ConfigError, ValueError) as error:
        msg = f"{folder.ask} cannot be read ({error}); restore it or start a new run"
        raise DataError(msg) from error
    return load_bars(folder, (first, second))


def load_bars(folder: RunFolder, pair: tuple[Instrument, Instrument]) -> PairBars:
    """Read the bars of these instruments, every checksum looked at.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    try:
        # Read whole first: numpy leaves the file open where it finds the content damaged,
        # and looks at no checksum where a header asks for less than there is.
        content = read_plain(folder.bars)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            msg = f"damaged: its column {damaged.removesuffix('.npy')} misses its checksum"
            raise zipfile.BadZipFile(msg)
        with np.load(io.BytesIO(content), allow_pickle=False) as columns:
            return PairBars(pair, **{name: columns[name] for name in columns})
    except _UNREADABLE as error:
        why = error.strerror if isinstance(error, OSError) else error
        msg = (
            f"{folder.bars} cannot be read ({why}); restore it from a copy, or start a new run "
            "with another --out"
        )
        raise DataError(msg) from error


def _cannot_write(path: Path, error: OSError) -> ConfigError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return ConfigError(f"no room left for {path}; free some disk space, then {_then(path)}")
    lies = _in_the_way(path, error)
    if lies:
        return ConfigError(f"cannot write {path}: {lies}; take it away, then {_then(path)}")
    closed = error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}
    do = "make that place writable" if closed else "put that right"
    return ConfigError(f"cannot write {path}: {error.strerror}; {do}, then {_then(path)}")


def _in_the_way(path: Path, error: OSError) -> str:
    """Say what lies where a file or a folder above it belongs; empty where nothing does."""
    with suppress(OSError):
        if error.errno == errno.EISDIR:
            # Where a file cannot be renamed into its place, that place is the second name.
            named = (error.filename2, error.filename, path)
            return f"{next(name for name in named if name is not None)} is a folder"
        for above in reversed(path.parents):
            if (above.exists() or above.is_symlink()) and not above.is_dir():
                return f"{above} is no folder"
    return ""


def _then(path: Path) -> str:
    """How to go on: what has begun is resumed, and what has not is asked for again."""
    for root in path.parents:
        for name, command in ((ASK, "stairway run"), (PRACTICE, "stairway train rl")):
            if (root / name).is_file():
                return f"{command} --resume {root}"
    return "give the same command again"
