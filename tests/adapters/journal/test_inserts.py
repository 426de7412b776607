"""Rows of events, many to a statement."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.adapters.journal.inserts import INSERT, MOST, STEP, parts


@given(st.integers(0, 3_000), st.sampled_from([MOST, STEP]))
def test_every_row_is_in_one_part_that_there_is_a_statement_for(count, most):
    found = list(parts(range(count), most))
    assert [row for part in found for row in part] == list(range(count))
    assert {len(part) for part in found} <= {size for size in INSERT if size <= most}


@pytest.mark.parametrize(("count", "calls"), [(MOST, 1), (2 * MOST + 65, 4), (7, 7)])
def test_there_are_as_few_parts_as_there_can_be(count, calls):
    assert len(list(parts(range(count), MOST))) == calls


@pytest.mark.parametrize("count", INSERT)
def test_a_statement_takes_six_values_a_row(count):
    assert INSERT[count].count("?") == 6 * count
