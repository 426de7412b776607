"""Code that we did not write, called so that whatever it raises is a value with words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_LONGEST = 300


class AdvisedError(Exception):
    """Raised by ours around somebody else's code; its words say what to do."""


class OverdueError(AdvisedError):
    """It was not done in the time it was given."""


@dataclass(frozen=True, slots=True)
class Raised:
    """What somebody else's code raised: the name of the error, and what it said.

    ``advised`` where what it said says what to do as well.
    """

    name: str
    said: str
    advised: bool = False


def attempted(call: Callable[[], T]) -> T | Raised:
    """Call somebody else's code; whatever it raises is a value, an interrupt goes through.

    Examples
    --------
    >>> attempted(lambda: 1 / 0)
    Raised(name='ZeroDivisionError', said='division by zero', advised=False)
    """
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - somebody else's code: what it raises is a refusal
        advised = isinstance(error, AdvisedError)
        return Raised(type(error).__name__, words_of(error), advised)


def words_of(error: BaseException) -> str:
    r"""Give the words of somebody else's error on one line; it may have none, or no text.

    Examples
    --------
    >>> words_of(ValueError("no\nsuch row")), words_of(ValueError())
    ('no such row', 'without a word')
    """
    try:
        words = str(error)
    except Exception:  # noqa: BLE001 - how it is written is somebody else's code as well
        words = ""
    whole = words.encode(errors="backslashreplace").decode()
    return " ".join(whole.split())[:_LONGEST] or "without a word"
