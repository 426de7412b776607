"""A worker elsewhere trades on signed generations while its store dies and comes back.

One process publishes, to PostgreSQL. Another caches what it sees; it runs the example of
``docs/record.md``, word for word but for the address. The server is killed between them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stairway.app.policy_store import Change, PolicyStore, Signer
from stairway.app.record.wiring import wired
from stairway.lifecycle.stage import Stage
from stairway.testing.log import small_settings
from stairway.testing.policy import KEY, public
from stairway.testing.postgresql import PrivateServer, private_server

PAGE = Path(__file__).parents[2] / "docs/record.md"
TALK = """
import sys
for line in sys.stdin:
    held, alarms = look(int(line) * 1_000_000_000)
    agreed = cache.standing.agreed
    print(held.size_frac, held.cause, "" if agreed is None else agreed.identity[:12],
          ",".join(alarms), sep="|", flush=True)
"""
Look = Callable[[int], tuple[float, str, str, str]]


@pytest.fixture
def server() -> Iterator[PrivateServer]:
    with private_server() as server:
        yield server


def example(url: str) -> str:
    page = PAGE.read_text("utf-8").split("## By what right a worker trades")[1]
    code = page.split("```python\n")[1].split("```")[0]
    address = "postgresql://worker@db.example/stairway?log=policies&wait_ms=500"
    assert address in code
    return code.replace(address, url) + TALK


@pytest.fixture
def begin(server: PrivateServer, tmp_path: Path) -> Iterator[Callable[[], Look]]:
    """Start a worker in a process of its own; it looks when it is told the time."""
    (tmp_path / "operator.pub").write_bytes(public(KEY))
    program = example(server.url("policies", more="&wait_ms=2000"))
    started: list[subprocess.Popen[str]] = []

    def start() -> Look:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)

        def look(now_s: int) -> tuple[float, str, str, str]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{now_s}\n")
            process.stdin.flush()
            frac, cause, agreed, alarms = process.stdout.readline().strip().split("|")
            return float(frac), cause, agreed, alarms

        return look

    yield start
    for process in started:
        process.kill()
        process.communicate()


def publish(server: PrivateServer, change: Change, tmp_path: Path) -> str:
    """Issue a generation as an operator does; return the beginning of its identity."""
    plugin, config = wired("postgresql", small_settings())
    log = plugin.open_log(None, config, url=server.url("policies"))
    try:
        store = PolicyStore(log)
        Signer(KEY, tmp_path, public(KEY)).issue(store, change, 7)
        statements = store.observe().statements
        assert statements is not None
        return statements[-1].identity[:12]
    finally:
        log.close()


def test_it_tightens_while_the_store_is_away_and_follows_it_afterwards(
    server: PrivateServer, begin: Callable[[], Look], tmp_path: Path
) -> None:
    first = Change(policy="ab" * 32, stage=Stage.SHADOW, why="begin")
    one = publish(server, first, tmp_path)
    look = begin()
    assert look(1_000) == (1.0, "policy.fresh", one, "")

    pid = server.process.pid if server.process else 0
    server.stop(signal.SIGQUIT)
    assert look(1_030) == (1.0, "policy.fresh", one, "policy.unreachable")
    assert look(1_060) == (0.5, "policy.stale", one, "policy.unreachable")
    assert look(1_600) == (0.0, "policy.closed", one, "policy.unreachable")

    later = begin()
    assert later(1_061) == (0.5, "policy.stale", one, "policy.unreachable"), "from its disk"

    server.start()
    assert server.process is not None
    assert server.process.pid != pid, "it was killed, and another one answers"
    assert look(1_605) == (1.0, "policy.fresh", one, "")
    two = publish(server, Change(stage=Stage.CANARY, why="on"), tmp_path)
    assert look(1_610) == (1.0, "policy.fresh", two, "")
    assert look(1_610) == (1.0, "policy.fresh", two, "")
    assert later(1_610) == (1.0, "policy.fresh", two, "")


def test_a_store_that_began_again_is_another_store_and_is_not_followed(
    server: PrivateServer, begin: Callable[[], Look], tmp_path: Path
) -> None:
    one = publish(server, Change(policy="ab" * 32, stage=Stage.SHADOW, why="a"), tmp_path)
    look = begin()
    assert look(1_000) == (1.0, "policy.fresh", one, "")
    server.execute("drop schema stairway cascade")
    publish(server, Change(policy="cd" * 32, stage=Stage.SHADOW, why="b"), tmp_path)
    strange = "policy.store,policy.missing"
    assert look(1_005) == (1.0, "policy.fresh", one, strange)
    publish(server, Change(stage=Stage.CANARY, why="on"), tmp_path)
    assert look(1_060) == (0.5, "policy.stale", one, strange)
    assert look(1_600) == (0.0, "policy.closed", one, strange)


def test_nothing_is_assumed_before_the_store_was_ever_seen(
    server: PrivateServer, begin: Callable[[], Look]
) -> None:
    server.stop()
    assert begin()(1_000) == (0.0, "policy.none", "", "policy.unreachable")
