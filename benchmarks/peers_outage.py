"""Redis is killed for two seconds under load and started again: what became of the events.

A story is told by a publisher and nothing else: it sends one event after the other, about a
thousand a second, for eight seconds. What it sent is then compared with what Redis has.
Run as a script this measures FastStream, in a process of its own (see ``peers``)::

    .venv/bin/python benchmarks/bench_outage.py
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from stairway.testing.redis_server import PrivateRedis, private_redis

SECONDS, KILLED_S, BACK_S, PAUSE_S = 8.0, 2.0, 4.0, 0.001
OPTIONS = ("--appendonly", "yes", "--appendfsync", "everysec")
STREAM = "events"


def _outage(server: PrivateRedis, start: float) -> None:
    time.sleep(max(0.0, start + KILLED_S - time.perf_counter()))
    server.kill()
    time.sleep(max(0.0, start + BACK_S - time.perf_counter()))
    server.start()


def story(
    server: PrivateRedis, publish: Callable[[int], None], finish: Callable[[], None]
) -> dict[str, float]:
    """Send and count; ``publish`` raises where it could not send."""
    sent = errors = 0
    slowest_s = 0.0
    start = time.perf_counter()
    outage = threading.Thread(target=_outage, args=(server, start))
    outage.start()
    while (now := time.perf_counter()) - start < SECONDS:
        try:
            publish(sent)
        except Exception:  # noqa: BLE001 -- what people do: count it and go on
            errors += 1
        sent += 1
        slowest_s = max(slowest_s, time.perf_counter() - now)
        time.sleep(PAUSE_S)
    outage.join()
    finish()
    return {"sent": sent, "errors_raised": errors, "slowest_publish_ms": 1e3 * slowest_s}


def judged(server: PrivateRedis, key: str, sent: float) -> dict[str, float]:
    """Lost, doubled and disordered, of what was sent."""
    with server.client() as client:
        found: Any = client.xrange(key)
    numbers = [_number(fields) for _, fields in found]
    lost = int(sent) - len(set(numbers))
    return {
        "lost": lost,
        "lost_share": lost / sent,
        "doubled": len(numbers) - len(set(numbers)),
        "disordered": sum(b < a for a, b in pairwise(numbers)),
    }


def _number(fields: dict[bytes, bytes]) -> int:
    text = b" ".join(fields.values())
    said = re.search(rb'"?seq"?:? ?(\d+)', text)
    assert said is not None, text
    return int(said[1])


def faststream() -> dict[str, Any]:
    """Publish with FastStream's Redis broker, as its first page shows."""
    from importlib.metadata import version  # noqa: PLC0415

    from faststream.redis import RedisBroker  # noqa: PLC0415

    with private_redis(*OPTIONS) as server:
        loop = asyncio.new_event_loop()
        broker = RedisBroker(f"redis://127.0.0.1:{server.port}", logger=None)
        loop.run_until_complete(broker.connect())

        def publish(n: int) -> None:
            loop.run_until_complete(broker.publish({"seq": n}, stream=STREAM))

        told = story(server, publish, lambda: None)
        return {
            "who": f"FastStream {version('faststream')}, redis-py {version('redis')}",
            **told,
            **judged(server, STREAM, told["sent"]),
        }


if __name__ == "__main__":
    print(json.dumps(faststream()))
