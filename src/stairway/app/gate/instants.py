"""An instant that somebody wrote, in whichever way, and how we write one."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from stairway.base.errors import ConfigError

_ALLOWED = "a time like 2026-03-02T11:00:00Z, last-deploy, systemd:UNIT or docker:CONTAINER"
_FRACTION = re.compile(r"(\.\d{6})\d+")
_UNITS = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str, where: str) -> int:
    """Read an instant as UTC nanoseconds.

    Parameters
    ----------
    text
        ISO 8601 with a zone, or seconds, milli-, micro- or nanoseconds since 1970.
    where
        Who says so, for the sentence of an error.

    Raises
    ------
    ConfigError
        If it is none, or might be several.

    Examples
    --------
    >>> instant("2026-03-02T13:00:00+02:00", "--at") == instant("1772449200", "--at")
    True
    """
    if text.isdigit() and len(text) in _UNITS:
        return int(text) * _UNITS[len(text)]
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except ValueError as error:
        msg = f"{where} is no instant; give {_ALLOWED}"
        raise ConfigError(msg) from error
    if moment.tzinfo is None:
        msg = f"{where} has no zone; end it in Z for UTC, or in an offset like +02:00"
        raise ConfigError(msg)
    past = moment - _EPOCH
    return ((past.days * 86_400 + past.seconds) * 10**6 + past.microseconds) * 1_000


def said(at_ns: int) -> str:
    """Write an instant, to the microsecond where it has such a fraction.

    Examples
    --------
    >>> said(1772449200000000000)
    '2026-03-02T11:00:00Z'
    """
    seconds, rest = divmod(at_ns, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)
    return moment.isoformat().replace("+00:00", "Z")
