"""From ``append`` to a reader in another process, and from a long record to today's state.

Writes ``benchmarks/results/event_reading.json``. Run it with::

    .venv/bin/python benchmarks/bench_event_reading.py [events to fold]

*Publish to handler*: this process appends to the telemetry file and flushes, two
milliseconds apart; another process waits at a doorbell, reads, and notes the time that lies
between ``append`` and the event in its hands. Beside it, where ``redis-server`` is
installed: ``xadd`` and a blocking ``xread`` of redis-py with a server of this run's own. The
two take turns, and each quantile is the median of those of its rounds: quote their ratio,
where others use the machine too.

*Fold*: that many events (of ten, six fills, three marks and one step of a model's ramp)
are read in the order in which they were appended, each checksum and hash checked, decoded,
and folded into the registry and a book, at that number and at a half and a quarter of it; or
at a million and at that number, where it is more (ten million take some minutes to write).
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import reduce
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from bench_event_log import CONFIG

from stairway.adapters.journal.doorbell import Doorbell
from stairway.adapters.logs.sqlite import open_log
from stairway.app.catalog import CODEC, stream_of
from stairway.app.machine import describe
from stairway.base.units import Lots, Micros, Ticks, UtcNs
from stairway.events.envelope import Envelope
from stairway.events.fold import in_order
from stairway.execution.facts import VenueSaid
from stairway.execution.orders import Filled
from stairway.lifecycle.facts import ModelRegistered, RampChanged
from stairway.lifecycle.registry import Registry, on
from stairway.market.instrument import Instrument
from stairway.trader.book import Book, booked, open_book
from stairway.trader.facts import Marked

RESULT = Path(__file__).parent / "results" / "event_reading.json"
EVENTS = 1_000_000
ROUNDS, MESSAGES, GAP_S = 7, 1_000, 0.002
SPY = Instrument(symbol="SPY", tick_usd=0.01, lot_units=1.0)
MODELS = 40
PLACE = struct.Struct("<q")
PAD = bytes(248)


def quantiles(spent_ns: list[int]) -> dict[str, float]:
    spent_ns.sort()
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
    return {
        f"{name}_ms": spent_ns[int(len(spent_ns) * part)] / 1e6 for name, part in at.items()
    }


def publish_paced(publish: Callable[[bytes], None]) -> None:
    start = time.perf_counter()
    for n in range(MESSAGES):
        while (ahead_s := start + n * GAP_S - time.perf_counter()) > 0:
            time.sleep(max(0.0, ahead_s - 0.0002))
        publish(PLACE.pack(time.perf_counter_ns()) + PAD)


def heard(role: str, where: str, publish: Callable[[bytes], None]) -> dict[str, float]:
    """Publish to a child that listens; return what it measured."""
    with subprocess.Popen(
        [sys.executable, __file__, role, where], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        publish_paced(publish)
        return quantiles(msgspec.json.decode(child.stdout.readline(), type=list[int]))


def listen_to_log(folder: str) -> list[int]:
    log, spent = open_log(Path(folder), CONFIG, read_only=True), list[int]()
    seen = log.head("timing").position
    with Doorbell(Path(folder), log) as bell:
        print("ready", flush=True)
        while len(spent) < MESSAGES:
            for event in log.read("timing", seen):
                spent.append(time.perf_counter_ns() - PLACE.unpack_from(event.payload)[0])
                seen = event.position
            bell.wait(1.0)
    log.close()
    return spent


@contextmanager
def the_log(folder: Path) -> Iterator[Callable[[], dict[str, float]]]:
    """Give what publishes a round through the log, and says how long it took."""
    log = open_log(folder / "bell", CONFIG)

    def publish(payload: bytes) -> None:
        log.append("timing", [payload])
        log.flush()

    try:
        yield lambda: heard("log", str(folder / "bell"), publish)
    finally:
        log.close()


def listen_to_redis(port: str) -> list[int]:
    import redis  # noqa: PLC0415 - an extra of the package

    client, spent = redis.Redis(port=int(port)), list[int]()
    last = next((place for place, _ in client.xrevrange("s", count=1)), b"0")
    print("ready", flush=True)
    while len(spent) < MESSAGES:
        for _, entries in client.xread({"s": last}, count=64, block=1_000):
            for place, fields in entries:
                spent.append(time.perf_counter_ns() - PLACE.unpack_from(fields[b"p"])[0])
                last = place
    return spent


@contextmanager
def its_redis(folder: Path, program: str) -> Iterator[Callable[[], dict[str, float]]]:
    """Give what publishes a round through a Redis server of its own."""
    import redis  # noqa: PLC0415 - an extra of the package

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "redis").mkdir()
    options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
    with subprocess.Popen(
        [program, "--port", str(port), "--dir", str(folder / "redis"), *options],
        stdout=subprocess.DEVNULL,
    ) as server:
        client = redis.Redis(port=port)
        for _ in range(500):
            with suppress(redis.exceptions.ConnectionError):
                assert client.info()["process_id"] == server.pid
                break
            time.sleep(0.01)
        try:
            yield lambda: heard("redis", str(port), lambda p: client.xadd("s", {"p": p}))
        finally:
            client.close()
            server.terminate()


def in_turns(folder: Path) -> dict[str, Any]:
    """Measure both in turns; return the medians of the rounds, and their ratio."""
    program = shutil.which("redis-server")
    with ExitStack() as stack:
        ways = {"publish_to_handler": stack.enter_context(the_log(folder))}
        if program is not None:
            redis = stack.enter_context(its_redis(folder, program))
            ways["redis_publish_to_handler"] = redis
        rounds = [
            {name: one_round() for name, one_round in ways.items()} for _ in range(ROUNDS)
        ]
    found: dict[str, Any] = {
        name: {at: median(each[name][at] for each in rounds) for at in rounds[0][name]}
        for name in ways
    }
    if program is None:
        return found | {"redis_publish_to_handler": "redis-server is not installed"}
    ours, theirs = found.values()
    return found | {"of_redis": {at[:-3]: ours[at] / theirs[at] for at in ours}}


def fact(n: int) -> Any:
    """Make the n-th event of the record to fold."""
    now_ns = UtcNs(1_700_000_000_000_000_000 + n)
    if n < MODELS:
        return ModelRegistered(now_ns, f"slot{n % 8}", "v1", f"digest{n}", None, 1)
    match n % 10:
        case 0:
            name = f"digest{n // 10 % MODELS}"
            return RampChanged(now_ns, f"slot{n // 10 % 8}", name, (n % 100) / 100)
        case 1 | 4 | 7:
            return Marked(n, "capital", Micros(10**12 + n), (n % 50, 0), (n, -n))
        case _:
            fill = Filled(f"o{n}", f"e{n}", now_ns, Lots(1), Ticks(50_000 + n % 99), Micros(7))
            return VenueSaid(n, "capital", fill)


def write(folder: Path, events: int) -> None:
    log = open_log(folder, CONFIG)
    for n in range(events):
        made = fact(n)
        log.append(stream_of(made), [CODEC.encode(made)])
    log.close()


def step(state: tuple[Registry, Book, int], envelope: Envelope) -> tuple[Registry, Book, int]:
    registry, book, equity = state
    match CODEC.decode(envelope.payload):
        case VenueSaid(event=Filled() as fill):
            return registry, booked(book, fill, 0, 1 - 2 * (fill.price_ticks % 2), SPY), equity
        case Marked() as marked:
            return registry, book, marked.equity_micros
        case ModelRegistered() | RampChanged() as moved:
            return on(registry, moved), book, equity
        case other:
            raise AssertionError(other)


def fold_all(folder: str) -> list[float]:
    """Fold a log; return seconds and megabytes at the most."""
    log = open_log(Path(folder), CONFIG, read_only=True)
    start = time.perf_counter()
    state = Registry(), open_book("capital", Micros(10**12), 0), 0
    registry, book, _ = reduce(step, in_order(log, log.streams()), state)
    elapsed = time.perf_counter() - start
    assert len(registry.entries) == MODELS
    assert book.held[0] != 0
    log.close()
    return [elapsed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]


def folds(folder: Path, events: int) -> list[dict[str, float]]:
    cases: list[dict[str, float]] = []
    parts = (events // 4, events // 2) if events <= EVENTS else (EVENTS,)
    for count in (*parts, events):
        write(folder / "fold", count)
        made = subprocess.run(
            [sys.executable, __file__, "fold", str(folder / "fold")],
            capture_output=True,
            check=True,
        )
        seconds, memory_mb = msgspec.json.decode(made.stdout)
        cases.append({"events": count, "seconds": seconds, "memory_mb": memory_mb})
        print(cases[-1])
        shutil.rmtree(folder / "fold")
    return cases


ROLES: dict[str, Callable[[str], Any]] = {
    "log": listen_to_log,
    "redis": listen_to_redis,
    "fold": fold_all,
}


def main() -> None:
    if len(sys.argv) > 2:
        print(msgspec.json.encode(ROLES[sys.argv[1]](sys.argv[2])).decode(), flush=True)
        return
    folder = Path(tempfile.mkdtemp())
    try:
        result = {
            "machine": msgspec.to_builtins(describe()),
            **in_turns(folder),
            "fold": folds(folder, int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS),
            "load_average": os.getloadavg()[0],
        }
    finally:
        shutil.rmtree(folder)
    for name in ("publish_to_handler", "redis_publish_to_handler", "of_redis"):
        print(f"{name}: {result.get(name)}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
