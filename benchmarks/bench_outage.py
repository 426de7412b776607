"""The outage table: events lost, doubled and disordered while Redis is away for 2 s.

Writes ``benchmarks/results/outage.json``. Run it with::

    .venv/bin/python benchmarks/bench_outage.py

Three publishers tell the same story, one after the other, each with a Redis of its own:
FastStream, redis-py as people write it (``xadd``, an error is counted and the next event
sent), and this log. FastStream is installed for it as :mod:`benchmarks.peers` says. Redis
is killed with SIGKILL and keeps an append-only file that is synced every second.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import peers
import redis
from peers_outage import OPTIONS, STREAM, judged, story

from stairway.adapters.logs.redis import Config, open_log
from stairway.app.machine import describe
from stairway.app.record.wiring import wired
from stairway.testing.log import small_settings
from stairway.testing.redis_server import private_redis

RESULT = Path(__file__).parent / "results" / "outage.json"
FASTSTREAM = "faststream==0.7.8"


def plain() -> dict[str, Any]:
    with private_redis(*OPTIONS) as server:
        client = redis.Redis(host="127.0.0.1", port=server.port)
        told = story(server, lambda n: client.xadd(STREAM, {"seq": f"seq {n}"}), lambda: None)
        found = judged(server, STREAM, told["sent"])
        client.close()
    return {"who": f"redis-py {redis.__version__}, as people write it", **told, **found}


def ours() -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp())
    config: Config = wired("redis", small_settings())[1]
    with private_redis(*OPTIONS) as server:
        log = open_log(folder, config, url=server.url("bus"))

        def publish(n: int) -> None:
            log.append("fill", [b"seq %d" % n])

        told = story(server, publish, lambda: log.catch_up(60.0) and None)
        found = judged(server, "bus:bus:fill", told["sent"])
        log.close()
    shutil.rmtree(folder)
    return {"who": "Stairway", **told, **found}


def main() -> None:
    failure = peers.install(FASTSTREAM)
    rows = [plain(), ours()]
    if failure is None:
        rows.insert(0, peers.measure("peers_outage.py"))
    else:
        print(f"FastStream is left out: {failure}")
    for row in rows:
        print(
            f"{row['who']:<48} sent {row['sent']:>6} lost {row['lost']:>5} "
            f"({row['lost_share']:.2%}) doubled {row['doubled']} "
            f"disordered {row['disordered']} slowest publish {row['slowest_publish_ms']:.1f} ms"
        )
    result = {"machine": msgspec.to_builtins(describe()), "away_s": 2.0, "publishers": rows}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


if __name__ == "__main__":
    main()
