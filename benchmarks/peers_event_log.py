"""Durable events a second of two embedded queues; run by ``bench_event_log.py``.

Both keep their events in SQLite and commit a batch at once here. persist-queue leaves
``synchronous`` at SQLite's FULL; litequeue sets it to NORMAL, which is put back to FULL.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from statistics import median

PAYLOAD = bytes(range(256))
BATCHES = (1, 64, 256)
SLICES, SLICE_S = 7, 0.25


def rate(publish: Callable[[int], None], batch: int) -> float:
    """Events a second, as ``bench_event_log.py`` counts them."""
    publish(batch)
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < SLICE_S:
        publish(batch)
        count += batch
    return count / elapsed


def persist_queue(folder: str) -> Callable[[int], None]:
    """Make the first peer."""
    from persistqueue import SQLiteQueue  # noqa: PLC0415 - installed for this run only

    queue = SQLiteQueue(folder + "/pq", auto_commit=False)

    def publish(batch: int) -> None:
        for _ in range(batch):
            queue.put(PAYLOAD)
        queue.task_done()

    return publish


def litequeue(folder: str) -> Callable[[int], None]:
    """Make the second peer."""
    from litequeue import LiteQueue  # noqa: PLC0415 - installed for this run only

    queue = LiteQueue(folder + "/lq.db")
    queue.conn.execute("pragma synchronous = full")

    def publish(batch: int) -> None:
        with queue.transaction():
            for _ in range(batch):
                queue.put(PAYLOAD)

    return publish


def main() -> None:
    """Print the rates as one line of JSON."""
    folder = tempfile.mkdtemp()
    result = {}
    for make in (persist_queue, litequeue):
        publish = make(folder)
        result[make.__name__] = {
            str(batch): median(rate(publish, batch) for _ in range(SLICES)) for batch in BATCHES
        }
    shutil.rmtree(folder)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
