from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from stairway.app.validate.asked import Asked
from stairway.app.validate.given import Given, forecasts, given
from stairway.base.errors import ConfigError, DataError

N = 6
DAYS = [f"2024-01-0{day}" for day in range(1, N + 1)]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Given]:
    """Read a table with these columns beside the usual ones."""

    def made(columns: dict[str, Any] | None = None, **asked: Any) -> Given:
        table = {"time": DAYS, "a": [0.01, -0.02, 0.03, 0.0, 0.01, 0.02], "b": [0.0] * N}
        path = tmp_path / "returns.csv"
        pl.DataFrame(table | (columns or {})).write_csv(path)
        return given(Asked(target=path, **({"periods_per_year": 252.0} | asked)))

    return made


@pytest.fixture
def said(tmp_path: Path) -> Callable[..., Any]:
    def made(**columns: Any) -> Any:
        table = {"probability": [0.1, 0.9, 0.5, 0.4], "outcome": [0, 1, 1, 0]} | columns
        pl.DataFrame({k: v for k, v in table.items() if v is not None}).write_csv(
            tmp_path / "said.csv"
        )
        return forecasts(tmp_path / "said.csv")

    return made


def test_every_column_is_a_try_and_the_first_is_chosen(read: Callable[..., Given]) -> None:
    found = read()
    assert found.record.names == ("a", "b")
    assert (found.record.chosen, found.record.n_trials) == (0, 2)
    assert str(found.time_ns[:1].view("datetime64[ns]")[0])[:19] == "2024-01-01T00:00:00"
    assert read(chosen=" B ", n_trials=9).record.chosen == 1


def test_rivals_and_costs_are_no_tries(read: Callable[..., Given]) -> None:
    more = {"rule": [0.001] * N, "fee": [0.0001] * N, "slip": [0.0002] * N}
    found = read(more, baseline="rule", champion="rule", costs=("fee", "slip"))
    assert found.record.names == ("a", "b")
    assert found.record.gross is not None
    assert np.allclose(found.record.gross - found.record.returns, 0.0003)


def test_the_length_of_a_year_is_never_guessed(read: Callable[..., Given]) -> None:
    with pytest.raises(ConfigError, match="--periods-per-year is needed"):
        read(periods_per_year=None)


@pytest.mark.parametrize(
    ("row", "value", "sentence"),
    [
        (3, DAYS[2], "row 3 of .* repeats the time of row 2; keep one of the two"),
        (4, "2023-12-31", "row 4 of .* is earlier than row 3; sort the rows by time"),
        (2, "", "row 2 holds no time that can be read"),
    ],
)
def test_rows_out_of_order_are_named(
    read: Callable[..., Given], row: int, value: str, sentence: str
) -> None:
    times = list(DAYS)
    times[row] = value
    with pytest.raises(DataError, match=sentence):
        read({"time": times})


@pytest.mark.parametrize(
    "times",
    [
        [10**18 + row for row in range(N)],
        [None] * N,
        ["soon"] * N,
        [1.5 + row for row in range(N)],
    ],
    ids=["numbers", "none", "words", "fractions"],
)
def test_a_time_that_cannot_be_read_speaks_of_no_setting_that_a_table_lacks(
    read: Callable[..., Given], times: list[Any]
) -> None:
    with pytest.raises(DataError, match=r"column 'time' of .* holds ") as caught:
        read({"time": times})
    assert "[source]" not in str(caught.value)


@pytest.mark.parametrize("hole", [None, "inf", "nan"])
def test_a_hole_in_the_middle_is_named(read: Callable[..., Given], hole: str | None) -> None:
    with pytest.raises(DataError, match=r"column 'b' of .* must be finite, but row 2 is"):
        read({"b": ["0", "0", hole, "0", "0", "0"]})


@pytest.mark.parametrize(
    ("columns", "asked", "sentence"),
    [
        ({"b": ["x"] * N}, {}, "column 'b' of .*: row 0 holds 'x', which is no number"),
        ({"b": ["0", "1,5", *["0"] * 4]}, {}, "row 1 holds '1,5', which is no number"),
        ({"b": ["nan"] * N}, {}, "holds no number at all"),
        ({"": list(range(N))}, {}, "a column without a name"),
        ({}, {"chosen": "c"}, "--chosen 'c' is none of the columns"),
        ({}, {"baseline": "c"}, "no column 'c'"),
        ({}, {"baseline": "a", "chosen": "a"}, "'a' is named for two things"),
        ({}, {"baseline": "b", "gross": "b"}, "'b' is named for two things"),
        ({}, {"gross": "b", "costs": ("b",)}, "named for two things"),
        ({"g": [0.1] * N, "f": [0.1] * N}, {"gross": "g", "costs": ("f",)}, "in two ways"),
        ({"f": [0.1, -0.1, 0, 0, 0, 0]}, {"costs": ("f",)}, "row 1 of .*a cost is at least 0"),
        ({}, {"position": "b"}, "--position and --market go together"),
        (
            {},
            {"baseline": "a", "champion": "b"},
            "no column of returns that was tried; .*'a', 'b' were named by an option",
        ),
        ({}, {"n_trials": 1}, "--trials 1, but 2 columns"),
    ],
    ids=range(14),
)
def test_what_cannot_be_is_a_sentence(
    read: Callable[..., Given], columns: dict[str, Any], asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=sentence):
        read(columns, **asked)


