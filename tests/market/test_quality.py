"""Bad rows are refused with a sentence, or dropped and counted."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError
from stairway.market import kernels
from stairway.market.bars import PairBars
from stairway.market.ports import NO_TIME, RawBars
from stairway.market.quality import REASONS, BarRules, faults, screen
from stairway.testing.bars import random_walk
from stairway.testing.source import DROP, REFUSE, as_raw
from stairway.testing.strategies import valid_pair_bars

SECONDS = 1_000_000_000


def table(n: int = 20, bar_seconds: int = 86_400) -> RawBars:
    return as_raw(random_walk(n, seed=3, bar_seconds=bar_seconds)).first


def changed(raw: RawBars, column: str, row: int, value: float) -> RawBars:
    array = getattr(raw, column).copy()
    array[row] = value
    return replace(raw, **{column: array})


def empty() -> RawBars:
    nothing = np.empty(0)
    return RawBars(
        table().instrument, np.empty(0, dtype=np.int64), *(nothing for _ in range(5))
    )


@given(valid_pair_bars())
def test_good_bars_pass_untouched(bars: PairBars) -> None:
    screened = screen(as_raw(bars).first, REFUSE)
    assert screened.keep.all()
    assert screened.dropped == {}


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("value", [1.7e308, 1e200, 1.0000001e18])
def test_what_no_market_has_is_refused_at_the_door(column: str, value: float) -> None:
    """Products of such figures would overflow further in, far from the file they came from."""
    with pytest.raises(DataError, match=r"the first is row 8.* a price is over 1e\+12 USD or"):
        screen(changed(table(), column, 7, value), REFUSE)


def test_the_largest_volume_that_is_allowed_overflows_nowhere() -> None:
    raw = changed(table(), "volume", 7, kernels.MOST_VOLUME)
    assert screen(raw, REFUSE).keep.all()
    assert np.finfo(float).max ** 0.2 > kernels.MOST_VOLUME * kernels.MOST_PRICE_USD * 1e6


def test_every_fault_has_a_name_and_every_name_a_fault() -> None:
    codes = {
        value
        for name, value in vars(kernels).items()
        if name.isupper() and name[0] != "_" and isinstance(value, int)
    }
    assert set(REASONS) == codes - {kernels.GOOD}
    assert len(set(REASONS.values())) == len(REASONS)


def test_one_bad_row_refuses_the_table_by_default() -> None:
    with pytest.raises(DataError) as caught:
        screen(changed(table(), "close", 6, float("nan")), REFUSE)
    sentence = str(caught.value)
    assert sentence.startswith("ALPHA: 1 of 20 rows are bad (not_finite 1)")
    assert "the first is row 7, closing at 2015-01-13T21:00:00Z" in sentence
    assert "a cell is empty, infinite or no number" in sentence
    assert 'bad_rows = "drop"' in sentence
    assert "\n" not in sentence


def test_refusal_counts_by_reason_and_names_the_first() -> None:
    raw = changed(table(), "volume", 9, -1.0)
    raw = changed(raw, "low", 4, 0.0)
    with pytest.raises(
        DataError, match=r"not_positive 1, negative_volume 1\); the first is row 5"
    ):
        screen(raw, REFUSE)


def test_dropped_rows_are_counted_by_reason() -> None:
    raw = changed(table(100), "high", 3, 1e-3)
    raw = changed(raw, "close", 5, float("inf"))
    raw = changed(raw, "close", 8, float("nan"))
    screened = screen(raw, DROP)
    assert screened.dropped == {"not_finite": 2, "high_below_low": 1}
    assert np.flatnonzero(~screened.keep).tolist() == [3, 5, 8]


def test_exactly_the_largest_share_may_be_dropped_and_no_row_more() -> None:
    raw = table(20)
    two = changed(changed(raw, "close", 3, float("nan")), "close", 4, float("nan"))
    three = changed(two, "close", 5, float("nan"))
    assert screen(two, DROP).dropped == {"not_finite": 2}
    with pytest.raises(DataError, match=r"10\.00% be dropped and this is 15\.00%"):
        screen(three, DROP)


def test_a_table_without_rows_is_refused_even_when_dropping() -> None:
    with pytest.raises(DataError, match="ALPHA: the source holds no bars"):
        screen(empty(), DROP)


def test_a_file_that_is_newest_first_is_told_so() -> None:
    raw = table()
    backwards = replace(raw, time_ns=raw.time_ns[::-1].copy())
    for rules in (REFUSE, DROP):
        with pytest.raises(DataError, match=r"backward 19.*the oldest row first") as caught:
            screen(backwards, rules)
        assert "newest first" in str(caught.value)
        assert "max_dropped_frac" not in str(caught.value), "to drop rows is no remedy"
        assert "bad_rows" not in str(caught.value)


def test_stamps_that_cannot_be_read_do_not_make_a_file_run_backwards() -> None:
    holes = table().time_ns.copy()
    holes[0::2] = NO_TIME
    with pytest.raises(DataError, match=r'mend the file, or set \[bars\] bad_rows = "drop"'):
        screen(replace(table(), time_ns=holes), REFUSE)


def test_single_rows_out_of_order_are_still_to_be_mended_or_dropped() -> None:
    swapped = table().time_ns.copy()
    swapped[[4, 5]] = swapped[[5, 4]]
    with pytest.raises(DataError, match=r"backward 1\).*bad_rows"):
        screen(replace(table(), time_ns=swapped), REFUSE)


def test_an_unreadable_stamp_has_no_time_to_quote() -> None:
    with pytest.raises(DataError, match="the first is row 3: the stamp cannot be read"):
        screen(changed(table(), "time_ns", 2, NO_TIME), REFUSE)


def test_a_repeated_row_is_a_duplicate_and_a_late_new_one_is_backward() -> None:
    raw = table()
    repeated = changed(raw, "time_ns", 5, raw.time_ns[4])
    late = changed(raw, "time_ns", 5, raw.time_ns[4] - SECONDS)
    assert screen(repeated, DROP).dropped == {"duplicate": 1}
    assert screen(late, DROP).dropped == {"backward": 1}


def test_a_feed_frozen_at_zero_is_refused() -> None:
    raw = table()
    zero = np.zeros(20)
    frozen = replace(raw, open=zero, high=zero, low=zero, close=zero)
    with pytest.raises(DataError, match="not_positive 20"):
        screen(frozen, DROP)


def test_a_split_that_was_not_adjusted_is_refused_and_not_traded_through() -> None:
    raw = table(100)
    part = {name: getattr(raw, name).copy() for name in ("open", "high", "low", "close")}
    for column in part.values():
        column[60:] /= 4.0
    with pytest.raises(DataError, match=r"jump 40\); the first is row 61"):
        screen(replace(raw, **part), DROP)


@given(valid_pair_bars(min_size=2), st.data())
def test_a_verdict_on_a_row_does_not_depend_on_later_rows(
    bars: PairBars, data: st.DataObject
) -> None:
    raw = as_raw(bars).first
    row = data.draw(st.integers(0, len(raw) - 1))
    raw = changed(raw, "close", row, data.draw(st.sampled_from([0.0, float("nan"), 1e9])))
    cut = data.draw(st.integers(1, len(raw)))
    columns = ("time_ns", "open", "high", "low", "close", "volume")
    beginning = replace(raw, **{name: getattr(raw, name)[:cut] for name in columns})
    np.testing.assert_array_equal(faults(raw, 0.5)[:cut], faults(beginning, 0.5))


@pytest.mark.parametrize(
    "wrong",
    [
        {"bad_rows": "ignore"},
        {"max_dropped_frac": 1.0},
        {"max_dropped_frac": -0.1},
        {"max_dropped_frac": float("nan")},
        {"max_jump_frac": 0.0},
        {"max_jump_frac": float("nan")},
        {"max_jump_frac": float("inf")},
        {"min_bars": 1},
    ],
)
def test_rules_that_would_check_nothing_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.structs.replace(DROP, **wrong)


def test_no_rule_has_a_default() -> None:
    with pytest.raises(msgspec.ValidationError, match="missing required field"):
        msgspec.convert({"bad_rows": "drop"}, BarRules)
