"""What is made ahead comes in order, and its errors too."""

from __future__ import annotations

import pytest

from stairway.app.gate.ahead import ahead
from stairway.base.errors import DataError


def test_everything_comes_once_and_in_order() -> None:
    assert list(ahead(range(50))) == list(range(50))
    assert list(ahead([])) == []


def test_an_error_is_raised_where_it_would_have_been() -> None:
    def made():
        yield 1
        msg = "line 2"
        raise DataError(msg)

    found = ahead(made())
    assert next(found) == 1
    with pytest.raises(DataError, match="line 2"):
        next(found)


def test_no_more_than_one_is_made_ahead() -> None:
    made = []
    found = ahead(made.append(n) or n for n in range(10))
    next(found)
    assert len(made) <= 2
    found.close()
