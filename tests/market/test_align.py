"""Two tables become one series; nothing is lost without a count and a reason."""

from __future__ import annotations

from dataclasses import fields, replace

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stairway.base.errors import ConfigError, DataError
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.market.ports import RawBars, RawPair
from stairway.testing.bars import random_walk
from stairway.testing.source import DAILY, DROP, REFUSE, as_raw, intraday_session
from stairway.testing.strategies import valid_pair_bars

MINUTES = intraday_session(60)


def without(raw: RawBars, rows: list[int]) -> RawBars:
    return taken(raw, np.delete(np.arange(len(raw)), rows))


def taken(raw: RawBars, rows: np.ndarray) -> RawBars:
    columns = [f.name for f in fields(raw) if f.name != "instrument"]
    return replace(raw, **{name: getattr(raw, name)[rows] for name in columns})


def assert_same(left: PairBars, right: PairBars) -> None:
    assert left.instruments == right.instruments
    assert left.fingerprint == right.fingerprint


@given(valid_pair_bars(min_size=2, bar_seconds=86_400))
def test_days_that_fit_together_come_out_as_they_went_in(bars: PairBars) -> None:
    # A Friday and a Monday alone have a median spacing of three days.
    assume(np.median(np.diff(bars.time_ns)) == 86_400 * 10**9)
    pair, report = align(as_raw(bars), REFUSE, DAILY)
    assert_same(pair, bars)
    assert report.sessions == report.bars == len(bars)
    assert report.gaps == report.cut_short == 0


@pytest.mark.parametrize("bar_seconds", [60, 300])
def test_sessions_that_fit_together_come_out_as_they_went_in(bar_seconds: int) -> None:
    bars = random_walk(900, seed=4, bar_seconds=bar_seconds)
    pair, report = align(as_raw(bars), REFUSE, intraday_session(bar_seconds))
    assert_same(pair, bars)
    assert report.sessions == int(bars.session[-1]) + 1
    assert report.fingerprint == bars.fingerprint


@pytest.mark.parametrize("k", [0, 1])
def test_a_tick_larger_than_a_price_is_refused_and_the_setting_named(k: int) -> None:
    raw = as_raw(random_walk(50, seed=2))
    table = (raw.first, raw.second)[k]
    lowest = float(table.low.min())

    def with_tick(tick_usd: float) -> RawPair:
        one = replace(
            table, instrument=msgspec.structs.replace(table.instrument, tick_usd=tick_usd)
        )
        return RawPair(one, raw.second) if k == 0 else RawPair(raw.first, one)

    coarse = float(np.ceil(lowest))
    with pytest.raises(ConfigError) as caught:
        align(with_tick(coarse), REFUSE, DAILY)
    said = str(caught.value)
    assert said.startswith(
        f"{table.instrument.symbol}: a tick is {coarse:g} USD and its lowest"
    )
    assert "set tick_usd of its file under [source]" in said
    assert len(align(with_tick(coarse - 1.0), REFUSE, DAILY)[0]) == 50


def test_a_price_of_exactly_one_tick_is_taken() -> None:
    raw = as_raw(random_walk(50, seed=2))
    lowest = round(float(raw.first.low.min()), 6)
    low = np.maximum(raw.first.low, lowest)
    low[0] = lowest
    whole = msgspec.structs.replace(raw.first.instrument, tick_usd=lowest, lot_units=1.0)
    first = replace(raw.first, low=low, instrument=whole)
    assert len(align(RawPair(first, raw.second), REFUSE, DAILY)[0]) == 50


def test_a_row_that_is_dropped_does_not_decide_about_the_tick() -> None:
    raw = as_raw(random_walk(50, seed=2))
    low = raw.first.low.copy()
    low[7] = -5.0
    pair, report = align(RawPair(replace(raw.first, low=low), raw.second), DROP, DAILY)
    assert (len(pair), report.tables[0].dropped["not_positive"]) == (49, 1)


def test_only_instants_that_both_have_are_kept() -> None:
    raw = as_raw(random_walk(50, seed=2))
    pair, report = align(
        RawPair(without(raw.first, [3, 4]), without(raw.second, [4, 9, 20])), REFUSE, DAILY
    )
    assert len(pair) == 46
    assert report.tables[0].dropped == {"no_partner": 2}
    assert report.tables[1].dropped == {"no_partner": 1}
    assert report.tables[0].rows == 48
    assert report.tables[0].kept == report.tables[1].kept == 46


def test_a_row_stands_beside_its_partner_and_never_beside_a_neighbour() -> None:
    whole = random_walk(60, seed=9)
    raw = as_raw(whole)
    pair, _ = align(
        RawPair(without(raw.first, [0, 7]), without(raw.second, [30])), REFUSE, DAILY
    )
    rows = np.searchsorted(whole.time_ns, pair.time_ns)
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(pair, name), getattr(whole, name)[rows])


