"""What an error of Redis means: try again, or stop and say so."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from enum import Enum

import redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

from stairway.adapters.outbox.address import Address
from stairway.base.errors import ConfigError, RecordError


class Meaning(Enum):
    """What to do about an error."""

    AGAIN = "again"
    """It passes, or somebody is at work on it: keep the events and try again."""

    STOP = "stop"
    """Trying again changes nothing: somebody has to do something here."""


_PASSING = (
    "OOM",
    "MISCONF",
    "READONLY",
    "LOADING",
    "BUSY",
    "TRYAGAIN",
    "MASTERDOWN",
    "UNKILLABLE",
    "NOREPLICAS",
)
_PASSING_TYPES = (
    redis.ConnectionError,
    redis.TimeoutError,
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
    OSError,
)
_LASTING_TYPES = (AuthenticationError, NoPermissionError)


def meaning(error: Exception) -> Meaning:
    """Sort an error; what nobody has heard of stops.

    Examples
    --------
    >>> meaning(redis.ConnectionError("refused")).name, meaning(NoPermissionError()).name
    ('AGAIN', 'STOP')
    >>> meaning(ResponseError("MISCONF cannot persist")).name
    'AGAIN'
    >>> meaning(ResponseError("WRONGTYPE not a stream")).name
    'STOP'
    """
    if isinstance(error, _LASTING_TYPES):
        return Meaning.STOP
    if isinstance(error, _PASSING_TYPES):
        return Meaning.AGAIN
    if isinstance(error, ResponseError) and code_of(error) in _PASSING:
        return Meaning.AGAIN
    return Meaning.STOP


def code_of(error: Exception) -> str:
    """First word of what Redis said: its code, which redis-py takes off some errors.

    Examples
    --------
    >>> code_of(ResponseError("WRONGTYPE not a stream")), code_of(NoPermissionError("no"))
    ('WRONGTYPE', 'NOPERM')
    """
    match error:
        case AuthenticationError():
            return "AUTH"
        case NoPermissionError():
            return "NOPERM"
        case ResponseError() if str(error).startswith("The user executing the script"):
            return "NOPERM"
        case _:
            return str(error).split(" ", 1)[0]


@contextmanager
def asking(address: Address) -> Generator[None]:
    """Say what an error of Redis means to who asked.

    Raises
    ------
    ConfigError
        If Redis refuses this user or password, or what he may do.
    RecordError
        If Redis does not answer.
    """
    try:
        yield
    except (redis.RedisError, OSError) as error:
        match code_of(error):
            case "AUTH" | "NOAUTH" | "WRONGPASS":
                msg = (
                    f"{address} refuses the user or the password ({error}): set them right, in "
                    "the address or in STAIRWAY_LOG=redis://USER:PASSWORD@..."
                )
                raise ConfigError(msg) from error
            case "NOPERM":
                msg = (
                    f"{address}: this user may not do that ({error}); deploy/redis/users.acl "
                    "has a user for whoever appends and reads, and one for whoever archives"
                )
                raise ConfigError(msg) from error
            case _:
                msg = f"{address} cannot be asked ({error}): ask again once it answers"
                raise RecordError(msg) from error
