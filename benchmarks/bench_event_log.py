"""Durable events a second, beside bare SQLite doing the same inserts in the same run.

Writes ``benchmarks/results/event_log.json``. Run it with::

    .venv/bin/python benchmarks/bench_event_log.py [seconds per case] [folder]

An event is durable when ``flush`` has returned: its commit and the high-water mark are
both on the disk. The peer is apsw with the same pragmas and columns and neither chain,
checksum, mark nor thread, so the difference is what those cost. The two take turns, case
by case, and the load of the machine and the time of a bare ``fdatasync`` are given,
because a disk that others use too is not the same from one minute to the next.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import apsw
import msgspec

from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.machine import describe

RESULT = Path(__file__).parent / "results" / "event_log.json"
SECONDS = 1.0
BATCHES = (1, 16, 64, 256, 1024)
PAYLOAD = bytes(range(256))
STREAMS = ("trade.intent", "order.sent", "fill", "trade.closed")
CONFIG = Config(
    commit_ms=5.0,
    commit_events=256,
    queue_events=65_536,
    retry_ms=100.0,
    checkpoint_bytes=4 << 20,
    max_wal_bytes=64 << 20,
    ballast_bytes=64 << 20,
)


def rate(publish: Callable[[int], None], batch: int, seconds: float) -> float:
    """Events a second, publishing one batch after the other, each waited for."""
    publish(batch)
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        publish(batch)
        count += batch
    return count / elapsed


@contextmanager
def bare_sqlite(folder: Path) -> Iterator[Callable[[int], None]]:
    connection = apsw.Connection(str(folder / "bare.db"))
    connection.execute("pragma journal_mode = wal").fetchall()
    connection.execute("pragma synchronous = full").fetchall()
    connection.execute(
        "create table event (stream integer, position integer, recorded_ns integer, "
        "crc integer, hash blob, payload blob, primary key (stream, position)) without rowid"
    )
    positions = [0] * len(STREAMS)

    def publish(batch: int) -> None:
        rows: list[tuple[Any, ...]] = []
        for n in range(batch):
            stream = n % len(STREAMS)
            positions[stream] += 1
            rows.append((stream, positions[stream], n, n, bytes(32), PAYLOAD))
        connection.execute("begin immediate")
        connection.executemany("insert into event values (?,?,?,?,?,?)", rows)
        connection.execute("commit")

    yield publish
    connection.close()


@contextmanager
def our_log(folder: Path) -> Iterator[Callable[[int], None]]:
    log = open_log(folder / "log", CONFIG)

    def publish(batch: int) -> None:
        for n in range(batch):
            log.append(STREAMS[n % len(STREAMS)], [PAYLOAD])
        log.flush()

    yield publish
    log.close()


def append_us(folder: Path, count: int = 20_000) -> dict[str, float]:
    """Time one ``append`` as its caller sees it, the writer being at work beside it."""
    log, spent = open_log(folder / "append", CONFIG), [0] * count
    for n in range(count):
        start = time.perf_counter_ns()
        log.append("fill", [PAYLOAD])
        spent[n] = time.perf_counter_ns() - start
    log.close()
    spent.sort()
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}
    return {name: spent[int(count * part)] / 1e3 for name, part in at.items()}


def beside_a_busy_thread(folder: Path, seconds: float) -> float:
    """Durable events a second while another thread never lets go of the interpreter."""
    over = threading.Event()

    def spin() -> None:
        count = 0
        while not over.is_set():
            for _ in range(1_000):
                count += 1

    busy = threading.Thread(target=spin)
    busy.start()
    try:
        with our_log(folder) as publish:
            return rate(publish, 256, seconds)
    finally:
        over.set()
        busy.join()


def sync_us(folder: Path, times: int = 200) -> float:
    """Time a write of one page that is waited for, bare of everything."""
    fd = os.open(folder / "sync", os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, bytes(4096), 0)
    os.fsync(fd)
    spent: list[int] = []
    for _ in range(times):
        start = time.perf_counter_ns()
        os.pwrite(fd, bytes(4096), 0)
        os.fdatasync(fd)
        spent.append(time.perf_counter_ns() - start)
    os.close(fd)
    return median(spent) / 1e3


def read_rate(folder: Path, events: int = 50_000) -> float:
    """Events a second that are read back, each checksum and hash checked."""
    log = open_log(folder / "read", CONFIG)
    log.append("fill", [PAYLOAD] * events)
    log.flush()
    start = time.perf_counter()
    assert sum(1 for _ in log.read("fill")) == events
    elapsed = time.perf_counter() - start
    log.close()
    return events / elapsed


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    cases: list[dict[str, float]] = []
    with our_log(folder) as ours, bare_sqlite(folder) as bare:
        for batch in BATCHES:
            mine, peer = rate(ours, batch, seconds), rate(bare, batch, seconds)
            cases.append({"batch": batch, "log_events_s": mine, "bare_apsw_events_s": peer})
            print(f"batch {batch:>5}: log {mine:>9,.0f}/s   bare apsw {peer:>9,.0f}/s")
    return {
        "durable": cases,
        "append_us": append_us(folder),
        "beside_a_busy_thread_events_s": beside_a_busy_thread(folder / "busy", seconds),
        "read_and_check_events_s": read_rate(folder),
        "fdatasync_us": sync_us(folder),
        "payload_bytes": len(PAYLOAD),
        "load_average": os.getloadavg()[0],
        "nice": os.nice(0),
    }


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    folder = Path(tempfile.mkdtemp(dir=sys.argv[2] if len(sys.argv) > 2 else None))
    (folder / "busy").mkdir()
    try:
        result = {"machine": msgspec.to_builtins(describe())} | measure(folder, seconds)
    finally:
        shutil.rmtree(folder)
    for name in ("append_us", "beside_a_busy_thread_events_s", "read_and_check_events_s"):
        print(f"{name}: {result[name]}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
