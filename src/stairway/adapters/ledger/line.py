"""A connection that comes back, for one user at a time.

A server that is restarted, or a network that drops a connection, is met again within
``wait_ms``. Each new connection is asked the same questions as the first one before
anything is sent over it. What was under way when it broke is the caller's to find out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from stairway.adapters.ledger.address import Address
from stairway.adapters.ledger.failures import closed, lost, meaning, unreachable
from stairway.base.errors import ConfigError, RecordError

Link: TypeAlias = psycopg.Connection[TupleRow]
Greeting: TypeAlias = Callable[[Link], None]
"""Asked of every new connection; raises ``ConfigError`` where it will not do."""

Parting: TypeAlias = Callable[[Link], None]
"""Said to a connection that is closed in good order."""

# What breaks is raised and said once, in words: without this, the library's own line about it
# goes to stderr wherever nobody has set up logging.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

_PAUSE_S, _LONGEST_PAUSE_S = 0.005, 0.5
_LEAST_CONNECT_S = 2


class Line:
    """One connection to the server of ``address``.

    Raises
    ------
    ConfigError
        If it cannot be made, or ``greet`` does not like it.
    """

    def __init__(self, address: Address, greet: Greeting, part: Parting | None = None) -> None:
        self.address = address
        self.reconnects = 0
        self._greet = greet
        self._part = part
        self._turn = threading.RLock()
        self._closed = False
        self._link = self._connect()

    @contextmanager
    def turn(self) -> Generator[Link]:
        """Hand out the connection, whole again if it was broken.

        Raises
        ------
        ConnectionLostError
            If it breaks while it is used.
        RecordError
            If it cannot be made whole within ``wait_ms``, or the line is closed.
        """
        with self._turn:
            if self._closed:
                raise closed()
            if self._link.closed:
                self._link = self._reconnect()
            link = self._link
            try:
                yield link
            except psycopg.Error as error:
                if link.closed:
                    raise lost(self.address, error) from error
                raise meaning(self.address, error) from error
            finally:
                _leave_idle(link)

    def close(self) -> None:
        """Let go of it."""
        with self._turn:
            self._closed = True
            if self._part is not None and not self._link.closed:
                with suppress(psycopg.Error):  # Then the server notices by itself.
                    self._part(self._link)
            self._link.close()

    def _connect(self) -> Link:
        try:
            link = open_link(self.address)
        except psycopg.Error as error:
            raise unreachable(self.address, error) from error
        try:
            self._greet(link)
        except psycopg.Error as error:
            link.close()
            raise meaning(self.address, error) from error
        except BaseException:
            link.close()
            raise
        return link

    def _reconnect(self) -> Link:
        deadline = time.monotonic() + self.address.wait_ms / 1_000
        pause_s = _PAUSE_S
        while True:
            try:
                link = self._connect()
            except ConfigError as error:
                if time.monotonic() + pause_s > deadline:
                    msg = (
                        f"{self.address}: the connection broke and could not be made again "
                        f"within {self.address.wait_ms} ms ({error})"
                    )
                    raise RecordError(msg) from error
            else:
                self.reconnects += 1
                return link
            threading.Event().wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def open_link(address: Address) -> Link:
    """Connect. No transaction may keep others waiting for longer than ``wait_ms``.

    A server that takes the call and says nothing is given up after ``wait_ms`` too, if that
    is less than ``connect_s``; the client library counts in seconds, and from 2.
    """
    connect_s = min(address.connect_s, max(_LEAST_CONNECT_S, -(-address.wait_ms // 1_000)))
    wait = f"{address.wait_ms}ms"
    options = (
        f"-c lock_timeout={wait} -c idle_in_transaction_session_timeout={wait} "
        "-c default_transaction_isolation=read\\ committed -c search_path=pg_catalog "
        "-c client_min_messages=warning"
    )
    parameters: dict[str, Any] = {
        **address.server,
        "password": address.password,
        "application_name": "stairway",
        "client_encoding": "utf8",
        "connect_timeout": connect_s,
        "tcp_user_timeout": address.wait_ms,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "options": options,
    }
    return psycopg.connect(autocommit=True, **parameters)


def _leave_idle(link: Link) -> None:
    """Take back what was begun and not committed."""
    if link.closed or link.info.transaction_status is TransactionStatus.IDLE:
        return
    try:
        link.rollback()
    except psycopg.Error:
        # Whatever is wrong with it, the server takes a transaction back with its connection.
        link.close()
