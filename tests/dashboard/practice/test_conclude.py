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
    assert "  return \N{MINUS SIGN}1.0 %, must be at least +1 %" in said


def test_training_and_unseen_days_are_told_apart(tmp_path: Path) -> None:
    said = draw(RlFolder(tmp_path), practice_result(), 100)

    lines = [line.split("  ") for line in said.splitlines()]
    table = {line[0]: [cell.strip() for cell in line[1:] if cell] for line in lines}
    assert table["in practice"] == ["56 %", "95.0 %", "17.2"]
    assert table["aimed at"] == ["55 %", "18.0"]
    assert table["on days never seen"] == ["55 %", "95.0 %", "17.0"]
    assert said.index("Validation days") < said.index("Held-out days")


@pytest.mark.parametrize("width", [40, 72, 100])
def test_tables_fit_the_terminal(tmp_path: Path, width: int) -> None:
    said = draw(RlFolder(tmp_path), practice_result(), width)
    tables = said.split("report")[0]

    assert max(map(len, tables.splitlines())) <= width


def test_a_narrow_terminal_leaves_columns_out_and_not_the_verdict(tmp_path: Path) -> None:
    narrow = draw(RlFolder(tmp_path), practice_result(), 50)

    assert "won" not in narrow.split("hold rate  share")[0]
    assert "The policy of seed 1 was accepted" in narrow


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (40, "No room here for no fill, fall and won: the page has them."),
        (60, "No room here for fall and won: the page has them."),
        (71, "No room here for fall and won: the page has them."),
        (72, None),
    ],
)
def test_columns_that_are_left_out_are_named(
    width: int, said: str | None, tmp_path: Path
) -> None:
    drawn = " ".join(draw(RlFolder(tmp_path), practice_result(), width).split())

    assert said in drawn if said else "No room" not in drawn


def test_the_words_of_the_verdict_are_explained(tmp_path: Path) -> None:
    said = draw(RlFolder(tmp_path), practice_result(), 80)

    for word in ("hold rate", "no fill", "kept", "passed", "accepted"):
        assert any(line.startswith(f"{word}  ") for line in said.splitlines())


@pytest.mark.parametrize(("accepted", "place"), [(True, "policy"), (False, None)])
def test_where_the_policy_lies_is_said(
    tmp_path: Path, place: str | None, *, accepted: bool
) -> None:
    said = draw(RlFolder(tmp_path), practice_result(accepted=accepted), 100)

    assert (f"policy  {tmp_path / 'policy'}" in said) == (place is not None)
    kept = practice_result(accepted=False, chosen_seed=1)
    assert f"policy  {tmp_path / 'unaccepted'}" in draw(RlFolder(tmp_path), kept, 100)
