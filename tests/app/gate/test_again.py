"""What is sent again counts once; what is said otherwise under the same id is named."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stairway.app.gate.asked import Asked
from stairway.app.gate.follow import followed
from stairway.app.gate.hunt import hunted
from stairway.app.gate.listen import listen
from stairway.app.gate.once import gate
from stairway.app.progress import Silent
from stairway.testing.telemetry import telemetry, write

START_S = 1_763_628_000
Event = dict[str, Any]


def event(number: int) -> Event:
    """Make one event of two models that are alive."""
    score = {name: (1 + math.sin(number * step)) / 2 for name, step in (("a", 1.3), ("b", 2.1))}
    said = {
        name: {
            "action": ("SELL", "HOLD", "BUY")[int(3 * c) % 3],
            "confidence": round(c, 6),
            "raw_confidence": round(c * c, 6),
        }
        for name, c in score.items()
    }
    return {
        "event_id": f"e{number}",
        "ts": START_S + 12 * number,
        "symbol": "AB"[number % 2],
        "model_breakdown": said,
    }


def written(events: list[Event], folder: Path) -> str:
    path = folder / "bot.jsonl"
    lines = [json.dumps({"event_type": "x", "payload": json.dumps(one)}) for one in events]
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def answered(one: Event, **said: Any) -> Event:
    """Return the same event with another answer of each model."""
    members = {name: member | said for name, member in one["model_breakdown"].items()}
    return one | {"model_breakdown": members}


OTHERWISE: dict[str, Callable[[Event], Event]] = {
    "confidence": lambda one: answered(one, confidence=1.05, action="NUKE"),
    "value": lambda one: answered(one, confidence=0.25),
    "instant": lambda one: one | {"ts": one["ts"] + 40_000},
    "instrument": lambda one: one | {"symbol": "C"},
}


@pytest.mark.parametrize("how", OTHERWISE)
def test_another_answer_under_an_id_is_named_with_its_count_and_the_first(
    how: str, tmp_path: Path
) -> None:
    events = [event(i) for i in range(600)]
    path = written([*events, *map(OTHERWISE[how], events[:60])], tmp_path)
    report = gate(path)
    assert report.exit_code == 2
    assert "gate.event_id" in report.codes, report.why()
    assert "60 of 660 answers have the event_id of another answer" in report.why()
    assert "the first: " in report.why()
    assert "(line 601, " in report.why()
    for found in (followed(Asked(path), Silent()), hunted(Asked(path), Silent())):
        assert found.exit_code == 2
        assert [one.partition(" of ")[0] for one in found.reused] == [
            "a, calibrated: 60", "b, calibrated: 60",
        ]  # fmt: skip
        assert "60 of 660 answers have the event_id" in found.as_text()


def test_what_stands_under_a_used_id_is_judged_too(tmp_path: Path) -> None:
    events = [event(i) for i in range(600)]
    again = map(OTHERWISE["confidence"], events[:60])
    report = gate(written([*events, *again], tmp_path))
    assert set(report.codes) == {"gate.event_id", "gate.contract"}
    assert '"NUKE" (60 times)' in report.why()


def test_the_same_again_counts_once_whatever_the_order_of_its_keys(tmp_path: Path) -> None:
    events = [event(i) for i in range(600)]
    again = [dict(reversed(one.items())) for one in events[:60]]
    report = gate(written([*events, *again], tmp_path))
    assert report.passed, report.why()
    assert report.warnings == ("120 of 1,320 answers were repeats, counted once",)


def test_an_answer_and_its_raw_score_are_one_answer_wherever_they_are_counted(
    tmp_path: Path,
) -> None:
    path = write(telemetry("duplicated"), tmp_path / "bot.jsonl")
    assert gate(path).warnings[0] == "450 of 900 answers were repeats, counted once"
    whole = write(telemetry("healthy", events=1_200), tmp_path / "healthy.jsonl")
    assert hunted(Asked(str(whole)), Silent()).answers == 3_600


def test_answers_of_the_future_are_counted_once_each(tmp_path: Path) -> None:
    late = event(600) | {"ts": 4_000_000_000}
    path = written([*(event(i) for i in range(600)), late, late], tmp_path)
    assert "2 answers are dated after now: the first, of a, says 2096-" in gate(path).why()


def test_where_raw_scores_are_all_there_is_they_are_the_answers(tmp_path: Path) -> None:
    events = [event(i) for i in range(600)]
    events[-1]["ts"] = 4_000_000_000
    path = tmp_path / "flat.jsonl"
    rows = [
        {"ts": one["ts"], "event_id": one["event_id"], "symbol": one["symbol"], "act": m["action"],
         "raw": m["raw_confidence"]}
        for one in events for m in [one["model_breakdown"]["a"]]
    ]  # fmt: skip
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    mapped = tmp_path / "map.toml"
    mapped.write_text(
        '[fields]\ntime = "ts"\nsymbol = "symbol"\nevent_id = "event_id"\n'
        '[models.a]\naction = "act"\nconfidence = "raw"\nstage = "raw"\n'
    )
    heard = listen(Asked(str(path), field_map=mapped), Silent())
    assert heard.future is not None
    assert heard.future.count == 1
