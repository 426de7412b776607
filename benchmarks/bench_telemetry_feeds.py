"""How fast telemetry is read into answers, from each kind of source.

Writes ``benchmarks/results/telemetry_feeds.json``. Run it with::

    .venv/bin/python benchmarks/bench_telemetry_feeds.py [events] [entries]

``events`` are flat rows (one answer each) in JSON lines, CSV and Parquet, ``entries`` events
with a payload and three models in a stream of a Redis of this run's own; the same events as
JSON lines beside it. Each is read from its first byte to columns of answers, three times;
the median counts. Peak memory is that of the whole run, the making of the files included.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from stairway.adapters.feeds import csv, jsonl, parquet, redis
from stairway.app.machine import describe
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import Feed
from stairway.supervision.reading import Reading, layout_of
from stairway.testing.redis_server import private_redis
from stairway.testing.telemetry import messages, telemetry

RESULT = Path(__file__).parent / "results" / "telemetry_feeds.json"
EVENTS, ENTRIES = 10_000_000, 1_000_000
TEXT_ROWS, COLUMN_ROWS = 16_384, 262_144
ROUNDS = 3


def flat(n: int) -> pl.DataFrame:
    rng = np.random.default_rng(7)
    symbol, model, action = (rng.integers(0, k, n) for k in (4, 3, 3))
    return pl.DataFrame(
        {
            "ts": 1_772_442_000_000 + 1_000 * np.arange(n),
            "symbol": np.array(["BTC", "ETH", "SOL", "XRP"])[symbol],
            "model": np.array(["forest", "mlp", "trend"])[model],
            "action": np.array(["SELL", "HOLD", "BUY"])[action],
            "confidence": rng.normal(0.5, 0.16, n).clip(0.01, 0.99).round(8),
        }
    )


def once(feed: Feed, rows: int) -> tuple[int, int, float]:
    start = time.perf_counter()
    layout = layout_of(feed.head(200))
    reading, answers = Reading(layout), 0
    for chunk in feed.chunks(rows, layout.columns):
        answers += len(reading.read(chunk))
    return reading.notes.records, answers, time.perf_counter() - start


def measured(feed: Feed, rows: int) -> dict[str, float]:
    rounds = [once(feed, rows) for _ in range(ROUNDS)]
    records, answers, _ = rounds[0]
    spent = statistics.median(seconds for *_, seconds in rounds)
    return {
        "records": records,
        "answers": answers,
        "seconds": spent,
        "records_per_s": records / spent,
        "answers_per_s": answers / spent,
    }


def fill(client: object, events: list[dict[str, str]]) -> None:
    for start in range(0, len(events), 5_000):
        pipe = client.pipeline(transaction=False)  # type: ignore[attr-defined]
        for event in events[start : start + 5_000]:
            pipe.xadd("bot", event)
        pipe.execute()


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    entries = int(sys.argv[2]) if len(sys.argv) > 2 else ENTRIES
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        frame = flat(events)
        frame.write_parquet(folder / "a.parquet")
        frame.head(entries).write_ndjson(folder / "a.jsonl")
        frame.head(entries).write_csv(folder / "a.csv")
        del frame
        found["parquet"] = measured(
            parquet.open_feed(str(folder / "a.parquet"), Opening()), COLUMN_ROWS
        )
        found["jsonl_flat"] = measured(
            jsonl.open_feed(str(folder / "a.jsonl"), Opening()), TEXT_ROWS
        )
        found["csv"] = measured(csv.open_feed(str(folder / "a.csv"), Opening()), TEXT_ROWS)
        made = list(messages(telemetry("healthy", events=entries)))
        (folder / "b.jsonl").write_text("".join(json.dumps(one) + "\n" for one in made))
        found["jsonl_payload"] = measured(
            jsonl.open_feed(str(folder / "b.jsonl"), Opening()), TEXT_ROWS
        )
        with private_redis() as server:
            fill(server.client(), made)
            uri = f"redis://127.0.0.1:{server.port}/0?stream=bot"
            found["redis_payload"] = measured(redis.open_feed(uri, Opening()), TEXT_ROWS)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    for name, said in found.items():
        print(
            f"{name:14} {said['records']:>11,.0f} records {said['seconds']:7.2f} s "
            f"{said['records_per_s']:>11,.0f} records/s "
            f"{said['answers_per_s']:>11,.0f} answers/s"
        )
    result = {"machine": describe(), "peak_mb": peak_mb, "feeds": found}
    RESULT.write_text(json.dumps(result, indent=2, default=str) + "\n")


if __name__ == "__main__":
    main()
