"""Rows 15 and 16: answers that are lost on the way, and relays that think they are alone."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import redis

from stairway.adapters.logs.redis import Config, open_log
from stairway.adapters.outbox import relay as relay_module
from stairway.adapters.outbox.keys import EMPTY
from stairway.adapters.outbox.relay import Relay
from stairway.base.errors import ConfigError
from stairway.base.verdict import Refuse
from stairway.testing.log import small_settings
from stairway.testing.redis_load import audit, in_redis
from stairway.testing.redis_server import private_redis, redis_settings

ON_THE_WIRE = "answers dropped, cut short or stalled by a proxy"


class Proxy:
    """Stands between clients and Redis, and loses, cuts short or holds back what is said."""

    def __init__(self, port, seed):
        self._target, self._rng = port, np.random.default_rng(seed)
        self.faults, self.is_honest = Counter(), False
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._ends, self._threads = [self._door], []

    def _start(self, act, *arguments):
        thread = threading.Thread(target=act, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _welcome(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                target = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [client, target]
                self._start(self._carry, client, target, self._ask)
                self._start(self._carry, target, client, self._answer)

    def _carry(self, source, target, change):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                passed = change(data)
                target.sendall(passed)
                if passed is not data:
                    break
        for end in (source, target):
            _cut(end)

    def _ask(self, data):
        """Pass a question on, or the half of it before the connection is cut."""
        if self.is_honest or self._rng.random() >= 0.03:
            return data
        self.faults["never asked"] += 1
        return data[: len(data) // 2]

    def _answer(self, data):
        """Pass an answer on as it is, or what is left of it before the connection is cut."""
        fate = 1.0 if self.is_honest else self._rng.random()
        if fate < 0.10:
            self.faults["dropped"] += 1
            return b""
        if fate < 0.15:
            self.faults["cut short"] += 1
            return data[: len(data) // 2]
        if fate < 0.17:
            self.faults["stalled"] += 1
            threading.Event().wait(0.3)
        return data

    def __enter__(self):
        self._start(self._welcome)
        return self

    def __exit__(self, *_):
        for end in self._ends:
            _cut(end)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()


def _cut(end):
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def through_the_proxy(folder, events, unknown):
    """Append until enough has gone wrong; return what became of it."""
    settings = redis_settings(
        batch_events=20, socket_timeout_ms=150, backoff_last_ms=10, watch_ms=50
    )
    config = Config(**small_settings(), **settings)
    with private_redis("--appendonly", "no") as server, Proxy(server.port, 4) as proxy:
        log = open_log(folder, config, url=f"redis://127.0.0.1:{proxy.port}?log=bus")
        count = 0
        while count < events or log.tally.unknown < unknown:
            log.append("fill", [b"%d" % n for n in range(count, count + 20)])
            count += 20
            if count % 200 == 0:
                log.catch_up(0.2)
            assert count < 20 * events
        proxy.is_honest = True
        assert log.catch_up(30.0)
        with server.client() as client:
            found = audit(client, "bus", log, {"fill": count})
            sent = [fields[b"payload"] for _, fields in client.xrange("bus:bus:fill")]
        tally = log.tally
        log.close()
    # The faults fired.
    kinds = ("dropped", "cut short", "stalled", "never asked")
    assert min(proxy.faults[kind] for kind in kinds) > 0
    return count, (found, sent), (tally, proxy.faults)


def test_an_answer_that_is_lost_neither_loses_nor_doubles_an_event(tmp_path, figures, demanded):
    wanted = demanded(15, ON_THE_WIRE)
    count, (found, _), (tally, faults) = through_the_proxy(
        tmp_path, wanted["events"], wanted["unknown_outcomes"]
    )
    assert found.faults == 0
    assert found.events == count
    assert tally.found > 0
    figures(
        15, ON_THE_WIRE, events=count,
        unknown_outcomes=tally.unknown, found_to_have_arrived=tally.found,
        never_asked=faults["never asked"], dropped=faults["dropped"], cut_short=faults["cut short"],
        stalled=faults["stalled"], lost=found.lost, doubled=found.doubled,
    )  # fmt: skip


def without_rewind(self, _client, stream):
    """The planted bug: what the relay believed is what Redis has."""
    self._places = {stream: relay_module.Reached(0, EMPTY)} | self._places


@pytest.mark.long
def test_planted_no_answer_that_is_taken_for_an_arrival_is_found(
    tmp_path, figures, monkeypatch, append_unchecked
):
    def hopeful(client, keys, values):
        try:
            return append_unchecked(client, keys, values)
        except (redis.RedisError, OSError):
            return b"ok", values[-5].encode()

    monkeypatch.setattr(Relay, "_rewind", without_rewind)
    monkeypatch.setattr(relay_module, "APPEND", hopeful)
    _, (found, _), _ = through_the_proxy(tmp_path, 6_000, 0)
    assert found.lost > 0
    figures(15, "planted: no answer is taken for an arrival", lost=found.lost)


@pytest.mark.long
def test_planted_what_was_not_answered_and_is_sent_again_as_new_is_found(
    tmp_path, figures, monkeypatch, append_unchecked
):
    anew = partial(append_unchecked, identities=lambda _: "*")
    monkeypatch.setattr(Relay, "_rewind", without_rewind)
    monkeypatch.setattr(relay_module, "APPEND", anew)
    monkeypatch.setattr(relay_module, "require_ours", lambda _shelf, _ours: None)
    _, (found, sent), _ = through_the_proxy(tmp_path, 6_000, 0)
    doubled = len(sent) - len(set(sent))
    assert found.phantom > 0
    assert doubled > 0
    figures(15, "planted: sent again, under ids that Redis gives", doubled=doubled)


RELAY = """
import json, os, sys
from pathlib import Path
from stairway.adapters.logs.redis import Config, open_log
from stairway.base.verdict import Refuse

