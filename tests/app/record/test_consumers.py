"""Who consumes a log is shown, and what was given up is dealt with."""

from __future__ import annotations

import json
import time
import zlib
from contextlib import closing

import msgspec
import pytest

from stairway.adapters.journal.archiver import RetentionRules
from stairway.adapters.journal.settings import Settings
from stairway.app.progress import Silent
from stairway.app.record.consumers import consumers, give_again, needed, settle
from stairway.app.record.engine import open_run
from stairway.app.record.place import Place, opened
from stairway.app.record.retention import move
from stairway.base.errors import ConfigError, ConflictError
from stairway.events import group as rules
from stairway.events.delivery import DeadLetter, GroupRules
from stairway.events.envelope import Head
from stairway.events.group import GroupState
from stairway.testing.log import small_settings
from stairway.testing.redis_server import private_redis

SETTINGS = msgspec.convert(small_settings(), Settings)
RULES = GroupRules(streams=("fill", "order"), lease_ms=60_000, tries=2)
CAUSE = "no such symbol: " + "x" * 90


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def place(request, tmp_path):
    """A log of ten fills, in a folder or on a server, and its only writer."""
    folder = tmp_path / "log"
    match request.param:
        case "sqlite":
            yield from filled(folder, None, Place(folder))
        case "postgresql":
            url = request.getfixturevalue("postgresql").url(
                f"group-{zlib.crc32(str(tmp_path).encode())}"
            )
            yield from filled(folder, url, Place(None, url))
        case _:
            with private_redis("--maxmemory-policy", "noeviction") as server:
                url = server.url("groups")
                yield from filled(folder, url, Place(None, url))


def filled(folder, url, place):
    with closing(open_run(folder, SETTINGS, url)) as log:
        log.append("fill", [b"%d" % n for n in range(10)])
        log.append("order", [b"x"])
        log.flush()
        if hasattr(log, "catch_up"):
            assert log.catch_up(5.0)
        yield place


def test_a_log_that_nobody_consumes_says_so(place):
    assert consumers(place).groups == ()
    assert "no group consumes" in consumers(place).as_text()
    assert needed(place) == {}


def given_up(place, position=3):
    """Let one fill fail as often as may be, and acknowledge two."""
    with closing(opened(place)) as log, closing(log.group("desk", RULES)) as group:
        first = group.take("me", 5, time.time_ns())
        group.ack(first[:2])
        group.fail(first[position - 1], CAUSE, time.time_ns())
        (again,) = group.take("me", 1, time.time_ns())
        group.fail(again, CAUSE, time.time_ns())


def test_how_far_a_group_has_come_and_what_it_gave_up_is_shown(place):
    given_up(place)
    (found,) = consumers(place).groups
    fill, order = found.streams
    assert (found.group, fill.stream, order.stream) == ("desk", "fill", "order")
    assert (fill.handed_out, fill.lag, fill.pending, fill.given_back) == (5, 5, 2, 0)
    assert (fill.oldest, order.lag, order.oldest) == (4, 1, None)
    (letter,) = found.dead
    assert (letter.stream, letter.position, letter.tries) == ("fill", 3, 2)
    assert letter.cause == CAUSE
    assert needed(place) == {"fill": 4, "order": 1}
    assert json.loads(consumers(place).as_json())["groups"][0]["group"] == "desk"


@pytest.mark.parametrize("width", [40, 60, 120])
def test_what_is_shown_fits_but_for_what_may_not_be_broken(place, width):
    given_up(place)
    lines = consumers(place).as_text(width).splitlines()
    assert lines[0] == "desk"
    commands = [line for line in lines if "stairway log groups" in line]
    assert [line.split(" --")[1] for line in commands] == [
        "again desk fill 3", "settle desk fill 3",
    ]  # fmt: skip
    rest = [line for line in lines if line not in commands]
    assert max(map(len, rest)) <= max(width, 56 if width < 80 else 0)


def test_a_letter_given_back_is_delivered_again_with_all_its_tries(place):
    given_up(place)
    give_again(place, "desk", "fill", 3)
    (found,) = consumers(place).groups
    assert (found.dead, found.streams[0].given_back) == ((), 1)
    with closing(opened(place)) as log, closing(log.group("desk", RULES)) as group:
        assert group.dead_letters() == ()
        (again,) = group.take("other", 1, time.time_ns())
        assert (again.envelope.position, again.tries) == (3, 1)
        group.fail(again, "once more", time.time_ns())
        (last,) = group.take("other", 1, time.time_ns())
        group.fail(last, "for good", time.time_ns())
        assert [one.cause for one in group.dead_letters()] == ["for good"]
    give_again(place, "desk", "fill", 3)


def test_a_letter_laid_aside_is_not_shown_again_nor_given_back(place):
    given_up(place)
    settle(place, "desk", "fill", 3)
    assert consumers(place).groups[0].dead == ()
    for act in (settle, give_again):
        with pytest.raises(ConfigError, match="no dead letter fill 3; there are: none"):
            act(place, "desk", "fill", 3)
    with closing(opened(place)) as log, closing(log.group("desk", RULES)) as group:
        assert [d.envelope.position for d in group.take("me", 1, time.time_ns())] == [6]


@pytest.mark.parametrize("act", [settle, give_again])
def test_who_is_not_there_is_named_with_who_is(place, act):
    given_up(place)
    with pytest.raises(ConfigError, match=r"no group 'dusk' beside this log; there are: desk"):
        act(place, "dusk", "fill", 3)
    with pytest.raises(ConfigError, match=r"no dead letter fill 4; there are: fill 3"):
        act(place, "desk", "fill", 4)


def test_a_letter_whose_event_left_the_server_is_not_given_to_who_cannot_read_it(
    place, tmp_path, request
):
    given_up(place)
    if place.folder is not None:
        # Beside a log in a folder the archive is read by everybody.
        move(place, RetentionRules(keep_events=1, keep_days=0), Silent())
        give_again(place, "desk", "fill", 3)
        return
    there = Place(None, f"{place.url}&archive={tmp_path / 'old'}")
    if place.engine == "postgresql":
        server = request.getfixturevalue("postgresql")
        roles = request.config.rootpath / "deploy/postgresql/roles.sql"
        server.execute(roles.read_text("utf-8"))
    assert move(there, RetentionRules(keep_events=1, keep_days=0), Silent()).events["fill"] == 3
    with pytest.raises(ConfigError, match=r"event 3 of 'fill' was archived.*--settle"):
        give_again(there, "desk", "fill", 3)
    settle(there, "desk", "fill", 3)


def test_two_who_deal_with_one_letter_do_it_once():
    letter = DeadLetter("fill", 3, 2, "no", 0)
    state = rules.revived(GroupState({"fill": Head(9, "a")}, dead=1), 1, letter)
    for act in (lambda: rules.revived(state, 1, letter), lambda: rules.settled(state, 1)):
        with pytest.raises(ConflictError, match="dealt with meanwhile"):
            act()
    with pytest.raises(ConflictError):
        rules.settled(state, 2)
