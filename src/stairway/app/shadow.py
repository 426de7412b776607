"""Replay recorded days through the code that serves, with the models asked anew.

``stairway replay`` folds a record with the answers that it holds. Here nothing is taken from
the record but its bars, settings and seeds, and what operators asked for: models answer
again, and the venue fills again. What comes of it is recorded in a log of its own (SQLite,
in WAL mode), chained tick for tick, and held against the record.

Durations are measured and kept as facts of their own, in the stream ``timing``; no hash
covers them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from stairway.adapters.logs.sqlite import open_log
from stairway.app.authority import as_recorded
from stairway.app.books import Books
from stairway.app.catalog import CODEC, ORDERS, Fact
from stairway.app.climb import Hand, furnish, live_world, require_same_run, walk
from stairway.app.facts import RunFinished, RunStarted
from stairway.app.progress import Progress
from stairway.app.record.engine import open_run
from stairway.app.recorder import Recorder
from stairway.app.request import Request
from stairway.app.rules import equity_micros
from stairway.app.run import Prepared, prepare, stock
from stairway.app.settings import decode
from stairway.app.shelf import Shelf
from stairway.app.world import World
from stairway.base.errors import ConfigError, DataError
from stairway.base.hashing import content_hash
from stairway.base.units import Micros
from stairway.base.verdict import Inconclusive, Pass, Refuse, Verdict
from stairway.evaluation.replay import Link, ReplayRules, Tick, chained, compare
from stairway.events.codec import Codec
from stairway.events.fold import in_order
from stairway.events.ports import EventLog
from stairway.execution.facts import CommandSent, VenueSaid
from stairway.execution.orders import Filled, Submit
from stairway.market.bars import PairBar, PairBars
from stairway.models.prediction import Exclusion, Prediction
from stairway.trader.facts import Decided, Marked

STREAM = "shadow.link"
"""Where the chain lies in the log of a shadow replay."""

LINKS: Codec[Link] = Codec(Link)


class Shadowed(msgspec.Struct, frozen=True):
    """What a shadow replay found.

    Attributes
    ----------
    run, model
        Which run was replayed, and the digest of the model that was judged; ``None`` where
        it was the run as a whole.
    ticks
        Bars that were replayed.
    hashes
        Where its chains of ticks, decisions and orders ended.
    verdict
        Whether it equals the record.
    """

    run: str
    model: str | None
    ticks: int
    hashes: tuple[str, ...]
    verdict: Verdict

    @property
    def exit_code(self) -> int:
        """0 where everything came out as recorded, else 2."""
        return 0 if isinstance(self.verdict, Pass) else 2

    def as_json(self) -> str:
        """Write it as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    def as_text(self) -> str:
        """Say it in a few lines."""
        match self.verdict:
            case Pass():
                word = "identical"
            case Refuse():
                word = "DIFFERENT"
            case Inconclusive():
                word = "not enough to tell"
        who = "" if self.model is None else f", model {self.model[:8]}"
        lines = [f"{word}  {self.run}{who}: {self.ticks:,} ticks answered and filled again"]
        lines.extend(f"  {finding.detail}" for finding in self.verdict.findings)
        named = zip(("ticks", "decisions", "orders"), self.hashes, strict=False)
        lines.extend(f"  {name:<10} {chain}" for name, chain in named)
        return "\n".join(lines) + "\n"


def shadow_run(request: Request, model: str | None, progress: Progress) -> Shadowed:
    """Replay the finished run that ``request`` resumes; its log goes into the run's folder.

    Raises
    ------
    ConfigError
        If models are missing, or no such model took part.
    DataError
        If the record or a model is damaged, or the run is not finished.
    """
    prepared = prepare(request, progress)
    root = prepared.folder.root
    if not prepared.folder.log.exists():
        msg = f"{root} has no record yet; finish it: stairway run --resume {root}"
        raise DataError(msg)
    shelf = stock(request, prepared, progress)
    if shelf is None:
        msg = f"nothing was traded in {root}, so there is nothing to replay"
        raise DataError(msg)
    number = 1
    while (root / f"shadow-{number}").exists():
        number += 1
    out, rules = root / f"shadow-{number}", prepared.settings.shadow_replay
    whole = None if model is None else _whole(model, shelf)
    return shadow(prepared, shelf, out, rules, progress, whole)


