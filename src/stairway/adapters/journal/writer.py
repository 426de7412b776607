"""Group commit: callers queue, and one commits for all of them.

1. ``put`` queues rows and returns. It waits only when the writer is ``queue_events``
   behind.
2. A thread commits what nobody waits for: as soon as more than ``commit_events`` wait, or
   at most ``commit_ms`` after the first of them came. It does so in steps, so that callers
   go on, until they are about to wait for room.
3. Whoever waits in ``flush`` of a :class:`SharedSink` commits himself: two changes of
   threads take longer than the commit does.
   Those who wait at the same time find theirs done when their turn comes.
4. When nothing has come for half of ``commit_ms``, the sink may settle what it put off.
5. A full disk stops nothing that was queued: the ballast is dropped, the same rows are
   tried again, and ``put`` refuses until the ballast could be set aside once more.
   Meanwhile :meth:`GroupCommit.use_ballast` lets exits use the room it left.
6. Any other failure is final. After a failed fsync nobody knows what is on the disk
   (asking the kernel again gives a false yes), so nothing is tried again.
7. An interrupt (Ctrl-C) of whoever commits is no failure: it is his alone, and the next
   one to commit asks the sink how far that commit came. Rows are queued all or none, and
   ``holds`` tells whoever was interrupted in ``put`` which of the two it was.
8. What is written to is let go of by the thread, as the last thing it does: an interrupt of
   whoever closes cannot let go of it too early.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from stairway.adapters.journal.ending import Worker
from stairway.adapters.journal.failures import again, closed, ours
from stairway.adapters.journal.settings import Settings
from stairway.adapters.journal.sink import SharedSink, Sink
from stairway.adapters.journal.waiting import Waiting
from stairway.base.errors import DiskFullError, StairwayError

MOST_UNTIDY = 64
"""Commits that callers make before one of them tidies: the thread is short of time then."""
_PAUSE_S = 1e-4
"""Whoever waits for the interpreter takes half of that to wake, and else finds it taken."""


class GroupCommit:
    """The queue in front of a sink, and the thread behind it.

    Into a sink that is no :class:`SharedSink` only the thread commits.

    Parameters
    ----------
    let_go
        Called by the thread when it has ended and nobody commits any more; it is told whether
        writing has failed.
    """

    def __init__(
        self, sink: Sink, settings: Settings, let_go: Callable[[bool], object] | None = None
    ) -> None:
        self._sink = sink
        self._shared = sink if isinstance(sink, SharedSink) else None
        self._settings = settings
        self._let_go = let_go
        # Held while the sink is at work; taken before the lock, never while holding it.
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._done = Waiting()
        self._rows: deque[Any] = deque()
        self._put = 0
        # How much of that somebody waits for: until it is committed, there is no pause.
        self._wanted = 0
        # Tries that had failed when somebody last asked for one.
        self._asked_at = self._tries = 0
        self._untidy = 0
        self._closing = False
        self._is_resting = False
        self._is_settled = True
        self._in_doubt = False
        self._full: DiskFullError | None = None
        self._stuck = False
        self._ballast_open = False
        self._dead: StairwayError | None = None
        self._is_gone = False
        self._not_let_go: StairwayError | None = None
        self.worker = Worker(self._run, "stairway-log")

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
            raise again(self._dead)
        if self._full is not None and not (self._ballast_open and not self._stuck):
            raise again(self._full)
        if self._closing:
            raise closed()

    def put(self, rows: Sequence[Any]) -> None:
        """Queue ``rows`` for the next commit, or refuse as ``require_open`` does."""
        self.worker.require_here()
        if not self._took(rows):
            self._done.wait(partial(self._took, rows))

    def _took(self, rows: Sequence[Any]) -> bool:
        with self._lock:
            self.require_open()
            if len(self._rows) >= self._settings.queue_events:
                self._wake()
                return False
            # One call, so that no interrupt leaves a part of them.
            self._rows.extend(rows)
            self._put += len(rows)
            if self._is_resting or len(self._rows) > self._settings.commit_events:
                self._wake()
            return True

    def _wake(self) -> None:
        # All who are listed: one whom an interrupted call has woken still is.
        self._work.notify_all()

    def holds(self, row: Any) -> bool:
        """Say whether ``row`` itself, not one like it, waits to be committed."""
        with self._lock:
            return any(one is row for one in reversed(self._rows))

    def flush(self) -> None:
        """Return when everything put before is committed.

        Raises
        ------
        DiskFullError
            If it could not be committed now. It stays queued.
        RecordError
            If it will never be, or this process was forked off from the one that writes.
        """
        self.worker.require_here()
        with self._lock:
            # In one: of two callers, none may set it back to what he found before the other.
            goal = self._wanted = self._put
            tries = self._asked_at = self._tries
            if self._shared is None:
                self._wake()
        if self._shared is None:
            self._done.wait(partial(self._is_told, goal, tries))
        while self._committed() < goal:
            with self._turn:
                if self._committed() < goal:
                    self._require_hope(tries)
                    self._attempt(self._commit_and_leave)

    def _is_told(self, goal: int, tries: int) -> bool:
        if self._committed() < goal:
            self._require_hope(tries)
        return self._committed() >= goal

    def _require_hope(self, tries: int) -> None:
        """Refuse to wait for what has failed since there were so many ``tries``."""
        if self._dead is not None:
            raise again(self._dead)
        if self._full is not None and self._tries > tries:
            raise again(self._full)
        if self._is_gone:
            raise closed()

    def _committed(self) -> int:
        """Count what was put and is no longer queued: one number, so no interrupt splits it."""
        with self._lock:
            return self._put - len(self._rows)

    def use_ballast(self) -> None:
        """Let ``put`` use the room of the dropped ballast until the disk has room again."""
        self.worker.require_here()
        with self._lock:
            self._ballast_open = True

    def close(self) -> None:
        """Try to commit what waits, end the thread, and let it let go of what it wrote to.

        Nothing of it in a fork: that is for the process that writes.

        Raises
        ------
        RecordError
            If something that was put could not be committed, or the last of what is written
            with it (the mark) not be made safe.
        """
        if not self.worker.is_here:
            return
        self.end()
        failure = self._dead or self._full
        if self._rows and failure is not None:
            raise again(failure)
        if self._not_let_go is not None:
            raise again(self._not_let_go)

    def end(self) -> None:
        """End the thread; an interrupt is raised when it is gone, and not before."""
        self.worker.end(self._urge_to_end)

    def _urge_to_end(self) -> None:
        with self._lock:
            self._closing = True
            self._wanted = self._put
            self._wake()

    def _run(self) -> None:
        try:
            self._serve()
        except Exception as error:  # noqa: BLE001 -- or what is queued is lost without a word
            self._give_up(error)
        with self._lock:
            # What has failed is held until it is closed: nobody else is to go on with it.
            self._work.wait_for(lambda: self._closing)
        # Whoever commits in flush comes to his end first, and the next finds that all is over.
        with self._turn:
            self._is_gone = True
            self._leave()
        self._done.tell()

    def _leave(self) -> None:
        try:
            if self._let_go is not None:
                self._let_go(self.failed)
        except Exception as error:  # noqa: BLE001 -- it is for whoever closes
            self._not_let_go = ours(error)

    def _serve(self) -> None:
        seen = 0
        while True:
            with self._lock:
                self._gather()
                is_due, is_idle, seen = self._is_due(seen), self._put == seen, self._put
                if self._dead is not None or (self._closing and not self._rows):
                    return
            if is_due:
                self._in_turn(self._commit_beside_callers)
            if self._untidy > 0:
                self._move_ahead()
                self._in_turn(self._tidy)
            if is_idle and not self._is_settled:
                self._in_turn(self._settle)
            if self._dead is not None or (self._closing and self._stuck):
                return

    def _gather(self) -> None:
        """Wait until there is a reason to look. Called with the lock held."""
        if self._full is not None:
            self._work.wait_for(self._is_urged, self._settings.retry_ms / 1_000)
            return
        self._is_resting = True
        self._work.wait_for(self._has_work)
        self._is_resting = False
        self._work.wait_for(self._is_ripe, self._settings.commit_ms / 2_000)

    def _is_due(self, seen: int) -> bool:
        """Say whether to commit, ``seen`` having been put at the last look.

        What came since is left alone: it may be the first part of what somebody is about to
        flush, and would cost him a second commit.
        """
        is_old = bool(self._rows) and self._put - len(self._rows) < seen
        return is_old or self._is_ripe() or self._full is not None

    def _has_work(self) -> bool:
        return bool(self._rows) or not self._is_settled or self._is_over()

    def _is_ripe(self) -> bool:
        is_many = len(self._rows) > self._settings.commit_events
        return is_many or self._is_awaited() or self._is_over()

    def _is_urged(self) -> bool:
        return self._is_over() or (self._is_awaited() and self._asked_at == self._tries)

    def _is_awaited(self) -> bool:
        # Of what is queued, not of who waits: he may be interrupted at any instruction.
        return self._shared is None and self._wanted > self._put - len(self._rows)

    def _is_over(self) -> bool:
        return self._closing or self._dead is not None

    def _in_turn(self, act: Callable[[], None]) -> None:
        with self._turn:
            self._attempt(act)

    def _attempt(self, act: Callable[[], None]) -> None:
        """Act in turn, unless all is over, and take note of how it went."""
        if self._dead is not None:
            return
        in_doubt, self._in_doubt = self._in_doubt, True
        try:
            if in_doubt and self._shared is not None:
                self._shared.resume()
            self._with_ballast(act)
            self._recover()
        except DiskFullError:
            self._stuck = True
            self._tries += 1
        except Exception as error:  # noqa: BLE001 -- or callers would wait for ever
            self._give_up(error)
        self._in_doubt = False
        self._done.tell()

    def _give_up(self, error: Exception) -> None:
        """End writing for good, and tell everybody who waits."""
        self._dead = ours(error)
        self._done.tell()

    def _move_ahead(self) -> None:
        if self._shared is None or self._dead is not None:
            return
        try:
            self._shared.move_ahead()
        except Exception as error:  # noqa: BLE001 -- or callers would wait for ever
            self._give_up(error)

    def _commit_and_leave(self) -> None:
        """Commit what is next, and leave it to the thread to tidy, unless it is not coming."""
        self._commit(self._sink.commit)
        if self._untidy >= MOST_UNTIDY:
            self._tidy()

    def _settle(self) -> None:
        self._sink.settle()
        self._is_settled = True

    def _commit_beside_callers(self) -> None:
        room = self._settings.queue_events - len(self._rows)
        if self._shared is None or room < self._settings.commit_events:
            self._commit(self._sink.commit)
        else:
            self._commit(partial(self._shared.commit_in_steps, pause=self._pause))

    def _pause(self) -> None:
        if self._wanted <= self._put - len(self._rows):
            time.sleep(_PAUSE_S)

    def _commit(self, write: Callable[[Sequence[Any]], None]) -> None:
        with self._lock:
            batch = list(islice(self._rows, self._settings.commit_events))
        if not batch:
            return
        self._is_settled = False
        write(batch)
        self._untidy += 1
        with self._lock:
            for _ in batch:
                self._rows.popleft()
            self._stuck = False
        # Nobody waits for what tidy does afterwards.
        self._done.tell()

    def _tidy(self) -> None:
        if self._untidy > 0:
            self._sink.tidy()
            self._untidy = 0

    def _with_ballast(self, act: Callable[[], None]) -> None:
        """Act; the first time that there is no room, make some and act again."""
        try:
            act()
        except DiskFullError as error:
            if self._full is not None:
                raise
            self._sink.drop_ballast()
            again = (
                f"it is looked at every {self._settings.retry_ms:g} ms: try again after that"
            )
            self._full = DiskFullError(f"{error}; {again}")
            self._full.__cause__ = error
            act()

    def _recover(self) -> None:
        """Set the ballast aside again; once that works, the disk is no longer full."""
        if self._full is None or self._rows:
            return
        try:
            self._sink.load_ballast()
        except DiskFullError:
            return
        with self._lock:
            self._full, self._ballast_open = None, False
