"""Telemetry made up from a seed: twelve bots, alive, dying, dead or hard to tell.

1. Every event is an instant, an instrument and the answers of three models about it, one
   second after the other over some hours (``events``, ``EVERY_S``).
2. An alive model draws its confidence from a normal law around 0.5 with deviation 0.16,
   cut to (0.01, 0.99), to a hundred-millionth, and acts on it: SELL below 0.42, BUY above
   0.58, else HOLD. Models see one market, so seven tenths of the variance are common to
   them; events are independent, so no action sticks.
3. A fixture changes one thing about that (``FIXTURES`` says which); what must be said of it
   stands in a table in ``docs/gate.md``. The score under a confidence stays alive, but where
   the feed hangs: whatever pins the rest came later.

The layout is that of a bot which publishes its intents: ``event_type`` and ``payload``,
the payload a JSON text with ``model_breakdown``. ``rows`` gives the same as flat rows.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np
import polars as pl

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import InvariantError

START_NS = 1_772_442_000_000_000_000
"""2026-03-02T09:00:00Z, when every fixture begins."""

EVERY_S = 12
EVENTS = 1_200
"""Four hours of five events a minute."""

MODELS = ("forest", "mlp", "trend")
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD")
SELL, HOLD, BUY = 0, 1, 2
_WORDS = ("SELL", "HOLD", "BUY")
_SECOND_NS = 1_000_000_000
_SELL_BELOW, _BUY_ABOVE = 0.42, 0.58
_COMMON = 0.7
"""Share of the variance that models have in common: they see one market."""

_SHARED, _ALONE = math.sqrt(_COMMON), math.sqrt(1.0 - _COMMON)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What a bot said.

    Attributes
    ----------
    time_ns, event, symbol
        (n_events,) instant, number and index into ``SYMBOLS`` of every event; an event that
        is sent twice has its number twice.
    raw, confidence, action
        (n_events, n_models) answers; the columns are ``models``. What a model scored, in
        [0, 1], before anything was done to it; what it said; what it would do.
    cutover_ns
        Where something was changed, if anything was.
    """

    time_ns: IntArray
    event: IntArray
    symbol: IntArray
    raw: FloatArray
    confidence: FloatArray
    action: IntArray
    models: tuple[str, ...] = MODELS
    cutover_ns: int | None = None

    @property
    def cutover(self) -> str | None:
        """The instant of the change as ``--after`` takes it."""
        return None if self.cutover_ns is None else iso(self.cutover_ns)


def telemetry(name: str, seed: int = 7, events: int = EVENTS) -> Telemetry:
    """Make the fixture ``name`` of ``FIXTURES``; equal arguments make equal telemetry.

    Examples
    --------
    >>> made = telemetry("capped")
    >>> round(float((made.confidence == 0.75).mean()), 2), made.time_ns.size
    (0.73, 1200)
    >>> telemetry("patched").cutover
    '2026-03-02T11:00:00Z'
    """
    if name not in FIXTURES:
        msg = f"no telemetry named {name!r}; there are: {', '.join(FIXTURES)}"
        raise InvariantError(msg)
    rng = np.random.default_rng([seed, events])  # noqa: TID251 - the seed is an argument
    return FIXTURES[name].change(_alive(rng, events), rng)


def messages(made: Telemetry) -> Iterator[dict[str, str]]:
    """Yield events as a bot publishes them: ``event_type`` and ``payload``, both text."""
    for row in range(made.time_ns.size):
        said = {
            model: {
                "action": _WORDS[int(made.action[row, column])],
                "confidence": float(made.confidence[row, column]),
                "raw_confidence": float(made.raw[row, column]),
                "model": f"{model}-v1",
            }
            for column, model in enumerate(made.models)
        }
        payload = {
            "event_id": f"event-{made.event[row]}",
            "ts": iso(int(made.time_ns[row])),
            "symbol": SYMBOLS[int(made.symbol[row])],
            "model_breakdown": said,
        }
        yield {"event_type": "trade.intent", "payload": msgspec.json.encode(payload).decode()}


def rows(made: Telemetry) -> pl.DataFrame:
    """Give the same as flat rows, one for each answer: the form of CSV and Parquet."""
    n, k = made.confidence.shape
    words = np.array(_WORDS)
    return pl.DataFrame(
        {
            "ts": np.repeat(np.array([iso(int(t)) for t in made.time_ns]), k),
            "event_id": np.repeat(np.array([f"event-{e}" for e in made.event]), k),
            "symbol": np.repeat(np.array(SYMBOLS)[made.symbol], k),
            "model": np.tile(np.array(made.models), n),
            "action": words[made.action.ravel()],
            "confidence": made.confidence.ravel(),
        }
    )


def write(made: Telemetry, path: Path) -> Path:
    """Write it to ``path``: ``.jsonl``, ``.jsonl.gz``, ``.csv`` or ``.parquet``; return it."""
    match "".join(path.suffixes[-2:] if path.suffix == ".gz" else [path.suffix]):
        case ".parquet":
            rows(made).write_parquet(path)
        case ".csv":
            rows(made).write_csv(path)
        case ".jsonl":
            path.write_bytes(_lines(made))
        case ".jsonl.gz":
            path.write_bytes(gzip.compress(_lines(made), mtime=0))
        case other:
            msg = f"no telemetry is written as {other!r}: .jsonl, .jsonl.gz, .csv, .parquet"
            raise InvariantError(msg)
    return path


def iso(time_ns: int) -> str:
    """Write an instant to the second, with its zone.

    Examples
    --------
    >>> iso(START_NS)
    '2026-03-02T09:00:00Z'
    """
    return f"{np.datetime64(time_ns, 'ns').astype('datetime64[s]')}Z"


def _lines(made: Telemetry) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in messages(made))