@given(
    valid_pair_bars(min_size=12, max_size=40, bar_seconds=300),
    st.sets(st.integers(0, 11), max_size=3),
    st.sets(st.integers(0, 11), max_size=3),
)
def test_kept_and_dropped_rows_add_up(bars: PairBars, left: set[int], right: set[int]) -> None:
    raw = as_raw(bars)
    close = raw.first.close.copy()
    close[-1] = np.nan
    ragged = RawPair(
        without(replace(raw.first, close=close), sorted(left)),
        without(raw.second, sorted(right)),
    )
    lenient = msgspec.structs.replace(DROP, max_jump_frac=10.0, max_dropped_frac=0.5)
    pair, report = align(ragged, lenient, intraday_session(300))
    assert (np.diff(pair.time_ns) > 0).all()
    for table, source in zip(report.tables, (ragged.first, ragged.second), strict=True):
        assert table.kept == len(pair) == report.bars
        assert table.kept + sum(table.dropped.values()) == table.rows == len(source)
        assert min(table.dropped.values(), default=1) > 0
    good = ragged.first.time_ns[np.isfinite(ragged.first.close)]
    common = set(good) & set(ragged.second.time_ns)
    assert set(pair.time_ns) == common


def test_bad_rows_refuse_the_pair_by_default_and_are_counted_when_dropped() -> None:
    raw = as_raw(random_walk(50, seed=2))
    high = raw.second.high.copy()
    high[10] = 0.001
    bad = RawPair(raw.first, replace(raw.second, high=high))
    with pytest.raises(DataError, match="BETA: 1 of 50 rows are bad"):
        align(bad, REFUSE, DAILY)
    pair, report = align(bad, DROP, DAILY)
    assert len(pair) == 49
    assert report.tables[0].dropped == {"no_partner": 1}
    assert report.tables[1].dropped == {"high_below_low": 1}


def test_bars_outside_the_session_are_left_out_and_counted() -> None:
    raw = as_raw(random_walk(780, seed=2, bar_seconds=60))
    late = raw.first.time_ns.copy()
    late[-1] += 30 * 60 * 10**9
    pair, report = align(RawPair(replace(raw.first, time_ns=late), raw.second), REFUSE, MINUTES)
    assert report.tables[0].dropped == {"outside_session": 1}
    assert report.tables[1].dropped == {"no_partner": 1}
    assert len(pair) == 779


def test_missing_bars_within_a_session_are_counted_as_gaps() -> None:
    raw = as_raw(random_walk(780, seed=2, bar_seconds=60))
    holed = RawPair(without(raw.first, [50, 51, 52, 600]), raw.second)
    _, report = align(holed, REFUSE, MINUTES)
    assert report.gaps == 2


def test_a_session_cut_short_is_counted_and_its_end_is_not_marked() -> None:
    raw = as_raw(random_walk(390 * 4, seed=2, bar_seconds=60))
    shorter = list(range(390 + 300, 390 * 2))
    pair, report = align(
        RawPair(without(raw.first, shorter), without(raw.second, shorter)), REFUSE, MINUTES
    )
    assert report.cut_short == 1
    assert pair.last_of_session.sum() == 3
    assert not pair.last_of_session[390 + 299]


def test_a_close_later_than_the_data_is_a_wrong_setting() -> None:
    raw = as_raw(random_walk(390 * 4, seed=2, bar_seconds=60))
    with pytest.raises(ConfigError, match="3 of 3 sessions end before"):
        align(raw, REFUSE, intraday_session(60, "16:01"))


def test_the_wrong_policy_for_the_bars_is_named() -> None:
    with pytest.raises(ConfigError, match=r"ALPHA.*60 s apart.*86400.*intraday\.toml"):
        align(as_raw(random_walk(60, seed=1, bar_seconds=60)), REFUSE, DAILY)


def test_a_wrong_time_zone_puts_every_bar_outside_the_session_and_says_so() -> None:
    raw = as_raw(random_walk(100, seed=1, bar_seconds=60))
    tokyo = msgspec.structs.replace(MINUTES, tz="Asia/Tokyo")
    with pytest.raises(DataError, match=r"none of 100 bars lies in the session.*check the tz"):
        align(raw, REFUSE, tokyo)


