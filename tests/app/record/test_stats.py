"""How much is on record."""

from __future__ import annotations

import json
from contextlib import closing

import msgspec

from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.progress import Silent
from stairway.app.record.place import find, opened
from stairway.app.record.retention import move
from stairway.app.record.stats import stats
from stairway.testing.log import small_settings

CONFIG = msgspec.convert(small_settings(), Config)


def measured(folder):
    place = find(str(folder))
    with closing(opened(place)) as log:
        return stats(place, log)


def test_every_stream_is_counted(folder):
    found = measured(folder)
    assert found.events == sum(one.events for one in found.streams) == 61
    by_name = {one.stream: one for one in found.streams}
    assert by_name["run"].events == 5
    assert by_name["run"].durable
    assert not by_name["market.bar"].durable
    assert found.files["durable.db"] == (folder / "durable.db").stat().st_size
    assert json.loads(found.as_json())["events"] == 61


def test_the_rate_is_events_a_minute_between_the_first_and_the_last(tmp_path):
    seconds = iter([0, 30, 60, 90, 120, 0, 0])
    with closing(open_log(tmp_path, CONFIG, clock_ns=lambda: next(seconds) * 10**9 + 1)) as log:
        for _ in range(5):
            log.append("fill", [b"x"])
        log.append("run", [b"x", b"y"])
    by_name = {one.stream: one for one in measured(tmp_path).streams}
    assert by_name["fill"].per_minute == 2.0
    assert by_name["run"].per_minute is None


def test_what_was_archived_is_counted_and_still_belongs_to_the_log(folder):
    move(find(str(folder)), RetentionRules(keep_events=1, keep_days=0), Silent())
    found = measured(folder)
    by_name = {one.stream: one for one in found.streams}
    assert (by_name["run"].events, by_name["run"].archived) == (5, 4)
    assert found.events == 61
    assert found.files["archive"] > 0


def test_an_empty_log_has_no_streams(tmp_path):
    open_log(tmp_path, CONFIG).close()
    found = measured(tmp_path)
    assert (found.events, found.streams) == (0, ())
