"""The table in docs/gate.md says what the gate says of every fixture."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from stairway.app.gate import gate
from stairway.app.gate.report import GateReport
from stairway.base.verdict import Pass
from stairway.testing.telemetry import FIXTURES, MODELS, telemetry, write

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "gate.md"
EXAMPLE = ROOT / "examples" / "gate" / "test_model_is_alive.py"


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
            name,
            what.strip(),
            verdict.strip(),
            set(re.findall(r"`(.*?)`", codes)),
            about.strip(),
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
    assert ("repeats" in row.about) == ("repeats" in " ".join(report.warnings))
    assert row.about in report.warnings or "repeats" not in row.about
    assert report.exit_code == (0 if row.verdict == "pass" else 2)
    every = {one.model.partition("/")[0] for one in report.models}
    assert every == set(MODELS)
    expected = every if row.about == "every model" or row.verdict == "inconclusive" else set()
    assert bad(report) == ({"mlp"} if row.about == "mlp" else expected)
    for one in report.models:
        if one.model.partition("/")[0] in bad(report):
            found = {finding.code for finding in one.verdict.findings}
            assert found == row.codes, f"{one.model}: {report.why()}"
    assert report.untouched


def bad(report: GateReport) -> set[str]:
    """Name the slots that did not pass."""
    return {
        one.model.partition("/")[0]
        for one in report.models
        if not isinstance(one.verdict, Pass)
    }


@pytest.fixture(scope="module")
def patched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("make")
    return write(telemetry("patched"), folder / "bot.jsonl")


def made(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the target of the Makefile with this interpreter's commands and no setup."""
    command = [
        "make",
        "--no-print-directory",
        "-o",
        "setup",
        f"BIN={Path(sys.executable).parent}",
        *words,
    ]
    reports = f"ARGS=--reports {folder / 'reports'}"
    return subprocess.run(
        [*command, reports, "quality-gate-cutover"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_target_for_operators_judges_from_the_cutover_on(patched: Path) -> None:
    cut = f"CUTOVER_TS={telemetry('patched').cutover}"
    done = made(patched.parent, f"SOURCE={patched}", cut)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Was alive: all 3 pass up to 2026-"), (
        "what came before is not judged"
    )
    assert len(list((patched.parent / "reports").glob("*/report.html"))) == 1


def test_the_target_for_operators_fails_where_the_gate_does(patched: Path) -> None:
    done = made(patched.parent, f"SOURCE={patched}", "CUTOVER_TS=2020-01-01T00:00:00Z")
    assert done.returncode == 2
    assert "gate.no_before" in done.stdout
    assert "give both" in made(patched.parent, f"SOURCE={patched}").stderr


def test_the_example_of_a_test_passes_by_itself_and_fails_of_a_dead_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = runpy.run_path(str(EXAMPLE))["test_model_is_alive"]
    monkeypatch.delenv("BOT", raising=False)
    example(tmp_path)
    monkeypatch.setenv("BOT", str(write(telemetry("one_dead"), tmp_path / "dead.jsonl")))
    with pytest.raises(AssertionError, match=r"gate\.constant: mlp"):
        example(tmp_path)
