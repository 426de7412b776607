"""Be told of new events at once, without asking again and again.

Whoever waits hangs up a socket in ``FOLDER/bells``; the log's writer rings each after every
commit. A ring says "look". So a ring that is lost, because a socket is full, gone or newer
than the commit, costs a moment and no event; the one who waits looks every so often anyway.
Ringing never blocks and never fails. What came with it (:mod:`~.told`) is given to the log of
whoever waits, if it has use for it: to find it at once when it is read.

1. Hang up the bell first and read then, or a commit in between is not heard of.
2. Before a small commit that waits for no disk the bells are touched, which says "soon": it
   takes as long to be woken as to commit, so whoever is touched stays awake for a moment.
3. A socket whose process has died refuses the ring, and whoever rings takes it down. What is
   no socket refuses it too, and stays where it is.
4. The writer keeps a line to each of the first bells. However many hang there, the others are
   rung on one, or a crowd of them would take the descriptors that the log needs.
5. A socket's address has room for 107 bytes. Longer ones are reached through the folder's
   descriptor, ``/proc/self/fd/N/NAME``, which is always short.
"""

from __future__ import annotations

import os
import resource
import secrets
import socket
import stat
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from stairway.adapters.journal.store import Sealed
from stairway.adapters.journal.told import NOTE_BYTES, SOON, note
from stairway.base.errors import ConfigError

LOOK_S = 1.0
"""Longest that anybody waits without looking, seconds."""

_FOLDER = "bells"
_ADDRESS_BYTES = 107
_NAME_BYTES = 32
_MOMENT_NS = 100_000_000
_AWAKE_NS = 200_000
"""Longest that one who was touched stays awake, some five times what a commit takes."""
_LINES = 32
"""Bells that the writer keeps a line to; to ring another one takes half as long again."""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@runtime_checkable
class Hears(Protocol):
    """A log that has use for what comes with a ring."""

    def hear(self, said: bytes) -> None:
        """Take it, for the next ``read``."""
        ...


