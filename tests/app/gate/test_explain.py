from __future__ import annotations

from pathlib import Path

import pytest

from stairway.app.gate.asked import Asked
from stairway.app.gate.explain import explained
from stairway.base.errors import ConfigError, DataError
from stairway.testing.telemetry import telemetry, write


def test_flat_rows_are_explained_field_by_field(tmp_path: Path) -> None:
    said = explained(Asked(str(write(telemetry("healthy"), tmp_path / "a.csv"))))
    for words in ("layout  flat", "time        <- ts", "event id    <- event_id", "ISO 8601",
                  "2026-03-02T09:00:00Z  forest  calibrated"):  # fmt: skip
        assert words in said


def test_what_is_not_understood_is_said_with_the_fields_there_are(tmp_path: Path) -> None:
    odd, empty = tmp_path / "odd.csv", tmp_path / "empty.csv"
    odd.write_text("when,what\n1,2\n")
    empty.write_text("")
    with pytest.raises(ConfigError, match="'when', 'what'"):
        explained(Asked(str(odd)))
    with pytest.raises(DataError, match="is empty"):
        explained(Asked(str(empty)))


def test_a_map_is_shown_with_every_meaning_it_has(tmp_path: Path) -> None:
    source, mapped = tmp_path / "a.csv", tmp_path / "map.toml"
    source.write_text(
        "at,weather,rf_says,rf_p,rf_why,xg_p\n2026-03-02 09:00:00,calm,long,61,ADX,40\n"
    )
    mapped.write_text(
        '[fields]\ntime = "at"\ntz = "Europe/Berlin"\nsymbol = { value = "BTC" }\n'
        'regime = "weather"\nscale = 100\n'
        '[models.rf]\naction = "rf_says"\nconfidence = "rf_p"\nreason = "rf_why"\n'
        '[models.xg]\naction = { value = "long" }\nconfidence = 6\nstage = "raw"\n'
        '[actions]\nbuy = ["long", 1]\nsell = ["short"]\n[only]\nweather = ["calm"]\n'
    )
    said = explained(Asked(str(source), field_map=mapped))
    for words in (
        "  time        <- at\n",
        '  time zone   <- "Europe/Berlin" (fixed)\n',
        '  symbol      <- "BTC" (fixed)\n',
        "  regime      <- weather\n",
        "  divided by  <- 100 (fixed)\n",
        "  model rf, calibrated\n    action      <- rf_says\n    confidence  <- rf_p\n",
        "    reason      <- rf_why\n",
        '  model xg, raw\n    action      <- "long" (fixed)\n    confidence  <- column 6\n',
        '  BUY         <- "long", "1"\n',
        '  SELL        <- "short"\n',
        '  only where  <- weather is "calm"\n',
    ):
        assert words in said


def test_a_map_of_rows_with_one_answer_shows_reason_and_model(tmp_path: Path) -> None:
    source, mapped = tmp_path / "a.csv", tmp_path / "map.toml"
    source.write_text("at,m,side,p,why\n1772442000,BTC,BUY,0.6,ADX\n")
    mapped.write_text(
        '[fields]\ntime = "at"\nunit = "s"\nsymbol = "m"\nmodel = { value = "strategy" }\n'
        'action = "side"\nconfidence = "p"\nreason = "why"\n'
    )
    said = explained(Asked(str(source), field_map=mapped))
    for words in (
        'model       <- "strategy" (fixed)',
        "action      <- side",
        "confidence  <- p",
        "reason      <- why",
        "numbers in s since 1970",
    ):
        assert words in said


def test_a_column_that_is_named_twice_is_refused_here_too(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text(
        "ts,symbol,model,action,confidence,confidence\n1772442000,A,m,BUY,.6,.7\n"
    )
    with pytest.raises(ConfigError, match=r"'confidence' twice \(columns 5 and 6\)"):
        explained(Asked(str(source)))


def test_an_answer_of_no_model_is_read_aloud_too(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text(
        '{"event_type": "trade.intent", "payload": {"ts": 1763600000, "symbol": "BTC", '
        '"model_breakdown": {"": {"action": "BUY", "confidence": 0.5}}}}\n'
    )
    assert "calibrated  BTC  of no model  0.5" in explained(Asked(str(source)))
