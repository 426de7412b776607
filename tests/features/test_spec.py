from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest

from stairway.base.errors import ConfigError
from stairway.features import spec
from stairway.features.spec import FEATURE_NAMES, VOLATILITY_LONG, FeatureRules, schema_hash

WINDOWS = [f for f in FeatureRules.__struct_fields__ if f.endswith("_bars")]
Make = Callable[..., FeatureRules]


def test_there_are_twelve_features_and_none_has_the_name_of_another() -> None:
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 12


def test_the_volatility_that_barriers_use_is_the_long_one() -> None:
    assert FEATURE_NAMES[VOLATILITY_LONG] == "volatility_long"


def test_every_feature_is_in_the_reference_table() -> None:
    table = spec.__doc__ or ""
    short = {re.sub(r"_(short|long)$", "", name) for name in FEATURE_NAMES}
    assert [name for name in sorted(short) if name not in table] == []


def test_the_schema_hash_is_the_same_for_the_same_rules(small_features: Make) -> None:
    assert schema_hash(small_features()) == schema_hash(small_features())


@pytest.mark.parametrize("field", WINDOWS)
def test_every_window_is_part_of_the_schema(small_features: Make, field: str) -> None:
    longer = {field: getattr(small_features(), field) + 1}
    assert schema_hash(small_features(**longer)) != schema_hash(small_features())


@pytest.mark.parametrize(
    "change", [{"clock": "session"}, {"session_seconds": 1}, {"count_session_gaps": False}]
)
def test_the_meaning_of_time_is_part_of_the_schema(
    small_features: Make, change: dict[str, object]
) -> None:
    assert schema_hash(small_features(**change)) != schema_hash(small_features())


@pytest.mark.parametrize("kind", ["momentum", "volatility"])
def test_a_short_window_must_be_shorter_than_its_long_one(
    small_features: Make, kind: str
) -> None:
    with pytest.raises(
        ConfigError, match=f"features.{kind}_short_bars is 9 .* must be shorter"
    ):
        small_features(**{f"{kind}_short_bars": 9, f"{kind}_long_bars": 9})


@pytest.mark.parametrize("field", WINDOWS)
@pytest.mark.parametrize("bad", [0, -3])
def test_a_window_without_bars_is_refused(small_features: Make, field: str, bad: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        small_features(**{field: bad})


def test_a_deviation_needs_two_bars(small_features: Make) -> None:
    with pytest.raises(msgspec.ValidationError):
        small_features(volatility_short_bars=1)


def test_a_clock_that_nobody_knows_is_refused(small_features: Make) -> None:
    with pytest.raises(msgspec.ValidationError):
        small_features(clock="moon")


@pytest.mark.parametrize("field", FeatureRules.__struct_fields__)
def test_no_rule_has_a_default(small_features: Make, field: str) -> None:
    settings = msgspec.structs.asdict(small_features())
    del settings[field]
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(settings, FeatureRules)


def test_the_longest_window_of_all_sets_the_warm_up(small_features: Make) -> None:
    assert small_features().warm_up_bars == 7
    assert small_features(volume_bars=50).warm_up_bars == 50
    assert small_features(rsi_bars=50).warm_up_bars == 51
