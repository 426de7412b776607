"""What a model made of its last trades, and of all of them."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True):
    """Closed trades of one model.

    Attributes
    ----------
    recent
        R of the last trades, oldest first; at most as many as the rules keep.
    trades, wins, losses, total_r
        All of them. R of exactly 0 is neither a win nor a loss.
    """

    recent: tuple[float, ...] = ()
    trades: int = 0
    wins: int = 0
    losses: int = 0
    total_r: float = 0.0


class Recent(msgspec.Struct, frozen=True):
    """Summary of the last trades; ``None`` where there are none."""

    trades: int
    win_rate: float | None
    average_r: float | None


def add(record: Record, r: float, keep_trades: int) -> Record:
    """Record one more trade, remembering the R of the last ``keep_trades``.

    Examples
    --------
    >>> add(add(Record(), 1.0, 10), -1.0, 10).recent
    (1.0, -1.0)
    """
    return Record(
        recent=(*record.recent, r)[-keep_trades:],
        trades=record.trades + 1,
        wins=record.wins + (r > 0),
        losses=record.losses + (r < 0),
        total_r=record.total_r + r,
    )


def recent(record: Record, trades: int) -> Recent:
    """Summarise the last ``trades`` trades.

    Examples
    --------
    >>> recent(Record(recent=(-1.0, 2.0)), 10)
    Recent(trades=2, win_rate=0.5, average_r=0.5)
    >>> recent(Record(), 10).win_rate is None
    True
    """
    last = record.recent[-trades:]
    if not last:
        return Recent(0, None, None)
    return Recent(len(last), sum(r > 0 for r in last) / len(last), sum(last) / len(last))
