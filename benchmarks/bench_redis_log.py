"""Events a second into Redis, and what publishing costs while Redis is away.

Writes ``benchmarks/results/redis_log.json``. Run it with::

    .venv/bin/python benchmarks/bench_redis_log.py [events of the backlog] [folder]

1. Append through the compare-and-set script, beside plain redis-py adding the same entries
   in pipelines and one by one; they take turns, case by case.
2. Publish at 1,000 events/s, each waited for until it is on the disk, before and during an
   outage of Redis.
3. Let a backlog of a million events lie on the disk, bring Redis back, and wait.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import redis

from stairway.adapters.logs.redis import Config, open_log
from stairway.adapters.outbox.scripts import APPEND, CLAIM
from stairway.app.machine import describe
from stairway.app.record.wiring import wired
from stairway.testing.log import small_settings
from stairway.testing.redis_server import PrivateRedis, private_redis

RESULT = Path(__file__).parent / "results" / "redis_log.json"
BACKLOG = 1_000_000
SECONDS = 2.0
BATCHES = (1, 20, 100, 500)
PAYLOAD = bytes(range(256))
HASH = "ab" * 32
RECORDED_NS = 1_700_000_000_000_000_000
OPTIONS = ("--appendonly", "yes", "--appendfsync", "everysec")
CONFIG: Config = wired(
    "redis", small_settings(commit_ms=5.0, checkpoint_bytes=4 << 20, max_wal_bytes=1 << 30)
)[1]


def rate(publish: Callable[[int], None], batch: int) -> float:
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < SECONDS:
        publish(batch)
        count += batch
    return count / elapsed


def checked(client: redis.Redis, key: str) -> Callable[[int], None]:
    keys = (key, f"{key}:.archived", f"{key}:.relays")
    claim = CLAIM(client, keys[2:], ("*", "bench"))[1]
    last, position = b"0-0", 0

    def publish(batch: int) -> None:
        nonlocal last, position
        values: list[Any] = [claim, last]
        for _ in range(batch):
            position += 1
            values += (f"{position}-{position}", position, RECORDED_NS, HASH, PAYLOAD)
        what, last = APPEND(client, keys, values)
        assert what == b"ok"

    return publish


def plain(client: redis.Redis, key: str) -> Callable[[int], None]:
    position = 0

    def publish(batch: int) -> None:
        nonlocal position
        pipe = client.pipeline(transaction=False)
        for _ in range(batch):
            position += 1
            fields: dict[Any, Any] = {
                "payload": PAYLOAD,
                "hash": HASH,
                "position": position,
                "recorded_ns": RECORDED_NS,
            }
            pipe.xadd(key, fields)
        pipe.execute()

    return publish


def appends(server: PrivateRedis) -> list[dict[str, float]]:
    cases: list[dict[str, float]] = []
    with server.client() as client:
        for batch in BATCHES:
            mine = rate(checked(client, f"mine{batch}"), batch)
            peer = rate(plain(client, f"peer{batch}"), batch)
            client.delete(f"mine{batch}", f"peer{batch}")
            cases.append(
                {"batch": batch, "checked_events_s": mine, "plain_redis_py_events_s": peer}
            )
            print(f"batch {batch:>4}: checked {mine:>9,.0f}/s   plain redis-py {peer:>9,.0f}/s")
    return cases


def publishing_ms(log: Any, seconds: float) -> dict[str, float]:
    """Time ``append`` and ``flush`` together: the event is on the disk."""
    spent: list[int] = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        before = time.perf_counter_ns()
        log.append("fill", [PAYLOAD])
        log.flush()
        spent.append(time.perf_counter_ns() - before)
        time.sleep(0.0005)
    spent.sort()
    at = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    return {k: spent[int(v * len(spent))] / 1e6 for k, v in at.items()} | {
        "max": spent[-1] / 1e6,
        "events": len(spent),
    }


def outage(server: PrivateRedis, folder: Path) -> dict[str, Any]:
    log = open_log(folder / "outage", CONFIG, url=server.url("outage"))
    up = publishing_ms(log, 3.0)
    server.kill()
    away = publishing_ms(log, 5.0)
    server.start()
    assert log.catch_up(60.0)
    log.close()
    return {"redis_up_ms": up, "redis_away_ms": away}


def drain(server: PrivateRedis, folder: Path, events: int) -> dict[str, float]:
    log = open_log(folder / "drain", CONFIG, url=server.url("drain"))
    server.kill()
    start = time.perf_counter()
    for _ in range(events // 1_000):
        log.append("fill", [PAYLOAD] * 1_000)
    log.flush()
    written_s = time.perf_counter() - start
    server.start()
    start = time.perf_counter()
    assert log.catch_up(600.0)
    drained_s = time.perf_counter() - start
    with server.client() as client:
        assert client.xlen("bus:drain:fill") == events
    log.close()
    return {
        "events": events,
        "written_events_s": events / written_s,
        "drained_events_s": events / drained_s,
        "drained_s": drained_s,
    }


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else BACKLOG
    folder = Path(tempfile.mkdtemp(dir=sys.argv[2] if len(sys.argv) > 2 else None))
    try:
        with private_redis(*OPTIONS, on_disk=folder) as server:
            result = {
                "machine": msgspec.to_builtins(describe()),
                "append": appends(server),
                "publish": outage(server, folder),
                "backlog": drain(server, folder, events),
                "redis": "7, appendonly yes, appendfsync everysec",
                "payload_bytes": len(PAYLOAD),
                "load_average": os.getloadavg()[0],
            }
    finally:
        shutil.rmtree(folder)
    print(result["publish"])
    print(result["backlog"])
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
