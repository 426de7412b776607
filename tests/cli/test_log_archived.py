"""``stairway log tail`` of a server that has let go of old events."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.journal.kept import archive_kept
from stairway.adapters.logs.redis import Config, kept, open_log
from stairway.testing.log import small_settings
from stairway.testing.redis_server import private_redis, redis_settings

CONFIG = Config(**small_settings(), **redis_settings())
FIVE = RetentionRules(keep_events=5, keep_days=0)


@pytest.fixture
def url(tmp_path):
    """A log of which Redis has the last five fills, and both orders; FOLDER has the rest."""
    with private_redis("--appendonly", "no") as server:
        made = server.url("tailed")
        with closing(open_log(tmp_path / "log", CONFIG, url=made)) as log:
            log.append("fill", [b"%d" % n for n in range(40)])
            log.append("order", [b"one", b"two"])
            assert log.catch_up(10.0)
        archive = Archive(tmp_path / "old" / "tailed")
        with closing(kept(made, CONFIG)) as there:
            archive_kept(there, archive, FIVE, time.time_ns(), lambda *_: None)
        yield made


def test_older_events_in_an_archive_that_nobody_named_are_not_left_out_in_silence(
    url, tmp_path, stairway: Callable[..., Any]
) -> None:
    def shown(*words: str) -> tuple[int, str]:
        said = stairway("log", "tail", *words, "--json")
        assert said.code == 0
        return len(said.out.splitlines()), said.err

    events, err = shown(url, "-n", "3000")
    assert events == 7
    assert "older events were archived and are not shown (fill up to #35): add" in err
    assert "archive=FOLDER to the address" in err
    assert shown(url, "-n", "7") == (7, "")
    assert shown(url, "-n", "5", "--stream", "fill") == (5, "")
    assert "fill up to #35" in shown(url, "-n", "6", "--stream", "fill")[1]
    assert shown(url, "-n", "9", "--stream", "order") == (2, "")
    assert shown(url, "-n", "0") == (0, "")
    assert shown(f"{url}&archive={tmp_path / 'old'}", "-n", "3000") == (42, "")
