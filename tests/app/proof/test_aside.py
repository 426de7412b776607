"""How somebody else's process ends is never an answer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stairway.app.progress import Silent
from stairway.app.proof.aside import Gone, asked_aside
from stairway.app.proof.told import ProveJob
from stairway.base.errors import ConfigError
from stairway.features.prover import ProverRules
from stairway.testing.leaks import series

ENDS = """
import atexit, ctypes, os, signal, sys, time
import numpy as np

def quits(bars):
    os._exit(0)
def raises(bars):
    raise KeyboardInterrupt
def at_the_end(bars):
    atexit.register(os._exit, 0)
    return bars["close"][::-1] * 1
def closes(bars):
    os.closerange(0, 256)
    return bars["close"]
def child(bars):
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
def holes(bars):
    rises = np.append(np.diff(bars["close"]) > 0.0, False)
    return np.where(rises, np.nan, bars["close"])
def infinite(bars):
    rises = np.append(np.diff(bars["close"]) > 0.0, False)
    return np.where(rises, np.inf, bars["close"])
def deaf(bars):
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    time.sleep(60)
def writes(bars):
    for pipe in range(3, 256):
        try:
            os.write(pipe, b"hello\\n")
        except OSError:
            pass
    return bars["close"]
def alike(bars):
    return {"1": np.append(bars["close"][1:], 0.0), 1: bars["close"]}
def halved(bars):
    return {"\\udcff": np.append(bars["close"][1:], 0.0)}
def wordless(bars):
    class Wordless(Exception):
        def __str__(self):
            raise RuntimeError
    raise Wordless
class Lazy:
    columns = ("a",)
    def __getitem__(self, name):
        time.sleep(60)
def lazy(bars):
    return Lazy()
class Array:
    def __array__(self, *_, **__):
        time.sleep(60)
def array(bars):
    return Array()
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    Path("ends.py").write_text(ENDS)
    Path("leaves.py").write_text("import os\nos._exit(0)\ndef f(bars): return bars['close']\n")
    bars = series(300, seed=1)
    pl.DataFrame(bars).drop("labels", "label_end_ns").write_csv("bars.csv")

    def ask(function: str, limit_s: float = 30.0) -> Any:
        rules = ProverRules(
            cuts=8, max_bars=10**6, min_bars=200, min_prefix_bars=64, tolerance=1e-9
        )
        job = ProveJob(
            function=function,
            source="bars.csv",
            symbol=None,
            labels=None,
            rules=rules,
            seed=1,
            limit_s=limit_s,
        )
        return asked_aside(job, Silent())

    return ask


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("ends.py:quits", "in ends.py:quits with exit code 0 and left no answer"),
        ("ends.py:raises", "ended the process with KeyboardInterrupt"),
        ("ends.py:closes", "and left no answer"),
        ("ends.py:writes", "in ends.py:writes into the pipe that its answer comes by"),
        ("ends.py:child", "with exit code 0 and left no answer"),
        ("leaves.py:f", "in importing leaves.py:f with exit code 0"),
    ],
    ids=["exit", "interrupt", "close", "write", "fork", "import"],
)
def test_an_end_without_an_answer_is_told_as_what_it_is(
    asked: Any, function: str, why: str
) -> None:
    answer = asked(function)
    assert isinstance(answer, Gone)
    assert why in answer.why


def test_what_runs_at_the_end_changes_no_answer(asked: Any) -> None:
    proof = asked("ends.py:at_the_end").proof
    assert proof.verdict.findings[0].code == "causality.looks_ahead"


@pytest.mark.parametrize("function", ["holes", "infinite"])
def test_a_value_that_appears_or_becomes_infinite_is_an_answer_and_no_fault(
    asked: Any, function: str
) -> None:
    (offence,) = asked(f"ends.py:{function}").proof.offences
    assert (offence.ahead_bars, offence.difference) == (1, None)


@pytest.mark.parametrize(
    ("function", "limit_s", "said"),
    [
        ("alike", 60.0, "two columns are called '1'"),
        ("wordless", 60.0, "raised Wordless"),
        ("lazy", 2.0, "was not done"),
        ("array", 2.0, "was not done"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words_and_in_time(
    asked: Any, function: str, limit_s: float, said: str
) -> None:
    (finding,) = asked(f"ends.py:{function}", limit_s=limit_s).proof.verdict.findings
    assert finding.code == "causality.raised"
    assert said in finding.detail


def test_a_leak_is_named_though_its_name_is_no_text(asked: Any) -> None:
    (offence,) = asked("ends.py:halved").proof.offences
    assert (offence.column, offence.ahead_bars) == ("\\udcff", 1)


def test_one_that_hears_no_alarm_is_ended_from_outside(
    asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stairway.app.proof.aside.GRACE_S", 0.1)
    began = time.monotonic()
    assert asked("ends.py:deaf", limit_s=0.2) == Gone(
        "was not done in ends.py:deaf after 0.2 s; make it faster, or raise --limit-s",
        advised=True,
    )
    assert time.monotonic() - began < 40.0


def test_an_error_of_who_asked_is_raised_as_it_was(asked: Any) -> None:
    with pytest.raises(ConfigError, match="no function named 'none'"):
        asked("ends.py:none")