def shadow(
    prepared: Prepared,
    shelf: Shelf,
    out: Path,
    rules: ReplayRules,
    progress: Progress,
    model: str | None = None,
) -> Shadowed:
    """Replay a finished run with the models of ``shelf``; its own log goes to ``out``.

    Parameters
    ----------
    model
        Digest of the model to judge, by its own answers, books and orders; ``None`` judges
        everything, and the real money.

    Raises
    ------
    ConfigError
        If ``out`` holds something already, or no such model took part.
    DataError
        If the record is damaged, not finished, or of another run.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        msg = f"{out} already holds something; give a new folder for the log of the replay"
        raise ConfigError(msg)
    folder, ask, settings = prepared.folder, prepared.ask, prepared.settings
    record = open_run(folder.log, settings.log, ask.log, read_only=True)
    try:
        start = _finished(record, folder.root)
        require_same_run(start, ask, folder)
        _require_part(record, model)
        own = open_log(out, settings.log)
        try:
            world = live_world(settings, prepared.bars, shelf, ask)
            serve(start, world, (record, own), prepared.bars, progress)
            links, verdict = judge(start, (record, own), rules, model)
        finally:
            own.close()
    finally:
        record.close()
    ended = links[-1].hashes if links else ()
    return Shadowed(str(folder.root), model, len(links), ended, verdict)


def serve(
    start: RunStarted,
    world: World,
    logs: tuple[EventLog, EventLog],
    bars: PairBars,
    progress: Progress,
) -> None:
    """Let the desk handle every bar once more, into the second log.

    The first is the record; all that is read of it is what operators asked for, and what was
    held of the policy store.
    """
    record, own = logs
    recorder = Recorder(own)
    desk = furnish(start, world, recorder, Hand(record, ()), as_recorded(record))
    recorder.publish(start)
    walk(desk, start, bars, progress)
    recorder.flush()


def judge(
    start: RunStarted, logs: tuple[EventLog, EventLog], rules: ReplayRules, model: str | None
) -> tuple[tuple[Link, ...], Verdict]:
    """Chain the record and the replay, keep the chain of the replay, and compare them.

    Raises
    ------
    ConfigError
        If ``model`` did not take part in the recorded run.
    """
    record, own = logs
    _require_part(record, model)
    recorded, replayed = (chained(ticks_of(log, start, model)) for log in (record, own))
    own.append(STREAM, [LINKS.encode(link) for link in replayed])
    own.flush()
    return replayed, compare(recorded, replayed, rules)


def ticks_of(log: EventLog, start: RunStarted, model: str | None) -> Iterator[Tick]:
    """Read a log tick by tick, from the first bar of the climb: all of it, or one model's."""
    answers = _answers(log, model)
    decided = _payloads(log, "trade.intent", lambda fact: _decided_at(fact, model))
    sent = _payloads(log, "order", lambda fact: _sent_at(fact, model))
    profit, turnover = _profit(log, model), _turnover(log, start, model)
    value, traded = equity_micros(decode(start.settings, "of the recorded run")), 0
    for envelope in log.read("market.bar"):
        bar = CODEC.read(envelope)
        if not isinstance(bar, PairBar) or bar.index < start.first_index:
            continue
        value += profit.get(bar.index, 0)
        traded += turnover.get(bar.index, 0)
        yield Tick(
            index=bar.index,
            time_ns=bar.time_ns,
            inputs=content_hash(envelope.payload),
            predictions=content_hash(answers.get(bar.time_ns, ())),
            decision=content_hash(decided.get(bar.index, ())),
            orders=content_hash(sent.get(bar.index, ())),
            value_micros=Micros(value),
            turnover_micros=Micros(traded),
        )


