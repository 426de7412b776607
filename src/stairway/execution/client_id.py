"""Names for orders, made from what they are for.

An id that is computed cannot be minted twice: a retry, a restart and a replay all arrive
at the same one, so the venue's own check for duplicates works for us. It is never drawn
and never counted up from a number that a crash could forget.
"""

from __future__ import annotations

import base64
import hashlib

from stairway.execution.orders import Leg

MAX_CHARS = 32
"""Within what every venue that we know of accepts (32 to 36)."""

_DIGEST_BYTES = 20  # 160 bits are exactly 32 characters of base32, without padding


def order_id(bracket_id: str, leg: Leg, revision: int) -> str:
    """Id of the ``revision``-th order sent for one leg of a bracket.

    Parameters
    ----------
    bracket_id
        Unique for ever.
    leg
        Which part of the bracket the order belongs to.
    revision
        From 0; one more for each order that replaces one that is gone.

    Examples
    --------
    >>> order_id("b-1", Leg.STOP, 0) == order_id("b-1", Leg.STOP, 0)
    True
    >>> len(order_id("b-1", Leg.STOP, 1))
    32
    """
    named = f"{len(bracket_id)}:{bracket_id}:{leg.value}:{revision}".encode()
    return base64.b32encode(hashlib.blake2b(named, digest_size=_DIGEST_BYTES).digest()).decode()
