"""A wire to the server that can be cut, at the worst moment.

``wire.plan`` says what becomes of the next commit that comes along: ``never`` cut, cut
``before`` it reaches the server, when ``half`` of it did, or ``after`` it was passed on and
before anybody hears of it.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest

COMMIT = b"commit"


class Wire:
    """Listens on a port of its own and passes on what it hears."""

    def __init__(self, port: int) -> None:
        self.plan = "never"
        self.cuts = 0
        self._target = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._welcome, daemon=True).start()

    def _welcome(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        while heard := _hear(client):
            plan, at = self.plan, heard.lower().find(COMMIT)
            if at < 0 or plan == "never":
                server.sendall(heard)
                continue
            self.plan = "never"
            self.cuts += 1
            if plan == "after":
                # Nothing more is passed back: the client's side is closed first.
                client.shutdown(socket.SHUT_RDWR)
                server.sendall(heard)
                server.shutdown(socket.SHUT_WR)
            else:
                server.sendall(heard[: at // 2] if plan == "half" else b"")
                client.shutdown(socket.SHUT_RDWR)
                server.shutdown(socket.SHUT_RDWR)
            return
        _close(server)

    def close(self) -> None:
        # Closing alone does not wake whoever waits at the door.
        _close(self._door)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    while heard := _hear(source):
        try:
            target.sendall(heard)
        except OSError:
            # Read on: a server that cannot be heard still does what it was told.
            continue
    _close(target)
    _close(source)


def _hear(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 16)
    except OSError:
        return b""


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@pytest.fixture
def wire(postgresql):
    wire = Wire(postgresql.port)
    yield wire
    wire.close()
