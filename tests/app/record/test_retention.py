"""What is old is moved, as far as nobody needs it where it is."""

from __future__ import annotations

import json

import pytest

from stairway.adapters.journal.archiver import RetentionRules
from stairway.app.progress import Silent
from stairway.app.record.check import check
from stairway.app.record.place import Place, find
from stairway.app.record.retention import move, would_move
from stairway.base.errors import ConfigError

EVERYTHING = RetentionRules(keep_events=1, keep_days=0)


def test_asking_changes_nothing(folder):
    before = sorted(path.name for path in folder.iterdir())
    told = would_move(find(str(folder)), EVERYTHING)
    assert not told.done
    assert told.events["run"] == 4
    assert [n for n in sorted(p.name for p in folder.iterdir()) if "-" not in n] == before


def test_what_was_foretold_is_what_is_moved(folder):
    place = find(str(folder))
    told, moved = would_move(place, EVERYTHING), move(place, EVERYTHING, Silent())
    assert moved.done
    assert moved.events == told.events
    assert len(moved.files) == len(moved.events)
    assert all((folder / "archive" / name).is_file() for name in moved.files)
    assert check(place, Silent()).events == 61
    assert json.loads(moved.as_json())["done"] is True
    assert "run" in moved.as_text()


def test_there_is_nothing_to_move_a_second_time(folder):
    place = find(str(folder))
    move(place, EVERYTHING, Silent())
    again = move(place, EVERYTHING, Silent())
    assert again.events == {}
    assert "old enough" in again.as_text()


def test_by_default_a_log_of_a_few_events_keeps_them_all(folder):
    kept = RetentionRules(keep_events=10_000, keep_days=7)
    assert would_move(find(str(folder)), kept).events == {}


def test_a_log_elsewhere_is_archived_where_it_is_written():
    with pytest.raises(ConfigError, match="name the folder that its writer keeps"):
        would_move(Place(None, "redis://localhost/0"), EVERYTHING)
