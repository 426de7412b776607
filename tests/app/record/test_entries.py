"""Events as people and programs read them."""

from __future__ import annotations

import json
from contextlib import closing
from itertools import islice

import msgspec
import pytest

from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.record import entries
from stairway.app.record.place import find, opened
from stairway.base.errors import ConfigError
from stairway.events.envelope import Envelope
from stairway.testing.log import small_settings

CONFIG = msgspec.convert(small_settings(), Config)


@pytest.fixture
def log(folder):
    with closing(opened(find(str(folder)))) as log:
        yield log


def test_every_event_is_one_line_that_names_its_place_and_its_fact(log):
    for stream in log.streams():
        for envelope in log.read(stream):
            said = entries.entry(envelope)
            line = said.as_text(10_000)
            assert "\n" not in line
            assert f"  {stream} #{envelope.position}  {said.kind}  " in line
            assert said.kind not in {"unreadable", "fact"}


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_line_is_never_wider_than_the_terminal(log, width):
    for envelope in log.read("run"):
        assert len(entries.entry(envelope).as_text(width)) <= width


def test_a_line_of_json_says_all_that_was_recorded(log):
    for envelope in log.read("trade.closed"):
        said = json.loads(entries.entry(envelope).as_json())
        recorded = msgspec.msgpack.decode(envelope.payload)
        assert said["kind"] == recorded.pop("type")
        assert said["fact"] == recorded
        assert (said["position"], said["hash"]) == (envelope.position, envelope.hash)


def test_what_cannot_be_decoded_is_shown_as_it_is():
    said = entries.entry(Envelope("fill", 1, b"\xff\0", "ab", 7))
    assert said.kind == "unreadable"
    assert said.fact["payload_hex"] == "ff00"
    assert "no fact that this version knows" in said.fact["why"]
    assert "unreadable" in said.as_text(200)


def test_the_newest_are_the_last_recorded_over_all_streams_oldest_first(log):
    every = sorted(
        (e for stream in log.streams() for e in log.read(stream)), key=lambda e: e.recorded_ns
    )
    for count in (0, 1, 7, 61, 1_000):
        assert (
            list(entries.newest(log, log.streams(), count))
            == every[len(every) - min(count, 61) :]
        )


def test_streams_are_all_of_them_unless_some_are_named(log):
    assert entries.chosen(log, ()) == log.streams()
    assert entries.chosen(log, ["run"]) == ("run",)
    with pytest.raises(ConfigError, match=r"no stream 'runs'.*there are: .*run"):
        entries.chosen(log, ["run", "runs"])


def test_following_yields_what_comes_and_nothing_that_was_there(tmp_path):
    with closing(open_log(tmp_path, CONFIG)) as writer:
        writer.append("fill", [b"old"])
        writer.flush()
        with closing(open_log(tmp_path, CONFIG, read_only=True)) as reader:
            naps = []

            def sleep(_seconds):
                naps.append(1)
                assert len(naps) < 9, "it would wait for ever"
                writer.append("fill", [b"new %d" % len(naps)])
                writer.append("order", [b"another stream"])
                writer.flush()

            found = list(islice(entries.follow(reader, (), sleep), 4))
            assert [(e.stream, e.position) for e in found] == [
                ("fill", 2), ("order", 1), ("fill", 3), ("order", 2),
            ]  # fmt: skip
            naps.clear()
            only = list(islice(entries.follow(reader, ("order",), sleep), 2))
            assert [(e.stream, e.position) for e in only] == [("order", 3), ("order", 4)]
