"""A PostgreSQL server of one's own, for tests and benchmarks.

It is made in a folder without a disk behind it where there is one, listens on a free
loopback port and in that folder, and is stopped by its process id. Whoever uses it knows
that it is the one that was started: the folder it says it serves is compared.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from stairway.base.errors import ConfigError

USER = "stairway_owner"
_SHARED = Path("/dev/shm")  # noqa: S108 -- only looked at; mkdtemp makes the folder
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "max_wal_size": "64MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
    "logging_collector": "off",
}
_TRIES = 1_500


class PrivateServer:
    """One server; its data go with it when it is discarded."""

    def __init__(self, folder: Path, wal_mb: int = 1) -> None:
        self.folder = folder
        self.password = secrets.token_hex(8)
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        _hand_over(folder)
        self._make(wal_mb)

    def _make(self, wal_mb: int) -> None:
        word = self.folder / "password"
        word.write_text(self.password)
        _hand_over(word)
        program = [
            _program("initdb"), "-D", self.data, "-U", USER, "--pwfile", word, "--no-sync",
            "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--wal-segsize={wal_mb}",
        ]  # fmt: skip
        made = self._run(program)
        failed = made.wait() != 0
        word.unlink()
        if failed:
            raise ConfigError(self._said())

    @property
    def data(self) -> Path:
        """Folder of its data."""
        return self.folder / "data"

    def start(self, **settings: str) -> None:
        """Start it, on the port it had before if it ran before; return once it answers."""
        self.port = self.port or _free_port()
        words = _SETTINGS | {"unix_socket_directories": str(self.folder)} | settings
        program = [_program("postgres"), "-D", str(self.data), "-p", str(self.port)]
        for name, value in words.items():
            program += ["-c", f"{name}={value}"]
        self.process = self._run(program)
        self._await_answer()

    def _run(self, program: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        """Run it as the user that its package made: it refuses root."""
        is_root = os.getuid() == 0
        with (self.folder / "server.log").open("ab") as said:
            return subprocess.Popen(  # noqa: S603 -- our own words
                program,
                cwd=self.folder,
                stdout=said,
                stderr=said,
                user="postgres" if is_root else None,
                group="postgres" if is_root else None,
                extra_groups=[] if is_root else None,
            )

    def _said(self) -> str:
        return (self.folder / "server.log").read_text("utf-8", "replace")[-2_000:]

    def _await_answer(self) -> None:
        for _ in range(_TRIES):
            if self.process is None or self.process.poll() is not None:
                break
            try:
                with psycopg.connect(self.conninfo(), autocommit=True) as link:
                    self._require_ours(link)
                    return
            except psycopg.OperationalError:
                threading.Event().wait(0.02)
        msg = f"the private PostgreSQL server does not answer: {self._said()}"
        raise ConfigError(msg)

    def _require_ours(self, link: psycopg.Connection) -> None:
        """Talk to nobody else's server, whoever got the port first."""
        row = link.execute("show data_directory").fetchone()
        pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        assert row is not None
        assert row[0] == str(self.data)
        assert self.process is not None
        assert pid == self.process.pid

    def conninfo(self, database: str = "postgres") -> str:
        """How psycopg reaches it."""
        return (
            f"host=127.0.0.1 port={self.port} dbname={database} user={USER} "
            f"password={self.password}"
        )

    def url(self, log: str, *, database: str = "postgres", more: str = "") -> str:
        """Address of a log in it."""
        place = f"{USER}:{self.password}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{place}?log={log}{more}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the owner of everything."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as link:
            found = link.execute(statement.encode())
            return [] if found.description is None else list(found.fetchall())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends it in good order, SIGQUIT as a crash would."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None


@contextmanager
def private_server(*, on_disk: bool = False, **settings: str) -> Generator[PrivateServer]:
    """Make, start, stop and discard a server, ``on_disk`` where commits are to wait for one."""
    in_memory = os.access(_SHARED, os.W_OK) and not on_disk
    folder = Path(tempfile.mkdtemp(prefix="stairway-pg-", dir=_SHARED if in_memory else None))
    try:
        server = PrivateServer(folder, wal_mb=1 if in_memory else 16)
        server.start(**settings)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def postgresql_settings(**changes: int) -> dict[str, int]:
    """Return how long a test waits for a server, with ``changes``."""
    return {"wait_ms": 10_000, "query_ms": 10_000, "connect_s": 10} | changes


def _program(name: str) -> str:
    """Find one of its programs, the newest version first."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([*map(str, homes), os.defpath]))
    if found is None:
        msg = f"{name} is not installed: apt-get install postgresql"
        raise ConfigError(msg)
    return found


def _hand_over(path: Path) -> None:
    if os.getuid() == 0:
        shutil.chown(path, "postgres", "postgres")
    path.chmod(0o700)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
