from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.verdict import Finding, inconclusive, passed, refuse
from stairway.dashboard import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0, "0"),
        (1.0, "1"),
        (-3.0, "-3"),
        (0.52, "0.52"),
        (0.7566666, "0.757"),
        (999.4, "999"),
        (1408.22, "1,408"),
        (-0.0312, "-0.0312"),
        (1e-9, "1e-9"),
        (2.5e-7, "2.5e-7"),
        (math.inf, "infinite"),
        (math.nan, "not a number"),
    ],
)
def test_a_figure_is_short_whatever_its_size(value: float | None, text: str) -> None:
    assert words.figure(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_a_figure_says_what_it_stands_for_to_three_digits(value: float) -> None:
    said = float(words.figure(value).replace(",", ""))

    assert said == pytest.approx(value, rel=0.06 if abs(value) < 1e-4 else 0.006)


def test_counts_have_their_thousands_parted_and_agree_with_their_noun() -> None:
    assert words.count(12_078) == "12,078"
    assert words.counted(1, "bar") == "1 bar"
    assert words.counted(0, "bar") == "0 bars"
    assert words.counted(1_181, "trade") == "1,181 trades"


def test_a_loss_is_written_with_a_true_minus_as_wide_as_a_plus() -> None:
    assert words.percent(-0.0228) == f"{words.MINUS}2.3 %"
    assert words.percent(0.599) == "+59.9 %"
    assert words.r_multiple(-0.08) == f"{words.MINUS}0.08 R"


def test_a_share_has_no_sign() -> None:
    assert words.percent(0.25, 0, signed=False) == "25 %"


def test_what_is_no_number_is_not_shown_as_one() -> None:
    assert words.percent(math.nan) == "not a number"
    assert words.r_multiple(None) == ""


def test_a_digest_is_cut_to_eight_characters() -> None:
    assert words.short("0123456789abcdef") == "01234567"


def test_books_are_called_by_who_trades_in_them() -> None:
    names = {"d" * 64: "lightgbm"}

    assert words.book_label("capital", names) == "capital (paper)"
    assert words.book_label("twin:baseline", names) == "the static rule's twin"
    assert words.book_label(f"canary:{'d' * 64}", names) == "lightgbm dddddddd, canary"
    assert words.book_label(f"shadow:{'f' * 64}", names) == "model ffffffff, shadow"
    assert words.book_label("something else", names) == "something else"


def test_every_cause_of_a_move_has_words_and_an_unknown_one_speaks_for_itself() -> None:
    for code in (
        "promotion.shadow",
        "rollback.drift",
        "gate.refused",
        "operator",
        "superseded",
    ):
        assert words.cause(code) != code
    assert words.cause("rollback.of_tomorrow") == "rollback.of_tomorrow"


def test_daily_bars_have_dates_and_minutes_have_minutes() -> None:
    at = 1_437_163_200_000_000_000

    assert words.instant(at, 86_400) == "2015-07-17"
    assert words.instant(at, 60) == "2015-07-17 20:00"


def test_a_long_list_is_cut_and_counted() -> None:
    assert words.listed(["a", "b"]) == "a and b"
    assert words.listed(["a", "b", "c", "d"]) == "a, b, c and 1 more"


def test_a_sentence_begins_large_but_a_name_stays_as_it_is() -> None:
    assert words.capital("one value in 156") == "One value in 156"
    assert words.capital("lightgbm fell", {"lightgbm"}) == "lightgbm fell"
    assert words.capital("e_detector rang") == "e_detector rang"
    assert words.capital("") == ""


def test_a_finding_gives_value_bound_and_sample() -> None:
    assert words.sentence(Finding("c", "BUY in 210", 0.7, 0.65, 1_200)) == (
        "BUY in 210 (0.7 against 0.65, n 1,200)"
    )


def test_a_finding_without_a_value_shows_no_bound() -> None:
    assert words.sentence(Finding("c", "nothing measured", None, 3.0)) == "nothing measured"
    assert words.sentence(Finding("c", "only counted", None, None, 3)) == "only counted (n 3)"


def test_each_verdict_has_one_word() -> None:
    assert words.word(passed("c", "d")) == "pass"
    assert words.word(refuse("c", "d")) == "refuse"
    assert words.word(inconclusive("c", "d")) == "inconclusive"


def test_a_whole_digest_in_a_sentence_becomes_a_name() -> None:
    digest = "ab" * 32

    said = words.with_names(f"beaten by {digest}", {digest: "lightgbm"})

    assert said == "beaten by lightgbm abababab"
    assert words.with_names("beaten by ab", {"ab": "no digest"}) == "beaten by ab"


def test_a_figure_that_the_sentence_states_is_not_stated_again() -> None:
    said = words.sentence(
        Finding(
            "practice.drawdown",
            "drawdown is 0.130721, allowed is at most 0.1",
            0.13072114,
            0.1,
            753,
        )
    )

    assert said == "drawdown is 0.131, allowed is at most 0.1 (n 753)"


def test_a_bound_that_the_sentence_leaves_out_is_added() -> None:
    assert words.sentence(Finding("c", "return is -0.01", -0.01, 0.02)) == (
        "return is -0.01 (at a bound of 0.02)"
    )


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("is 0.000887798", "is 0.000888"),
        ("is -0.00887798", "is -0.00888"),
        ("98532.12345 bars", "98,532 bars"),
        ("in 0.10 of 210", "in 0.10 of 210"),
        ("version 1.2.34567", "version 1.2.34567"),
        ("digest 12ab.34567", "digest 12ab.34567"),
        ("is 0.05002, at most 0.05", "is 0.05002, at most 0.05"),
        ("is 0.123456, at most 0.123457", "is 0.123456, at most 0.123457"),
        ("is 0.0500, at most 0.05", "is 0.05, at most 0.05"),
        ("BUY in 1200 of 1200 answers", "BUY in 1,200 of 1,200 answers"),
        ("142 of 1000 outcomes", "142 of 1,000 outcomes"),
        ("142 of 1000", "142 of 1,000"),
        ("in 3035 outcomes", "in 3,035 outcomes"),
        ("5137 hours of answers, 6793.0 hours", "5,137 hours of answers, 6,793.0 hours"),
        ("moved on 2018-12-31", "moved on 2018-12-31"),
        ("column 3 of 2018.csv", "column 3 of 2018.csv"),
        ("row 4 of 2018-12.csv", "row 4 of 2018-12.csv"),
        ("line 5 of 2018/one.csv", "line 5 of 2018/one.csv"),
        ("model ab1200 of 7", "model ab1200 of 7"),
        ("the year 2018", "the year 2018"),
    ],
)
def test_long_numbers_are_shortened_and_names_are_left_alone(text: str, plain: str) -> None:
    assert words.plain(text) == plain


