from __future__ import annotations

import os

import apsw
import pytest

from stairway.adapters.journal.inbox import Inbox
from stairway.base.errors import ConfigError, DamagedLogError, InvariantError, RecordError
from stairway.events.envelope import Envelope

SCHEMA = ["create table effect (position integer)"]


def event(position, digest="aa", stream="fill"):
    return Envelope(stream, position, b"", digest * 32, 0)


@pytest.fixture
def inbox(tmp_path):
    inbox = Inbox(tmp_path / "desk.db", SCHEMA)
    yield inbox
    inbox.close()


def act(inbox, envelope, consumers="desk"):
    """Write the effect of an event; True where that had not been done before."""
    with inbox.once(consumers, envelope) as db:
        if db is None:
            return False
        db.execute("insert into effect values (?)", (envelope.position,))
        return True


def effects(inbox):
    return [row[0] for row in inbox.look("select position from effect")]


def test_an_effect_happens_once_however_often_its_event_comes(inbox):
    assert [act(inbox, event(n)) for n in (1, 2, 1, 1, 2, 3)] == [
        True,
        True,
        *[False] * 3,
        True,
    ]
    assert effects(inbox) == [1, 2, 3]


def test_an_effect_that_fails_is_not_done_and_leaves_nothing_behind(inbox):
    def fail():
        with inbox.once("desk", event(1)) as db:
            db.execute("insert into effect values (1)")
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fail()
    assert effects(inbox) == []
    assert act(inbox, event(1))
    assert effects(inbox) == [1]


def test_groups_and_streams_do_not_see_each_other(inbox):
    assert act(inbox, event(1))
    assert act(inbox, event(1), consumers="other")
    assert act(inbox, event(1, stream="trade.closed"))
    assert len(effects(inbox)) == 3


def test_what_was_done_is_known_after_opening_again(tmp_path, inbox):
    act(inbox, event(1))
    inbox.close()
    again = Inbox(tmp_path / "desk.db", SCHEMA)
    assert not act(again, event(1))
    assert effects(again) == [1]
    again.close()


def test_another_event_in_the_place_of_one_that_was_dealt_with_is_refused(inbox):
    act(inbox, event(7))
    with pytest.raises(DamagedLogError, match=r"another event 7 of 'fill'.*log was replaced"):
        act(inbox, event(7, "bb"))
    assert effects(inbox) == [7]


def test_telemetry_may_have_another_event_in_a_place_after_a_power_cut(inbox):
    assert act(inbox, event(7, stream="timing"))
    assert act(inbox, event(7, "bb", stream="timing"))
    assert not act(inbox, event(7, "bb", stream="timing"))


def test_an_effect_that_commits_by_itself_is_told_so(inbox):
    def commit():
        with inbox.once("desk", event(1)) as db:
            db.execute("commit")

    with pytest.raises(InvariantError, match="committed inside"):
        commit()


def test_an_inbox_that_somebody_holds_does_nothing_by_halves(tmp_path, inbox):
    other = apsw.Connection(str(tmp_path / "desk.db"))
    other.execute("begin immediate")
    with pytest.raises(RecordError, match="held by another program"):
        act(inbox, event(1))
    other.execute("rollback")
    assert act(inbox, event(1))
    other.close()


def test_effect_and_note_are_committed_with_the_disk_waited_for(inbox):
    assert inbox.look("pragma synchronous") == [(2,)]
    assert inbox.look("pragma journal_mode") == [("wal",)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "it is a pipe"),
        (os.mkdir, "it is a folder"),
        (lambda path: path.write_text("lots,price\n" * 200), "it is no database"),
    ],
    ids=["a pipe", "a folder", "a text"],
)
def test_what_is_no_inbox_is_refused_by_name_and_left_alone(tmp_path, make, said):
    path = tmp_path / "desk.db"
    make(path)
    before = path.lstat()
    with pytest.raises(ConfigError, match=rf"desk.db is not .*{said}.*a name that is free"):
        Inbox(path)
    assert (path.lstat().st_mode, path.lstat().st_size) == (before.st_mode, before.st_size)


def test_an_inbox_may_be_reached_by_a_link(tmp_path, inbox):
    (tmp_path / "link.db").symlink_to(inbox._path)
    inbox.close()
    Inbox(tmp_path / "link.db").close()
