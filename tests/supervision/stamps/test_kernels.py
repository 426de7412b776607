"""An instant that compiled loops read is the one that the careful way reads."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.supervision.instants import Clock, to_ns
from stairway.supervision.stamps.kernels import instant


def read(text):
    letters = np.frombuffer(bytearray(text.encode()), np.uint8)
    return instant(letters, 0, len(letters))


@settings(max_examples=200)
@given(
    st.datetimes(),
    st.sampled_from("T "),
    st.sampled_from(["", ".5", ".123456789", ".000001"]),
    st.sampled_from(["Z", "+00:00", "-05:30", "+0100", "+23:59"]),
)
def test_an_instant_is_what_the_careful_way_makes_of_it(when, between, fraction, zone) -> None:
    text = when.strftime(f"%Y-%m-%d{between}%H:%M:%S").zfill(19) + fraction + zone
    is_plain, ns = read(text)
    assert is_plain == (1971 <= when.year <= 2260)
    if is_plain:
        assert ns == to_ns(pl.Series([text]), Clock("iso"))[0]


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00.1234567890Z", "2026-1-1T00:00:00Z000", "2026-01-01T00:00:00 Z", "",
    ],
)  # fmt: skip
def test_what_may_be_meant_otherwise_is_not_read(text) -> None:
    assert not read(text)[0]