def test_positions_lie_beside_what_came(read: Callable[..., Given]) -> None:
    more = {"pos": [1.0, 0, 1, 0, 1, 0], "mkt": [0.1, 0.2, 0.1, 0.2, 0.1, 0.2]}
    (one,) = read(more, position="pos", market="mkt").positions
    assert one.held.tolist() == more["pos"]
    assert one.came.tolist() == more["mkt"]


def test_probabilities_are_read_with_their_spans_and_regimes(said: Callable[..., Any]) -> None:
    found = said(regime=["trend", None, "mine", "trend"], start=[0, 1, 2, 3], end=[3, 4, 5, 9])
    assert found.confidence[:, 0].tolist() == [0.1, 0.9, 0.5, 0.4]
    assert not found.scored[:, 1].any()
    assert found.regime.tolist() == ["trend", "", "mine", "trend"]
    assert found.horizon_bars == 6
    assert said().end[:, 0].tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"probability": [0.1, 1.2, 0.5, 0.4]}, r"row 1 of .*probability is 1.2, .*outside"),
        ({"probability": [0.1, 1.0000001, 0.5, 0.4]}, r"probability is 1.0000001, which"),
        ({"outcome": [0.0, 1.0, 1.0000001, 0.0]}, "row 2 of .*outcome is 1.0000001, neither"),
        ({"probability": [0.1, None, 0.5, 0.4]}, "row 1 is nan"),
        ({"outcome": [0, 1, 2, 0]}, "row 2 of .*outcome is 2, neither 0 nor 1"),
        ({"start": [1, 2, 3, 4]}, "start and end go together"),
        ({"start": [1, 2, 3, 4], "end": [2, 3, 2, 5]}, "row 2 of .*end is 2, and its label"),
        ({"start": [1, 2, 3, 4], "end": [2, 3, 3, 5]}, "row 2 of .*end is 3, and its label"),
        ({"start": [-1, 2, 3, 4], "end": [2, 3, 4, 5]}, "row 0 of .*start is -1"),
        ({"start": [1, 2, 3, 4], "end": [2, 3, 10**18, 5]}, "row 2 of .*a row of this file"),
        ({"start": [1.0, 2.5, 3.0, 4.0], "end": [2, 3, 4, 5]}, "row 1 of .*start is 2.5"),
        ({"time": ["2024-01-02", "2024-01-01", "2024-01-03", "2024-01-04"]}, "row 1 .*earlier"),
        ({"outcome": None}, "no column 'outcome'"),
    ],
    ids=range(13),
)
def test_probabilities_that_cannot_be_are_named(
    said: Callable[..., Any], columns: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=sentence):
        said(**columns)


@pytest.mark.parametrize(
    ("missing", "taken"), [(0, "all"), (2, "all"), (3, "none"), (-1, "none")]
)
def test_as_many_may_be_missing_at_the_end_as_a_label_is_long(
    tmp_path: Path, missing: int, taken: str
) -> None:
    n = N - missing
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 1), eager=True)
    table = {
        "time": days[:n],
        "probability": [0.5] * n,
        "outcome": [1] * n,
        "start": list(range(n)),
        "end": [row + 2 for row in range(n)],
    }
    pl.DataFrame(table).write_csv(tmp_path / "said.csv")
    time_ns = days[:N].cast(pl.Datetime("ns")).to_physical().to_numpy()
    if taken == "all":
        assert forecasts(tmp_path / "said.csv", time_ns).outcome.shape == (n, 2)
        return
    words = "leaves out the last 3 of 6 rows of returns" if n < N else "is not that of the"
    with pytest.raises(DataError, match=words):
        forecasts(tmp_path / "said.csv", time_ns)


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("time,a,a\n2024-01-01,0.1,0.2\n2024-01-02,0.1,0.2\n")
    with pytest.raises(ConfigError, match="the column 'a' more than once"):
        given(Asked(target=path, periods_per_year=252.0))


def test_too_few_tries_name_the_columns_that_are_there(read: Callable[..., Given]) -> None:
    more = {f"c{k}": [0.0] * N for k in range(8)}
    with pytest.raises(
        ConfigError, match=r"10 columns of .* 'c7'; every column that no option"
    ):
        read(more, n_trials=3)