def _whole(beginning: str, shelf: Shelf) -> str:
    """Give the one digest that begins so."""
    found = [digest for digest in shelf.runtimes if digest.startswith(beginning)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(sorted(digest[:8] for digest in shelf.runtimes))
    msg = f"{beginning!r} is the beginning of {len(found)} digests; the run has {there}"
    raise ConfigError(msg)


def _finished(record: EventLog, root: Path) -> RunStarted:
    facts = [*map(CODEC.read, record.read("run"))]
    start = facts[0] if facts else None
    if isinstance(start, RunStarted) and any(isinstance(f, RunFinished) for f in facts):
        return start
    msg = f"the record of {root} is not finished; finish it: stairway run --resume {root}"
    raise DataError(msg)


def _require_part(record: EventLog, model: str | None) -> None:
    """Refuse a model without an answer: nothing would be compared with nothing, and equal."""
    if model is not None and not _answers(record, model):
        msg = f"model {model[:12]} gave no answer in this run; give the digest of one that did"
        raise ConfigError(msg)


def _payloads(
    log: EventLog, stream: str, place: Callable[[Fact], int | None]
) -> dict[int, list[bytes]]:
    """Facts of a stream by their place, which is ``None`` for those that do not count."""
    found: dict[int, list[bytes]] = {}
    for envelope in log.read(stream):
        at = place(CODEC.read(envelope))
        if at is not None:
            found.setdefault(at, []).append(envelope.payload)
    return found


def _answers(log: EventLog, model: str | None) -> dict[int, list[bytes]]:
    """Answers by the close that they are about."""
    return _payloads(log, "model.answer", lambda fact: _answered_at(fact, model))


def _answered_at(fact: Fact, model: str | None) -> int | None:
    is_answer = isinstance(fact, Prediction | Exclusion)
    return fact.as_of_ns if is_answer and model in {None, fact.digest} else None


def _decided_at(fact: Fact, model: str | None) -> int | None:
    return fact.index if isinstance(fact, Decided) and _is_of(fact.book, model) else None


def _sent_at(fact: Fact, model: str | None) -> int | None:
    return fact.index if isinstance(fact, CommandSent) and _is_of(fact.book, model) else None


def _is_of(book: str, model: str | None) -> bool:
    return model is None or book.partition(":")[2] == model


def _counts(book: str, model: str | None) -> bool:
    """Whether the money of a book counts: real money, or that of one model's books."""
    return Books.is_real(book) if model is None else _is_of(book, model)


def _profit(log: EventLog, model: str | None) -> dict[int, int]:
    """Change of profit at each bar, in micros."""
    found: dict[int, int] = {}
    before: dict[str, int] = {}
    for envelope in log.read("book.marked"):
        fact = CODEC.read(envelope)
        if isinstance(fact, Marked) and _counts(fact.book, model):
            now = sum(fact.pnl_micros)
            gained = now - before.get(fact.book, 0)
            found[fact.index] = found.get(fact.index, 0) + gained
            before[fact.book] = now
    return found


def _turnover(log: EventLog, start: RunStarted, model: str | None) -> dict[int, int]:
    """Worth of what was filled during each bar, in micros."""
    worth = {one.symbol: one.micros_per_tick_lot for one in start.instruments}
    of_order: dict[str, int] = {}
    found: dict[int, int] = {}
    for envelope in in_order(log, ORDERS):
        match CODEC.read(envelope):
            case CommandSent(command=Submit(order_id=name, symbol=symbol)):
                of_order[name] = worth[symbol]
            case VenueSaid(index=at, book=book, event=Filled() as fill):
                traded = fill.lots * fill.price_ticks * of_order[fill.order_id]
                found[at] = found.get(at, 0) + traded * _counts(book, model)
            case _:
                pass
    return found
