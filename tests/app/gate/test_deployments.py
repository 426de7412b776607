"""Deployments are put on record in order, whole, and the newest one is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stairway.app.gate.cutover import cutover
from stairway.app.gate.deployments import newest, record, record_now
from stairway.base.errors import ConfigError

AT_NS = 1_772_449_200_000_000_000
NOW_NS = AT_NS + 3_600 * 10**9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deployments.jsonl"


def test_what_was_recorded_last_is_what_last_deploy_reads(path: Path) -> None:
    record(AT_NS - 10**9, NOW_NS, "aaa", path=path)
    record(AT_NS, NOW_NS, "4f1c2d", "cap \u201cremoved\u201d\nat last", path)
    cut = cutover("last-deploy", NOW_NS, path)
    assert cut.at_ns == AT_NS
    assert cut.origin.startswith("deployed then: 4f1c2d cap")
    assert len(path.read_text("utf-8").splitlines()) == 2, "a note of two lines is one line"


def test_two_at_the_same_instant_are_both_kept_and_the_later_line_counts(path: Path) -> None:
    record(AT_NS, NOW_NS, "one", path=path)
    record(AT_NS, NOW_NS, "two", path=path)
    assert newest(path).commit == "two"


def test_what_is_there_is_never_written_again(path: Path) -> None:
    record(AT_NS, NOW_NS, "one", path=path)
    before = path.read_bytes()
    record(AT_NS + 1_000, NOW_NS, "two", path=path)
    assert path.read_bytes().startswith(before)


@pytest.mark.parametrize(
    ("at_ns", "words"),
    [(NOW_NS + 1, "still to come"), (AT_NS - 1_000, "later than")],
)
def test_one_that_is_to_come_or_out_of_order_is_refused(
    at_ns: int, words: str, path: Path
) -> None:
    record(AT_NS, NOW_NS, "one", path=path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=words):
        record(at_ns, NOW_NS, "two", path=path)
    assert path.read_bytes() == before


def test_now_is_now_and_an_instant_without_a_zone_is_none(path: Path) -> None:
    made = record_now(None, "4f1c2d", "", path)
    assert made.at.endswith("Z")
    with pytest.raises(ConfigError, match="no zone"):
        record_now("2026-03-02T11:00:00", "", "", path)


def test_words_without_end_are_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match="500 characters"):
        record(AT_NS, NOW_NS, "", "x" * 501, path)
    assert not path.exists()


def test_a_line_that_was_damaged_stops_the_next_one(path: Path) -> None:
    path.write_text('{"at": "2026-03-0')
    with pytest.raises(ConfigError, match="line 1 of"):
        record(AT_NS, NOW_NS, "one", path=path)


def test_a_folder_or_bytes_that_are_no_text_are_said(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        newest(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be"):
        record(AT_NS, NOW_NS, "one", path=path)


def test_a_disk_that_takes_nothing_is_said(path: Path) -> None:
    path.symlink_to("/dev/full")
    if not os.access("/dev/full", os.W_OK):
        pytest.fail("/dev/full is needed here")
    with pytest.raises(ConfigError, match="cannot be"):
        record(AT_NS, NOW_NS, "one", path=path)


def test_a_line_that_somebody_left_without_its_end_keeps_its_own(path: Path) -> None:
    path.write_text('{"at":"2025-11-20T10:00:00Z"}')
    record(AT_NS, NOW_NS, "two", path=path)
    assert newest(path).commit == "two"
    assert len(path.read_text("utf-8").splitlines()) == 2
    record(AT_NS, NOW_NS, "three", path=path)
    assert "\n\n" not in path.read_text("utf-8")


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0c"])
def test_a_note_may_hold_what_some_take_for_the_end_of_a_line(mark: str, path: Path) -> None:
    record(AT_NS, NOW_NS, notes=f"cap{mark}removed", path=path)
    assert newest(path).notes == f"cap{mark}removed"
