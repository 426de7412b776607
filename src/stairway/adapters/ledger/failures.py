"""What an error of PostgreSQL means to the person who has to do something about it."""

from __future__ import annotations

import psycopg
from psycopg import errors

from stairway.adapters.journal.failures import trusted
from stairway.adapters.ledger.address import Address
from stairway.base.errors import (
    ConfigError,
    DamagedLogError,
    DiskFullError,
    RecordError,
    StairwayError,
)

_OTHERS_HOLD_IT = (errors.LockNotAvailable, errors.DeadlockDetected)
_ROTTEN = (errors.DataCorrupted, errors.IndexCorrupted)
_NOT_LAID_OUT = (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn)


class ConnectionLostError(RecordError):
    """The server went away in the middle. What was under way may have happened or not."""


def damaged(address: Address, stream: str, position: int, cause: str) -> DamagedLogError:
    """Name the place and the cause, and say what to do."""
    return DamagedLogError(
        f"{address}: stream {stream!r}, position {position}: {cause}{trusted(position)}. "
        "`stairway log export URL FILE` saves what is whole; then restore the "
        "database from a backup, or start a new log"
    )


def closed() -> RecordError:
    """Say that it was let go of."""
    return RecordError("the log is closed: open it again to append or to read")


def lost(address: Address, error: psycopg.Error) -> ConnectionLostError:
    """Say that the connection broke."""
    return ConnectionLostError(f"{address}: the connection broke ({_said(error)})")


def unreachable(address: Address, error: psycopg.Error) -> ConfigError:
    """Say that no connection can be made."""
    return ConfigError(
        f"{address} cannot be opened ({_said(error)}): check that the server runs, and its "
        "address, user and password"
    )


def meaning(address: Address, error: psycopg.Error) -> StairwayError:
    """Say what an error means while the connection stands; nothing was committed."""
    said = _said(error)
    match error:
        case errors.DiskFull():
            return DiskFullError(f"{address}: the server has no room left ({said})")
        case _ if isinstance(error, _ROTTEN):
            return damaged(address, "?", 0, f"the server cannot read its pages ({said})")
        case _ if isinstance(error, _OTHERS_HOLD_IT):
            return RecordError(
                f"{address}: another writer held it for more than {address.wait_ms} ms "
                f"({said}); nothing was appended: try again, or look for one that hangs"
            )
        case errors.QueryCanceled():
            return RecordError(
                f"{address}: the server took more than {address.query_ms} ms for one question "
                f"({said}): look after the server, or give it longer ([postgresql] query_ms)"
            )
        case _:
            return _not_allowed(address, error, said)


def _not_allowed(address: Address, error: psycopg.Error, said: str) -> StairwayError:
    match error:
        case errors.InvalidParameterValue() if "stairway_archiver" in said:
            msg = f"{address} has no role for archivers ({said}): let its owner run "
            return ConfigError(f"{msg}deploy/postgresql/roles.sql")
        case errors.InsufficientPrivilege():
            return ConfigError(
                f"{address}: this user may not do that ({said}); see deploy/postgresql"
            )
        case _ if isinstance(error, _NOT_LAID_OUT):
            return ConfigError(f"there is no log: {address} has no tables ({said})")
        case _:
            return RecordError(f"{address}: the server refuses ({said}); nothing was appended")


def _said(error: psycopg.Error) -> str:
    """First line of what the server said, which never repeats a password."""
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__
