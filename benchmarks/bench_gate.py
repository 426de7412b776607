"""How fast a stream is gated and diagnosed, and pandas and Evidently beside it.

Writes ``benchmarks/results/gate.json``. Run it with::

    .venv/bin/python benchmarks/bench_gate.py [predictions] [events]

*Parquet*: ``predictions`` flat rows (one answer each, every hundredth said twice), and a half
and a tenth of them, are gated, compared at a cutover in the middle and diagnosed. pandas does
the same work on the same file (``peers_gate.py`` says what), as does Evidently as far as it
can; of the larger two files it is only asked for the tenth. Everybody works in a process of
their own, one after another, three times; the median counts. Imports count for nobody, nor
does compiling: a small file is gated first.

*JSON lines* and *Redis*: ``events`` with a payload of three models (six answers each), gated
from a file and from a stream of a Redis of this run's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
import peers
import polars as pl

from stairway.app.gate import gate
from stairway.app.machine import describe
from stairway.testing.redis_server import private_redis
from stairway.testing.telemetry import messages, telemetry

RESULT = Path(__file__).parent / "results" / "gate.json"
PREDICTIONS, EVENTS = 10_000_000, 1_000_000
START_MS = 1_772_442_000_000
ROUNDS = 3
PEERS = ("pandas==2.3.3", "pyarrow==26.0.1", "evidently==0.7.23")
SMALL = "small.parquet"


def flat(n: int) -> pl.DataFrame:
    rng = np.random.default_rng(7)
    symbol, model, action = (rng.integers(0, k, n) for k in (4, 3, 3))
    confidence = rng.normal(0.5, 0.16, n).clip(0.01, 0.99).round(8)
    number = np.arange(n)
    number -= number % 100 == 99
    return pl.DataFrame(
        {
            "ts": START_MS + 100 * number,
            "event_id": pl.Series(number).cast(pl.String),
            "symbol": np.array(["BTC", "ETH", "SOL", "XRP"])[symbol[number]],
            "model": np.array(["forest", "mlp", "trend"])[model[number]],
            "action": np.array(["SELL", "HOLD", "BUY"])[action[number]],
            "confidence": confidence[number],
        }
    )


def ours(source: str, small: str, after: str | None) -> None:
    """Gate in this process, warm; print seconds, answers and peak memory."""
    gate(small, after=after)
    start = time.perf_counter()
    report = gate(source, after=after)
    spent = time.perf_counter() - start
    sides = [s for one in report.models for s in (one.before, one.after) if s is not None]
    found = {
        "seconds": spent,
        "answers": sum(s.counted.events for s in sides),
        "peak_mb": peers.peak_mb(),
    }
    print(json.dumps(found))


def gated(source: str, small: Path, after: str | None = None) -> dict[str, float]:
    """Gate in a process of its own."""
    command = [sys.executable, __file__, "ours", source, str(small), after or ""]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


def predictions(folder: Path, n: int, which: list[str]) -> dict[str, Any]:
    """Gate ``n`` predictions: everybody in turn."""
    path = folder / f"{n}.parquet"
    flat(n).write_parquet(path)
    cutover_ms = START_MS + 50 * n
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ("ours", *which)}
    for _ in range(ROUNDS):
        found["ours"].append(gated(str(path), folder / SMALL, str(cutover_ms)))
        for name in which:
            found[name].append(peers.measure("peers_gate.py", name, str(path), str(cutover_ms)))
    path.unlink()
    said: dict[str, Any] = {name: medians(rounds) for name, rounds in found.items()}
    for name in which:
        said[f"times_{name}"] = said[name]["seconds"] / said["ours"]["seconds"]
    print(n, said, flush=True)
    return {"predictions": n} | said


def events(folder: Path, n: int) -> dict[str, Any]:
    """Gate events with a payload, from lines and from a stream."""
    path, small = folder / "events.jsonl", folder / "small.jsonl"
    found: dict[str, Any] = {"events": n}
    with private_redis() as server, path.open("wb") as lines, small.open("wb") as few:
        pipe = server.client().pipeline(transaction=False)
        for number, one in enumerate(messages(telemetry("healthy", events=n))):
            line = msgspec.json.encode(one) + b"\n"
            lines.write(line)
            if number < 20_000:
                few.write(line)
            pipe.xadd("bot", one)
            if number % 5_000 == 4_999:
                pipe.execute()
        pipe.execute()
        lines.flush()
        few.flush()
        uri = f"redis://127.0.0.1:{server.port}/0?stream=bot"
        for name, source in (("json_lines", str(path)), ("redis", uri)):
            said = medians([gated(source, small) for _ in range(ROUNDS)])
            found[name] = said | {"events_s": n / said["seconds"]}
            print(name, found[name], flush=True)
    return found


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] == "ours":
        ours(sys.argv[2], sys.argv[3], sys.argv[4] or None)
        return
    n = int(sys.argv[1]) if len(sys.argv) > 1 else PREDICTIONS
    many = int(sys.argv[2]) if len(sys.argv) > 2 else EVENTS
    why_not = peers.install(*PEERS)
    which = [] if why_not else ["pandas", "evidently"]
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        flat(20_000).write_parquet(folder / SMALL)
        sizes = [n // 10, n // 2, n]
        found = [
            predictions(folder, size, which[: 2 if size == sizes[0] else 1]) for size in sizes
        ]
        said = events(folder, many)
    tenth, half, whole = (one["ours"]["seconds"] for one in found)
    result = {
        "machine": msgspec.to_builtins(describe()),
        "parquet": found,
        "a_tenth_more_costs": (whole - half) / 5 / (whole / 10),
        "whole_over_tenth": whole / tenth,
        "events": said,
        "peers": why_not or list(PEERS),
        "load_average": os.getloadavg()[0],
    }
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
