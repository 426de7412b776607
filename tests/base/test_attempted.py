"""Code that we did not write: whatever it raises is a value."""

from __future__ import annotations

import pytest

from stairway.base.attempted import OverdueError, Raised, attempted, words_of


def test_whatever_is_raised_is_a_value_of_one_line() -> None:
    def raising() -> None:
        msg = "two\n lines " + "x" * 400
        raise ValueError(msg)

    raised = attempted(raising)
    assert isinstance(raised, Raised)
    assert raised.name == "ValueError"
    assert raised.said.startswith("two lines xxx")
    assert len(raised.said) == 300
    assert attempted(lambda: 7) == 7


def test_a_quiet_error_is_said_to_be_quiet() -> None:
    def raising() -> None:
        raise ValueError

    assert attempted(raising) == Raised("ValueError", "without a word")


def test_an_error_that_cannot_be_written_down_has_no_words() -> None:
    class WordlessError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert words_of(WordlessError()) == "without a word"


def test_half_a_character_in_the_words_can_be_written_to_a_file() -> None:
    assert words_of(ValueError("\ud800")).encode() == b"\\ud800"


def test_an_end_of_the_process_is_a_value_and_an_interrupt_is_none() -> None:
    def leaving() -> None:
        raise SystemExit(3)

    def stopped() -> None:
        raise KeyboardInterrupt

    assert attempted(leaving) == Raised("SystemExit", "3")
    with pytest.raises(KeyboardInterrupt):
        attempted(stopped)


def test_what_ours_raised_says_what_to_do_and_what_others_raised_may_not() -> None:
    def late() -> None:
        msg = "too late"
        raise OverdueError(msg)

    assert attempted(late) == Raised("OverdueError", "too late", advised=True)
    assert attempted(lambda: 1 / 0) == Raised("ZeroDivisionError", "division by zero")
