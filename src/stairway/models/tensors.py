"""Read safetensors in plain Python, refusing whatever was not asked for.

The format is a length, a JSON header and raw numbers. The reader below accepts exactly
the tensors it expects (names, dtypes, ranks), laid out without gaps or overlaps, and
turns every other file into a refusal. It runs after signature and hash were checked; it
is strict all the same, since a signed file can still be a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from stairway.base.verdict import Refuse, refuse

PREFIX_BYTES = 8
MAX_HEADER_BYTES = 65_536
MAX_SIDE = 2**31  # of an array: far beyond any model, and far within what can be counted
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "I32": np.dtype("<i4"),
}


class Shape(NamedTuple):
    """What one tensor must be: name of its dtype in the file, and number of axes."""

    dtype: str
    rank: int


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def parse(content: bytes, layout: Mapping[str, Shape]) -> dict[str, NDArray[Any]] | Refuse:
    """Return the tensors of ``layout``, each in memory of its own.

    Examples
    --------
    >>> from safetensors.numpy import save
    >>> parse(save({"x": np.array([1.5])}), {"x": Shape("F64", 1)})["x"]
    array([1.5])
    >>> parse(b"", {"x": Shape("F64", 1)}).findings[0].code
    'tensors.header'
    """
    header = _header(content)
    if isinstance(header, Refuse):
        return header
    entries, start = header
    if entries.keys() != layout.keys():
        detail = f"tensors are {sorted(entries)}, allowed are exactly {sorted(layout)}"
        return refuse("tensors.names", detail)
    body = memoryview(content)[start:]
    covered = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        detail = _mismatch(entry, layout[name], covered)
        if detail:
            return refuse("tensors.layout", f"tensor {name!r} {detail}")
        covered = entry.data_offsets[1]
    if covered != len(body):
        return refuse("tensors.length", "bytes of numbers differ", len(body), covered)
    return {name: _view(body, entry) for name, entry in entries.items()}


def _header(content: bytes) -> tuple[dict[str, _Entry], int] | Refuse:
    if len(content) < PREFIX_BYTES:
        return refuse("tensors.header", "file ends before its header", len(content))
    size = int.from_bytes(content[:PREFIX_BYTES], "little")
    if not size <= min(MAX_HEADER_BYTES, len(content) - PREFIX_BYTES):
        return refuse("tensors.header", "header is longer than allowed or than the file")
    end = PREFIX_BYTES + size
    try:
        return msgspec.json.decode(content[PREFIX_BYTES:end], type=dict[str, _Entry]), end
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return refuse("tensors.header", f"header cannot be read: {error}")


def _mismatch(entry: _Entry, want: Shape, covered: int) -> str:
    if entry.dtype != want.dtype or len(entry.shape) != want.rank:
        found = f"{entry.dtype} of {len(entry.shape)} axes"
        return f"is {found}, must be {want.dtype} of {want.rank}"
    if not 0 <= min(entry.shape) <= max(entry.shape) <= MAX_SIDE:
        return f"has a side below 0 or over {MAX_SIDE:,}"
    if entry.data_offsets[0] != covered:
        return "leaves a gap or overlaps another"
    count = int(np.prod(entry.shape, dtype=object))
    if entry.data_offsets[1] - covered != count * DTYPES[want.dtype].itemsize:
        return "has another number of bytes than its shape says"
    return ""


def _view(body: memoryview, entry: _Entry) -> NDArray[Any]:
    start, stop = entry.data_offsets
    # A copy is aligned and writable: kernels then compile for one kind of array, not three.
    return np.frombuffer(body[start:stop], DTYPES[entry.dtype]).reshape(entry.shape).copy()
