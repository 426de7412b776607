"""Appends a second to the shared log, beside psycopg alone doing the same inserts.

Writes ``benchmarks/results/postgresql_log.json``. Run it with::

    .venv/bin/python benchmarks/bench_postgresql_log.py [seconds per case]

The server is a private one, on the disk that temporary files lie on, with everything that
it needs to survive a power cut. The peer inserts the same payloads, one transaction a
batch, with neither chain, checksum, head, lock nor order over the log: what those cost is
the difference. Ours and the peer take turns, case by case.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from stairway.adapters.logs.postgresql import Config, open_log
from stairway.app.machine import describe
from stairway.testing.log import small_settings
from stairway.testing.postgresql import PrivateServer, postgresql_settings, private_server

RESULT = Path(__file__).parent / "results" / "postgresql_log.json"
SECONDS = 1.0
PAYLOAD = bytes(range(256))
CONFIG = Config(**small_settings(commit_ms=5.0), **postgresql_settings())
CASES = [(1, 1), (1, 64), (1, 256), (4, 1), (4, 64)]
SERIAL = itertools.count()

Publish = Callable[[int], None]


@contextmanager
def our_log(server: PrivateServer, name: str) -> Iterator[Publish]:
    log = open_log(server.folder, CONFIG, url=server.url(name))

    def publish(batch: int) -> None:
        log.append("policy.generation", [PAYLOAD] * batch)

    yield publish
    log.close()


@contextmanager
def bare_psycopg(server: PrivateServer, name: str) -> Iterator[Publish]:
    with psycopg.connect(server.conninfo(), autocommit=True) as link:
        link.execute(
            "create table if not exists bare (log text, stream text, position bigserial,"
            " recorded_ns bigint, hash bytea, payload bytea,"
            " primary key (log, stream, position))"
        )
        insert = (
            "insert into bare (log, stream, recorded_ns, hash, payload) "
            "select %b, %b, 7, p, p from unnest(%b::bytea[]) as p"
        )

        def publish(batch: int) -> None:
            link.execute(insert, (name, "policy.generation", [PAYLOAD] * batch))

        yield publish


@contextmanager
def one_writer(server: PrivateServer, name: str) -> Iterator[Publish]:
    """Open a run's own log: its thread commits, and ``flush`` waits for it."""
    log = open_log(server.folder, CONFIG, url=server.url(name, more="&writers=one"))

    def publish(batch: int) -> None:
        for _ in range(batch):
            log.append("fill", [PAYLOAD])
        log.flush()

    yield publish
    log.close()


def rate(
    made: Callable[[PrivateServer, str], Any],
    server: PrivateServer,
    case: tuple[int, int],
    seconds: float,
) -> float:
    """Events a second of all writers together; all write to one log."""
    writers, batch = case
    name, counts = f"bench-{next(SERIAL)}", [0] * writers
    ready = threading.Barrier(writers + 1)
    over = threading.Event()

    def write(k: int) -> None:
        with made(server, name) as publish:
            publish(batch)
            ready.wait()
            while not over.is_set():
                publish(batch)
                counts[k] += batch

    threads = [threading.Thread(target=write, args=(k,)) for k in range(writers)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    over.wait(seconds)
    over.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def compared(server: PrivateServer, seconds: float) -> list[dict[str, float]]:
    found: list[dict[str, float]] = []
    rate(bare_psycopg, server, (1, 64), seconds)
    for case in CASES:
        ours, bare = (rate(made, server, case, seconds) for made in (our_log, bare_psycopg))
        row = {"writers": case[0], "batch": case[1], "log_events_s": ours}
        found.append(row | {"bare_psycopg_events_s": bare, "log_over_bare": ours / bare})
        print(f"{case[0]} writers, batch {case[1]:>3}: log {ours:>8,.0f}/s   "
              f"bare {bare:>8,.0f}/s   {ours / bare:.2f}")  # fmt: skip
    return found


def hand_off_us(server: PrivateServer, count: int = 5_000) -> dict[str, float]:
    """Time one ``append`` of a run's own log as its caller sees it."""
    url = server.url("hand-off", more="&writers=one")
    log, spent = open_log(server.folder, CONFIG, url=url), [0] * count
    for n in range(count):
        start = time.perf_counter_ns()
        log.append("fill", [PAYLOAD])
        spent[n] = time.perf_counter_ns() - start
    log.close()
    spent.sort()
    return {
        name: spent[int(count * part)] / 1e3 for name, part in (("p50", 0.5), ("p99", 0.99))
    }


def measure(server: PrivateServer, seconds: float) -> dict[str, Any]:
    one = {f"batch {n}": rate(one_writer, server, (1, n), seconds) for n in (1, 64, 256)}
    return {
        "many_writers": compared(server, seconds),
        "one_writer_events_s": one,
        "one_writer_append_us": hand_off_us(server),
        "payload_bytes": len(PAYLOAD),
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with private_server(on_disk=True, shared_buffers="128MB", max_wal_size="1GB") as server:
        version = server.execute("show server_version")[0][0]
        result = {"machine": msgspec.to_builtins(describe()), "postgresql": version}
        result |= measure(server, seconds)
    for name in ("one_writer_events_s", "one_writer_append_us"):
        print(f"{name}: {result[name]}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
