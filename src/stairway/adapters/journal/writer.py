"""Group commit: callers queue, one thread commits for all of them.

1. ``put`` queues rows and returns. It waits only when the thread is ``queue_events``
   behind.
2. The thread commits as soon as ``commit_events`` wait, ``commit_ms`` after the first
   of them came, or at once when somebody waits in ``flush``.
3. When nothing has come for ``commit_ms``, the sink may settle what it put off.
4. A full disk stops nothing that was queued: the ballast is dropped, the same rows are
   tried again, and ``put`` refuses until the ballast could be set aside once more.
   Meanwhile :meth:`GroupCommit.use_ballast` lets exits use the room it left.
5. Any other failure is final. After a failed fsync nobody knows what is on the disk
   (asking the kernel again gives a false yes), so nothing is tried again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Protocol

from stairway.adapters.journal.settings import Settings
from stairway.adapters.journal.store import Row
from stairway.base.errors import DiskFullError, InvariantError, RecordError, StairwayError


class Sink(Protocol):
    """Where the thread writes. Called from that thread only."""

    def commit(self, rows: Sequence[Row]) -> None:
        """Write rows down; ``DiskFullError`` means that nothing was, and may be retried."""
        ...

    def tidy(self) -> None:
        """Do what is better done between two commits."""
        ...

    def settle(self) -> None:
        """Do what was put off until there is time."""
        ...

    def drop_ballast(self) -> None:
        """Give up the room that was set aside."""
        ...

    def load_ballast(self) -> None:
        """Set it aside again, or raise ``DiskFullError``."""
        ...


class GroupCommit:
    """The queue in front of a sink, and the thread behind it."""

    def __init__(self, sink: Sink, settings: Settings) -> None:
        self._sink = sink
        self._settings = settings
        self._change = threading.Condition()
        self._rows: deque[Row] = deque()
        self._committed = 0
        self._tries = 0
        self._waiting = 0
        self._closing = False
        self._is_settled = True
        self._full: DiskFullError | None = None
        self._stuck = False
        self._ballast_open = False
        self._dead: StairwayError | None = None
        self._thread = threading.Thread(target=self._run, name="stairway-log", daemon=True)
        self._thread.start()

    @property
    def full(self) -> DiskFullError | None:
        """What the disk said, from the time it was full until the ballast is back."""
        return self._full

    @property
    def failed(self) -> bool:
        """True once writing is over for good."""
        return self._dead is not None

    def require_open(self) -> None:
        """Refuse what cannot be written.

        Raises
        ------
        DiskFullError
            While the disk is full, unless the ballast may be used and is not used up.
        RecordError
            For ever after any other failure, and after ``close``.
        """
        if self._dead is not None:
            raise _again(self._dead)
        if self._full is not None and not (self._ballast_open and not self._stuck):
            raise _again(self._full)
        if self._closing:
            msg = "the log is closed: open it again to append or to read"
            raise RecordError(msg)

    def put(self, rows: Sequence[Row]) -> None:
        """Queue ``rows`` for the next commit, or refuse as ``require_open`` does."""
        with self._change:
            self.require_open()
            while len(self._rows) >= self._settings.queue_events:
                self._change.wait()
                self.require_open()
            was_idle = not self._rows
            self._rows.extend(rows)
            if was_idle or len(self._rows) >= self._settings.commit_events:
                self._change.notify_all()

    def flush(self) -> None:
        """Return when everything put before is committed.

        Raises
        ------
        DiskFullError
            If it could not be committed now. It stays queued.
        RecordError
            If it will never be.
        """
        with self._change:
            goal, tries = self._committed + len(self._rows), self._tries
            self._waiting += 1
            self._change.notify_all()
            try:
                while self._committed < goal:
                    if self._dead is not None:
                        raise _again(self._dead)
                    if self._full is not None and self._tries > tries:
                        raise _again(self._full)
                    self._change.wait()
            finally:
                self._waiting -= 1

    def use_ballast(self) -> None:
        """Let ``put`` use the room of the dropped ballast until the disk has room again."""
        with self._change:
            self._ballast_open = True

    def close(self) -> None:
        """Try to commit what waits, and end the thread.

        Raises
        ------
        RecordError
            If something that was put could not be committed.
        """
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._thread.join()
        failure = self._dead or self._full
        if self._rows and failure is not None:
            raise _again(failure)

    def _run(self) -> None:
        while True:
            with self._change:
                self._gather()
                batch = list(islice(self._rows, self._settings.commit_events))
                if self._closing and not batch:
                    return
            self._step(batch)
            with self._change:
                self._change.notify_all()
                if self._dead is not None or (self._closing and self._stuck):
                    return

    def _gather(self) -> None:
        """Wait until there is a reason to commit. Called with the lock held."""
        if self._full is not None:
            self._change.wait_for(self._is_urged, self._settings.retry_ms / 1_000)
            return
        moment = self._settings.commit_ms / 1_000
        if self._change.wait_for(self._has_work, None if self._is_settled else moment):
            self._change.wait_for(self._is_ripe, moment)

    def _has_work(self) -> bool:
        return bool(self._rows) or self._closing

    def _is_ripe(self) -> bool:
        return len(self._rows) >= self._settings.commit_events or self._is_urged()

    def _is_urged(self) -> bool:
        return self._waiting > 0 or self._closing

    def _step(self, batch: list[Row]) -> None:
        try:
            if batch:
                self._with_ballast(partial(self._commit, batch))
                self._with_ballast(self._sink.tidy)
            elif not self._is_settled:
                self._sink.settle()
                self._is_settled = True
            self._recover()
        except DiskFullError:
            with self._change:
                self._stuck = True
                self._tries += 1
        except StairwayError as error:
            self._dead = error
        except BaseException as error:  # noqa: BLE001 -- or callers would wait for ever
            self._dead = InvariantError(f"the log's writer failed: {error!r}")
            self._dead.__cause__ = error

    def _commit(self, batch: list[Row]) -> None:
        self._sink.commit(batch)
        self._is_settled = False
        with self._change:
            for _ in batch:
                self._rows.popleft()
            self._committed += len(batch)
            self._stuck = False
            # Nobody waits for what tidy does afterwards.
            self._change.notify_all()

    def _with_ballast(self, act: Callable[[], None]) -> None:
        """Act; the first time that there is no room, make some and act again."""
        try:
            act()
        except DiskFullError as error:
            if self._full is not None:
                raise
            self._sink.drop_ballast()
            with self._change:
                self._full = error
            act()

    def _recover(self) -> None:
        """Set the ballast aside again; once that works, the disk is no longer full."""
        if self._full is None or self._rows:
            return
        try:
            self._sink.load_ballast()
        except DiskFullError:
            return
        with self._change:
            self._full, self._ballast_open = None, False


def _again(error: StairwayError) -> StairwayError:
    """Copy an error of the writer's thread, to be raised in the caller's."""
    copy = type(error)(*error.args)
    copy.__cause__ = error
    return copy
