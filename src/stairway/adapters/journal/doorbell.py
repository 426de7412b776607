"""Be told of new events at once, without asking again and again.

Whoever waits hangs up a socket in ``FOLDER/bells``; the log's writer sends one byte to each
after every commit. A ring carries nothing: it says "look". So a ring that is lost, because
a socket is full, gone or newer than the commit, costs a moment and no event; the one who
waits looks every so often anyway. Ringing never blocks and never fails.

1. Hang up the bell first and read then, or a commit in between is not heard of.
2. A socket whose process has died refuses the byte, and whoever rings takes it down.
3. A socket's address has room for 107 bytes. Longer ones are reached through the folder's
   descriptor, ``/proc/self/fd/N/NAME``, which is always short.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from stairway.base.errors import ConfigError

LOOK_S = 1.0
"""Longest that anybody waits without looking, seconds."""

_FOLDER = "bells"
_ADDRESS_BYTES = 107
_NAME_BYTES = 32


class Doorbell:
    """A bell on the log in ``folder``, for one who waits.

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

    def __init__(self, folder: Path) -> None:
        bells = folder / _FOLDER
        self._path = bells / f"{os.getpid()}-{secrets.token_hex(6)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            bells.mkdir(exist_ok=True)
            with _within(bells) as short:
                self._socket.bind(f"{short}/{self._path.name}")
        except OSError as error:
            self._socket.close()
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
        self._socket.settimeout(max(0.0, min(timeout_s, LOOK_S)))
        try:
            self._socket.recv(16)
        except (TimeoutError, BlockingIOError):
            return False
        self._socket.settimeout(0.0)
        with suppress(BlockingIOError):
            while True:
                self._socket.recv(16)
        return True

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
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0.0)

    def ring(self) -> None:
        """Tell everybody to look."""
        # Whoever is not reached looks by himself: nothing here may stop a writer.
        with suppress(OSError):
            names = os.listdir(self._folder)  # noqa: PTH208 -- half the time, at each commit
            if names:
                with _within(self._folder) as short:
                    for name in names:
                        self._ring(short, name)

    def _ring(self, folder: str, name: str) -> None:
        try:
            self._socket.sendto(b"\0", f"{folder}/{name}")
        except ConnectionRefusedError:
            # Nobody listens there. What cannot be taken away holds up no other bell.
            with suppress(OSError):
                (self._folder / name).unlink()
        except OSError:
            # Full, just taken down, another user's, or no bell at all: the next one.
            return

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


def ring(folder: Path) -> None:
    """Ring all bells of the log in ``folder`` once."""
    ringer = Ringer(folder)
    ringer.ring()
    ringer.close()


@contextmanager
def _within(folder: Path) -> Generator[str]:
    """Yield a short way to write ``folder``."""
    if len(os.fsencode(folder)) + _NAME_BYTES <= _ADDRESS_BYTES:
        yield str(folder)
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
