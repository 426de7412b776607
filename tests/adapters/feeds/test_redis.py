"""A stream in Redis is read to its end and stays as it was; what fails is said in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from stairway.adapters.feeds.redis import open_feed
from stairway.base.errors import ConfigError, DataError, SourceChangedError
from stairway.supervision.answers import Stage
from stairway.supervision.field_map import Opening
from stairway.supervision.ports import ENTRY_ID
from stairway.supervision.reading import Reading, layout_of
from stairway.testing.redis_server import private_redis
from stairway.testing.telemetry import messages, telemetry

MADE = telemetry("healthy", events=300)
MAY_READ = ("on", ">secret", "resetkeys", "~bot", "+type", "+xinfo|stream", "+xrange")


@pytest.fixture
def stream(redis_server):
    with redis_server.client() as client:
        client.flushdb()
        for message in messages(MADE):
            client.xadd("bot", message)
        client.execute_command("ACL", "SETUSER", "gate", "reset", *MAY_READ)
        client.execute_command("ACL", "SETUSER", "stranger", "reset", "on", ">secret")
        yield client


def at(server, stream="bot", user="gate:secret"):
    return f"redis://{user}@127.0.0.1:{server.port}/0?stream={stream}"


def test_a_user_who_may_only_read_reads_everything_and_leaves_it_as_it_was(
    redis_server, stream
) -> None:
    raw = stream.xrange("bot")
    feed = open_feed(at(redis_server), Opening())
    before = feed.mark()
    reading = Reading(layout_of(feed.head(5)))
    chunks = list(feed.chunks(64))
    said = [reading.read(c) for c in chunks]
    found = np.concatenate([a.confidence[a.stage == Stage.CALIBRATED] for a in said])
    assert found.tolist() == MADE.confidence.ravel().tolist()
    assert [len(c) for c in chunks] == [64, 64, 64, 64, 44]
    assert feed.mark() == before
    assert before["length"] == feed.size() == 300
    assert (before["first"], before["last"]) == (raw[0][0].decode(), raw[-1][0].decode())
    assert stream.xrange("bot") == raw
    assert stream.xinfo_groups("bot") == []
    feed.close()


def test_a_pass_ends_where_the_stream_ended_when_it_began(redis_server, stream) -> None:
    feed = open_feed(at(redis_server), Opening())
    chunks = feed.chunks(100)
    seen = len(next(chunks))
    stream.xadd("bot", {"late": "1"})
    assert seen + sum(map(len, chunks)) == 300
    feed.close()


def test_a_new_entry_ends_the_wait(redis_server, stream) -> None:
    feed = open_feed(at(redis_server), Opening())
    feed.mark()
    assert not feed.wait(0.01)
    stream.xadd("bot", {"late": "1"})
    assert feed.wait(5.0)
    feed.close()


def test_fields_that_come_and_go_are_columns_with_gaps(redis_server, stream) -> None:
    stream.xadd("bot2", {"a": "1"}, id="5-0")
    stream.xadd("bot2", {"b": b"\xff"}, id="6-0")
    feed = open_feed(at(redis_server, "bot2", "").replace("//@", "//"), Opening())
    chunk = feed.head(5)
    assert chunk.frame.columns == [ENTRY_ID, "a", "b"]
    assert chunk.place(1) == "entry 6-0"
    feed.close()


def test_events_without_a_time_take_that_of_their_entry_and_this_is_said(
    redis_server, stream
) -> None:
    payload = '{"symbol": "A", "model_breakdown": {"m": {"action": "BUY", "confidence": 0.5}}}'
    stream.xadd(
        "bot3", {"event_type": "trade.intent", "payload": payload}, id="1700000000000-3"
    )
    feed = open_feed(f"redis://127.0.0.1:{redis_server.port}?stream=bot3", Opening())
    chunk = feed.head(5)
    reading = Reading(layout_of(chunk))
    assert reading.read(chunk).time_ns.tolist() == [1_700_000_000 * 10**9]
    assert "from the id" in reading.notes.sentences()[0]
    feed.close()


def test_each_thing_that_can_be_wrong_is_one_sentence(redis_server, stream) -> None:
    stream.lpush("list", "1")
    stream.xadd("hollow", {"a": "1"})
    stream.xtrim("hollow", maxlen=0)
    anybody = f"redis://127.0.0.1:{redis_server.port}/0?stream="
    wrong = {
        anybody + "none": (ConfigError, "there is no stream 'none'"),
        anybody + "list": (ConfigError, "is a list and no stream"),
        anybody + "hollow": (DataError, "is empty"),
        at(redis_server, user="gate:guess"): (ConfigError, "refuses the user or the password"),
        at(redis_server, user="stranger:secret"): (ConfigError, "does not let this user read"),
        "redis://127.0.0.1:1/0?stream=a": (ConfigError, "does not answer"),
        "redis://u:secret@127.0.0.1:x/0?stream=a": (ConfigError, "cannot be read"),
        "redis://u:secret@127.0.0.1/0": (ConfigError, "no address of a stream"),
        anybody + "bot&stream=list": (ConfigError, "names 2 streams: give one"),
        anybody.replace("/0", "/99") + "bot": (ConfigError, "no database of that number"),
    }
    for uri, (kind, words) in wrong.items():
        with pytest.raises(kind, match=words) as caught:
            open_feed(uri, Opening())
        assert "secret" not in str(caught.value)
        assert "guess" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_server_with_a_password_wants_it() -> None:
    wanted = pytest.raises(ConfigError, match="refuses the user or the password")
    with private_redis("--requirepass", "secret", user="default:secret") as server, wanted:
        open_feed(f"redis://127.0.0.1:{server.port}/0?stream=a", Opening())


def test_a_field_that_an_entry_has_twice_is_refused_by_name(redis_server, stream) -> None:
    stream.execute_command("XADD", "bot", "*", "confidence", "0.5", "confidence", "1.5")
    feed = open_feed(at(redis_server), Opening())
    with pytest.raises(DataError, match="has 'confidence' twice"):
        list(feed.chunks(64))


def test_what_was_trimmed_before_it_was_read_is_counted(redis_server, stream) -> None:
    feed = open_feed(at(redis_server), Opening())
    before = feed.mark()
    chunks = feed.chunks(64)
    next(chunks)
    stream.xtrim("bot", maxlen=50, approximate=False)
    seen = 64 + sum(map(len, chunks))
    assert feed.mark()["unseen"] == 300 - seen > 0
    assert "unseen" not in before


def test_what_was_trimmed_between_the_mark_and_the_first_page_is_counted(
    redis_server, stream
) -> None:
    feed = open_feed(at(redis_server), Opening())
    feed.mark()
    stream.xtrim("bot", maxlen=50, approximate=False)
    assert sum(map(len, feed.chunks(64))) == 50
    assert feed.mark()["unseen"] == 250
    feed.close()


def test_what_is_appended_meanwhile_is_no_change(redis_server, stream) -> None:
    feed = open_feed(at(redis_server), Opening())
    feed.mark()
    chunks = feed.chunks(64)
    next(chunks)
    stream.xadd("bot", next(iter(messages(MADE))))
    assert 64 + sum(map(len, chunks)) == 300
    assert "unseen" not in feed.mark()


def test_a_later_look_yields_what_came_and_its_places_go_on(redis_server, stream) -> None:
    feed = open_feed(at(redis_server), Opening())
    assert sum(map(len, feed.more(100))) == 300
    assert list(feed.more(100)) == []
    for message in messages(telemetry("healthy", events=7)):
        stream.xadd("bot", message)
    assert [len(one) for one in feed.more(5)] == [5, 2]
    feed.close()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda c: c.xtrim("bot", maxlen=200), "was trimmed: it began at"),
        (lambda c: c.xdel("bot", c.xrange("bot")[5][0]), "was trimmed by 1 entries"),
        (lambda c: c.delete("bot"), "is gone"),
        (lambda c: (c.delete("bot"), c.set("bot", "x")), "is a string now"),
    ],
    ids=["trimmed", "deleted", "gone", "other"],
)
def test_a_stream_that_lost_what_was_counted_is_named(redis_server, stream, how, words) -> None:
    feed = open_feed(at(redis_server), Opening())
    list(feed.more(100))
    how(stream)
    with pytest.raises(SourceChangedError, match=words):
        list(feed.more(100))
    feed.close()
