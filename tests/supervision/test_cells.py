"""Values as they were found become codes, hashes and words, the quick way and the other alike."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from stairway.supervision import cells
from stairway.supervision.answers import Codes

WORD = st.none() | st.sampled_from(
    ["a", "b", " a", "a\u2003", "", "nan", "NaN", " ", "\u00e9", "\x7f"]
)
WORDS = st.lists(WORD | st.text(max_size=3), min_size=1, max_size=30)


def bare(word):
    """The word that is meant, in plain Python."""
    kept = None if word is None else word.strip()
    return None if kept in {None, "", "nan", "NaN", "None", "null"} else kept


@given(WORDS)
def test_words_are_bare_and_what_means_nothing_is_none(given_words) -> None:
    # Polars counts a few signs of control less to white space than Python does.
    told = [
        None if w is None else w.strip("".join(map(chr, range(28, 32)))) for w in given_words
    ]
    values = pl.Series(told, dtype=pl.String)
    assert cells.words(values).to_list() == [bare(word) for word in values.str.strip_chars()]


@given(WORDS)
def test_ids_are_hashed_alike_where_they_mean_the_same(given_words) -> None:
    values = pl.Series(given_words, dtype=pl.String)
    meant = cells.words(values).to_list()
    found = cells.hashed(values).tolist()
    assert [h == 0 for h in found] == [word is None for word in meant]
    assert len(set(found)) == len(set(meant))
    assert found == [int(cells.hashed(pl.Series([w], dtype=pl.String))[0]) for w in given_words]


@given(WORDS)
def test_names_are_coded_in_the_order_in_which_they_are_met(given_words) -> None:
    codes, other = Codes("names", 99), Codes("names", 99)
    found = cells.coded(pl.Series(given_words, dtype=pl.String), codes, required=True)
    coder = cells.name_coder(other, required=True)
    if None in given_words:
        coder[None]
    assert found.tolist() == coder.codes(given_words).tolist()
    assert codes.names == other.names


def test_a_column_without_any_name_asks_for_none_once() -> None:
    found = cells.coded(pl.Series([None] * 3, dtype=pl.String), Codes("names", 2))
    assert found.tolist() == [-1] * 3


def test_more_different_words_than_there_is_room_for_at_first_are_grouped() -> None:
    words = [f"w{n % 3_000}" for n in range(9_000)]
    found, first = cells.grouped(pl.Series(words))
    assert found.tolist() == [n % 3_000 for n in range(9_000)]
    assert np.array_equal(first, np.arange(3_000))
