"""A record that should be JSON, read as what it turns out to be.

Numbers may be too wide for 64 bits, and a program may have written Python's ``repr`` where
it meant JSON. Half a character, and values in values without end, are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from stairway.base.errors import DataError, TwiceError
from stairway.supervision.literal import read_literal, read_wide

_DECODE = msgspec.json.Decoder().decode
_SHOWN = 60


def read_loose(text: str | bytes, place: Callable[[int], str], row: int) -> tuple[Any, bool]:
    """Return the value, and whether it was Python and no JSON.

    Raises
    ------
    DataError
        If it is neither, or (TwiceError) says a key twice; ``place(row)`` names it.

    Examples
    --------
    >>> read_loose('{"a": 1}', str, 0), read_loose("{'a': 1}", str, 0)
    (({'a': 1}, False), ({'a': 1}, True))
    >>> read_loose("a = 1", "row {}".format, 7)
    Traceback (most recent call last):
    stairway.base.errors.DataError: row 7 is neither JSON nor a Python value ...
    """
    try:
        return _DECODE(text), False
    except UnicodeEncodeError as error:
        raise halved(place(row)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        why = str(error)
    except RecursionError as error:
        raise too_deep(place(row)) from error
    try:
        if (wide := read_wide(text)) is not None:
            return wide, False
        return read_literal(text if isinstance(text, str) else text.decode()), True
    except TwiceError as error:
        raise TwiceError(place(row), error.key) from error
    except (DataError, UnicodeDecodeError) as error:
        shown = str(text[:_SHOWN])
        msg = f"{place(row)} is neither JSON nor a Python value ({why}): {shown}"
        raise DataError(msg) from error


def halved(where: str) -> DataError:
    """Return the error of a record that holds half of a character."""
    return DataError(f"{where} has half a character (a code of \\ud800 to \\udfff alone)")


def too_deep(where: str) -> DataError:
    """Return the error of a record in which values lie in values without end."""
    return DataError(f"{where} is nested too deeply")