folder, url, config = Path(sys.argv[1]), sys.argv[2], Config(**json.loads(sys.argv[3]))
me = sys.argv[4].encode()
{plant}
log = open_log(folder, config, url=url)
n = log.head("fill").position
os.write(1, b"ready\\n")
while sys.stdin.readline():
    log.append("fill", [b"%d %s" % (k, me) for k in range(n, n + 50)])
    n += 50
    there = log.catch_up(3.0)
    verdict = log.health()
    code = verdict.findings[0].code if isinstance(verdict, Refuse) else "well"
    os.write(1, b"%d %d %s\\n" % (n, there, code.encode()))
log.close()
"""


class Machine:
    """A process that appends fifty events each time it is told to."""

    def __init__(self, folder, url, me, plant=""):
        words = json.dumps(small_settings() | redis_settings())
        self.process = subprocess.Popen(
            [sys.executable, "-c", RELAY.format(plant=plant), folder, url, words, me],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
        assert self.process.stdout.readline() == b"ready\n"

    def ask(self):
        self.process.stdin.write(b"go\n")

    def answer(self):
        position, there, code = self.process.stdout.readline().decode().split()
        return int(position), there == "1", code

    def go(self):
        self.ask()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def zombie_story(tmp_path, server, plant=""):
    """A machine is stopped, another takes its outbox over, the first wakes up again."""
    url, first, second = server.url("bus"), tmp_path / "first", tmp_path / "second"
    zombie = Machine(first, url, "zombie", plant)
    assert zombie.go() == (50, True, "well")
    zombie.process.send_signal(signal.SIGSTOP)
    shutil.copytree(first, second)
    heir = Machine(second, url, "heir", plant)
    assert heir.go() == (100, True, "well")
    zombie.ask()
    since = time.perf_counter()
    zombie.process.send_signal(signal.SIGCONT)
    woken = zombie.answer()
    stopped_s = time.perf_counter() - since
    later = [heir.go() for _ in range(3)]
    # It does not begin again by itself.
    zombie.ask()
    assert zombie.answer()[1:] == woken[1:]
    heir.end()
    zombie.end()
    return woken, later, second, stopped_s


def test_a_relay_that_was_replaced_stops_and_writes_nothing(tmp_path, figures):
    with private_redis("--appendonly", "no") as server:
        woken, later, folder, stopped_s = zombie_story(tmp_path, server)
        # It had another event at position 51, and did not bring it in.
        assert woken == (100, False, "log.redis_replaced")
        assert later == [(150, True, "well"), (200, True, "well"), (250, True, "well")]
        config = Config(**small_settings(), **redis_settings())
        reader = open_log(folder, config, url=server.url("bus"), read_only=True)
        with server.client() as client:
            found = audit(client, "bus", reader, {"fill": 250})
            there = in_redis(client, "bus", "fill")
        reader.close()
    assert (found.faults, found.events) == (0, 250)
    assert sum(e.payload.endswith(b" zombie") for e in there) == 50
    figures(
        16, "a stopped relay wakes up after another took over", events=found.events,
        gaps=sum(b.position != a.position + 1 for a, b in pairwise(there)),
        doubled=found.doubled, lost=found.lost, stopped_s=stopped_s,
        appended_by_the_old_one=sum(e.payload.endswith(b" zombie") for e in there[50:]),
    )  # fmt: skip


def test_two_relays_at_once_leave_one_and_no_gap(tmp_path, figures):
    with private_redis("--appendonly", "no") as server:
        config = Config(**small_settings(), **redis_settings())
        one = open_log(tmp_path / "one", config, url=server.url("bus"))
        one.append("fill", [b"%d" % n for n in range(1_000)])
        assert one.catch_up(5.0)
        one.close()
        shutil.copytree(tmp_path / "one", tmp_path / "two")
        logs = [
            open_log(tmp_path / name, config, url=server.url("bus")) for name in ("one", "two")
        ]
        for n in range(30):
            for name, log in zip((b"one", b"two"), logs, strict=True):
                log.append("fill", [b"%d %s" % (n, name)] * 10)
        since = time.perf_counter()
        assert not logs[0].catch_up(5.0)
        stopped_s = time.perf_counter() - since
        assert logs[1].catch_up(5.0)
        verdict = logs[0].health()
        assert isinstance(verdict, Refuse)
        assert verdict.findings[0].code == "log.redis_replaced"
        stopped = sum(isinstance(log.health(), Refuse) for log in logs)
        assert stopped == 1
        with server.client() as client:
            found = audit(client, "bus", logs[1], {"fill": 1_300})
            there = in_redis(client, "bus", "fill")
        assert (found.faults, found.events) == (0, 1_300)
        for log in logs:
            log.close()
    figures(
        16, "two relays at once", events=found.events, lost=found.lost, losers_stopped=stopped,
        gaps=sum(b.position != a.position + 1 for a, b in pairwise(there)),
        appended_by_the_old_one=sum(e.payload.endswith(b" one") for e in there),
        doubled=found.doubled, stopped_s=stopped_s,
    )  # fmt: skip


def test_another_log_of_the_same_name_is_refused_and_not_overwritten(tmp_path):
    with private_redis("--appendonly", "no") as server:
        config = Config(**small_settings(), **redis_settings())
        log = open_log(tmp_path / "one", config, url=server.url("bus"))
        log.append("fill", [b"mine"] * 3)
        log.close()
        other = open_log(tmp_path / "two", config, url=server.url("aside"))
        other.append("fill", [b"theirs"] * 5)
        other.close()
        with pytest.raises(ConfigError, match="log=NAME"):
            open_log(tmp_path / "two", config, url=server.url("bus"))
        # Its folder is free again, and Redis is as it was.
        again = open_log(tmp_path / "one", config, url=server.url("bus"))
        with server.client() as client:
            assert audit(client, "bus", again, {"fill": 3}).events == 3
        again.close()


NO_CHECK = """
from stairway.adapters.outbox import relay
from stairway.adapters.outbox.keys import EMPTY

def append(client, keys, values):
    pipe = client.pipeline(transaction=False)
    for n in range(2, len(values), 5):
        identity, position, recorded_ns, digest, payload = values[n : n + 5]
        pipe.xadd(keys[0], {"payload": payload, "hash": digest, "position": position,
                            "recorded_ns": recorded_ns}, id=identity)
    pipe.execute(raise_on_error=False)
    return b"ok", values[-5].encode()

relay.APPEND = append
"""


@pytest.mark.long
def test_planted_explicit_ids_without_compare_and_set_hide_what_is_missing(tmp_path, figures):
    with private_redis("--appendonly", "no") as server:
        _, _, folder, _ = zombie_story(tmp_path, server, NO_CHECK)
        config = Config(**small_settings(), **redis_settings())
        reader = open_log(folder, config, url=server.url("bus"), read_only=True)
        with server.client() as client:
            found = audit(client, "bus", reader, {"fill": 250})
        reader.close()
    assert found.faults > 0
    figures(16, "planted: explicit ids without compare-and-set", faults=found.faults)
