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


WIDTHS = [40, 56, 60, 70, 80, 92, 100, 120, 200]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(text) for text in drawn(full(), width).splitlines()) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_no_word_is_cut_for_want_of_room(width: int) -> None:
    daily = {"fills_per_session": 0.0922, "target_fills": 0.0461, "steps": 1_457_600}
    board = full()
    board.rollout(rollout(1, 3, bonus=-2.57, ticket=-1.5, **daily))

    said = drawn(board, width)

    assert "\N{HORIZONTAL ELLIPSIS}" not in said
    assert "0.092 / 0.046" in said
    assert {"seed", "trades", "gate"} <= set(said.splitlines()[0].split())


@pytest.mark.parametrize(
    ("width", "shown", "left_out"),
    [
        (60, ("bonus", "ticket", "health"), ("steps", "no fill")),
        (80, ("steps", "bonus", "ticket", "health"), ("no fill",)),
        (120, ("steps", "no fill", "bonus", "ticket", "health"), ()),
    ],
)
def test_a_wider_terminal_has_more_columns(
    width: int, shown: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    header = drawn(full(), width).splitlines()[0]

    assert all(name in header for name in shown)
    assert not any(name in header for name in left_out)
    assert "●" in drawn(full(), width)


def test_a_target_below_one_trade_a_day_is_no_nought() -> None:
    board = Board((1,))
    board.rollout(rollout(1, 0, fills_per_session=0.21, target_fills=0.046))

    assert "0.21 / 0.046" in drawn(board, 80)


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


def test_a_seed_s_steps_are_counted_from_where_it_left_the_reference() -> None:
    board = Board((1,), before=409_600)
    board.rollout(rollout(0, 0, cycle=0, steps=409_600))
    board.rollout(rollout(1, 5, steps=433_600))

    gold, seed = drawn(board, 100).splitlines()[1:3]
    assert "409,600" in gold
    assert "24,000" in seed
    assert "433,600" not in seed


@pytest.mark.parametrize(("width", "told"), [(60, False), (80, True)])
def test_the_legend_says_which_steps_are_counted_where_there_are_any(width, told) -> None:
    said = "steps: of a seed since it left the reference, whose own are not counted"
    assert (said in drawn(full(), width)) is told


def test_a_refusal_says_how_many_bounds_were_missed() -> None:
    assert "2 missed" in drawn(full(), 100)


def test_a_refusal_without_a_bound_missed_is_a_refusal_still() -> None:
    board = full()
    strayed = replace(RESULT.seed_cycles[-1], seed=1, criteria=())
    board.seed_cycle(strayed)

    assert "refused" in drawn(board, 100)
    assert "gate refused: seed 1 lost" in line(strayed)


def test_not_enough_is_not_a_pass() -> None:
    board = full()
    verdict = inconclusive("practice.sharpe", "too few bars")
    board.seed_cycle(replace(RESULT.seed_cycles[-1], seed=1, gate=verdict))

    row = next(r for r in drawn(board, 100).splitlines() if r.startswith("1"))
    assert "unclear" in row
    assert "passed" not in row


def test_what_was_decided_on_each_cycle_stays() -> None:
    said = drawn(full(), 100)

    assert "cycle 1 undone" in said
    assert "cycle 2 undone" in said


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_a_dial_never_leaves_its_scale(rate: float) -> None:
    shown = dial(rollout(1, 0, hold_rate=rate, target_hold=1.0 - rate), places=7).plain

    assert len(shown) == len("100 % ") + 7
    assert shown.count("●") == 1


def test_without_a_target_there_is_no_mark() -> None:
    assert "|" not in dial(rollout(1, 0, target_hold=None), 9).plain


def test_without_room_for_a_scale_the_figure_stands_alone() -> None:
    assert dial(rollout(1, 0, hold_rate=0.5), 0).plain == " 50 %"


def test_what_rounds_to_nothing_has_no_minus() -> None:
    board = Board((1,))
    board.rollout(rollout(1, 0, bonus=-0.001, ticket=-0.3))

    assert "+0.00   \N{MINUS SIGN}0.30" in drawn(board, 120)


def test_a_line_says_why_the_gate_refused() -> None:
    said = line(RESULT.seed_cycles[-1])

    assert said == (
        "seed 2, cycle 2: hold rate 56 %, no fill 95.0 %, 17.2 trades a day; gate refused, "
        "2 of 3 bounds missed: return \N{MINUS SIGN}1.0 %, must be at least +1 %"
    )


def test_a_line_about_the_reference_has_no_figures_of_training() -> None:
    untrained = replace(
        RESULT.seed_cycles[0], hold_rate=None, fills_per_session=None, no_fill_share=None
    )

    assert line(untrained).startswith("seed 1, cycle 0: gate refused")
