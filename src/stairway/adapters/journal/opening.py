"""What a file of the record is held against before anybody reads it or builds upon it.

1. Its high-water mark: a store that ends before it has lost its tail.
2. What SQLite says of its pages, for whoever is to write.
3. The archive beside it: the store goes on where that ends.

Nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stairway.adapters.journal.archive import Archive
from stairway.adapters.journal.failures import damaged, way_out
from stairway.adapters.journal.store import Store
from stairway.base.errors import DamagedLogError
from stairway.events.envelope import Head


def require_whole(store: Store, mark: Mapping[str, Head], *, marked: bool) -> None:
    """Hold the store against its mark, and check what lies behind the mark.

    Raises
    ------
    DamagedLogError
        If it ends before the mark, is not what the mark names, or has no mark.
    """
    store.require_own()
    if not marked and store.streams():
        # Only a log that holds nothing can have been killed before its first mark.
        msg = (
            f"the high-water mark of {store.path} is gone, so nobody can tell whether events "
            f"are missing at its end: {way_out(store.path.parent)}"
        )
        raise DamagedLogError(msg, file=store.path.name)
    for stream, head in sorted(mark.items()):
        last = store.last(stream)
        if last.position < head.position:
            cause = f"the record ends before its high-water mark {head.position}"
            raise damaged(store.path, stream, last.position + 1, cause)
        if store.at(stream, head.position) != head:
            cause = "it is not the event that the high-water mark names"
            raise damaged(store.path, stream, head.position, cause)
    for stream in store.streams():
        for _ in store.read(stream, mark.get(stream, Head())):
            pass


def require_sound(store: Store, archive: Archive) -> None:
    """Refuse a file whose pages SQLite complains of, and name the event that it costs.

    Where it costs none yet, what is written next may be what it costs.

    Raises
    ------
    DamagedLogError
        Then.
    """
    answer = store.integrity()
    if answer == "ok":
        return
    for stream in store.streams():
        for _ in store.read(stream, archive.end(stream)):
            pass
    msg = (
        f"{store.path}: SQLite says {answer}, though every event in it can be read: "
        f"{way_out(store.path.parent)}"
    )
    raise DamagedLogError(msg, file=store.path.name)


def require_joined(store: Store, archive: Archive, streams: Iterable[str]) -> None:
    """Refuse a store that does not go on where the archive beside it ends.

    A backup of the databases that is older than the archive is such a one: what is appended
    to it would have places that the archive has given to other events.

    Parameters
    ----------
    streams
        Those of the archive that this file goes on with.

    Raises
    ------
    DamagedLogError
        Naming the first event that does not fit.
    """
    for stream in streams:
        end = Head()
        while archive.end(stream) != end:
            end = archive.end(stream)
            try:
                _require_join(store, stream, end)
            except DamagedLogError:
                # An archiver may have moved more in between.
                archive.refresh()
                if archive.end(stream) == end:
                    raise


def _require_join(store: Store, stream: str, end: Head) -> None:
    store.learn(stream)
    last = store.last(stream)
    if last.position < end.position:
        cause = (
            f"the record ends here, and the archive beside it goes on to {end.position}: "
            "either is that of another log, or of another time"
        )
        raise damaged(store.path, stream, last.position + 1, cause)
    first = store.first(stream, end.position)
    if first.position != end.position:
        # Nothing is missing between the two, and the one follows upon the other.
        next(store.read(stream, end, 1))
    elif first != end:
        cause = "the archive beside it has another event there: it is that of another log"
        raise damaged(store.path, stream, end.position, cause)
