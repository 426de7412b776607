"""A change of a small database is all or nothing, whatever ends it."""

from __future__ import annotations

import errno
from contextlib import closing

import apsw
import pytest

from stairway.adapters.journal.layout import connect, create_aside, execute
from stairway.adapters.journal.turn import alone
from stairway.base.errors import DiskFullError, RecordError


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "small.db"
    create_aside(path, ["create table kept (n integer, body blob)"])
    return path


@pytest.fixture
def connection(path):
    connection = connect(path, read_only=False)
    yield connection
    connection.close(force=True)


def kept(connection):
    return [n for (n,) in execute(connection, "select n from kept order by n")]


def keep(connection, n, size_bytes=1):
    execute(connection, "insert into kept values (?, ?)", (n, bytes(size_bytes)))


def test_what_the_block_commits_is_kept_and_the_rest_is_taken_back(path, connection):
    with alone(path, connection):
        keep(connection, 1)
        execute(connection, "commit")
    with alone(path, connection):
        keep(connection, 2)
        assert connection.in_transaction
    assert not connection.in_transaction
    with closing(connect(path, read_only=True)) as other:
        assert kept(other) == [1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, apsw.SQLError])
def test_nothing_of_a_block_that_raises_is_kept_and_its_error_goes_on(path, connection, error):
    def fail():
        with alone(path, connection):
            keep(connection, 1)
            raise error

    with pytest.raises(error):
        fail()
    assert not connection.in_transaction
    assert kept(connection) == []


def test_without_room_nothing_is_kept_and_it_can_be_tried_again(path, connection):
    execute(connection, "pragma max_page_count = 4")
    no_room = pytest.raises(DiskFullError, match=r"small\.db: free some space")
    with no_room, alone(path, connection):
        keep(connection, 1)
        keep(connection, 2, 100_000)
    assert kept(connection) == []
    execute(connection, "pragma max_page_count = 400")
    with alone(path, connection):
        keep(connection, 2, 100_000)
        execute(connection, "commit")
    assert kept(connection) == [2]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_quota_is_a_lack_of_room_and_no_failing_disk(path, connection, number):
    class Refused:
        """A connection whose last write the system refused."""

        system_errno = number

        def __getattr__(self, name):
            return getattr(connection, name)

    error = apsw.IOError("disk I/O error")
    error.extendedresult = apsw.SQLITE_IOERR_WRITE
    with pytest.raises(DiskFullError), alone(path, Refused()):
        raise error
    assert kept(connection) == []


def test_after_a_disk_that_fails_nothing_more_is_written(path, connection):
    with pytest.raises(RecordError, match="look after the disk"), alone(path, connection):
        raise apsw.IOError
    with pytest.raises(apsw.ConnectionClosedError):
        kept(connection)
