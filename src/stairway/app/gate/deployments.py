"""Deployments on record: when, of what, and why; ``--after last-deploy`` reads the newest.

One JSON object a line in ``deployments.jsonl``, or a file of another name, oldest first. A
line is appended in one piece and synced, so whoever is killed leaves those before it as they
were.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from stairway.app.gate.instants import instant, said
from stairway.base.errors import ConfigError

DEPLOYMENTS = Path("deployments.jsonl")

_HOW = (
    "record one with: stairway deployed --commit 4f1c2d, or name the file that has them: "
    "--after last-deploy:FILE"
)
_MOST_CHARS = 500


class Deployment(msgspec.Struct, frozen=True, omit_defaults=True):
    """One deployment.

    Attributes
    ----------
    at
        When, with its zone.
    commit, notes
        What was deployed, and why; as you like.
    """

    at: str
    commit: str = ""
    notes: str = ""

    @property
    def what(self) -> str:
        """In a few words, what was deployed."""
        return " ".join(part for part in (self.commit, self.notes) if part) or "no notes"


def record(
    at_ns: int, now_ns: int, commit: str = "", notes: str = "", path: Path = DEPLOYMENTS
) -> Deployment:
    """Put a deployment on record, behind those that are there.

    Parameters
    ----------
    at_ns, now_ns
        When it was, and what time it is; UTC nanoseconds.

    Raises
    ------
    ConfigError
        If it lies in the future or before the newest one, its words are too long, the file
        is damaged, or it cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "deployments.jsonl"
    ...     _ = record(1772449200000000000, 2 * 10**18, "4f1c2d", "cap removed", path)
    ...     newest(path).what
    '4f1c2d cap removed'
    """
    if at_ns > now_ns:
        msg = f"a deployment at {said(at_ns)} is still to come; record it when it is done"
        raise ConfigError(msg)
    if max(len(commit), len(notes)) > _MOST_CHARS:
        msg = f"commit and notes may have {_MOST_CHARS} characters each; shorten them"
        raise ConfigError(msg)
    lines = _lines(path) if path.is_file() else []
    if lines and instant(_parsed(lines, path).at, _where(lines, path)) > at_ns:
        msg = (
            f"{path} already has a deployment later than {said(at_ns)}, and its lines are in "
            "order; leave out --at, or give a later instant"
        )
        raise ConfigError(msg)
    made = Deployment(said(at_ns), commit, notes)
    _append(path, msgspec.json.encode(made) + b"\n")
    return made


def record_now(at: str | None, commit: str, notes: str, path: Path) -> Deployment:
    """Put a deployment on record that was done at ``at``, or just now.

    Raises
    ------
    ConfigError
        If ``at`` is no instant, or whatever :func:`record` raises.
    """
    now_ns = time.time_ns()
    at_ns = now_ns if at is None else instant(at, f"--at {at!r}")
    return record(at_ns, now_ns, commit, notes, path)


def newest(path: Path = DEPLOYMENTS) -> Deployment:
    """Return the newest deployment.

    Raises
    ------
    ConfigError
        If none is on record, or the newest line is damaged.
    """
    lines = _lines(path)
    if not lines:
        msg = f"no deployment is on record: {path.absolute()} is empty; {_HOW}"
        raise ConfigError(msg)
    return _parsed(lines, path)


def newest_ns(path: Path = DEPLOYMENTS) -> int:
    """Return the instant of the newest deployment; raises what :func:`newest` raises."""
    lines = _lines(path)
    return instant(newest(path).at, _where(lines, path))


def _lines(path: Path) -> list[str]:
    if path.exists() and not path.is_file():
        msg = f"{path} is no file; deployments are lines in a file, give another with --file"
        raise ConfigError(msg)
    try:
        return [line for line in path.read_text("utf-8").split("\n") if line.strip()]
    except FileNotFoundError as error:
        msg = f"no deployment is on record: {path.absolute()} is not there; {_HOW}"
        raise ConfigError(msg) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as lines of JSON ({error}); see what lies there"
        raise ConfigError(msg) from error


def _parsed(lines: list[str], path: Path) -> Deployment:
    try:
        return msgspec.json.decode(lines[-1], type=Deployment)
    except msgspec.MsgspecError as error:
        msg = f"line {len(lines)} of {path} is no deployment ({error}); remove that line"
        raise ConfigError(msg) from error


def _where(lines: list[str], path: Path) -> str:
    return f"the instant in line {len(lines)} of {path}"


def _append(path: Path, line: bytes) -> None:
    try:
        place = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(place).st_size
            is_open = size > 0 and os.pread(place, 1, size - 1) != b"\n"
            # Somebody's editor may have left the last line without its end.
            os.write(place, b"\n" + line if is_open else line)
            os.fsync(place)
        finally:
            os.close(place)
    except OSError as error:
        msg = f"{path} cannot be written ({error.strerror}); give another with --file"
        raise ConfigError(msg) from error
