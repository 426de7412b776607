"""A log in a process that was forked off: refused in words, closed at once, and it harms nobody.

The fork is a real one, in a process of its own. Each lock of the log is held by somebody as it
is forked off: nobody will ever let go of the copies.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zlib

import pytest

from stairway.adapters.journal.log import verify
from stairway.base.verdict import Pass

pytestmark = pytest.mark.timeout(90)

PATIENCE_S = 40.0

PROGRAM = """
import json, os, signal, sys, threading, time
from pathlib import Path

from stairway.adapters.logs import redis, sqlite
from stairway.base.errors import ConfigError, RecordError
from stairway.testing.log import small_settings
from stairway.testing.redis_server import redis_settings

folder, url, how = Path(sys.argv[1]), sys.argv[2], sys.argv[3]


def opened():
    if not url:
        return sqlite.open_log(folder, sqlite.Config(**small_settings()))
    settings = small_settings() | redis_settings()
    return redis.open_log(folder, redis.Config(**settings), url=url)


def refusal(act):
    try:
        return act() and "was let"
    except (RecordError, ConfigError) as error:
        return str(error)


log = opened()
outbox = log._outbox if url else log
log.append("fill", [b"before"])
log.flush()
held, go_on = threading.Event(), threading.Event()


def hold():
    with outbox._turn, outbox._writer._turn, outbox._writer._lock:
        held.set()
        go_on.wait()


holder = threading.Thread(target=hold)
holder.start()
held.wait()
# An append was cut short: who looks has to find out what became of it.
outbox._in_doubt = ("fill", 1, 0, b"", b"", b"")
pipe, out = os.pipe()
child = os.fork()
if child == 0:
    acts = dict(
        append=lambda: log.append("fill", [b"of the fork"]),
        flush=log.flush, read=lambda: list(log.read("fill")), use_ballast=log.use_ballast,
        streams=log.streams, head=lambda: log.head("fill"),
        put=lambda: outbox._writer.put([]), group_flush=outbox._writer.flush,
    )
    if url:
        acts["catch_up"] = lambda: log.catch_up(30.0)
    if how == "exits":
        acts = {}
    said = {name: refusal(act) for name, act in acts.items()}
    try:
        if how == "exits":
            sys.exit(0)
    finally:
        outbox._writer.close()
        log.close()
        log.close()
        os.write(out, json.dumps(said | {"closed": True}).encode())
    os._exit(0)
until_s = time.monotonic() + 15
while not (ended := os.waitpid(child, os.WNOHANG))[0]:
    if time.monotonic() > until_s:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.write(2, b'the fork hangs'); os._exit(1)
    time.sleep(0.005)
outbox._in_doubt = None
go_on.set()
holder.join()
os.set_blocking(pipe, False)
found = {"fork": json.loads(os.read(pipe, 100_000)), "status": ended[1]}
found["lock"] = refusal(opened)
log.append("fill", [b"after"])
log.flush()
found["caught_up"] = log.catch_up(20.0) if url else True
log.close()
log = opened()
found["events"] = [event.payload.decode() for event in log.read("fill")]
log.close()
print(json.dumps(found))
"""


def forked(folder, url, how):
    # With a limit: what hangs there must be a failure here.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder, url, how],
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2_000:]
    return json.loads(done.stdout)


def require_unharmed(found, folder):
    assert found["status"] == 0
    assert "is being written by process" in found["lock"], "it is the parent's still"
    assert found["caught_up"]
    assert found["events"] == ["before", "after"]
    assert isinstance(verify(folder), Pass)


@pytest.fixture(params=["sqlite", "redis"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return ""
    return request.getfixturevalue("redis_server").url(f"t{zlib.crc32(str(tmp_path).encode())}")


def test_a_log_is_refused_in_a_fork_which_harms_nothing(tmp_path, url):
    found = forked(tmp_path, url, "asks")
    assert found["fork"].pop("closed")
    assert len(found["fork"]) == (9 if url else 8)
    for name, said in found["fork"].items():
        assert "does not survive a fork" in str(said), name
    require_unharmed(found, tmp_path)


def test_a_fork_that_ends_with_a_log_to_close_ends(tmp_path, url):
    found = forked(tmp_path, url, "exits")
    assert found["fork"] == {"closed": True}
    require_unharmed(found, tmp_path)
