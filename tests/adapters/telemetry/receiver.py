"""A real HTTP receiver in a process of its own, to be listened to, broken and killed.

``python receiver.py MODE PORT LOG``: prints its port, then writes one JSON line into LOG for
each connection or request. MODE: ``take`` answers 200, ``fail`` 500, ``send_away`` 302,
``babble`` no HTTP at all, ``hang`` nothing, ever.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STATUS = {"take": 200, "fail": 500, "send_away": 302}


def note(log: Path, **what: object) -> None:
    with log.open("a") as file:
        file.write(json.dumps(what) + "\n")


def say(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


def serve(mode: str, port: int, log: Path) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            note(log, path=self.path, body=body, at=time.monotonic())
            self.send_response(STATUS[mode])
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
    say(server.server_address[1])
    server.serve_forever()


def listen(connection: socket.socket) -> None:
    """Hear a whole request, so that closing does not cut off the answer."""
    with connection.makefile("rb") as file:
        length = 0
        while line := file.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        file.read(length)


def refuse_to_talk(mode: str, port: int, log: Path) -> None:
    server = socket.create_server(("127.0.0.1", port))
    say(server.getsockname()[1])
    kept = []
    while True:
        connection, _ = server.accept()
        kept.append(connection)
        note(log, accepted=len(kept))
        if mode == "babble":
            listen(connection)
            connection.sendall(b"who is there?\r\n\r\n")
            connection.close()


if __name__ == "__main__":
    how, at, where = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    (serve if how in STATUS else refuse_to_talk)(how, at, where)
