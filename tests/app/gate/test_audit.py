from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.app.gate import gate
from stairway.app.gate.audit import keep
from stairway.base.errors import ConfigError


def test_a_verdict_is_kept_in_a_folder_of_its_own(bots: Path, tmp_path: Path) -> None:
    report = gate(bots / "capped.jsonl")
    forms = {"report.json": report.as_json(), "report.md": "said"}
    folder = keep(report, forms, tmp_path)
    assert keep(report, forms, tmp_path) == folder, "the same report lies in the same place"
    assert {path.name: path.read_text() for path in folder.iterdir()} == forms
    other = msgspec.structs.replace(report, source="another.jsonl")
    assert keep(other, {}, tmp_path) != folder, "two verdicts of one instant do not mix"
    assert "-refuse-" in folder.name
    assert folder.name.startswith(report.at[:10].replace("-", ""))


def test_a_verdict_that_cannot_be_kept_is_an_error(bots: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="audit trail"):
        keep(gate(bots / "healthy.jsonl"), {}, tmp_path / "file")


class Stops(dict[str, str]):
    """Forms of which only the first can be written before somebody types Ctrl-C."""

    def items(self) -> Any:
        yield "report.json", "{}"
        raise KeyboardInterrupt


def test_whoever_is_stopped_while_a_verdict_is_kept_leaves_nothing(
    bots: Path, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        keep(gate(bots / "healthy.jsonl"), Stops(), tmp_path / "safety")
    assert list((tmp_path / "safety").iterdir()) == []
