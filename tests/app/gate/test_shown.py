"""An example is shown as it was said, however many faults came before it."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from stairway.app.gate.asked import Asked
from stairway.app.gate.listen import ROWS, listen
from stairway.app.gate.once import gate
from stairway.app.progress import Silent

START_S = 1_763_628_000
NAMES = ("ts", "symbol", "model", "action", "confidence")


def row(number: int) -> list[Any]:
    c = (1 + math.sin(number * 1.3)) / 2
    action = ("SELL", "HOLD", "BUY")[int(3 * c) % 3]
    return [START_S + 12 * number, "AB"[number % 2], "m", action, round(c, 6)]


def written(rows: list[list[Any]], folder: Path) -> str:
    path = folder / "bot.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *rows])
    return str(path)


def test_after_a_cutover_the_example_is_quoted_however_many_faults_came_before(
    tmp_path: Path,
) -> None:
    rows = [row(i) for i in range(2_000)]
    for i in range(600):
        rows[i][4] = ""
    rows[1_500][4] = "n/a"
    rows[1_700][0] = "teatime"
    report = gate(written(rows, tmp_path), after=str(START_S + 12 * 1_000))
    shown = [(one.what, one.at.partition(",")[0]) for one in report.models[0].after.examples]
    assert ('confidence "n/a" is no number', "line 1502") in shown
    assert ('time "teatime" is not understood', "line 1702") in shown


def test_every_model_has_its_own_example_quoted_in_a_chunk_full_of_faults(
    tmp_path: Path,
) -> None:
    rows = [row(i) for i in range(3_000)]
    for i in range(1_000):
        rows[i][4] = "?"
    rows[2_500][2:] = ["other", "BUY", "n/a"]
    report = gate(written(rows, tmp_path))
    other = next(one for one in report.models if one.model == "other")
    assert [one.what for one in other.after.examples] == ['confidence "n/a" is no number']
    assert [one.at.partition(",")[0] for one in other.after.examples] == ["line 2502"]


def test_the_line_of_an_answer_of_the_future_is_named_in_a_file_of_many_chunks(
    tmp_path: Path,
) -> None:
    rows = [row(i) for i in range(ROWS * 3)]
    rows[ROWS + 100][0] = 4_000_000_000
    heard = listen(Asked(written(rows, tmp_path)), Silent())
    assert heard.future is not None
    assert heard.future.place == f"line {ROWS + 102}"
