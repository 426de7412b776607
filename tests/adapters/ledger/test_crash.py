"""The server crashes under load and comes back: what it acknowledged is there, once."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from stairway.adapters.logs.postgresql import Config, open_log, verify
from stairway.base.errors import RecordError
from stairway.base.verdict import Pass
from stairway.testing.log import small_settings
from stairway.testing.postgresql import postgresql_settings, private_server

CONFIG = Config(**small_settings(), **postgresql_settings())
CRASHES = 40 if os.environ.get("STAIRWAY_PROFILE") == "long" else 2


@pytest.fixture
def server():
    """One that may be crashed: nobody else talks to it."""
    with private_server() as server:
        yield server


class Publisher(threading.Thread):
    """Appends until it is told to stop, and writes down what was acknowledged."""

    def __init__(self, log, who):
        super().__init__()
        self.log, self.who, self.told, self.over, self.error = log, who, [], False, None

    def run(self):
        try:
            while not self.over:
                payload = b"%s %d" % (self.who, len(self.told))
                self.log.append("fill", [payload])
                self.log.flush()
                self.told.append(payload)
        except RecordError as error:
            self.error = error


def let_each_append(publishers, more):
    """Wait until each of them has appended so many more: none sits a crash out."""
    goals = [len(p.told) + more for p in publishers]
    while any(
        len(p.told) < goal and p.is_alive() for p, goal in zip(publishers, goals, strict=True)
    ):
        threading.Event().wait(0.005)


@pytest.mark.parametrize("writers", ["one", "many"])
def test_nothing_acknowledged_is_lost_or_doubled_by_a_crash_of_the_server(
    server, tmp_path, writers
):
    url = server.url("crash", more=f"&writers={writers}&wait_ms=300000")
    logs = [open_log(tmp_path, CONFIG, url=url) for _ in range(1 if writers == "one" else 2)]
    publishers = [Publisher(log, b"%d" % k) for k, log in enumerate(logs)]
    for publisher in publishers:
        publisher.start()
    for _ in range(CRASHES):
        let_each_append(publishers, 10)
        server.stop(signal.SIGQUIT)
        server.start()
    let_each_append(publishers, 1)
    for publisher in publishers:
        publisher.over = True
        publisher.join()
    assert [p.error for p in publishers] == [None] * len(publishers)
    assert all(log._line.reconnects >= CRASHES for log in logs)
    found = [e.payload for e in logs[0].read("fill")]
    for log in logs:
        log.close()
    told = [payload for p in publishers for payload in p.told]
    assert sorted(found) == sorted(told)
    for publisher in publishers:
        assert [p for p in found if p.startswith(publisher.who + b" ")] == publisher.told
    assert isinstance(verify(server.url("crash"), CONFIG), Pass)


def test_a_server_that_stays_away_is_a_typed_error(server, tmp_path):
    log = open_log(tmp_path, CONFIG, url=server.url("away", more="&wait_ms=100"))
    log.append("fill", [b"a"])
    server.stop()
    with pytest.raises(RecordError, match="could not be made again within 100 ms"):
        log.append("fill", [b"b"])
    with pytest.raises(RecordError, match="could not be made again"):
        list(log.read("fill"))
    server.start()
    assert log.append("fill", [b"c"]).position == 2
    log.close()
