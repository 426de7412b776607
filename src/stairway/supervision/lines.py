"""Lines of text that lie in one piece of memory, and are cut out when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from stairway.base.arrays import IntArray


class Lines(Sequence[bytes]):
    r"""Lines, each with its end.

    Parameters
    ----------
    text
        What they lie in.
    start, end : (n_lines,) int64
        Of each line in ``text``.

    Examples
    --------
    >>> import numpy as np
    >>> Lines(bytearray(b"ab\ncd\n"), np.array([0, 3]), np.array([3, 6]))[-1]
    b'cd\n'
    """

    __slots__ = ("end", "start", "text")

    def __init__(self, text: bytearray, start: IntArray, end: IntArray) -> None:
        self.text, self.start, self.end = text, start, end

    def __len__(self) -> int:
        return len(self.start)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> Lines: ...
    def __getitem__(self, at: int | slice) -> bytes | Lines:
        if isinstance(at, slice):
            return Lines(self.text, self.start[at], self.end[at])
        return bytes(self.text[self.start[at] : self.end[at]])

    def __iter__(self) -> Iterator[bytes]:
        whole = memoryview(self.text)
        for start, end in zip(self.start.tolist(), self.end.tolist(), strict=True):
            yield bytes(whole[start:end])
