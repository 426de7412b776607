"""Read what Python's ``repr`` wrote, without running any of it.

Programs log ``str(dictionary)`` where they meant JSON. Dictionaries, lists, tuples, text,
numbers, ``True``, ``False``, ``None``, ``nan``, ``inf`` and numbers dressed by numpy
(``np.float64(0.5)``) are read, and so are the ``NaN`` and ``Infinity`` that its ``json.dumps``
writes; anything else is refused.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

from stairway.base.errors import DataError, TwiceError

_DEEPEST = 32
_NO_NUMBERS = ("NaN", "Infinity")
_MOST_DIGITS = 400
"""More than any number of 64 bits in floating point has before its point."""

_A_VALUE = "a value"
_SPACE = re.compile(r"\s*")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|nan|inf)")
_DRESSED = re.compile(r"(?:np|numpy)\.(?:float|int|bool|str)\d*_?\(")
_TEXT = re.compile(r"'((?:[^'\\\n]|\\.)*)'|\"((?:[^\"\\\n]|\\.)*)\"")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")
_WORDS = {"True": True, "False": False, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "0": "\0"}
_CLOSERS = {"[": "]", "(": ")"}


def read_literal(text: str) -> Any:
    """Return the value that ``text`` is the ``repr`` of.

    Raises
    ------
    DataError
        If it is not one of the plain forms, or (TwiceError) says a key twice.

    Examples
    --------
    >>> read_literal("{'vol': np.float64(0.5), 'ok': True, 'why': [1, None]}")
    {'vol': 0.5, 'ok': True, 'why': [1, None]}
    >>> read_literal("__import__('os')")
    Traceback (most recent call last):
    stairway.base.errors.DataError: no plain Python value at character 1: "__import__('os')"
    """
    if any(word in text for word in _NO_NUMBERS) and (said := _json(text)) is not None:
        return said
    value, end = _value(text, 0, 0)
    end = _skip(text, end)
    if end != len(text):
        raise _fault(text, end)
    return value


def read_wide(text: str | bytes) -> Any:
    """Read JSON with numbers too large for 64 bits, which become infinite; else ``None``.

    Raises
    ------
    TwiceError
        If it says a key twice.

    Examples
    --------
    >>> read_wide('{"confidence": 1' + "0" * 5000 + "}"), read_wide("{'a': 1}")
    ({'confidence': inf}, None)
    """
    return _json(text, _no_constant)


def _no_constant(word: str) -> float:
    msg = f"{word} is no JSON"
    raise ValueError(msg)


def _whole(word: str) -> int | float:
    return int(word) if len(word) <= _MOST_DIGITS else float(word)


def _json(text: str | bytes, constant: Callable[[str], float] = float) -> Any:
    """Read what Python's ``json.dumps`` wrote of numbers that JSON does not have."""
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_int=_whole, parse_constant=constant
        )
    except (ValueError, RecursionError):
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(one for at, one in enumerate(names) if one in names[:at])
        raise TwiceError(_A_VALUE, twice)
    return found


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    at = _skip(text, at)
    if depth > _DEEPEST or at >= len(text):
        raise _fault(text, at)
    first = text[at]
    if first == "{":
        return _dictionary(text, at + 1, depth)
    if first in _CLOSERS:
        return _list(text, at + 1, _CLOSERS[first], depth)
    if first in "'\"":
        return _text(text, at)
    return _word(text, at, depth)


def _word(text: str, at: int, depth: int) -> tuple[Any, int]:
    for word, value in _WORDS.items():
        if text.startswith(word, at):
            return value, at + len(word)
    if dressed := _DRESSED.match(text, at):
        value, end = _value(text, dressed.end(), depth + 1)
        return value, _expect(text, end, ")")
    if number := _NUMBER.match(text, at):
        word = number[0]
        whole = word.lstrip("+-").isdigit()
        return (_whole(word) if whole else float(word)), number.end()
    raise _fault(text, at)


def _text(text: str, at: int) -> tuple[str, int]:
    found = _TEXT.match(text, at)
    if found is None:
        raise _fault(text, at)
    inside = found[1] if found[1] is not None else found[2]
    return _ESCAPE.sub(_escaped, inside), found.end()


def _escaped(found: re.Match[str]) -> str:
    word = found[1]
    if len(word) == 1:
        return _ESCAPES.get(word, found[0])
    code = int(word[1:], 16)
    return chr(code) if code <= sys.maxunicode else found[0]


def _dictionary(text: str, at: int, depth: int) -> tuple[dict[Any, Any], int]:
    found: dict[Any, Any] = {}
    while True:
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return found, at + 1
        key, end = _value(text, at, depth + 1)
        if not isinstance(key, str | int | float | None):
            raise _fault(text, at)
        if key in found:
            raise TwiceError(_A_VALUE, key)
        found[key], at = _value(text, _expect(text, end, ":"), depth + 1)
        at = _next(text, at, "}")


def _list(text: str, at: int, closer: str, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while True:
        at = _skip(text, at)
        if text[at : at + 1] == closer:
            return found, at + 1
        value, at = _value(text, at, depth + 1)
        found.append(value)
        at = _next(text, at, closer)


def _next(text: str, at: int, closer: str) -> int:
    """Step over a comma; a closing bracket is left where it is."""
    at = _skip(text, at)
    return at if text[at : at + 1] == closer else _expect(text, at, ",")


def _expect(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise _fault(text, at)
    return at + 1


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _fault(text: str, at: int) -> DataError:
    near = text[at : at + 40]
    return DataError(f"no plain Python value at character {at + 1}: {near!r}")