def test_trades_a_day_keep_what_counts_on_minutes_and_on_days() -> None:
    assert [words.trades(t) for t in (131.2, 17.24, 5.0, 0.0461, 0.0, 1e-9, math.nan)] == [
        "131",
        "17.2",
        "5.0",
        "0.046",
        "0",
        "1e-9",
        "not a number",
    ]


def test_a_ratio_without_a_value_is_undefined_and_no_nought() -> None:
    assert words.ratio(None) == "undefined"
    assert words.ratio(math.nan) == "not a number"
    assert words.ratio(-2.877) == f"{words.MINUS}2.88"


@pytest.mark.parametrize(
    ("value", "bound", "texts"),
    [
        (0.52, 0.5, ("0.52", "0.5")),
        (0.50004, 0.5, ("0.50004", "0.5")),
        (1000.4, 1000, ("1000.4", "1000")),
        (0.5, 0.5, ("0.5", "0.5")),
        (math.nan, math.nan, ("not a number", "not a number")),
        (0.13, None, ("0.13", "")),
        (None, 0.5, ("", "0.5")),
    ],
)
def test_a_figure_reads_as_its_bound_only_where_it_is_its_bound(
    value: float | None, bound: float | None, texts: tuple[str, str]
) -> None:
    assert words.beside(value, bound) == texts


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_two_numbers_that_differ_are_written_so_that_they_do(one: float, two: float) -> None:
    shown, other = words.beside(one, two)

    assert one == two or shown != other


def test_the_end_of_an_interval_that_was_held_against_the_bound_is_named() -> None:
    told = "in trend: skill over climatology +0.1190, interval +0.0221 to +0.2170"

    low = words.sentence(Finding("evidence.skill", told, 0.02208, 0.0, 68))
    high = words.sentence(Finding("evidence.harm", told, 0.21703, 0.0, 68))

    assert low.endswith("(low end 0.0221 against 0, n 68)")
    assert high.endswith("(high end 0.217 against 0, n 68)")
    stated = words.sentence(Finding("evidence.harm", told, 0.2170, 0.0, 68))
    assert stated.endswith("(high end at a bound of 0, n 68)")


def test_a_refusal_just_beyond_its_bound_does_not_read_as_the_bound() -> None:
    said = words.sentence(Finding("gate.majority", "one action", 0.70004, 0.7, 300))

    assert said == "one action (0.70004 against 0.7, n 300)"