@pytest.mark.parametrize(
    ("column", "asked"),
    [("b", {}), ("b", {"baseline": "b"}), ("b", {"costs": ("b",)}), ("b", {"gross": "b"})],
    ids=range(4),
)
def test_a_hole_says_what_a_row_without_a_position_counts_as(
    read: Callable[..., Given], column: str, asked: dict[str, Any]
) -> None:
    with pytest.raises(DataError, match=r"row 2 is nan; a row in which nothing was held.* 0"):
        read({column: ["0", "0", None, "0", "0", "0"]}, **asked)


def five_bars(n: int) -> dict[str, Any]:
    """Labels over five bars: the last four are not known yet."""
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 1), eager=True)
    outcome = [row % 2 if row < n - 4 else None for row in range(n)]
    span = {"start": list(range(n)), "end": [row + 5 for row in range(n)]}
    return {"time": days[:n], "probability": [0.5] * n, "outcome": outcome, **span}


def times(table: dict[str, Any]) -> Any:
    return table["time"].cast(pl.Datetime("ns")).to_physical().to_numpy()


@pytest.mark.parametrize("timed", [True, False])
def test_an_outcome_that_is_not_known_yet_may_be_empty(tmp_path: Path, *, timed: bool) -> None:
    table = five_bars(20)
    time_ns = times(table)
    path = tmp_path / "said.csv"
    pl.DataFrame(table if timed else table | {"time": None}).drop(
        [] if timed else ["time"]
    ).write_csv(path)
    found = forecasts(path, time_ns)
    assert found.outcome[:, 0].tolist() == [row % 2 for row in range(16)] + [-1] * 4
    assert int(found.scored.sum()) == 16
    assert forecasts(path).outcome[:, 0].tolist() == found.outcome[:, 0].tolist()


def test_an_outcome_is_not_known_yet_only_where_its_label_has_not_ended(tmp_path: Path) -> None:
    table = five_bars(20)
    path = tmp_path / "said.csv"
    for row, words in ((14, "row 14 of .*outcome is empty, and its label ended at row 18"),):
        holed = [None if k == row else one for k, one in enumerate(table["outcome"])]
        pl.DataFrame(table | {"outcome": holed}).write_csv(path)
        with pytest.raises(DataError, match=f"{words}.*mend it, or start and end"):
            forecasts(path, times(table))
    # As many rows as there are returns decide what is not known yet, not those that are there.
    pl.DataFrame(table)[:19].write_csv(path)
    assert forecasts(path, times(table)).outcome[-1, 0] == -1
    ended = [0] * 14 + [None]
    pl.DataFrame(
        {name: one[:15] for name, one in table.items()} | {"outcome": ended}
    ).write_csv(path)
    with pytest.raises(DataError, match=r"row 14 of .*outcome is empty"):
        forecasts(path, times(table))


def test_labels_over_several_bars_without_their_spans_lead_to_the_spans(tmp_path: Path) -> None:
    table = five_bars(20)
    path = tmp_path / "said.csv"
    bare = pl.DataFrame(table).drop("start", "end")
    for rows, words in (
        (bare, "row 16 of .*outcome is empty"),
        (bare[:16], "leaves out the last 4 of 20 rows of returns, and only the row "),
        (bare[:16].drop("time"), "16 probabilities for 20 returns"),
    ):
        rows.write_csv(path)
        with pytest.raises(DataError, match=f"{words}.*give both, the rows .start, end. "):
            forecasts(path, times(table))


@pytest.mark.parametrize("column", ["start", "end"])
@pytest.mark.parametrize("kind", ["dates", "words", "hole"])
def test_spans_are_asked_for_as_rows_and_never_to_be_left_out(
    tmp_path: Path, column: str, kind: str
) -> None:
    table = five_bars(6)
    rows: Any = {"dates": table["time"], "words": ["2024-01-01"] * 6, "hole": [None, *[5] * 5]}
    path = tmp_path / "said.parquet"
    pl.DataFrame(table | {column: rows[kind]}).write_parquet(path)
    with pytest.raises(DataError, match="counted from 0 at the first row of this file") as told:
        forecasts(path)
    assert f"column {column!r}" in str(told.value)
    assert "leave" not in str(told.value)


def test_a_parquet_column_that_is_no_number_is_named_with_its_type(tmp_path: Path) -> None:
    time = pl.Series("time_ns", [1, 2], dtype=pl.Int64)
    path = tmp_path / "returns.parquet"
    pl.DataFrame([time, pl.Series("a", [[0.1], [0.2]])]).write_parquet(path)
    with pytest.raises(DataError, match=r"column 'a' of .* holds List\(Float64\), no numbers"):
        given(Asked(target=path, periods_per_year=252.0))


def test_a_regime_that_is_no_word_is_named_with_its_type(tmp_path: Path) -> None:
    path = tmp_path / "said.parquet"
    table = {"probability": [0.5, 0.6], "outcome": [0, 1], "regime": [["x"], ["y"]]}
    pl.DataFrame(table).write_parquet(path)
    with pytest.raises(
        DataError, match=r"column 'regime' of .* holds List\(String\), no words"
    ):
        forecasts(path)
