from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stairway.testing.leaks import series

FEATURES = """
import numpy as np
print("imported")
def honest(bars):
    print("asked")
    return bars["close"]
def peek(bars):
    return {"fine": bars["close"], "next": np.append(bars["close"][1:], np.nan)}
def labelled(bars):
    return bars["labels"]
def endless(bars):
    while True:
        pass
def leaving(bars):
    raise SystemExit("gone")
def quitting(bars):
    import os
    os._exit(0)
"""


MODULE = (sys.executable, "-m", "stairway")


@pytest.fixture
def files(stairway: Callable[..., Any]) -> None:  # noqa: ARG001 - it goes to an empty folder
    Path("features.py").write_text(FEATURES)
    bars = series(300, seed=1)
    table = pl.DataFrame(bars)
    table.drop("labels", "label_end_ns").write_csv("bars.csv")
    table.select("labels", "label_end_ns").write_csv("labels.csv")


@pytest.mark.usefixtures("files")
def test_a_causal_function_exits_0_and_a_leak_2(stairway: Callable[..., Any]) -> None:
    said = stairway("prove", "features.py:honest", "--source", "bars.csv")
    assert (said.code, said.out.splitlines()[0]) == (
        0,
        "Causal: no past value of 1 column moved.",
    )
    said = stairway("prove", "features.py:peek", "--source", "bars.csv")
    assert said.code == 2
    assert said.out.startswith("Looks ahead: 1 of 2 columns.")
    assert "column next at row" in said.out
    assert "at least 1 bar ahead" in " ".join(said.out.split())


@pytest.mark.usefixtures("files")
def test_json_stays_json_whatever_the_function_prints() -> None:
    said = subprocess.run(
        [*MODULE, "prove", "features.py:honest", "--source", "bars.csv", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(said.stdout)["proof"]["verdict"]["type"] == "pass"
    assert "asked" in said.stderr


@pytest.mark.usefixtures("files")
def test_labels_are_handed_over_and_a_label_read_at_once_looks_ahead(
    stairway: Callable[..., Any],
) -> None:
    asked = ("prove", "features.py:labelled", "--source", "bars.csv")
    said = stairway(*asked, "--labels", "labels.csv", "--json")
    proof = json.loads(said.out)["proof"]
    assert (said.code, proof["offences"][0]["ahead_bars"]) == (2, 5)
    bare = stairway(*asked, "--json")
    assert bare.code == 2, "without labels there is no such column"
    (told,) = json.loads(bare.out)["proof"]["verdict"]["findings"]
    assert told["detail"].endswith("these bars have none; give stairway prove --labels FILE")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("name", "word"),
    [("endless", "OverdueError"), ("leaving", "gone"), ("quitting", "exit code 0")],
)
def test_a_function_that_never_comes_back_or_leaves_is_a_sentence(
    name: str, word: str, stairway: Callable[..., Any]
) -> None:
    asked = ("prove", f"features.py:{name}", "--source", "bars.csv", "--limit-s", "0.2")
    said = stairway(*asked)
    assert said.code == 2
    assert word in said.out
    told = " ".join(said.out.split())
    assert ("raise --limit-s" in told) == (
        "beginning of the bars" not in told
    ) or name == "quitting"


@pytest.mark.usefixtures("files")
def test_no_line_is_wider_than_a_narrow_terminal(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = stairway("prove", "features.py:peek", "--source", "bars.csv").out
    assert max(map(len, out.splitlines())) <= 60


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("features.py:none", "--source", "bars.csv"), "its functions are: honest, peek"),
        (("features.py", "--source", "bars.csv"), "MODULE:FUNCTION"),
        (("features.py:honest", "--source", "gone.csv"), "no file gone.csv"),
        (("features.py:honest", "--source", "labels.csv"), "no column 'open'"),
        (("features.py:honest", "--source", "bars.csv", "--symbol", "X"), "one instrument"),
        (("features.py:honest", "--source", "bars.csv", "--cuts", "1"), "--cuts"),
    ],
)
def test_what_cannot_be_asked_exits_1_in_one_sentence(
    asked: tuple[str, ...], words: str, stairway: Callable[..., Any]
) -> None:
    said = stairway("prove", *asked)
    assert (said.code, said.out) == (1, "")
    assert words in said.err.splitlines()[-1]


@pytest.mark.usefixtures("files")
def test_ctrl_c_ends_an_endless_function() -> None:
    command = [sys.executable, "-c", "from stairway.cli.main import main; main()"]
    with subprocess.Popen(
        [*command, "prove", "features.py:endless", "--source", "bars.csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "imported\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.strip().splitlines()[-1].startswith("stairway: stopped; nothing was changed")
