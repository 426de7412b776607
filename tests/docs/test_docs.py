"""What the pages say is what the program does."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from stairway.adapters.journal.inbox import Inbox
from stairway.app import settings as policies
from stairway.app.catalog import CODEC
from stairway.app.record.place import find, opened
from stairway.app.rl import rules as rl_rules
from stairway.cli.main import app
from stairway.execution.facts import TradeClosed
from stairway.supervision import supervisor

ROOT = Path(__file__).resolve().parents[2]
POLICIES = sorted((ROOT / "src/stairway/policies").glob("*.toml"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_page_of_codes_is_what_the_source_says() -> None:
    command = [sys.executable, str(ROOT / "scripts/codes.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run scripts/codes.py"


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.stem)
def test_every_key_of_a_policy_is_explained_beside_it(policy: Path) -> None:
    lines = policy.read_text("utf-8").splitlines()
    bare = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if re.match(r"\w+ = ", line) and "#" not in line and not _explained(before, lines, line)
    ]
    assert bare == []


def _explained(before: str, lines: list[str], line: str) -> bool:
    """A comment above a block of keys speaks for all of the block."""
    at = lines.index(line)
    while at > 0 and lines[at].strip() and not lines[at].startswith(("#", "[")):
        at -= 1
    if lines[at].startswith("["):
        at -= 1
    return before.startswith("#") or lines[at].startswith("#")


def test_all_policies_have_the_same_sections() -> None:
    sections = {
        p.stem: set(tomllib.loads(p.read_text("utf-8")))
        for p in POLICIES
        if p.stem not in {"practice", "record"}
    }
    assert len({frozenset(s) for s in sections.values()}) == 1, sections


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_no_page_links_to_a_file_that_is_not_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_in_a_page_exists(page: Path) -> None:
    said = re.findall(r"^(?:\$ |\.venv/bin/)?stairway ([a-z]+)", page.read_text(), re.MULTILINE)
    assert set(said) <= set(get_command(app).commands)


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8")))
    assert said <= targets


def test_the_readme_shows_real_output_and_measured_figures() -> None:
    command = [sys.executable, str(ROOT / "scripts/readme.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run scripts/readme.py"


def test_the_page_on_practice_and_its_picture_show_measured_figures() -> None:
    command = [sys.executable, str(ROOT / "scripts/closed_loop.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run scripts/closed_loop.py"


def test_the_page_on_the_record_shows_measured_figures() -> None:
    command = [sys.executable, str(ROOT / "scripts/record.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run scripts/record.py"


def test_the_example_of_a_consumer_runs_on_a_real_run(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, tmp_path / "runs" / "sample-1")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/record.md").read_text("utf-8")
    example = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(compile(example, "docs/record.md", "exec"), names)  # noqa: S102 -- our own page
    with closing(opened(find("runs/sample-1"))) as log:
        closed = log.head("trade.closed").position
    with closing(Inbox(Path("bookkeeper.db"))) as inbox:
        assert inbox.look("select count(*) from closed") == [(closed,)]
    assert closed > 0


def test_the_example_of_a_supervisor_counts_every_trade_once_however_often_it_runs(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, tmp_path / "runs" / "sample-1")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/record.md").read_text("utf-8")
    (example,) = (
        one.split("```")[0]
        for one in page.split("```python\n")
        if "model_supervisor" in one[:900]
    )
    for _ in range(2):
        names: dict[str, Any] = {}
        exec(compile(example, "docs/record.md", "exec"), names)  # noqa: S102 -- our own page
    state = supervisor.start(policies.load("daily").supervision)
    said = 0
    with closing(opened(find("runs/sample-1"))) as log:
        for envelope in log.read("trade.closed"):
            trade = CODEC.decode(envelope.payload)
            assert isinstance(trade, TradeClosed)
            state, facts = supervisor.on_trade(state, trade)
            said += len(facts)
    assert names["state"] == state
    assert state.watches
    with closing(Inbox(Path("supervisor.db"))) as inbox:
        assert inbox.look("select count(*) from said") == [(said,)]


def test_the_closed_loop_was_measured_under_the_shipped_settings() -> None:
    measured = json.loads((ROOT / "benchmarks/results/closed_loop.json").read_text("utf-8"))
    rules, _ = rl_rules.load(rl_rules.SHIPPED, "intraday")
    targets = rules.controller.targets
    shipped = {
        "steps": rules.cycles.cycles * rules.cycles.steps_per_cycle,
        "observation_noise": rules.environment.observation_noise,
        "feature_clip": rules.environment.feature_clip,
        "fills_per_session": targets.fills_per_session,
        "learning_rate": rules.learner.learning_rate,
        "ent_coef": rules.learner.ent_coef,
        "gamma": rules.learner.gamma,
        "divergence_limit": rules.divergence.diverged_frac,
    }
    stale = {k: v for k, v in shipped.items() if measured["settings"][k] != v}
    assert stale == {}, "run benchmarks/bench_closed_loop.py, then scripts/closed_loop.py"
    assert targets.hold == 0.55
