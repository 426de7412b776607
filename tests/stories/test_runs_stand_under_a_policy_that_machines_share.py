"""A run follows a policy that an operator signed for several machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from stairway.app.authority import HELD
from stairway.app.catalog import CODEC
from stairway.app.record.place import find, opened
from stairway.testing.redis_server import private_redis

Call = Callable[..., Any]


@pytest.fixture(params=["redis", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a store that nobody has begun."""
    if request.param == "redis":
        with private_redis("--maxmemory-policy", "noeviction") as server:
            yield server.url("policies")
    else:
        yield request.getfixturevalue("postgresql").url("policies")


def signed(stairway: Call, store: str, folder: Path, *words: str) -> None:
    if store.startswith("redis"):
        words = (*words, "--outbox", str(folder / "outbox"))
    key = folder / "operator.pem"
    done = stairway("log", "sign", store, "--key", key, "--why", "so", "--yes", *words)
    assert done.returncode == 0, done.stderr


def test_a_run_follows_the_store_says_so_and_is_not_begun_under_a_policy_withdrawn(
    store: str, walk_source: Path, finished_run: Path, tmp_path: Path, stairway: Call
) -> None:
    made = stairway("log", "key", tmp_path / "operator.pem")
    assert made.returncode == 0, made.stderr
    signed(stairway, store, tmp_path, "--policy", "daily", "--stage", "shadow")
    models, trust = finished_run / "models", finished_run / "trust.pub"
    words = ("--source", walk_source, "--models", models, "--trust", trust)
    words = (*words, "--operator", tmp_path / "operator.pub")
    run = tmp_path / "run"

    done = stairway("run", *words, "--out", run, "--json", STAIRWAY_POLICY_STORE=store)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["policy"]
    assert (told["generation"], told["stale"], told["frozen"]) == (1, False, False)
    kept = json.loads((run / "run.json").read_text("utf-8"))["policy_store"]
    assert "log=policies" in kept
    if "@" in store:
        assert store.partition("@")[0].rpartition(":")[2] not in (run / "run.json").read_text()
    with closing(opened(find(str(run)))) as log:
        (held,) = map(CODEC.read, log.read(HELD))
    assert held.signed.identity == held.identity
    again = stairway("replay", run)
    assert (again.returncode, again.stdout[:9]) == (0, "identical"), again.stdout

    signed(stairway, store, tmp_path, "--stage", "retired")
    refused = stairway("run", *words, "--out", tmp_path / "other", STAIRWAY_POLICY_STORE=store)
    assert refused.returncode == 1
    assert "policy.withdrawn" in refused.stderr
    assert not (tmp_path / "other").exists()
