"""``--log`` changes where the record is kept, and nothing in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stairway.app.record.place import shown
from stairway.testing.redis_server import private_redis

Call = Callable[..., Any]


@pytest.fixture(params=["redis", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a server of this test's own."""
    if request.param == "redis":
        with private_redis("--maxmemory-policy", "noeviction") as server:
            yield server.url("unused").partition("?")[0]
    else:
        server = request.getfixturevalue("postgresql")
        yield server.url("unused").partition("?")[0]


@pytest.fixture
def trained(finished_run: Path, tmp_path: Path) -> Path:
    """A run whose models are made and whose climb has not begun."""
    root = tmp_path / "elsewhere"
    shutil.copytree(finished_run, root)
    shutil.rmtree(root / "log")
    for name in ("perf.json", "result.json", "report.html"):
        (root / name).unlink(missing_ok=True)
    return root


def test_the_same_run_with_another_engine_ends_with_the_same_hash(
    url: str, trained: Path, finished_run: Path, stairway: Call
) -> None:
    asked = json.loads((trained / "run.json").read_text("utf-8"))
    asked["log"] = shown(f"{url}?log=elsewhere")
    if url.startswith("postgresql"):
        asked["log"] += "&writers=one"
    (trained / "run.json").write_text(json.dumps(asked), "utf-8")

    done = stairway("run", "--resume", trained, STAIRWAY_LOG=url)
    assert done.returncode == 0, done.stderr
    once = stairway("replay", trained, STAIRWAY_LOG=url)
    assert once.returncode == 0, once.stderr
    assert (
        once.stdout.splitlines()[1:] == stairway("replay", finished_run).stdout.splitlines()[1:]
    )

    verified = stairway("log", "verify", f"{url}?log=elsewhere")
    assert (verified.returncode, verified.stdout[:6]) == (0, "intact"), verified.stdout
    again = stairway("run", "--resume", trained, STAIRWAY_LOG=url)
    assert again.returncode == 0, again.stderr
    assert stairway("replay", trained, STAIRWAY_LOG=url).stdout == once.stdout


def test_a_record_that_lies_in_the_folder_is_not_looked_for_elsewhere(
    url: str, trained: Path, stairway: Call
) -> None:
    other = stairway("run", "--resume", trained, "--log", f"{url}?log=another")
    assert other.returncode == 1
    assert "is kept in its folder; leave out --log" in other.stderr
