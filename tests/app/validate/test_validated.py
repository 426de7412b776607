"""A file of returns is read, measured and judged, and what made it is tried."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from stairway.app.progress import Silent
from stairway.app.proof import prove
from stairway.app.proof.aside import Gone
from stairway.app.proof.told import ProveAnswer, ProveJob, StudyJob
from stairway.app.validate import validated as module
from stairway.app.validate.asked import Asked
from stairway.app.validate.report import ModelProof, Report
from stairway.app.validate.report import fingerprint as file_hash
from stairway.app.validate.validated import validated
from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Refuse, passed
from stairway.evaluation.sceptic.answer import Question
from stairway.features.facts import Proof
from stairway.testing.runs import write_source

N = 400


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with returns, one rule in two columns, and another that is in charge."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rule = rng.normal(0.0, 0.01, N)
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2030, 1, 1), eager=True)[:N]
    table = {
        "time": days,
        "a": rng.normal(0.002, 0.01, N),
        "Rule": rule,
        "again": rule,
        "led": rng.normal(0.0, 0.01, N),
    }
    pl.DataFrame(table).write_csv("returns.csv")
    Path("bars.csv").touch()
    return tmp_path


def asked(**more: Any) -> Asked:
    usual = {
        "target": Path("returns.csv"),
        "periods_per_year": 252.0,
        "chosen": "a",
        "baseline": "rule",
        "champion": "rule",
    }
    return Asked(**(usual | more))


def proof(report: Report) -> ModelProof:
    (one,) = report.proofs
    return one


def question(report: Report, which: Question) -> Any:
    return next(one for one in proof(report).answers if one.question is which)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("named", "drawn"),
    [
        ({}, {"net", "baseline"}),
        ({"champion": "again"}, {"net", "baseline"}),
        ({"champion": " RULE"}, {"net", "baseline"}),
        ({"champion": "led"}, {"net", "baseline", "champion"}),
        ({"baseline": None}, {"net", "champion"}),
        ({"gross": "again"}, {"net", "gross", "baseline"}),
    ],
    ids=["same", "alike", "letters", "other", "alone", "gross"],
)
def test_a_rule_that_is_in_charge_is_drawn_once(named: dict[str, Any], drawn: set[str]) -> None:
    assert set(proof(validated(asked(**named), Silent())).curves) == drawn


def test_every_file_of_a_users_own_is_hashed_the_tables_of_a_source_and_bounds_among_them(
    here: Path,
) -> None:
    source = write_source(here / "bars")
    shutil.copy(resources.files("stairway") / "policies" / "daily.toml", "bounds.toml")
    Path("own.py").write_text("def close(bars):\n    return bars['close']\n")
    report = validated(
        asked(function="own.py:close", bars=str(source), policy="bounds.toml"), Silent()
    )
    tables = sorted(str(one) for one in (here / "bars").glob("*.csv"))
    assert len(tables) == 2
    assert list(report.read) == [
        "returns.csv", str(source), *tables, "bounds.toml", "own.py"
    ]  # fmt: skip
    assert report.read == {name: file_hash(Path(name)) for name in report.read}


@pytest.mark.usefixtures("here")
def test_bounds_and_bars_that_come_with_the_package_are_no_files_of_a_users_own() -> None:
    assert set(validated(asked(policy="daily"), Silent()).read) == {"returns.csv"}
    assert module._bars_files("sample") == ()


@pytest.mark.usefixtures("here")
def test_the_function_and_the_study_are_tried_with_the_seed_that_was_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = said_of(monkeypatch, Gone("left"))
    validated(asked(function="x:f", study="x:s", bars="bars.csv", seed=7), Silent())
    assert [(type(job), job.seed) for job in jobs] == [(ProveJob, 7), (StudyJob, 7)]


@pytest.mark.usefixtures("here")
def test_a_study_that_leaves_or_answers_as_something_else_is_refused_by_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = ProveAnswer(proof=Proof(passed("x", "y"), 1, 1, 1, 1), files=())
    for answer, why in ((Gone("ended the process"), "ended the process"), (other, "answered")):
        said_of(monkeypatch, answer)
        report = validated(asked(study="x:s", bars="bars.csv"), Silent())
        for which in (Question.FUTURE, Question.SPLITS):
            verdict = question(report, which).verdict
            assert isinstance(verdict, Refuse)
            assert verdict.findings[0].detail.startswith(f"x:s {why}")


def test_what_cannot_be_tried_is_a_sentence(here: Path) -> None:
    cases = {
        "--model is for the folder": {"model": "a"},
        "--bars is for --function or --study": {"bars": "bars.csv"},
        "--function and --study need --bars": {"function": "own.py:close"},
        "column 'rule' is named for two things": {"baseline": "Rule", "costs": ("RULE",)},
        "column 'a' is named for two things": {"baseline": "A "},
    }
    for sentence, given in cases.items():
        with pytest.raises(ConfigError, match=sentence):
            validated(asked(target=here / "returns.csv", **given), Silent())


def said_of(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[Any]:
    """Let every process of somebody else's code answer this; return what they are asked."""
    jobs: list[Any] = []

    def aside(job: Any, progress: Any) -> Any:  # noqa: ARG001 - as it is called
        jobs.append(job)
        return answer

    for where in (module, prove):
        monkeypatch.setattr(where, "asked_aside", aside)
    return jobs


@pytest.mark.usefixtures("here")
def test_a_file_that_is_gone_before_it_is_hashed_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said_of(monkeypatch, Gone("left"))
    Path("bars.csv").unlink()
    with pytest.raises(DataError, match=r"bars.csv was read, and cannot be read again"):
        validated(asked(study="x:s", bars="bars.csv"), Silent())
