"""Whatever a reader of files raises, the user gets one sentence."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from stairway.adapters.tables.pair import read_pair
from stairway.adapters.tables.settings import File, TableConfig
from stairway.base.errors import ConfigError, DataError


@pytest.fixture
def config(tmp_path: Path) -> TableConfig:
    path = tmp_path / "bars"
    path.touch()
    first, second = (
        File(path=str(path), symbol=s, tick_usd=0.01, lot_units=1.0) for s in ("ONE", "TWO")
    )
    return TableConfig(files=(first, second), tz="UTC", stamp="close", bar_seconds=60)


@pytest.mark.parametrize(
    ("raised", "kind", "sentence"),
    [
        (
            pl.exceptions.PanicException("unwrap\non None"),
            DataError,
            r"\(unwrap\); it is damaged",
        ),
        (pl.exceptions.ComputeError("bad cell"), DataError, r"\(bad cell\); it is damaged"),
        (OSError("unexpected end of file"), DataError, "fetch it again"),
        (pl.exceptions.NoDataError("empty"), DataError, "is empty; give a Thing file"),
        (PermissionError("no"), ConfigError, "may not be read; change its permissions"),
    ],
)
def test_what_a_reader_raises_becomes_a_sentence(
    config: TableConfig, raised: BaseException, kind: type[Exception], sentence: str
) -> None:
    def load(_path: Path) -> pl.DataFrame:
        raise raised

    with pytest.raises(kind, match=sentence) as caught:
        read_pair(config, load, "Thing")
    assert str(caught.value).startswith("ONE: ")
    assert "\n" not in str(caught.value)


def test_a_bug_of_ours_and_an_interrupt_are_not_called_damage(config: TableConfig) -> None:
    for raised in (KeyboardInterrupt, ZeroDivisionError):

        def load(_path: Path, kind: type[BaseException] = raised) -> pl.DataFrame:
            raise kind

        with pytest.raises(raised):
            read_pair(config, load, "Thing")
