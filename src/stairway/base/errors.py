"""Every error the package raises on purpose.

::

    StairwayError
    ├── ConfigError        the operator must fix a file or a command
    │   └── NoLogError         no log of that name was ever written there
    ├── DataError          the world sent something we will not trade on
    │   ├── DamagedLogError    the record is not what was written
    │   ├── NoRecordsError     what was to be judged is empty: evidence is missing
    │   ├── TwiceError         a record says one key twice: nobody knows which value counts
    │   ├── ConflictError      somebody else appended first
    │   ├── TooLittleError     too little to learn from, or to judge by
    │   └── NothingLearntError what was learnt is not made of numbers
    ├── RecordError        what happens can no longer be written down: stop trading
    │   └── DiskFullError      no room; what was accepted is kept, and writing resumes
    └── InvariantError     we are wrong about ourselves: stop, do not retry

A refusal is not an error. Gates return :class:`stairway.base.verdict.Refuse`.
"""

from __future__ import annotations


class StairwayError(Exception):
    """Base class: catch this to catch everything raised on purpose."""


class ConfigError(StairwayError):
    """The configuration cannot be used as written."""


class NoLogError(ConfigError):
    """There is no log of that name."""


class DataError(StairwayError):
    """Observed data is missing, late, or impossible."""


class DamagedLogError(DataError):
    """The record is not what was written.

    Parameters
    ----------
    file
        Name of the file that is damaged, without its folder; ``None`` where it is no one file.
    stream, position
        First event that is; ``None`` where the file is damaged as a whole, or nobody can say.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        stream: str | None = None,
        position: int | None = None,
    ) -> None:
        super().__init__(message)
        self.file, self.stream, self.position = file, stream, position


class NoRecordsError(DataError):
    """There is nothing in what was to be judged."""


class TwiceError(DataError):
    """A record says one key twice, and nobody knows which of the values counts.

    Parameters
    ----------
    where
        What says it: a place, or a part of its text.
    """

    def __init__(self, where: str, key: object) -> None:
        dropped = "the last value would be taken in silence; let each be said once"
        super().__init__(f"{where} has {key!r} twice: {dropped}")
        self.key = key


class SourceChangedError(DataError):
    """What was read of a source is no longer what is there."""


class ConflictError(DataError):
    """The stream is not where the writer thought it was."""


class TooLittleError(DataError):
    """There is too little to learn from, or to judge by. Others may have enough.

    Parameters
    ----------
    given, needed
        How much there was, and how much is needed, in the same unit; ``None`` where no
        single number says it.
    """

    def __init__(
        self, message: str, given: float | None = None, needed: float | None = None
    ) -> None:
        super().__init__(message)
        self.given, self.needed = given, needed


class NothingLearntError(DataError):
    """A roll-out, or what would be learnt from it, is no longer made of finite numbers."""


class RecordError(StairwayError):
    """The record cannot be written: nothing may be done that must be recorded first."""


class DiskFullError(RecordError):
    """The disk is full: what was accepted is kept and written as soon as there is room."""


class InvariantError(StairwayError):
    """A promise the code makes to itself was broken."""
