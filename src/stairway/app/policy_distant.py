"""A policy store on another machine: looked at in time, or not at all.

1. Each look goes on a thread of its own, and whoever looks waits for it as long as the store's
   address says (``wait_ms``), and no longer: a server that is silent, or was stopped, is as
   good as one that is away.
2. A look that came too late is not repeated before it has come back: there is never more than
   one thread and one connection. What it has read by then is not read again.
3. Where it cannot be looked at, for whatever reason, it is out of reach: what a worker has in
   its cache counts as far as its age allows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from stairway.app.policy_store import Observed, PolicyStore
from stairway.app.record.place import Place, find, shipped
from stairway.app.record.place import opened as open_to_read
from stairway.app.record.wiring import wired
from stairway.base.errors import ConfigError, InvariantError, RecordError, StairwayError

_MS_PER_S = 1_000.0


class Distant:
    """A store on another machine: reached when it is first looked at, and again after that.

    Parameters
    ----------
    wait_ms
        Longest that one look may take; ``None`` for a store on this machine.
    """

    def __init__(self, place: Place, wait_ms: int | None) -> None:
        self._place = place
        self._wait_ms = wait_ms
        self._link = _Link(place)
        self._look: Future[Observed] | None = None

    def observe(self) -> Observed:
        """Return everything that was ever issued.

        Raises
        ------
        RecordError
            If it cannot be reached, or has not answered in time.
        DamagedLogError
            If it is not what was written.
        """
        if self._look is not None and not self._look.done():
            raise self._late(again=True)
        self._look = look = _begun(self._link.observe)
        try:
            return look.result(None if self._wait_ms is None else self._wait_ms / _MS_PER_S)
        except TimeoutError:
            raise self._late(again=False) from None

    def close(self) -> None:
        """Let go of the connection; looking again makes a new one. Waits for nobody."""
        look, link = self._look, self._link
        self._look, self._link = None, _Link(self._place)
        if look is None or look.done():
            link.close()
        else:
            look.add_done_callback(lambda _: link.close())

    def _late(self, *, again: bool) -> RecordError:
        what = "still has not answered what was asked before" if again else "said nothing"
        return RecordError(
            f"{self._place} {what}, and {self._wait_ms} ms were allowed: look after the "
            "server, or give it longer (wait_ms= in its address)"
        )


class _Link:
    """The connection of one look after the other."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._store: PolicyStore | None = None

    def observe(self) -> Observed:
        try:
            if self._store is None:
                self._store = PolicyStore(open_to_read(self._place))
            return self._store.observe()
        except ConfigError as error:
            # Somebody has to set it right, and whoever trades goes on without it meanwhile.
            raise RecordError(str(error)) from error

    def close(self) -> None:
        if self._store is not None:
            self._store.close()


def _begun(ask: Callable[[], Observed]) -> Future[Observed]:
    answer: Future[Observed] = Future()

    def run() -> None:
        # Until it ends in good order, it has failed; Python then prints why.
        failed: StairwayError = InvariantError("a look at the policy store failed")
        try:
            answer.set_result(ask())
        except StairwayError as error:
            failed = error
        finally:
            if not answer.done():
                answer.set_exception(failed)

    # Nobody waits for it at the end: the server may never answer.
    threading.Thread(target=run, name="stairway-policy-look", daemon=True).start()
    return answer


def distant(url: str) -> Distant:
    """Name a store by the URL of its log, such as ``postgresql://...``; nothing is opened yet.

    Raises
    ------
    ConfigError
        If it names no engine, or not in the form that this engine has.
    """
    place = find(url)
    if place.url is None:
        return Distant(place, None)
    plugin, config = wired(place.engine, shipped())
    return Distant(place, plugin.wait_ms(place.url, config))
