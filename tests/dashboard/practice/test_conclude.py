from __future__ import annotations

from pathlib import Path

import pytest

from stairway.app.rl.folder import RlFolder
from stairway.dashboard.practice.conclude import conclude, draw
from stairway.testing.journal import practice_result


def test_the_page_lies_beside_the_result(tmp_path: Path) -> None:
    where = conclude(RlFolder(tmp_path), practice_result())

    assert where == tmp_path / "train.html"
    assert where.stat().st_size > 10_000


def test_a_refusal_is_said_with_its_reason_and_figures(tmp_path: Path) -> None:
    said = draw(RlFolder(tmp_path), practice_result(accepted=False), 100)

    assert said.startswith("No policy was accepted\n")
    assert "  return of the span: -0.01, must be at least 0.01" in said


def test_training_and_unseen_days_are_told_apart(tmp_path: Path) -> None:
    said = draw(RlFolder(tmp_path), practice_result(), 100)

    assert "In training, median of the seeds: hold rate 0.56, 17.2 trades a day." in said
    assert "On days never seen: hold rate 0.55, 17.0 trades a day." in said
    assert said.index("Validation days") < said.index("Held-out days")


@pytest.mark.parametrize("width", [40, 72, 100])
def test_tables_fit_the_terminal(tmp_path: Path, width: int) -> None:
    said = draw(RlFolder(tmp_path), practice_result(), width)
    tables = said.split("report")[0]

    assert max(map(len, tables.splitlines())) <= width


def test_a_narrow_terminal_leaves_columns_out_and_not_the_verdict(tmp_path: Path) -> None:
    narrow = draw(RlFolder(tmp_path), practice_result(), 50)

    assert "won" not in narrow
    assert "The policy of seed 1 was accepted" in narrow
