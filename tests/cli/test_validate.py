from __future__ import annotations

import inspect
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from stairway.features.usual import CUTS, LIMIT_S, SEED, WARM_UP_BARS
from stairway.app.validate.asked import Asked
from stairway.cli import prove
from stairway.cli import validate as command
from stairway.testing.leaks import series

EVERYTHING = Asked(
    target=Path("my returns.csv"),
    policy="my bounds.toml",
    seed=7,
    chosen="a b",
    baseline="it's",
    champion="$HOME",
    costs=("fees", "-spread paid"),
    gross="gross",
    position="held",
    market="came",
    probabilities=Path("what I said.csv"),
    periods_per_year=365.2425,
    n_trials=40,
    function="my code.py:make",
    study="own.py:Study",
    bars="bars.csv",
    model="lightgbm",
    limit_s=0.1,
)
"""Nothing is as it is where nobody says."""

N = 600
YEAR = ("--periods-per-year", 252)


@pytest.fixture
def returns(stairway: Callable[..., Any]) -> None:  # noqa: ARG001 - it goes to an empty folder
    rng = np.random.default_rng(0)
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2030, 1, 1), eager=True)[:N]
    table = {"time": days, "a": rng.normal(0.003, 0.01, N), "b": rng.normal(0.0, 0.01, N)}
    pl.DataFrame(table).write_csv("returns.csv")
    pl.DataFrame(table).write_parquet("returns.parquet")


@pytest.mark.usefixtures("returns")
def test_what_is_not_given_is_open_and_says_which_option_would_show_it(
    stairway: Callable[..., Any],
) -> None:
    said = stairway("validate", "returns.csv", *YEAR)
    assert said.code == 2
    words = " ".join(said.out.split())
    assert words.startswith("a: not proved, 7 of 8 questions are open.")
    for option in ("--function", "--study", "--baseline NAME", "--champion", "--gross NAME"):
        assert option in words


@pytest.mark.usefixtures("returns")
def test_csv_and_parquet_say_the_same_and_json_has_every_answer(
    stairway: Callable[..., Any],
) -> None:
    texts = [
        stairway("validate", name, *YEAR, "--json")
        for name in ("returns.csv", "returns.parquet")
    ]
    one, other = (json.loads(said.out) for said in texts)
    assert one["proofs"][0]["answers"] == other["proofs"][0]["answers"]
    assert [a["question"] for a in one["proofs"][0]["answers"]] == [
        "future", "splits", "chance", "tries", "baseline", "champion", "honest", "costs"
    ]  # fmt: skip
    assert one["read"]["returns.csv"] != other["read"]["returns.parquet"]


@pytest.mark.usefixtures("returns")
def test_a_page_and_its_data_are_written_whole_and_nothing_else(
    stairway: Callable[..., Any],
) -> None:
    said = stairway("validate", "returns.csv", *YEAR, "--baseline", "b", "--out", "proof")
    assert said.code == 2
    assert sorted(path.name for path in Path("proof").iterdir()) == ["proof.html", "proof.json"]
    assert json.loads(Path("proof/proof.json").read_text())["verdict"]["type"] != "pass"
    assert "proof proof/proof.html" in said.err


@pytest.mark.usefixtures("returns")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "--periods-per-year is needed"),
        ((*YEAR, "--trials", 1), "--trials 1, but 2 columns"),
        ((*YEAR, "--chosen", "z"), "none of the columns"),
        ((*YEAR, "--model", "a"), "--model is for the folder of a run"),
        ((*YEAR, "--bars", "bars.csv"), "--bars is for --function or --study"),
        ((*YEAR, "--study", "x.py:y"), "need --bars"),
        ((*YEAR, "--probabilities", "no.csv"), "no file no.csv"),
        ((*YEAR, "--policy", "lax"), "lax"),
        (("--periods-per-year", "nan"), "a year of nan rows"),
    ],
    ids=range(9),
)
def test_what_cannot_be_is_one_sentence(
    refused: Callable[..., str], options: tuple[Any, ...], sentence: str
) -> None:
    assert sentence in refused("validate", "returns.csv", *options)


@pytest.mark.usefixtures("returns")
def test_a_folder_that_cannot_be_written_is_found_before_the_work(
    refused: Callable[..., str],
) -> None:
    Path("full").write_text("")
    said = refused("validate", "gone.csv", *YEAR, "--out", "full/proof")
    assert "full is no folder" in said
    refused("validate", "gone.csv", *YEAR, "--out", "deep/proof")
    assert not Path("deep").exists()


def test_a_target_that_is_neither_file_nor_run_is_one_sentence(
    refused: Callable[..., str],
) -> None:
    assert "no file gone.csv" in refused("validate", "gone.csv", *YEAR)
    Path("empty").mkdir()
    assert "is no run folder" in refused("validate", "empty")
    assert "belongs to a file of returns" in refused("validate", "empty", *YEAR)


