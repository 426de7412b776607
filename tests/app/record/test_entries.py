"""Events as people and programs read them."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from itertools import islice

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stairway.adapters.logs.sqlite import Config, open_log
from stairway.app.catalog import CODEC
from stairway.app.policy_store import STREAM
from stairway.app.record import entries
from stairway.app.record.place import Place, find, opened
from stairway.base.errors import DataError
from stairway.base.units import UtcNs
from stairway.events.envelope import Envelope
from stairway.lifecycle.generation import after, sign
from stairway.lifecycle.stage import Stage
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
def test_a_line_is_never_wider_than_the_terminal_and_shows_fields(log, width):
    for envelope in (e for stream in log.streams() for e in log.read(stream)):
        said = entries.entry(envelope)
        lines = said.as_text(width).splitlines()
        assert max(map(len, lines)) <= width
        assert f"{envelope.stream} #{envelope.position}" in lines[0]
        assert f"{next(iter(said.fact))}=" in lines[-1]


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


def test_times_are_told_as_times_and_a_generation_as_what_was_signed():
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    issued_ns = UtcNs(1_546_300_800_000_000_000)
    signed = sign(after(None, "ab" * 32, Stage.SHADOW, {}, issued_ns, "begin"), key)
    said = entries.entry(Envelope(STREAM, 1, CODEC.encode(signed), "ab", 7))
    line = said.as_text(10_000)
    assert "issued_ns=2019-01-01T00:00:00.000000Z" in line
    assert "number=1" in line
    assert 'why="begin"' in line
    assert f'key_id="{signed.key_id}"' in line
    assert "body=" not in line
    # A program reads all of it, as it was recorded.
    assert set(json.loads(said.as_json())["fact"]) == {"body", "key_id", "signature"}
    odd = msgspec.structs.replace(signed, body=b"no json")
    told = entries.entry(Envelope(STREAM, 2, CODEC.encode(odd), "ab", 8)).as_text(10_000)
    assert "body=" in told


def test_the_newest_are_the_last_recorded_over_all_streams_oldest_first(log):
    every = sorted(
        (e for stream in log.streams() for e in log.read(stream)), key=lambda e: e.recorded_ns
    )
    for count in (0, 1, 7, 61, 1_000):
        assert (
            list(entries.newest(log, entries.heads(log, log.streams()), count, {}))
            == every[len(every) - min(count, 61) :]
        )


def test_streams_are_all_of_them_unless_some_are_named(log):
    assert entries.streams_named(log, ()) == log.streams()
    assert entries.streams_named(log, ["run"]) == ("run",)
    with pytest.raises(DataError, match=r"no stream 'runs'.*did you mean 'run'"):
        entries.streams_named(log, ["run", "runs"])


def test_following_yields_what_comes_and_nothing_that_was_there(tmp_path):
    with closing(open_log(tmp_path, CONFIG)) as writer:
        writer.append("fill", [b"old"])
        writer.flush()
        with closing(open_log(tmp_path, CONFIG, read_only=True)) as reader:
            naps = []

            def wait():
                naps.append(1)
                assert len(naps) < 9, "it would wait for ever"
                writer.append("fill", [b"new %d" % len(naps)])
                writer.append("order", [b"another stream"])
                writer.flush()

            ends = entries.heads(reader, reader.streams())
            found = list(islice(entries.from_now_on(reader, (), wait, ends), 4))
            assert [(e.stream, e.position) for e in found] == [
                ("fill", 2), ("order", 1), ("fill", 3), ("order", 2),
            ]  # fmt: skip
            naps.clear()
            ends = entries.heads(reader, ("order",))
            only = list(islice(entries.from_now_on(reader, ("order",), wait, ends), 2))
            assert [(e.stream, e.position) for e in only] == [("order", 3), ("order", 4)]


def test_the_newest_end_where_following_begins_however_much_comes_meanwhile(tmp_path):
    with closing(open_log(tmp_path, CONFIG)) as writer:
        writer.append("fill", [b"1", b"2", b"3"])
        writer.flush()
        with closing(open_log(tmp_path, CONFIG, read_only=True)) as reader:
            ends = entries.heads(reader, reader.streams())
            writer.append("fill", [b"4", b"5"])
            writer.flush()
            shown = entries.newest(reader, ends, 2, {})
            assert [e.position for e in shown] == [2, 3]
            assert [e.position for e in entries.newest(reader, ends, 0, {})] == []
            assert [e.position for e in entries.newest(reader, ends, 9, {"fill": 1})] == [2, 3]
            later = islice(entries.from_now_on(reader, (), lambda: None, ends), 2)
            assert [e.position for e in later] == [4, 5]


def test_who_follows_a_folder_is_rung_for_and_need_not_ask(tmp_path, monkeypatch):
    monkeypatch.setattr(entries.time, "sleep", lambda _: pytest.fail("it polls"))
    with (
        closing(open_log(tmp_path, CONFIG)) as writer,
        closing(open_log(tmp_path, CONFIG, read_only=True)) as reader,
        entries.waiting(find(str(tmp_path)), reader) as wait,
    ):
        heard = entries.from_now_on(reader, (), wait, {})
        timer = threading.Timer(0.02, lambda: writer.append("fill", [b"new"]))
        timer.start()
        assert next(heard).payload == b"new"
        timer.join()
    assert not list((tmp_path / "bells").iterdir())


def test_where_no_bell_can_be_hung_up_the_log_is_asked_now_and_then(tmp_path):
    crowded = tmp_path / "crowded"
    crowded.mkdir()
    (crowded / "bells").write_text("in the way")
    with closing(open_log(tmp_path / "log", CONFIG)) as log:
        for place in (Place(crowded), Place(None, "redis://h/0")):
            with entries.waiting(place, log) as wait:
                assert wait.func is entries.time.sleep  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]


def seen(stream, position):
    return Envelope(stream, position, b"", "", position)


@pytest.mark.parametrize(
    ("shown", "count", "floor", "is_told"),
    [
        ([("fill", 9), ("fill", 10)], 3, 8, True),
        # As many as were asked for, and the oldest of them is the first that is left.
        ([("fill", 9), ("fill", 10)], 2, 8, False),
        # What is archived is older than the first order, which is not shown either.
        ([("fill", 10)], 1, 8, False),
        ([("fill", 10)], 2, 0, False),
        # What was archived is older than the oldest of as many as were asked for.
        ([("fill", 9), ("fill", 10), ("order", 1)], 3, 8, False),
        ([("order", 1), ("fill", 9), ("fill", 10)], 3, 8, True),
        ([("order", 1)], 1, 10, True),
        ([], 0, 8, False),
        ([], 3, 10, True),
    ],
)
def test_what_may_lie_in_an_archive_out_of_reach_is_told(shown, count, floor, is_told):
    events = [seen(*place) for place in shown]
    said = entries.left_out(events, {"fill": 10}, count, {"fill": floor})
    assert (said is not None) == is_told
    assert said is None or f"fill up to #{floor}" in said