class Doorbell:
    """A bell on the log in ``folder``, for one who waits and then reads ``log``.

    Raises
    ------
    ConfigError
        If no socket can be made there.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, Doorbell(Path(folder)) as bell:
    ...     ring(Path(folder))
    ...     bell.wait(0.5), bell.wait(0.0)
    (True, False)
    """

    def __init__(self, folder: Path, log: object = None) -> None:
        bells = folder / _FOLDER
        self._path = bells / f"{os.getpid()}-{secrets.token_hex(6)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            bells.mkdir(exist_ok=True)
            with _within(bells) as short:
                self._socket.bind(f"{short}/{self._path.name}")
            # Anybody may say "look"; more is believed only where nobody else can say it.
            is_ours = all(_is_ours(there.stat()) for there in (self._path, bells))
            self._hear = log.hear if is_ours and isinstance(log, Hears) else None
        except OSError as error:
            self._socket.close()
            with suppress(OSError):
                self._path.unlink()
            msg = (
                f"no bell can be hung up in {bells} ({error.strerror}): check that the log's "
                "folder is there and who may write to it, or read at intervals instead"
            )
            raise ConfigError(msg) from error

    def wait(self, timeout_s: float) -> bool:
        """Return True once rung, also for a ring that came before; False after a while.

        Waits for ``timeout_s`` or ``LOOK_S``, whichever is shorter. Look for new events in
        either case.
        """
        is_rung = False
        while (said := self._heard(0.0)) is not None:
            is_rung |= said != SOON
        wait_s = min(timeout_s, LOOK_S)
        if is_rung or not wait_s > 0.0:
            return is_rung
        until_s = time.monotonic() + wait_s
        # One ring is taken now, and what came after it at the next wait: one look more.
        while (said := self._heard(max(0.0, until_s - time.monotonic()))) is not None:
            if said != SOON or self._is_rung_soon():
                return True
        return False

    def _is_rung_soon(self) -> bool:
        self._socket.settimeout(0.0)
        until_ns = time.perf_counter_ns() + _AWAKE_NS
        while time.perf_counter_ns() < until_ns:
            if self._taken() not in {None, SOON}:
                return True
        return False

    def _heard(self, wait_s: float) -> bytes | None:
        self._socket.settimeout(wait_s)
        return self._taken()

    def _taken(self) -> bytes | None:
        """Take what was said; ``None`` where nothing was."""
        try:
            said = self._socket.recv(NOTE_BYTES)
        except (BlockingIOError, TimeoutError):
            return None
        if self._hear is not None and len(said) > 1:
            self._hear(said)
        return said

    def close(self) -> None:
        """Take the bell down."""
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Ringer:
    """Rings all bells of one log, over and over; for its writer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _FOLDER
        self._place = str(self._folder)
        self._changed_ns: int | None = None
        self._names: frozenset[str] = frozenset()
        # One to each bell: to look its name up anew takes a third of a ring.
        self._lines: dict[str, socket.socket] = {}
        self._line = _line()

    def touch(self) -> None:
        """Say to those who were rung last that a ring comes in a moment."""
        for name in self._lines.copy():
            self._send(SOON, name)

    def ring(self, rows: Sequence[Sealed] = ()) -> None:
        """Tell everybody to look; they may be told that ``rows`` were committed."""
        # Whoever is not reached looks by himself: nothing here may stop a writer.
        with suppress(OSError):
            known = self._names
            self._ring(known, rows)
            self._ring(self._look() - known, rows)

    def _look(self) -> frozenset[str]:
        """Return who is there; a look at when that changed takes a fifth of the time."""
        found = os.lstat(self._place)
        changed_ns = found.st_mtime_ns
        if changed_ns != self._changed_ns:
            # A link leads to what others hung up.
            is_folder = stat.S_ISDIR(found.st_mode)
            self._names = frozenset(os.listdir(self._place) if is_folder else ())  # noqa: PTH208 -- half the time
            for gone in self._lines.keys() - self._names:
                self._lines.pop(gone).close()
            # The clock of files stands still for milliseconds: what is hung up in the moment
            # of a change may not show as another one.
            is_old = time.time_ns() - changed_ns > _MOMENT_NS
            self._changed_ns = changed_ns if is_old else None
        return self._names

    def _ring(self, names: frozenset[str], rows: Sequence[Sealed]) -> None:
        if not names:
            return
        said = note(rows)
        for name in names:
            self._send(said, name)

    def _send(self, said: bytes, name: str) -> None:
        try:
            line = self._lines.get(name) or self._joined(name)
            if line is not None:
                line.send(said)
                return
            with _within(self._folder) as short:
                self._line.sendto(said, f"{short}/{name}")
        except ConnectionRefusedError:
            # Nobody listens there. What cannot be taken away holds up no other bell.
            with suppress(OSError):
                self._take_down(name)
        except OSError:
            # Full, just taken down, another user's, or no bell at all: the next one.
            return

    def _take_down(self, name: str) -> None:
        """Take away a socket that nobody listens to; no file that lies in its place."""
        # Through the folder itself: its name may lead elsewhere by now.
        folder = os.open(self._place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if stat.S_ISSOCK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                os.unlink(name, dir_fd=folder)
            else:
                # Not asked again before something changes here.
                self._names -= {name}
        finally:
            os.close(folder)

    def _joined(self, name: str) -> socket.socket | None:
        """Keep a line to a bell; ``None`` where no more are kept."""
        if len(self._lines) >= _LINES:
            return None
        try:
            line = _line()
        except OSError:
            return None
        try:
            # The lowest one that is free: how many are taken, more or less.
            if 2 * line.fileno() >= resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
                line.close()
                return None
            with _within(self._folder) as short:
                line.connect(f"{short}/{name}")
        except OSError:
            line.close()
            raise
        self._lines[name] = line
        return line

    def close(self) -> None:
        """Let go of the sockets."""
        while self._lines:
            self._lines.popitem()[1].close()
        self._line.close()


def ring(folder: Path) -> None:
    """Ring all bells of the log in ``folder`` once."""
    ringer = Ringer(folder)
    ringer.ring()
    ringer.close()


def _line() -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.settimeout(0.0)
    return line


def _is_ours(found: os.stat_result) -> bool:
    """Say whether nobody may write there but this user, and root."""
    return found.st_uid in {0, os.geteuid()} and not found.st_mode & _OTHERS_WRITE


def _is_short(folder: Path) -> bool:
    return len(os.fsencode(folder)) + _NAME_BYTES <= _ADDRESS_BYTES


@contextmanager
def _within(folder: Path) -> Generator[str]:
    """Yield a short way to write ``folder``."""
    if _is_short(folder):
        yield str(folder)
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
