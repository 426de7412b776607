"""Does a replay equal its record? Tick for tick, hash for hash, and in what it was worth.

A tick is one bar: what came in, what the models said of it, what was decided, what was sent.
Each is known by its SHA-256, and three chains run through the ticks: of ticks (inputs and
predictions), of decisions, and of orders. A chain covers content and never a measured
duration, so equal behaviour has equal chains on any machine.

1. Both chains must be whole: every tick in its place, every hash following from the last.
2. They must agree; where they do not, the first tick is named, and what differs in it.
3. What the replay earned may differ by a stated share of what the record earned. Near zero
   that share would be of nothing, so it is of a floor on the turnover at least. Costs that
   are computed again may move it; decisions may not.
4. The replayed account may not fall further from its peak than stated.

Money is whole micros and bounds are parts per million, so "exactly the bound" is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import Micros, UtcNs
from stairway.base.verdict import (
    Finding,
    Pass,
    Refuse,
    Verdict,
    all_of,
    inconclusive,
    passed,
    refuse,
)
from stairway.events.envelope import GENESIS, chain
from stairway.market.calendar import utc_text

PPM = 1_000_000
_ENCODER = msgspec.msgpack.Encoder()

Ppm = Annotated[int, Meta(ge=0, le=PPM)]


class ReplayRules(Config, frozen=True, kw_only=True):
    """When a replay counts as equal (``[shadow_replay]``).

    Attributes
    ----------
    min_ticks
        Ticks below which nothing is concluded.
    max_profit_difference_ppm
        By how much the profit may differ, in parts per million of the larger of the
        recorded profit and the floor.
    profit_floor_ppm
        That floor, in parts per million of the recorded turnover.
    max_drawdown_ppm
        Deepest fall of the replayed account, in parts per million of its peak.
    """

    min_ticks: Annotated[int, Meta(ge=1, le=10**9)]
    max_profit_difference_ppm: Ppm
    profit_floor_ppm: Ppm
    max_drawdown_ppm: Ppm


class Tick(msgspec.Struct, frozen=True):
    """One bar, by the hashes of its content, and what the account was worth at its close.

    Attributes
    ----------
    index, time_ns
        Number and close of the bar.
    inputs, predictions, decision, orders
        SHA-256 of what came in, what was said, what was decided and what was sent.
    value_micros
        Worth of the account. Not hashed: costs may be computed again.
    turnover_micros
        Worth of everything traded so far.
    """

    index: int
    time_ns: UtcNs
    inputs: str
    predictions: str
    decision: str
    orders: str
    value_micros: Micros
    turnover_micros: Micros


class Link(msgspec.Struct, frozen=True, tag="shadow.link"):
    """A tick, and the three chains up to and with it."""

    tick: Tick
    ticks: str
    decisions: str
    orders: str

    @property
    def hashes(self) -> tuple[str, str, str]:
        """Where the three chains stand."""
        return self.ticks, self.decisions, self.orders


def chained(ticks: Iterable[Tick]) -> tuple[Link, ...]:
    """Chain ticks in the order in which they come.

    Examples
    --------
    >>> tick = Tick(7, UtcNs(60), "a", "b", "c", "d", Micros(100), Micros(0))
    >>> one, two = chained([tick, msgspec.structs.replace(tick, index=8, time_ns=120)])
    >>> one.ticks == two.ticks
    False
    """
    links: list[Link] = []
    before = (GENESIS, GENESIS, GENESIS)
    for position, tick in enumerate(ticks, start=1):
        before = _follow(before, position, tick)
        links.append(Link(tick, *before))
    return tuple(links)


def compare(recorded: Sequence[Link], replayed: Sequence[Link], rules: ReplayRules) -> Verdict:
    """Hold a replay against its record.

    Examples
    --------
    >>> rules = ReplayRules(
    ...     min_ticks=1, max_profit_difference_ppm=1_000, profit_floor_ppm=100,
    ...     max_drawdown_ppm=20_000,
    ... )
    >>> tick = Tick(7, UtcNs(0), "a", "b", "c", "d", Micros(100), Micros(0))
    >>> other = msgspec.structs.replace(tick, predictions="x")
    >>> compare(chained([tick]), chained([other]), rules).findings[0].detail
    'tick 7 (1970-01-01T00:00:00Z): predictions differ, recorded b, replayed x'
    """
    whole = all_of((is_whole(recorded, "record"), is_whole(replayed, "replay")))
    if isinstance(whole, Refuse):
        return whole
    n = min(len(recorded), len(replayed))
    verdicts = [_same(recorded, replayed)]
    if not n >= rules.min_ticks:
        detail = f"{n} of {rules.min_ticks} ticks were compared"
        verdicts.append(inconclusive("replay.too_short", detail, n, rules.min_ticks, n))
    if n > 0:
        verdicts.append(_same_profit(recorded, replayed, rules))
        verdicts.append(_shallow([link.tick for link in replayed], rules))
    return all_of(verdicts)


def is_whole(links: Sequence[Link], name: str) -> Verdict:
    """Say whether every tick is in its place and every hash follows from the one before.

    Examples
    --------
    >>> tick = Tick(7, UtcNs(0), "a", "b", "c", "d", Micros(100), Micros(0))
    >>> later = msgspec.structs.replace(tick, index=9, time_ns=UtcNs(60))
    >>> is_whole(chained([tick, later]), "replay").findings[0].detail
    'replay: after tick 7 comes tick 9; tick 8 is missing'
    """
    hashes = (GENESIS, GENESIS, GENESIS)
    previous: Tick | None = None
    for position, link in enumerate(links, start=1):
        fault = _no_number(link.tick)
        if fault is not None:
            return refuse("replay.chain", f"{name}: {fault}", n=len(links))
        hashes = _follow(hashes, position, link.tick)
        fault = _out_of_place(previous, link.tick)
        if fault is None and hashes != link.hashes:
            fault = f"tick {link.tick.index} does not follow from the one before it"
        if fault is not None:
            return refuse("replay.chain", f"{name}: {fault}", link.tick.index, n=len(links))
        previous = link.tick
    return passed("replay.chain", f"{name}: {len(links)} ticks in a chain", n=len(links))


def _no_number(tick: Tick) -> str | None:
    """Find a count that is none: NaN would slip through the arithmetic on it."""
    for name in ("index", "time_ns", "value_micros", "turnover_micros"):
        value: object = getattr(tick, name)
        if not isinstance(value, int):
            return f"{name} of tick {tick.index} is {value!r}, no whole number"
    return None


def _out_of_place(before: Tick | None, tick: Tick) -> str | None:
    if before is None:
        return None
    wanted = before.index + 1
    if tick.index == wanted and tick.time_ns > before.time_ns:
        return None
    said = f"after tick {before.index} comes tick {tick.index}"
    if tick.index > wanted:
        return f"{said}; tick {wanted} is missing"
    if tick.index == wanted:
        return f"{said}, which is no later"
    return f"{said}, out of order"


def _follow(before: tuple[str, str, str], position: int, tick: Tick) -> tuple[str, str, str]:
    ticks, decisions, orders = before
    at = (tick.index, tick.time_ns)
    seen = _ENCODER.encode((at, tick.inputs, tick.predictions))
    return (
        chain(ticks, "tick", position, seen),
        chain(decisions, "decision", position, _ENCODER.encode((at, tick.decision))),
        chain(orders, "order", position, _ENCODER.encode((at, tick.orders))),
    )


def _same(recorded: Sequence[Link], replayed: Sequence[Link]) -> Verdict:
    """Name the first tick at which the two part."""
    for one, other in zip(recorded, replayed, strict=False):
        if one.hashes != other.hashes:
            return Refuse((_difference(one.tick, other.tick),))
    n = min(len(recorded), len(replayed))
    if len(recorded) != len(replayed):
        longer, which = (recorded, "replay") if len(recorded) > n else (replayed, "record")
        first = longer[n].tick
        detail = f"{_place(first)}: the {which} ends before it, after {n} ticks"
        return refuse("replay.truncated", detail, first.index, n=n)
    return passed("replay.identical", f"all hashes of {n} ticks are equal", n, n=n)


def _difference(one: Tick, other: Tick) -> Finding:
    if (one.index, one.time_ns) != (other.index, other.time_ns):
        detail = f"{_place(one)}: the replay has {_place(other)} there"
        return Finding("replay.diverged", detail, one.index)
    for part in ("inputs", "predictions", "decision", "orders"):
        was, is_now = getattr(one, part), getattr(other, part)
        if was != is_now:
            verb = "differs" if part == "decision" else "differ"
            hashes = f"recorded {was[:12]}, replayed {is_now[:12]}"
            detail = f"{_place(one)}: {part} {verb}, {hashes}"
            return Finding("replay.diverged", detail, one.index)
    return Finding("replay.diverged", f"{_place(one)}: the chains differ", one.index)


def _same_profit(
    recorded: Sequence[Link], replayed: Sequence[Link], rules: ReplayRules
) -> Verdict:
    (was_first, was_last), (now_first, now_last) = (
        (links[0].tick, links[-1].tick) for links in (recorded, replayed)
    )
    if was_first.value_micros != now_first.value_micros:
        detail = (
            f"{_place(was_first)}: the accounts begin with {was_first.value_micros / 1e6:.2f} "
            f"and {now_first.value_micros / 1e6:.2f} USD"
        )
        return refuse("replay.opening", detail, was_first.index)
    profit = was_last.value_micros - was_first.value_micros
    off = abs(now_last.value_micros - was_last.value_micros)
    turnover = was_last.turnover_micros - was_first.turnover_micros
    # In millionths of a micro, so that neither bound is ever rounded.
    base = max(abs(profit) * PPM, rules.profit_floor_ppm * turnover)
    share = off * PPM / base if base else float(off > 0)
    bound = rules.max_profit_difference_ppm / PPM
    detail = (
        f"profit differs by {off / 1e6:.2f} USD, {share:.4%} of the result; "
        f"at most {bound:.2%} may"
    )
    finding = Finding("replay.profit", detail, share, bound, len(recorded))
    holds = off * PPM * PPM <= rules.max_profit_difference_ppm * base
    return Pass((finding,)) if holds else Refuse((finding,))


def _shallow(ticks: Sequence[Tick], rules: ReplayRules) -> Verdict:
    """Hold every fall of the account from its peak against the bound."""
    peak = ticks[0].value_micros
    deepest, at = 0.0, ticks[0]
    holds = True
    for tick in ticks:
        peak = max(peak, tick.value_micros)
        fall = peak - tick.value_micros
        holds = holds and peak > 0 and fall * PPM <= rules.max_drawdown_ppm * peak
        if peak > 0 and fall / peak > deepest:
            deepest, at = fall / peak, tick
    bound = rules.max_drawdown_ppm / PPM
    detail = f"{_place(at)}: the replayed account fell {deepest:.3%}, at most {bound:.1%} may"
    finding = Finding("replay.drawdown", detail, deepest, bound, len(ticks))
    return Pass((finding,)) if holds else Refuse((finding,))


def _place(tick: Tick) -> str:
    return f"tick {tick.index} ({utc_text(tick.time_ns)})"
