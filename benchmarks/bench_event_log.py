"""Durable events a second, beside bare SQLite doing the same inserts in the same run.

Writes ``benchmarks/results/event_log.json``. Run it with::

    .venv/bin/python benchmarks/bench_event_log.py [seconds per case] [folder]

An event is durable when ``flush`` has returned: its commit and the high-water mark are
both on the disk. A batch goes to the log in one ``append`` for each of four streams.

``bare apsw`` inserts rows of the same size in the same order into the same table (the same
key, types and constraints; there is no other index) under the same pragmas, in one
``executemany`` and one transaction; its hash and checksum columns are filled with what was
made up beforehand, so it neither hashes nor checks, keeps no mark and has no thread.
``bare apsw, hashing`` computes the same hash chain and checksum as plainly as can be, and
then does the same. persist-queue and litequeue put the same payloads into their queues, as
durably as they can be told to, one transaction for a batch. The log and apsw take turns in
short slices, because a disk and cores that others use too are not the same from one second
to the next: quote ratios of medians of one run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import apsw
import msgspec
import peers

from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.machine import describe

RESULT = Path(__file__).parent / "results" / "event_log.json"
SECONDS = 3.0
SLICES = 9
BATCHES = (1, 16, 64, 256, 1024)
PEERS = ("persist-queue==1.1.0", "litequeue==0.9")
PAYLOAD = bytes(range(256))
MADE_UP = 0xC0FFEE42, bytes(range(7, 39))
STREAMS = ("trade.intent", "order.sent", "fill", "trade.closed")
# As `our_log` appends a batch: all of one stream, then all of the next.
STREAM_OF = {
    batch: [k for k in range(len(STREAMS)) for _ in range(k, batch, len(STREAMS))]
    for batch in BATCHES
}
EVENT_TABLE = """create table event (
    stream integer not null, position integer not null, recorded_ns integer not null,
    crc integer not null, hash blob not null, payload blob not null,
    primary key (stream, position)
) without rowid, strict"""
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
def bare_sqlite(folder: Path, *, hashing: bool) -> Iterator[Callable[[int], None]]:
    connection = apsw.Connection(str(folder / f"bare{int(hashing)}.db"))
    for pragma in ("journal_mode = wal", "synchronous = full", "cell_size_check = on"):
        connection.execute(f"pragma {pragma}").fetchall()
    connection.execute(EVENT_TABLE)
    positions, links = [0] * len(STREAMS), [bytes(32)] * len(STREAMS)
    names = [stream.encode() for stream in STREAMS]

    def seal(stream: int, position: int, now_ns: int) -> tuple[int, bytes]:
        text = b"%b\0%b\0%d\0%b" % (links[stream], names[stream], position, PAYLOAD)
        digest = links[stream] = hashlib.sha256(text).digest()
        text = b"%b\0%d\0%d\0%b%b" % (names[stream], position, now_ns, digest, PAYLOAD)
        return zlib.crc32(text), digest

    def publish(batch: int) -> None:
        rows: list[tuple[Any, ...]] = []
        now_ns = time.time_ns()
        for n, stream in enumerate(STREAM_OF[batch]):
            positions[stream] += 1
            made = seal(stream, positions[stream], now_ns + n) if hashing else MADE_UP
            rows.append((stream, positions[stream], now_ns + n, *made, PAYLOAD))
        connection.execute("begin immediate")
        connection.executemany("insert into event values (?,?,?,?,?,?)", rows)
        connection.execute("commit")

    yield publish
    connection.close()


@contextmanager
def our_log(folder: Path, *, one_by_one: bool = False) -> Iterator[Callable[[int], None]]:
    log = open_log(folder / f"log{int(one_by_one)}", CONFIG)

    def publish(batch: int) -> None:
        if one_by_one:
            for n in range(batch):
                log.append(STREAMS[n % len(STREAMS)], [PAYLOAD])
        else:
            for n, stream in enumerate(STREAMS):
                log.append(stream, [PAYLOAD] * len(range(n, batch, len(STREAMS))))
        log.flush()

    yield publish
    log.close()


def append_us(folder: Path, rounds: int = 7) -> dict[str, float]:
    """Time one ``append`` as its caller sees it; medians over the rounds."""
    found = [_appended_us(folder / f"append{n}") for n in range(rounds)]
    return {name: median(one[name] for one in found) for name in found[0]}


def _appended_us(folder: Path, count: int = 50_000) -> dict[str, float]:
    """Time each of ``count`` appends, the writer being at work beside them."""
    log, spent = open_log(folder, CONFIG), [0] * count
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


def durable(folder: Path, seconds: float) -> list[dict[str, float]]:
    """Measure all at each size of batch, in turns; medians over the slices."""
    cases: list[dict[str, float]] = []
    with ExitStack() as stack:
        publishers = {
            "log": stack.enter_context(our_log(folder)),
            "log_one_by_one": stack.enter_context(our_log(folder, one_by_one=True)),
            "bare_apsw": stack.enter_context(bare_sqlite(folder, hashing=False)),
            "bare_apsw_hashing": stack.enter_context(bare_sqlite(folder, hashing=True)),
        }
        for batch in BATCHES:
            rates: dict[str, list[float]] = {name: [] for name in publishers}
            for _ in range(SLICES):
                for name, publish in publishers.items():
                    rates[name].append(rate(publish, batch, seconds / SLICES))
            case = {f"{name}_events_s": median(rates[name]) for name in publishers}
            pairs = zip(rates["bare_apsw"], rates["log"], strict=True)
            case["bare_over_log"] = median(bare / ours for bare, ours in pairs)
            cases.append({"batch": batch} | case)
            print(" ".join(f"{name} {value:>9,.5g}" for name, value in cases[-1].items()))
    return cases


def peers_durable() -> dict[str, Any]:
    """Measure what other embedded queues do with the same payloads, right after."""
    why_not = peers.install(*PEERS)
    if why_not is not None:
        return {"not_installed": why_not}
    return peers.measure("peers_event_log.py")


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    return {
        "durable": durable(folder, seconds),
        "peers": peers_durable(),
        "append_us": append_us(folder),
        "beside_a_busy_thread_events_s": beside_a_busy_thread(folder / "busy", seconds / 3),
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
    for name in (
        "peers",
        "append_us",
        "beside_a_busy_thread_events_s",
        "read_and_check_events_s",
    ):
        print(f"{name}: {result[name]}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
