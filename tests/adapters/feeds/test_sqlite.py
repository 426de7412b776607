"""The answers in Stairway's own log are read from it, and the log stays as it was."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

import msgspec
import pytest

from stairway.adapters.feeds.sqlite import open_feed
from stairway.adapters.logs import sqlite
from stairway.app.catalog import CODEC
from stairway.base.errors import ConfigError, DataError
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding
from stairway.decision.intent import Abstain, Enter, Route
from stairway.models.prediction import Exclusion, ExclusionCode
from stairway.supervision.answers import MISSING, Stage
from stairway.supervision.field_map import Opening
from stairway.supervision.reading import Reading, layout_of
from stairway.supervision.tally import Tally
from stairway.testing.climbing import predicted
from stairway.trader.facts import Decided


def excluded(code: ExclusionCode):
    return Exclusion(
        model="m", version="v", digest="d", symbol="A", as_of_ns=UtcNs(5), code=code, detail=""
    )


def log_of(folder: Path, facts, decided=()) -> Path:
    shipped = tomllib.loads(
        resources.files("stairway.policies").joinpath("daily.toml").read_text()
    )
    log = sqlite.open_log(folder, msgspec.convert(shipped["log"], sqlite.Config))
    log.append("model.answer", [CODEC.encode(fact) for fact in facts])
    if decided:
        log.append("trade.intent", [CODEC.encode(fact) for fact in decided])
    log.flush()
    log.close()
    return folder


def test_predictions_answer_twice_and_failures_are_noted(tmp_path: Path) -> None:
    codes = (ExclusionCode.CONTRACT, ExclusionCode.TIMED_OUT, ExclusionCode.WARMING_UP)
    folder = log_of(tmp_path, [predicted("d1", 0.6), *map(excluded, codes)])
    feed = open_feed(f"sqlite:{folder}", Opening())
    before = feed.mark()
    chunk = feed.head(9)
    reading = Reading(layout_of(chunk))
    found = reading.read(chunk)
    assert found.stage.tolist() == [Stage.RAW, Stage.CALIBRATED, Stage.CALIBRATED]
    assert (found.confidence[1], found.action[2]) == (0.6, MISSING)
    assert dict(reading.notes.failures) == {"m member.timed_out": 1}
    assert feed.mark() == before
    assert before["length"] == feed.size() == 4
    assert [len(c) for c in feed.chunks(3)] == [3, 1]
    assert not feed.wait(0.01)
    feed.close()


def test_where_there_is_no_log_or_no_answer_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no log"):
        open_feed(f"sqlite:{tmp_path / 'x'}", Opening())
    log_of(tmp_path, [])
    with pytest.raises(DataError, match="is empty"):
        open_feed(f"sqlite:{tmp_path}", Opening())


def wanted(at_ns: int, *intents, book: str = "capital") -> Decided:
    return Decided(0, UtcNs(at_ns), book, tuple(intents), (None,) * len(intents))


def enter(symbol: str, at_ns: int, probability: float, side: int = 1) -> Enter:
    return Enter(symbol, UtcNs(at_ns), side, probability, Route.ENSEMBLE, ())


def held(symbol: str, at_ns: int, code: str, value: float | None) -> Abstain:
    return Abstain(symbol, UtcNs(at_ns), (Finding(code, "", value),))


DECIDED = (
    wanted(0, enter("A", 0, 0.1), book="twin:baseline"),
    wanted(0, enter("A", 0, 0.9), held("B", 0, "decision.hold", 0.51)),
    wanted(1, held("A", 1, "ensemble.quorum_members", 0.0), enter("B", 1, 0.2, -1)),
    wanted(5, enter("A", 5, 0.7)),
)
SAID = [
    predicted("d1", 0.6, at_ns=at, symbol=symbol) for at in (0, 1, 2) for symbol in ("A", "B")
]


def test_what_capital_wanted_stands_behind_what_was_said_of_the_same_instrument(
    tmp_path: Path,
) -> None:
    feed = open_feed(str(log_of(tmp_path, SAID, DECIDED)), Opening())
    reading = Reading(layout_of(feed.head(9)))
    tally = Tally(reading.names)
    for chunk in feed.chunks(2):
        tally.add(reading.read(chunk))
    found = tally.measured("intent", Stage.INTENT)
    assert (found.events, found.actions) == (3, {"SELL": 1, "HOLD": 1, "BUY": 1})
    assert tally.spread("intent", Stage.INTENT).ppm.tolist() == [200_000, 510_000, 900_000]
    assert tally.events.count == 6, "a wish belongs to the event that it is about"
    abstained = "trade.intent that abstain (ensemble.quorum_members)"
    assert dict(reading.notes.passed_over) == {abstained: 1}
    feed.close()


def test_a_later_look_at_a_log_leaves_the_newest_instant_until_there_is_another(
    tmp_path: Path,
) -> None:
    feed = open_feed(str(log_of(tmp_path, SAID[:4], DECIDED[:3])), Opening())
    places = [c.place(r) for c in feed.more(9) for r in range(len(c))]
    assert places == [f"entry {n}" for n in
        ("1 of model.answer", "2 of trade.intent", "2 of model.answer", "2 of trade.intent")]  # fmt: skip
    log_of(tmp_path, SAID[4:])
    assert [len(c) for c in feed.more(9)] == [4]
    assert list(feed.more(9)) == []
    feed.close()
