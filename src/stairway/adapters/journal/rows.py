"""Rows in the form of the table: chained, checked and ready to be inserted."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from stairway.adapters.journal.store import CRC_OVER, Row, Sealed, crc_of
from stairway.base.errors import ConflictError
from stairway.events.envelope import Head, links
from stairway.events.streams import require_payloads, require_recordable


def sealed(row: Row) -> Sealed:
    r"""Bring a row into the form of the table.

    Examples
    --------
    >>> sealed(Row("fill", 1, 7, "ab", b"x"))[4:]
    (b'\xab', b'x')
    """
    digest = bytes.fromhex(row.hash)
    crc = crc_of(row.stream, row.position, row.recorded_ns, digest, row.payload)
    return row.stream, row.position, row.recorded_ns, crc, digest, row.payload


def require_expected(stream: str, head: Head, expected: int | None) -> None:
    """Refuse to append where somebody else appended first.

    Raises
    ------
    ConflictError
        If a position is expected, and ``stream`` ends elsewhere.
    """
    if expected is not None and head.position != expected:
        msg = (
            f"stream {stream!r} ends at {head.position}, not at {expected}: somebody "
            "appended in between; read what is new and decide again"
        )
        raise ConflictError(msg)


def follow(head: Head, stream: str, payloads: Sequence[bytes], first_ns: int) -> list[Sealed]:
    """Chain ``payloads`` to ``head``; the first is recorded at ``first_ns``.

    Raises
    ------
    DataError
        If one is too large or is not made of bytes, or the clock says what cannot be recorded.
    """
    require_payloads(stream, payloads)
    require_recordable(first_ns + len(payloads))
    name, first = stream.encode(), head.position + 1
    linked = links(bytes.fromhex(head.hash), name, first, payloads)
    rows: list[Sealed] = []
    for n, (payload, digest) in enumerate(zip(payloads, linked, strict=True)):
        position, recorded_ns = first + n, first_ns + n
        # What crc_of says, without the call.
        crc = crc32(CRC_OVER % (name, position, recorded_ns, digest, payload))
        rows.append((stream, position, recorded_ns, crc, digest, bytes(payload)))
    return rows
