"""Execution settings have no defaults and cannot be weakened by a slip."""

from __future__ import annotations

import msgspec
import pytest

from stairway.execution.rules import ExecutionRules, VenueMode
from stairway.testing.brackets import some_rules

GOOD = {
    "venue_mode": "reduce_only",
    "naked_max_ns": 1,
    "cancel_entry_on_exit": True,
    "reprice_band_ticks": 0,
    "min_order_lots": 1,
    "max_submits": 1,
}


def test_the_settings_can_be_read_from_a_file() -> None:
    rules = msgspec.convert(GOOD, ExecutionRules)
    assert rules.venue_mode is VenueMode.REDUCE_ONLY


@pytest.mark.parametrize("key", sorted(GOOD))
def test_no_setting_has_a_default(key: str) -> None:
    given = {k: v for k, v in GOOD.items() if k != key}
    with pytest.raises(msgspec.ValidationError, match=key):
        msgspec.convert(given, ExecutionRules)


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("venue_mode", "yolo"),
        ("naked_max_ns", -1),
        ("reprice_band_ticks", -1),
        ("min_order_lots", 0),
        ("max_submits", 0),
    ],
)
def test_impossible_settings_are_refused_however_they_are_made(key, bad) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(GOOD | {key: bad}, ExecutionRules)
    with pytest.raises(msgspec.ValidationError):
        ExecutionRules(**{**msgspec.structs.asdict(some_rules()), key: bad})