def _alive(rng: np.random.Generator, events: int) -> Telemetry:
    market: FloatArray = rng.standard_normal((events, 1))
    own: FloatArray = rng.standard_normal((events, len(MODELS)))
    seen = _SHARED * market + _ALONE * own
    confidence: FloatArray = np.round(np.clip(0.5 + 0.16 * seen, 0.01, 0.99), 8)
    at = np.arange(events, dtype=np.int64)
    return Telemetry(
        time_ns=START_NS + at * EVERY_S * _SECOND_NS,
        event=at,
        symbol=rng.integers(0, len(SYMBOLS), events),
        raw=confidence,
        confidence=confidence,
        action=_acted(confidence),
    )


def _acted(confidence: FloatArray) -> IntArray:
    moved = np.where(confidence > _BUY_ABOVE, BUY, HOLD)
    return np.where(confidence < _SELL_BELOW, SELL, moved)


def _healthy(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    del rng
    return made


def _fallback(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    return _stuck_at(made, 0.5, 0.08, rng)


def _capped(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    return _stuck_at(made, 0.75, 0.73, rng)


def _stuck_at(
    made: Telemetry, value: float, share: float, rng: np.random.Generator
) -> Telemetry:
    """Put ``value`` in the place of that share of the answers of every model, exactly."""
    confidence = made.confidence.copy()
    n, k = confidence.shape
    for column in range(k):
        chosen: IntArray = rng.permutation(n)[: round(share * n)]
        confidence[chosen, column] = value
    return replace(made, confidence=confidence)


def _patched(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    """Cap everything before the middle; an event at the cutover itself is whole again."""
    half = made.time_ns.size // 2
    capped = _capped(_part(made, 0, half), rng).confidence
    confidence = np.concatenate([capped, made.confidence[half:]])
    return replace(made, confidence=confidence, cutover_ns=int(made.time_ns[half]))


def _few_after(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    del rng
    return replace(made, cutover_ns=int(made.time_ns[-41]))


def _violation(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    del rng
    confidence = made.confidence.copy()
    confidence[made.time_ns.size // 3, 1] = 1.05
    return replace(made, confidence=confidence)


def _sticky(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    """Repeat the last action about an instrument 98 times in 100."""
    action = made.action.copy()
    stays = rng.random(action.shape) < 0.98  # noqa: PLR2004 - said in the docstring
    last: dict[int, int] = {}
    for row, symbol in enumerate(made.symbol.tolist()):
        if symbol in last:
            action[row] = np.where(stays[row], action[last[symbol]], action[row])
        last[symbol] = row
    return replace(made, action=action)


def _frozen(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    """Answer for ever what was answered about an instrument first, as on stale features."""
    del rng
    first = [int(np.argmax(made.symbol == s)) for s in range(len(SYMBOLS))]
    source = np.array(first)[made.symbol]
    return replace(
        made,
        raw=made.raw[source],
        confidence=made.confidence[source],
        action=made.action[source],
    )


def _one_symbol(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    del rng
    return replace(made, symbol=np.zeros_like(made.symbol))


def _holding(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    """Hold 86 times in 100, exactly."""
    n, k = made.action.shape
    held = round(0.86 * n)
    rest = np.resize([BUY, SELL], n - held)
    columns = [rng.permutation(np.concatenate([np.full(held, HOLD), rest])) for _ in range(k)]
    return replace(made, action=np.stack(columns, axis=1))


def _duplicated(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    """Send 150 events, far apart, and every one of them twice."""
    del rng
    part = _part(made, 0, 150)
    twice = np.repeat(np.arange(150), 2)
    return Telemetry(
        time_ns=START_NS + part.event[twice] * 60 * _SECOND_NS,
        event=part.event[twice],
        symbol=part.symbol[twice],
        raw=part.raw[twice],
        confidence=part.confidence[twice],
        action=part.action[twice],
    )


def _one_dead(made: Telemetry, rng: np.random.Generator) -> Telemetry:
    """Let the second model give one answer only, between two that are alive."""
    del rng
    confidence, action = made.confidence.copy(), made.action.copy()
    confidence[:, 1], action[:, 1] = 0.65, BUY
    return replace(made, confidence=confidence, action=action)


def _part(made: Telemetry, start: int, stop: int) -> Telemetry:
    rows = slice(start, stop)
    return replace(
        made,
        time_ns=made.time_ns[rows],
        event=made.event[rows],
        symbol=made.symbol[rows],
        raw=made.raw[rows],
        confidence=made.confidence[rows],
        action=made.action[rows],
    )


@dataclass(frozen=True, slots=True)
class Fixture:
    """One thing that is changed about three models that are alive."""

    what: str
    change: Callable[[Telemetry, np.random.Generator], Telemetry]


FIXTURES: Mapping[str, Fixture] = MappingProxyType(
    {
        "healthy": Fixture("three models, alive", _healthy),
        "fallback": Fixture("8 % of confidences are exactly 0.5", _fallback),
        "capped": Fixture("73 % of confidences are exactly 0.75", _capped),
        "patched": Fixture("capped at 0.75, then mended at the cutover", _patched),
        "few_after": Fixture("41 events after the cutover", _few_after),
        "violation": Fixture("one confidence is 1.05", _violation),
        "sticky": Fixture("actions repeat 98 times in 100", _sticky),
        "frozen": Fixture("the feed hangs: each instrument's first answer for ever", _frozen),
        "one_symbol": Fixture("every event is about one instrument", _one_symbol),
        "holding": Fixture("HOLD in 86 % of answers", _holding),
        "duplicated": Fixture("150 events, each sent twice", _duplicated),
        "one_dead": Fixture("interleaved models, one of which says 0.65 only", _one_dead),
    }
)
