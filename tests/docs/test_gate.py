"""The table in docs/gate.md says what the gate says of every fixture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from stairway.app.gate import gate
from stairway.testing.telemetry import FIXTURES, telemetry, write

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gate.md"


@dataclass(frozen=True)
class Row:
    fixture: str
    what: str
    verdict: str
    codes: set[str]
    about: str


def table() -> dict[str, Row]:
    lines = re.findall(
        r"^\| `(\w+)` \|(.*)\|(.*)\|(.*)\|(.*)\|$", PAGE.read_text(), re.MULTILINE
    )
    return {
        name: Row(
            name, what.strip(), verdict.strip(), set(re.findall(r"`(.*?)`", codes)), about
        )
        for name, what, verdict, codes, about in lines
    }


def test_the_table_has_every_fixture_and_says_what_it_is() -> None:
    assert {row.fixture: row.what for row in table().values()} == {
        name: fixture.what for name, fixture in FIXTURES.items()
    }


@pytest.mark.parametrize("row", table().values(), ids=lambda row: row.fixture)
def test_the_gate_says_of_a_fixture_what_the_table_says(row: Row, tmp_path: Path) -> None:
    made = telemetry(row.fixture)
    report = gate(write(made, tmp_path / "bot.jsonl"), after=made.cutover)
    assert type(report.verdict).__name__.lower() == row.verdict, report.why()
    assert set(report.codes) == row.codes, report.why()
    assert report.exit_code == (0 if row.verdict == "pass" else 2)
    bad = {m.model.partition("/")[0] for m in report.models if m.verdict.findings and
           type(m.verdict).__name__ != "Pass"}  # fmt: skip
    if "mlp" in row.about:
        assert bad == {"mlp"}
    assert report.untouched
