"""A setting that is out of range cannot exist, however it was made."""

from __future__ import annotations

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from stairway.base.config import Config


class Limits(Config, frozen=True, kw_only=True):
    max_lots: Annotated[int, Meta(gt=0)]
    loss_frac: Annotated[float, Meta(gt=0.0, le=1.0)]


GOOD = {"max_lots": 5, "loss_frac": 0.02}
BAD = [
    {"max_lots": -5},
    {"max_lots": 0},
    {"max_lots": 1.5},
    {"loss_frac": 9.0},
    {"loss_frac": float("nan")},
    {"loss_frac": "much"},
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_limit_cannot_be_made_in_python_or_from_a_file(bad: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        Limits(**GOOD | bad)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(GOOD | bad, Limits)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"max_lots": -5}, "max_lots of Limits is -5: Expected `int` >= 1"),
        ({"loss_frac": "much"}, "loss_frac of Limits is 'much': Expected `float`, got `str`"),
    ],
)
def test_a_bad_limit_is_named_with_what_it_is_and_what_it_may_be(
    bad: dict[str, object], said: str
) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        Limits(**GOOD | bad)
    assert str(caught.value) == said


def test_a_misspelt_limit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert(GOOD | {"max_lotz": 1}, Limits)


def test_a_limit_left_out_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="missing required field"):
        msgspec.convert({"max_lots": 5}, Limits)


def test_a_limit_cannot_be_widened_in_place() -> None:
    with pytest.raises(AttributeError):
        Limits(**GOOD).max_lots = 500  # type: ignore[misc]


def test_a_changed_copy_is_checked_again() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.structs.replace(Limits(**GOOD), max_lots=-1)
