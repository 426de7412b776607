"""Two raw tables become one series of bars that the rest of the system may trust.

1. Screen each table: bad rows are refused, or dropped and counted (``market.quality``).
2. Check that the bars lie as far apart as the policy believes.
3. Leave out bars outside the hours of the session.
4. Join on the close time: an instant counts only if both instruments have a bar there.
5. Number the sessions and mark their last bars, by the calendar (``market.calendar``).
6. Report every row that was left out, with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import ConfigError, DataError
from stairway.base.units import NS_PER_SECOND, UtcNs
from stairway.market.bars import PairBars
from stairway.market.calendar import (
    SessionRules,
    place,
    require_close,
    require_spacing,
    session_numbers,
    utc_text,
)
from stairway.market.facts import DataReport, TableReport
from stairway.market.ports import RawBars, RawPair
from stairway.market.quality import BarRules, screen


@dataclass(frozen=True, slots=True)
class _Usable:
    raw: RawBars
    rows: IntArray
    dropped: dict[str, int]

    @property
    def close_ns(self) -> IntArray:
        return self.raw.time_ns[self.rows]


def align(raw: RawPair, bars: BarRules, session: SessionRules) -> tuple[PairBars, DataReport]:
    """Validate both tables and join them on the close time.

    Raises
    ------
    DataError
        If a table is refused, fewer than ``bars.min_bars`` instants are common, or both
        tables are one and the same.
    ConfigError
        If the spacing of the bars, the close of the sessions, the names of the
        instruments or their ticks contradict the settings or the prices.

    Examples
    --------
    >>> from stairway.testing.source import as_raw, daily_rules
    >>> from stairway.testing.bars import random_walk
    >>> pair, report = align(as_raw(random_walk(300, seed=1)), *daily_rules())
    >>> len(pair), report.tables[0].dropped
    (300, {})
    """
    if raw.first.instrument.symbol == raw.second.instrument.symbol:
        msg = (
            f"both instruments are named {raw.first.instrument.symbol!r}; "
            "a pair needs two different symbols"
        )
        raise ConfigError(msg)
    first, second = (_usable(table, bars, session) for table in (raw.first, raw.second))
    _, i, k = np.intersect1d(
        first.close_ns, second.close_ns, assume_unique=True, return_indices=True
    )
    _require_common(first, second, i.size, bars.min_bars)
    pair, cut_short = _join(first, second, (first.rows[i], second.rows[k]), session)
    _require_two(pair)
    return pair, _report(pair, (first, second), cut_short, session)


def _usable(raw: RawBars, bars: BarRules, session: SessionRules) -> _Usable:
    symbol = raw.instrument.symbol
    screened = screen(raw, bars)
    good = np.flatnonzero(screened.keep)
    _require_ticks(raw, good)
    close_ns = raw.time_ns[good]
    require_spacing(close_ns, session.bar_seconds, symbol, "[session] bar_seconds")
    inside = place(close_ns, session).inside
    if not inside.any():
        msg = (
            f"{symbol}: none of {good.size} bars lies in the session that ends at "
            f"{session.close} {session.tz}; they close from {utc_text(int(close_ns[0]))} to "
            f"{utc_text(int(close_ns[-1]))}: check the tz and stamp of the source"
        )
        raise DataError(msg)
    outside = int((~inside).sum())
    dropped = screened.dropped | ({"outside_session": outside} if outside else {})
    return _Usable(raw, good[inside], dropped)


def _require_ticks(raw: RawBars, good: IntArray) -> None:
    """Refuse a price step that some price is smaller than: it would be worth no tick."""
    lowest, tick_usd = float(raw.low[good].min()), raw.instrument.tick_usd
    if not tick_usd <= lowest:
        msg = (
            f"{raw.instrument.symbol}: a tick is {tick_usd:g} USD and its lowest price "
            f"{lowest:g} USD, less than one tick; set tick_usd of its file under [source] to "
            "the step in which it is quoted (0.01 for most shares)"
        )
        raise ConfigError(msg)


def _require_common(first: _Usable, second: _Usable, common: int, min_bars: int) -> None:
    if common >= min_bars:
        return
    spans = " and ".join(
        f"{table.raw.instrument.symbol} {table.rows.size} bars from "
        f"{utc_text(int(table.close_ns[0]))} to {utc_text(int(table.close_ns[-1]))}"
        for table in (first, second)
    )
    if common == min(first.rows.size, second.rows.size):
        remedy = "give files that reach further, or lower [bars] min_bars of the policy"
    else:
        remedy = "choose files that overlap, with the right tz and stamp"
    msg = (
        f"common bars of the two instruments: {common}, and [bars] min_bars asks for "
        f"{min_bars}; given are {spans}: {remedy}"
    )
    raise DataError(msg)


def _require_two(pair: PairBars) -> None:
    """Refuse one instrument under two names: what holds of such a pair holds of no other."""
    columns = (pair.open, pair.high, pair.low, pair.close)
    if all(np.array_equal(column[:, 0], column[:, 1]) for column in columns):
        msg = (
            f"{pair.symbols[0]} and {pair.symbols[1]} have the same prices in each of "
            f"{len(pair)} common bars, as if one file was given twice; a pair needs two "
            "different instruments: name another file for one of them"
        )
        raise DataError(msg)


def _join(
    first: _Usable, second: _Usable, rows: tuple[IntArray, IntArray], rules: SessionRules
) -> tuple[PairBars, int]:
    def both(name: str) -> FloatArray:
        columns = [
            getattr(table.raw, name)[of]
            for table, of in zip((first, second), rows, strict=True)
        ]
        return np.column_stack(columns).astype(np.float64)

    time_ns = first.raw.time_ns[rows[0]]
    where = place(time_ns, rules)
    session = session_numbers(where.day, rules.kind)
    cut_short = require_close(session, where.last, rules)
    pair = PairBars(
        (first.raw.instrument, second.raw.instrument),
        time_ns,
        session,
        where.last,
        both("open"),
        both("high"),
        both("low"),
        both("close"),
        both("volume"),
    )
    return pair, cut_short


def _report(
    pair: PairBars, tables: tuple[_Usable, _Usable], cut_short: int, rules: SessionRules
) -> DataReport:
    def of(table: _Usable, k: int) -> TableReport:
        alone = table.rows.size - len(pair)
        dropped = table.dropped | ({"no_partner": alone} if alone else {})
        carried = (pair.open[1:, k] == pair.close[:-1, k]) & (
            pair.close[1:, k] != pair.open[1:, k]
        )
        return TableReport(
            symbol=table.raw.instrument.symbol,
            rows=len(table.raw),
            kept=len(pair),
            dropped=dropped,
            carried_opens=int(carried.sum()),
        )

    return DataReport(
        tables=(of(tables[0], 0), of(tables[1], 1)),
        bars=len(pair),
        sessions=int(pair.session[-1]) + 1,
        gaps=_gaps(pair, rules),
        cut_short=cut_short,
        first_ns=UtcNs(int(pair.time_ns[0])),
        last_ns=UtcNs(int(pair.time_ns[-1])),
        bar_seconds=rules.bar_seconds,
        fingerprint=pair.fingerprint,
    )


def _gaps(pair: PairBars, rules: SessionRules) -> int:
    together = np.diff(pair.session) == 0
    wide = np.diff(pair.time_ns) > rules.bar_seconds * NS_PER_SECOND
    return int((together & wide).sum())
