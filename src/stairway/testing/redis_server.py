"""A Redis of one's own, for tests and benchmarks.

It listens on a free loopback port, is killed and started again at will, and is stopped by
its process id. Whoever uses it knows that it is the one that was started: the process it
says it is, is compared, and somebody else's server is refused.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stairway.base.errors import ConfigError

_SHARED = Path("/dev/shm")  # noqa: S108 -- only looked at; mkdtemp makes the folder
_TRIES = 2_000


class PrivateRedis:
    """One server; its data lie in ``folder`` and survive ``kill``.

    Parameters
    ----------
    user
        Who asks it how it is, as ``NAME:PASSWORD``.
    """

    def __init__(self, folder: Path, user: str = "") -> None:
        self.folder = folder
        name, _, password = user.partition(":")
        self._who = {"username": name, "password": password or None} if name else {}
        self.port = _free_port()
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._options: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        """Process id of the server that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self, *options: str, wait: bool = True) -> None:
        """Start it, as it was started before where nothing is said; wait until it answers."""
        assert self._process is None
        _require_free(self.port)
        self._options = options or self._options
        usual = (
            f"--port {self.port} --bind 127.0.0.1 --dir {self.folder} --loglevel warning "
            "--logfile said.log --stop-writes-on-bgsave-error no"
        ).split()
        # A schedule of saves is one word to Redis, and may be empty.
        program = [_program(), *usual, "--save", "", *self._options]
        self._process = subprocess.Popen(program, cwd=self.folder)  # noqa: S603 -- our own words
        self.starts += 1
        if wait:
            self.await_answer()

    def await_answer(self) -> None:
        """Wait until it answers, and make sure that it is ours.

        Raises
        ------
        ConfigError
            If it ends or stays silent, or another server answers.
        """
        for _ in range(_TRIES):
            if self._process is None or self._process.poll() is not None:
                break
            try:
                with self.client() as client:
                    about: Any = cast("Any", client).info("server")
            except (redis.ConnectionError, redis.TimeoutError):
                threading.Event().wait(0.005)
                continue
            self.require_ours(int(about["process_id"]))
            return
        said = self.folder / "said.log"
        words = said.read_text("utf-8", "replace")[-1_000:] if said.exists() else "nothing"
        msg = f"the private Redis does not answer; it said: {words}"
        raise ConfigError(msg)

    def require_ours(self, process_id: int) -> None:
        """Talk to nobody else's server.

        Raises
        ------
        ConfigError
            If the server that answers is another process than the one that was started.
        """
        if self._process is None or process_id != self._process.pid:
            msg = (
                f"port {self.port} is answered by process {process_id}, which is not the Redis "
                "that was started here: nothing is done to somebody else's server"
            )
            raise ConfigError(msg)

    def client(self, **options: Any) -> redis.Redis:
        """Return a client that tries nothing twice."""
        usual: dict[str, Any] = {"socket_timeout": 5.0, "retry": Retry(NoBackoff(), 0)}
        words: dict[str, Any] = usual | self._who | options
        return redis.Redis(host="127.0.0.1", port=self.port, protocol=2, **words)

    def url(self, log: str, *, user: str = "") -> str:
        """Address of a log in it; ``user`` as ``NAME:PASSWORD``."""
        return f"redis://{user}{'@' if user else ''}127.0.0.1:{self.port}/0?log={log}"

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End it, if it runs. Asked politely, one that cannot save would stay for ever."""
        if self._process is not None:
            self.kill()


@contextmanager
def private_redis(
    *options: str, on_disk: Path | None = None, user: str = ""
) -> Generator[PrivateRedis]:
    """Make, start, stop and discard a server; on ``on_disk`` rather than in memory."""
    parent = on_disk or (_SHARED if os.access(_SHARED, os.W_OK) else None)
    folder = Path(tempfile.mkdtemp(prefix="stairway-redis-", dir=parent))
    server = PrivateRedis(folder, user)
    try:
        server.start(*options)
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def redis_settings(**changes: float) -> dict[str, float]:
    """Return settings of an outbox for tests, with ``changes``."""
    return {
        "max_outbox_bytes": 1_000_000_000,
        "batch_events": 200,
        "socket_timeout_ms": 1_000,
        "backoff_first_ms": 5,
        "backoff_last_ms": 50,
        "watch_ms": 100,
        "linger_ms": 2_000,
    } | changes


def _program() -> str:
    found = shutil.which("redis-server", path=f"{os.defpath}:/usr/bin:/usr/local/bin")
    if found is None:
        msg = "redis-server is not installed: apt-get install redis-server"
        raise ConfigError(msg)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _require_free(port: int) -> None:
    """Nobody else may have the port, or a test would pass on somebody else's data."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            msg = f"port {port} is taken by another program: nothing is started beside it"
            raise ConfigError(msg) from error
