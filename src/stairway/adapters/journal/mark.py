"""How far the record went, written where damage to the record does not reach.

SQLite drops the end of a damaged write-ahead log without a word: whoever then counts
the events finds a record that is whole, and shorter. So the last position and hash of
every stream are also kept in this small file, written after each commit and before the
commit is acknowledged. From then on it survives ``kill -9``. It is synced when the writer
comes to rest, so a power cut may leave it a moment behind the record, and never ahead.

1. The file holds two slots of equal size. One holds the mark that was synced last and is
   left alone; all writes go to the other, so one that is torn costs nothing. A sync makes
   them change places.
2. A slot is a header (magic, generation, length, SHA-256) and a MessagePack map.
3. The valid slot with the higher generation rules. No valid slot means damage: the
   first mark is put in place whole, before anything is acknowledged.
4. Slots never grow in place; a map that outgrows them is put into a new, larger file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import msgspec

from stairway.adapters.journal import files
from stairway.adapters.journal.failures import way_out
from stairway.base.errors import DamagedLogError
from stairway.events.envelope import Head

_MAGIC = b"STAIRMRK"
_HEADER = struct.Struct(">8sQI32s")
_SMALLEST_SLOT = 16_384
_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(dict[str, Head])

Heads = Mapping[str, Head]


def pack(generation: int, heads: Heads) -> bytes:
    """Write one slot down."""
    body = _ENCODER.encode(heads)
    return _HEADER.pack(_MAGIC, generation, len(body), _seal(generation, body)) + body


def unpack(slot: bytes) -> tuple[int, dict[str, Head]] | None:
    """Read one slot; ``None`` where it is torn, damaged or was never written.

    Examples
    --------
    >>> unpack(pack(3, {"fill": Head(2, "ab")}))
    (3, {'fill': Head(position=2, hash='ab')})
    >>> unpack(bytes(100)) is None
    True
    """
    if len(slot) < _HEADER.size:
        return None
    magic, generation, length, seal = _HEADER.unpack_from(slot)
    body = slot[_HEADER.size : _HEADER.size + length]
    if magic != _MAGIC or len(body) != length or seal != _seal(generation, body):
        return None
    try:
        return generation, _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Sealed, and no map of heads all the same: another program wrote it.
        return None


def _seal(generation: int, body: bytes) -> bytes:
    return hashlib.sha256(generation.to_bytes(8, "big") + body).digest()


def read_mark(path: Path) -> dict[str, Head]:
    """Return the mark at ``path``.

    Raises
    ------
    DamagedLogError
        If neither slot can be read.
    FileNotFoundError
        If there is no mark.
    """
    return _latest(path)[1]


def _latest(path: Path) -> tuple[int, dict[str, Head]]:
    content = path.read_bytes()
    size = len(content) // 2
    slots = (unpack(content[:size]), unpack(content[size:])) if _is_whole(len(content)) else ()
    found = [slot for slot in slots if slot]
    if not found:
        msg = (
            f"the high-water mark {path} cannot be read, so nobody can tell whether events "
            f"are missing at the end: {way_out(path.parent)}"
        )
        raise DamagedLogError(msg, file=path.name)
    return max(found, key=lambda slot: slot[0])


def _is_whole(size_bytes: int) -> bool:
    """Two slots, each a power of two: a file that was cut short has another size."""
    return size_bytes >= 2 * _SMALLEST_SLOT and size_bytes.bit_count() == 1


class Mark:
    """The mark of one journal, open for writing. Created where there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.exists():
            self._generation, self.heads = _latest(path)
        else:
            self._generation, self.heads = 0, {}
        # Both slots are made good at once: a torn or damaged one does not stay.
        self._lay_out()

    def write(self, heads: Heads) -> None:
        """Record ``heads``; on return they survive the end of this process.

        Raises
        ------
        OSError
            If they do not. Where there was no room, it may be tried again.
        """
        self._generation += 1
        slot = pack(self._generation, heads)
        if len(slot) > self._slot_size:
            self.heads, before = dict(heads), self._fd
            self._lay_out()
            os.close(before)
            return
        written = os.pwrite(self._fd, slot, self._slot_size * self._free_slot)
        if written < len(slot):
            # A part of a slot is no slot, and the other one is whole.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self.heads = dict(heads)
        self._is_synced = False

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        if not self._is_synced:
            os.fdatasync(self._fd)
            self._free_slot = 1 - self._free_slot
            self._is_synced = True

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def _lay_out(self) -> None:
        slot = pack(self._generation, self.heads)
        size = max(_SMALLEST_SLOT, 1 << (2 * len(slot) - 1).bit_length())
        files.replace(self._path, slot.ljust(size, b"\0") * 2)
        self._fd = os.open(self._path, os.O_RDWR)
        # Last: whoever is interrupted before finds the slots too small, and begins again.
        self._slot_size, self._free_slot, self._is_synced = size, 0, True
