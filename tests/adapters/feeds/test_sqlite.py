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
from stairway.models.prediction import Exclusion, ExclusionCode
from stairway.supervision.answers import MISSING, Stage
from stairway.supervision.field_map import Opening
from stairway.supervision.reading import Reading, layout_of
from stairway.testing.climbing import predicted


def excluded(code: ExclusionCode):
    return Exclusion(
        model="m", version="v", digest="d", symbol="A", as_of_ns=UtcNs(5), code=code, detail=""
    )


def log_of(folder: Path, facts) -> Path:
    shipped = tomllib.loads(
        resources.files("stairway.policies").joinpath("daily.toml").read_text()
    )
    log = sqlite.open_log(folder, msgspec.convert(shipped["log"], sqlite.Config))
    log.append("model.answer", [CODEC.encode(fact) for fact in facts])
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
