from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from stairway.base.verdict import inconclusive
from stairway.dashboard.practice.live import Board, dial, line
from stairway.testing.journal import practice_result, rollout

RESULT = practice_result(accepted=False)


def drawn(board: Board, width: int) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, color_system=None)
    console.print(board.draw(width))
    return out.getvalue()


def full() -> Board:
    board = Board((1, 2, 3))
    for seen in (*RESULT.gold_rollouts, *RESULT.rollouts):
        board.rollout(seen)
    for judged in RESULT.seed_cycles:
        board.seed_cycle(judged)
    for cycle in RESULT.cycles:
        board.cycle(cycle)
    return board


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(text) for text in drawn(full(), width).splitlines()) <= width


def test_a_seed_that_has_not_begun_is_waiting() -> None:
    row = next(r for r in drawn(full(), 100).splitlines() if r.startswith("3"))

    assert "waiting" in row


def test_the_reference_has_a_row_of_its_own_while_it_is_made() -> None:
    board = Board((1,))
    board.rollout(rollout(0, 0, cycle=0))

    assert any(row.startswith("gold") for row in drawn(board, 100).splitlines())


def test_the_newest_roll_out_is_shown_and_not_the_first() -> None:
    board = Board((1,))
    board.rollout(rollout(1, 0, steps=1_000))
    board.rollout(rollout(1, 1, steps=3_000))

    assert "3,000" in drawn(board, 100)
    assert "1,000" not in drawn(board, 100)


def test_a_refusal_names_what_was_refused() -> None:
    assert "refused: return" in drawn(full(), 100)


def test_not_enough_is_not_a_pass() -> None:
    board = full()
    verdict = inconclusive("practice.sharpe", "too few bars")
    board.seed_cycle(replace(RESULT.seed_cycles[-1], seed=1, gate=verdict))

    row = next(r for r in drawn(board, 100).splitlines() if r.startswith("1"))
    assert "not enough: sharpe" in row


def test_what_was_decided_on_each_cycle_stays() -> None:
    said = drawn(full(), 100)

    assert "cycle 1  revert" in said
    assert "cycle 2  revert" in said


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_a_dial_never_leaves_its_scale(rate: float) -> None:
    shown = dial(rollout(1, 0, hold_rate=rate, target_hold=1.0 - rate), width=7).plain

    assert len(shown) == len("0.00 ") + 7
    assert shown.count("●") == 1


def test_without_a_target_there_is_no_mark() -> None:
    assert "|" not in dial(rollout(1, 0, target_hold=None)).plain


def test_a_line_says_why_the_gate_refused() -> None:
    said = line(RESULT.seed_cycles[-1])

    assert said.startswith("seed 2, cycle 2: hold rate 0.56, 17.2 trades a day; gate refuse: ")
    assert "lost on the validation days" in said


def test_a_line_about_the_reference_has_no_figures_of_training() -> None:
    untrained = replace(RESULT.seed_cycles[0], hold_rate=None, fills_per_session=None)

    assert line(untrained).startswith("seed 1, cycle 0: gate refuse")
