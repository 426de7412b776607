"""Checkpoints beside commits promise nothing, but after a failed sync all is over."""

from __future__ import annotations

import apsw
import pytest

from stairway.adapters.journal import mover
from stairway.adapters.journal.layout import create
from stairway.adapters.journal.mover import Mover
from stairway.adapters.journal.store import Row, Store, Sync
from stairway.adapters.journal.rows import sealed
from stairway.base.errors import RecordError
from stairway.events.envelope import GENESIS, chain


@pytest.fixture
def store(tmp_path):
    create(tmp_path / "x.db")
    store = Store(tmp_path / "x.db", Sync.FULL)
    digest = chain(GENESIS, "fill", 1, bytes(50_000))
    store.insert([sealed(Row("fill", 1, 1, digest, bytes(50_000)))])
    yield store
    store.close(checkpoint=False)


@pytest.mark.parametrize("sync", ["full", "normal"])
def test_what_it_moves_it_moves_as_safely_as_commits_are_made(store, sync):
    one = Mover(store.path, sync)
    before = store.path.stat().st_size
    one.move()
    assert store.path.stat().st_size > before + 40_000
    asked = one._connection.execute("pragma synchronous").fetchall()
    assert asked == [({"full": 2, "normal": 1}[sync],)]
    one.close()


@pytest.mark.parametrize(
    "error", [apsw.CantOpenError, apsw.BusyError, apsw.FullError, apsw.NoMemError]
)
@pytest.mark.parametrize("place", ["connect", "execute"])
def test_what_is_no_failure_of_the_disk_is_left_to_the_next_checkpoint(
    store, monkeypatch, place, error
):
    def fail(*_, **__):
        raise error

    one = Mover(store.path, "full")
    with monkeypatch.context() as patch:
        patch.setattr(mover, place, fail)
        one.move()
    assert store.checkpoint()
    # It is tried again, and nothing was left half done.
    one.move()
    assert one._connection is not None
    one.close()


def test_a_failure_of_the_disk_is_final(store, monkeypatch):
    def fail(*_, **__):
        raise apsw.IOError

    monkeypatch.setattr(mover, "connect", fail)
    with pytest.raises(RecordError, match="stop this process"):
        store.move_ahead()