def test_instruments_without_a_common_bar_are_told_both_spans() -> None:
    raw = as_raw(random_walk(40, seed=1))
    apart = RawPair(taken(raw.first, np.arange(20)), taken(raw.second, np.arange(20, 40)))
    with pytest.raises(DataError) as caught:
        align(apart, REFUSE, DAILY)
    sentence = str(caught.value)
    assert "common bars of the two instruments: 0, and" in sentence
    assert "ALPHA 20 bars from 2015-01-05T21:00:00Z to 2015-01-30T21:00:00Z" in sentence
    assert "BETA 20 bars from 2015-02-02T21:00:00Z" in sentence
    assert sentence.endswith("choose files that overlap, with the right tz and stamp")


def test_one_bar_is_not_a_series() -> None:
    with pytest.raises(
        DataError, match=r"common bars of the two instruments: 1, and .* asks for 2"
    ):
        align(as_raw(random_walk(1, seed=1)), REFUSE, DAILY)


def test_exactly_the_fewest_bars_is_enough() -> None:
    raw = as_raw(random_walk(5, seed=1))
    rules = msgspec.structs.replace(REFUSE, min_bars=5)
    assert len(align(raw, rules, DAILY)[0]) == 5
    with pytest.raises(DataError, match=r"min_bars asks for 6; .* reach further, or lower"):
        align(raw, msgspec.structs.replace(REFUSE, min_bars=6), DAILY)


def test_an_empty_table_is_refused() -> None:
    raw = as_raw(random_walk(10, seed=1))
    with pytest.raises(DataError, match="BETA: the source holds no bars"):
        align(RawPair(raw.first, taken(raw.second, np.arange(0))), DROP, DAILY)


def test_a_pair_of_one_instrument_with_itself_is_refused() -> None:
    raw = as_raw(random_walk(10, seed=1))
    with pytest.raises(ConfigError, match="both instruments are named 'ALPHA'"):
        align(RawPair(raw.first, raw.first), REFUSE, DAILY)


def test_aligning_changes_nothing_it_was_given() -> None:
    raw = as_raw(random_walk(30, seed=1))
    before = [array.copy() for array in (raw.first.time_ns, raw.first.close, raw.second.low)]
    pair, _ = align(raw, REFUSE, DAILY)
    pair.close[:] = 0.0
    after = (raw.first.time_ns, raw.first.close, raw.second.low)
    assert all((a == b).all() for a, b in zip(before, after, strict=True))


@given(st.integers(400, 1_100))
def test_what_comes_later_changes_no_bar_that_was_there(cut: int) -> None:
    raw = as_raw(random_walk(1_200, seed=5, bar_seconds=60))
    rows = np.arange(cut)
    part, _ = align(RawPair(taken(raw.first, rows), taken(raw.second, rows)), REFUSE, MINUTES)
    whole, _ = align(raw, REFUSE, MINUTES)
    assert part.fingerprint == whole.part(0, cut).fingerprint


def test_opens_that_only_repeat_the_close_before_are_counted() -> None:
    """The sample's S&P 500 does it for years; whoever fills there is flattered."""
    from stairway.adapters.sources import sample  # noqa: PLC0415 - one test needs it

    _, report = align(sample.read(sample.Config()), REFUSE, DAILY)
    sp500, nasdaq = report.tables
    assert sp500.carried_opens > report.bars // 4
    assert nasdaq.carried_opens < report.bars // 20


def test_one_file_under_two_names_is_no_pair() -> None:
    raw = as_raw(random_walk(60, seed=5))
    twice = RawPair(raw.first, replace(raw.first, instrument=raw.second.instrument))
    with pytest.raises(DataError, match="ALPHA and BETA have the same prices in each of 60"):
        align(twice, REFUSE, DAILY)


def test_a_pair_that_differs_in_one_price_is_one() -> None:
    raw = as_raw(random_walk(60, seed=5))
    high = raw.first.high.copy()
    high[-1] += 0.01
    second = replace(raw.first, instrument=raw.second.instrument, high=high)
    assert len(align(RawPair(raw.first, second), REFUSE, DAILY)[0]) == 60


@pytest.mark.parametrize("rules", [REFUSE, DROP])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 1), slice(30, 31)])
def test_a_price_too_small_to_be_a_number_is_refused(rows: slice, rules) -> None:
    raw = as_raw(random_walk(60, seed=5))
    tiny = {}
    for name in ("open", "high", "low", "close"):
        tiny[name] = getattr(raw.first, name).copy()
        tiny[name][rows] = 1e-310
    smallest = msgspec.structs.replace(raw.first.instrument, tick_usd=1e-6, lot_units=1.0)
    first = replace(raw.first, instrument=smallest, **tiny)
    if rules is DROP and rows == slice(30, 31):
        assert align(RawPair(first, raw.second), rules, DAILY)[1].tables[0].dropped
        return
    with pytest.raises((ConfigError, DataError), match=r"less than one tick|rows are bad"):
        align(RawPair(first, raw.second), rules, DAILY)
