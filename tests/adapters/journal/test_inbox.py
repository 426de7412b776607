from __future__ import annotations

import os
import re

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


def make_other(path, statement):
    other = apsw.Connection(str(path))
    other.execute(statement)
    other.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "it is a pipe"),
        (os.mkdir, "it is a folder"),
        (lambda path: path.write_text("lots,price\n" * 200), "it is no database"),
        (lambda path: path.touch(), "it is empty"),
        (lambda path: make_other(path, "create table lots (n)"), "it lacks its table"),
        (lambda path: make_other(path, "create table inbox (n)"), "'inbox' is laid out other"),
    ],
    ids=["a pipe", "a folder", "a text", "nothing", "another program's", "another inbox"],
)
def test_what_is_no_inbox_is_refused_by_name_and_left_alone(tmp_path, make, said):
    path = tmp_path / "desk.db"
    make(path)
    before = path.lstat()
    with pytest.raises(ConfigError, match=rf"desk.db is not .*{said}.*a name that is free"):
        Inbox(path)
    assert (path.lstat().st_mode, path.lstat().st_size) == (before.st_mode, before.st_size)
    assert list(tmp_path.iterdir()) == [path]


def test_an_inbox_may_be_reached_by_a_link(tmp_path, inbox):
    (tmp_path / "link.db").symlink_to(inbox._path)
    inbox.close()
    Inbox(tmp_path / "link.db").close()


WAY_OUT = r"desk.db, the inbox of a consumer, is damaged \(.*restore it .*; or move it away"


def test_an_inbox_that_was_cut_short_is_refused_in_its_own_words(tmp_path, inbox):
    inbox.close()
    path = tmp_path / "desk.db"
    path.write_bytes(path.read_bytes()[:3_000])
    with pytest.raises(DamagedLogError, match=WAY_OUT) as told:
        Inbox(path)
    assert told.value.file == "desk.db"
    assert "stairway log" not in str(told.value), "it is no log, and nothing of a log saves it"


def rotten(tmp_path, inbox):
    """An inbox of which a page is rotten that opening does not look at."""
    assert act(inbox, event(1))
    inbox.close()
    path = tmp_path / "desk.db"
    content = bytearray(path.read_bytes())
    content[4_096:] = b"\xa5" * len(content[4_096:])
    path.write_bytes(content)
    return Inbox(path)


def test_a_rotten_page_is_told_of_when_it_is_met(tmp_path, inbox):
    inbox = rotten(tmp_path, inbox)
    with pytest.raises(DamagedLogError, match=WAY_OUT):
        act(inbox, event(2))
    with pytest.raises(DamagedLogError, match=WAY_OUT):
        effects(inbox)
    inbox.close()


def test_a_rotten_page_of_the_consumer_s_own_is_told_of_too(inbox):
    def meet(envelope):
        with inbox.once("desk", envelope):
            raise apsw.CorruptError

    with pytest.raises(DamagedLogError, match=WAY_OUT):
        meet(event(1))
    assert act(inbox, event(1)), "nothing was done"


def test_a_mistake_in_a_consumer_s_own_statement_is_his_own(inbox):
    def err(envelope):
        with inbox.once("desk", envelope) as db:
            db.execute("insert into nowhere values (1)")

    with pytest.raises(apsw.SQLError, match="nowhere"):
        err(event(1))
    with pytest.raises(apsw.SQLError, match="nowhere"):
        inbox.look("select * from nowhere")


@pytest.mark.parametrize("statement", ["create tabel x", "create table inbox (n)"])
def test_a_schema_that_cannot_be_carried_out_is_named_and_leaves_nothing(tmp_path, statement):
    said = rf"desk.db is not made: .*'{re.escape(statement)}' of its schema .*correct that"
    with pytest.raises(ConfigError, match=said):
        Inbox(tmp_path / "desk.db", [*SCHEMA, statement])
    assert not list(tmp_path.iterdir())


def test_an_inbox_that_is_closed_says_so(inbox):
    inbox.close()
    with pytest.raises(RecordError, match=r"desk.db is closed: make the Inbox again"):
        act(inbox, event(1))
    with pytest.raises(RecordError, match=r"desk.db is closed"):
        effects(inbox)
