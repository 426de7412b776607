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