STUDY = """
import os
import time

import numpy as np

from stairway.testing.studies import study


class Study:
    def redrawn(self, bars, signs):
        x = np.log(bars["close"])
        move = np.diff(x, prepend=x[0]) * signs
        return bars | {"close": bars["close"][0] * np.exp(np.cumsum(move))}

    def __getattr__(self, name):
        return lambda bars, *more: getattr(study(), name)(_moves(bars), *more)

    def folds(self, labels):
        return study().folds(labels)

    def positions(self, *given):
        return study().positions(*given)


class Quits(Study):
    def positions(self, *given):
        os._exit(0)


class Hangs(Study):
    def labels(self, bars):
        time.sleep(60)


def close(bars):
    return bars["close"]


def _moves(bars):
    x = np.log(bars["close"])
    return np.diff(x, prepend=x[0])
"""


@pytest.fixture
def study(returns: None) -> tuple[str, ...]:  # noqa: ARG001 - they lie beside it
    Path("own.py").write_text(STUDY)
    bars = series(N, seed=1)
    pl.DataFrame(bars).drop("labels", "label_end_ns").write_csv("bars.csv")
    return ("validate", "returns.csv", *YEAR, "--gross", "b", "--bars", "bars.csv", "--json")


def answers(said: Any) -> dict[str, Any]:
    (proof,) = json.loads(said.out)["proofs"]
    return {one["question"]: one for one in proof["answers"]}


@pytest.mark.parametrize(
    ("name", "limit_s", "words"),
    [("Quits", 30.0, "with exit code 0"), ("Hangs", 0.5, "OverdueError")],
)
def test_a_study_that_quits_or_hangs_is_refused(
    study: tuple[str, ...], stairway: Callable[..., Any], name: str, limit_s: float, words: str
) -> None:
    said = stairway(*study, "--study", f"own.py:{name}", "--limit-s", limit_s)
    assert said.code == 2
    assert answers(said)["future"]["verdict"]["type"] == "refuse"
    assert words in said.out


def test_a_study_of_other_returns_shows_nothing_and_every_file_is_named(
    study: tuple[str, ...], stairway: Callable[..., Any]
) -> None:
    said = stairway(*study, "--study", "own.py:Study", "--function", "own.py:close")
    assert said.code == 2
    found = answers(said)
    for question in ("future", "splits"):
        codes = {one["code"] for one in found[question]["verdict"]["findings"]}
        assert "proof.untied" in codes
    assert "is none that own.py:close makes" in said.out
    assert set(json.loads(said.out)["read"]) == {"returns.csv", "bars.csv", "own.py"}


def test_a_function_alone_proves_nothing_of_the_returns(
    study: tuple[str, ...], stairway: Callable[..., Any]
) -> None:
    said = stairway(*study, "--function", "own.py:close")
    assert answers(said)["future"]["verdict"]["type"] == "inconclusive"
    assert "nothing ties the function to these returns" in said.out


@pytest.mark.usefixtures("returns")
def test_probabilities_must_be_those_of_the_returns(refused: Callable[..., str]) -> None:
    said = {"probability": [0.5] * (N - 1), "outcome": [1] * (N - 1)}
    pl.DataFrame(said).write_csv("said.csv")
    asked = ("validate", "returns.csv", *YEAR, "--probabilities", "said.csv")
    assert "599 probabilities for 600 returns" in refused(*asked)
    days = pl.read_csv("returns.csv")["time"]
    pl.DataFrame({"time": days[: N - 1], **said}).write_csv("said.csv")
    pl.DataFrame({"time": days[1:], **said}).write_csv("late.csv")
    assert "row 0 of late.csv is not that of the returns" in refused(*asked[:-1], "late.csv")


@pytest.mark.usefixtures("returns")
def test_per_cent_is_told_and_measured_never(refused: Callable[..., str]) -> None:
    table = pl.read_csv("returns.csv").with_columns(pl.col("a", "b") * 100)
    table.write_csv("percent.csv")
    said = refused("validate", "percent.csv", *YEAR)
    assert "are these per cent" in said
    assert "Warning" not in said


def test_the_command_that_is_printed_asks_for_the_very_same(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Asked] = []

    def answered(asked: Asked, out: Path | None, *, as_json: bool) -> int:
        assert (out, as_json) == (None, False)
        heard.append(asked)
        return 0

    monkeypatch.setattr(command, "_answered", answered)
    for asked in (
        EVERYTHING,
        Asked(target=Path("-a b.csv"), periods_per_year=31556952.0, limit_s=0.1 + 0.2),
        Asked(target=Path("runs/my run"), model="lightgbm", seed=0),
    ):
        assert stairway(*shlex.split(asked.command)[1:]).code == 0
        assert heard.pop() == asked


@pytest.mark.usefixtures("returns")
def test_one_bar_beside_a_study_is_no_fault_of_ours(
    study: tuple[str, ...], stairway: Callable[..., Any]
) -> None:
    pl.read_csv("bars.csv").head(1).write_csv("bars.csv")
    said = stairway(*study, "--study", "own.py:Study")
    assert said.code == 2
    assert "stairway itself" not in said.err


def test_defaults_of_both_commands_are_those_of_one_place() -> None:
    for one, names in (
        (prove.command, {"cuts": CUTS, "seed": SEED, "warm_up": WARM_UP_BARS}),
        (command.command, {"seed": SEED}),
    ):
        said = {name: p.default for name, p in inspect.signature(one).parameters.items()}
        assert said | names | {"limit_s": LIMIT_S} == said
