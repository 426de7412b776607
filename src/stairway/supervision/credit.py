"""Whose trade was it? The models that were in charge when it was entered."""

from __future__ import annotations

from stairway.decision.intent import Vote
from stairway.execution.facts import TradeClosed

FULL_LOSS_R = -1.0
_INCREDIBLE_R = 1e6


def credited(trade: TradeClosed) -> tuple[Vote, ...]:
    """Votes that a closed trade is credited to, as they stood at entry.

    A trade of the capital belongs to everybody who spoke for it; a trade of a shadow or
    canary book to the book's own model alone; a twin is nobody's evidence.

    Examples
    --------
    >>> from stairway.testing.climbing import closed_trade
    >>> [vote.digest for vote in credited(closed_trade("d1", r=1.0, book="shadow:d1"))]
    ['d1']
    >>> credited(closed_trade("d1", r=1.0, book="twin:baseline"))
    ()
    """
    match trade.book.partition(":"):
        case ("capital", "", ""):
            return trade.votes
        case ("shadow" | "canary", ":", digest):
            return tuple(vote for vote in trade.votes if vote.digest == digest)
        case _:
            return ()


def readable_r(r_multiple: float) -> float:
    """R of a trade; one that cannot be read counts as a full loss.

    Examples
    --------
    >>> readable_r(0.4), readable_r(float("nan"))
    (0.4, -1.0)
    """
    # No trade makes a million times its risk: such a figure is an error, and not a win.
    return r_multiple if abs(r_multiple) < _INCREDIBLE_R else FULL_LOSS_R
