"""The embedded bars are real, complete and read without importing their package."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stairway.adapters.sources import sample
from stairway.base.errors import ConfigError
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.market.calendar import utc_text
from stairway.testing.source import daily_rules


@pytest.fixture(scope="module")
def bars() -> PairBars:
    return align(sample.read(sample.Config()), *daily_rules())[0]


def test_it_is_twenty_years_of_two_indices_without_a_bad_row(bars: PairBars) -> None:
    assert bars.symbols == ("SP500", "NASDAQ")
    assert len(bars) == 5_031
    assert utc_text(int(bars.time_ns[0])) == "1999-01-04T21:00:00Z"
    assert utc_text(int(bars.time_ns[-1])) == "2018-12-31T21:00:00Z"


def test_a_day_is_known_at_the_close_in_new_york_in_summer_too(bars: PairBars) -> None:
    hours = bars.time_ns // 3_600_000_000_000 % 24
    assert set(hours.tolist()) == {20, 21}


def test_prices_are_those_of_the_file(bars: PairBars) -> None:
    crash = bars.time_ns.searchsorted(
        np.datetime64("2008-10-13").astype("datetime64[ns]").astype(np.int64)
    )
    assert bars.close[crash].tolist() == [1003.349976, 1844.25]
    assert bars.open[0].tolist() == [1229.22998, 2207.540039]


@pytest.mark.parametrize("k", [0, 1])
def test_raw_and_adjusted_close_are_the_same_so_raw_is_used(k: int) -> None:
    path = sample.table_config(sample.locate()).files[k].path
    table = pl.read_csv(gzip.decompress(Path(path).read_bytes()))
    assert (table["Close"] == table["Adj Close"]).all()


def test_one_per_cent_of_a_small_account_can_still_hold_a_position(bars: PairBars) -> None:
    canary_usd = 1_000.0 * 0.2
    for k, instrument in enumerate(bars.instruments):
        assert canary_usd / (bars.close[:, k].max() * instrument.lot_units) > 20


def test_a_missing_package_is_named_with_what_to_install() -> None:
    with pytest.raises(
        ConfigError, match=r"'no_such_package', which is not.*stairway\[train\]"
    ):
        sample.locate("no_such_package")


def test_a_package_without_the_files_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    config = sample.table_config(tmp_path)
    with pytest.raises(ConfigError, match=r"SP500: .*sp500\.csv\.gz' does not exist"):
        sample.read_pair(config, sample.read_text, "CSV")


def test_neither_arch_nor_pandas_is_imported() -> None:
    program = (
        "import sys\n"
        "from stairway.adapters.sources import sample\n"
        "sample.read(sample.Config())\n"
        "print(sorted({'arch', 'pandas', 'statsmodels', 'torch', 'sklearn'} & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
