"""Eight bytes at a time change nothing that one after another would have shown."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stairway.supervision.words.kernels import (
    SPARE,
    Words,
    copy_text,
    find_words,
    is_equal,
    plain_end,
)

MARKS = st.binary(max_size=40) | st.lists(
    st.sampled_from([0, 31, 32, 33, 34, 35, 91, 92, 93, 127, 128, 160, 220, 255]), max_size=40
).map(bytes)


def laid(text: bytes):
    return np.frombuffer(bytearray(text + b'"\\' * (SPARE // 2)), np.uint8)


@given(MARKS, st.integers(0, 40), st.integers(0, 40))
def test_a_text_ends_where_its_first_mark_is(text, at, end) -> None:
    at, end = min(at, len(text)), min(max(at, end), len(text))
    marks = (p for p in range(at, end) if text[p] in b'"\\' or text[p] < ord(" "))
    assert plain_end(laid(text), at, end) == next(marks, end)


@given(MARKS, st.integers(0, 8), st.integers(0, 40), st.integers(-1, 39))
def test_two_places_are_equal_where_every_byte_is(text, at, size, changed) -> None:
    one, other = text[at : at + size], bytearray(text[at : at + size])
    if 0 <= changed < len(other):
        other[changed] ^= 128
    both = laid(text[:at] + one + other + text)
    assert is_equal(both, at, at + len(one), len(one)) == (one == other)


@given(MARKS)
def test_a_text_is_copied_between_quotes(text) -> None:
    room = np.zeros(2 * len(text) + 3 * SPARE, np.uint8)
    room[: len(text) + SPARE] = laid(text)
    to = len(text) + SPARE
    end = copy_text(room, 0, len(text), to)
    assert room[to:end].tobytes() == b'"' + text + b'"'


@given(st.lists(st.text("abé", max_size=20).map(str.encode), max_size=60), st.integers(1, 40))
def test_a_word_keeps_its_number_as_long_as_there_is_room(said, most) -> None:
    words = Words(np.zeros(2_000, np.uint8), np.zeros(most + 1, np.int64),
                  np.zeros(128, np.int32), np.zeros(2, np.int64))  # fmt: skip
    end = np.cumsum([len(one) for one in said], dtype=np.int64)
    start = np.concatenate([[0], end[:-1]]).astype(np.int64)[: len(said)]
    # An empty place is no word: one byte is put before all of them.
    text, found = laid(b"." + b"".join(said)), np.empty(len(said), np.int64)
    n = find_words(text, start + 1, end + 1, words, found)
    number: dict[bytes, int] = {}
    for row, one in enumerate(said[:n]):
        assert found[row] == number.setdefault(one, len(number))
    assert (n == len(said)) == (len(set(said)) <= most)
