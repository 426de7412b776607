"""A field map says what is what; without one, three layouts are known and no more."""

from __future__ import annotations

import pytest

from stairway.base.errors import ConfigError
from stairway.supervision.answers import BUY, HOLD, MISSING, SELL, UNKNOWN
from stairway.supervision.field_map import Actions, action_code, read_map, recognise

FLAT = ["ts", "symbol", "model", "action", "confidence"]
MAP = """
[fields]
time = "at"
symbol = { value = "BTC" }
[models.rf]
action = "rf_says"
confidence = "rf_p"
"""


def test_layouts_are_known_by_their_fields() -> None:
    assert recognise(FLAT).name == "flat"
    assert recognise(["payload", "event_type"]).name == "payload"
    assert recognise(["type", "model", "as_of_ns", "raw", "confidence"]).name == "stairway"


@pytest.mark.parametrize("missing", FLAT)
def test_a_flat_row_without_one_of_its_fields_is_refused_by_name(missing: str) -> None:
    with pytest.raises(ConfigError, match=r"no layout is known .* --field-map FILE"):
        recognise([name for name in FLAT if name != missing])


def test_a_map_that_names_a_missing_field_is_refused_with_those_there_are() -> None:
    mapped = read_map(MAP, "m.toml")
    assert recognise(["at", "rf_says", "rf_p"], mapped).map == mapped
    with pytest.raises(
        ConfigError, match=r"names 'rf_p', which .* have 2 fields: 'at', 'rf_says'"
    ):
        recognise(["at", "rf_says"], mapped)


def test_a_number_beyond_the_columns_is_a_missing_field() -> None:
    mapped = read_map('[fields]\ntime=1\nsymbol=2\nmodel={value="a"}\naction=4\n', "m.toml")
    assert mapped.by_number
    with pytest.raises(ConfigError, match="names '4'"):
        recognise(["a", "b", "c"], mapped)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[fields", "cannot be used"),
        ('[fields]\ntime="a"\nsymbol="b"\n', "names no model"),
        (MAP + "\n[extra]\n", r"unknown field.*; a field map has \[fields\], \[models\]"),
        (MAP + "\n[source]\nsep = 1\n", r"; \[source\] has header, separator"),
        (MAP + "\n[models.a]\nfoo = 1\n", r"; \[models.NAME\] has action, confidence"),
        (MAP.replace('"at"', "0"), "cannot be used"),
        (MAP.replace('time = "at"', 'time = "at"\nunit = "days"'), "cannot be used"),
    ],
)
def test_a_map_that_says_what_no_map_says_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_map(text, "m.toml")


def test_words_of_actions_are_known_or_unknown_never_guessed() -> None:
    assert [action_code(w) for w in ("BUY", "hold", " Sell ", "LONG", 1)] == [
        BUY,
        HOLD,
        SELL,
        UNKNOWN,
        UNKNOWN,
    ]
    assert [action_code(w) for w in (None, "", "nan", "None")] == [MISSING] * 4
    own = Actions(buy=("LONG", 1), sell=("SHORT", -1))
    assert [action_code(w, own) for w in ("LONG", "1", -1.0, "BUY")] == [
        BUY,
        BUY,
        SELL,
        UNKNOWN,
    ]


def test_a_word_that_means_two_things_means_nothing() -> None:
    assert action_code("x", Actions(buy=("x",), sell=("x",))) == UNKNOWN


def test_only_columns_that_are_named_plainly_can_be_left_unread() -> None:
    assert recognise(FLAT).columns == ("ts", "symbol", "model", "action", "confidence")
    assert (
        recognise(
            ["payload"],
            read_map(
                MAP.replace('"at"', '"payload.at"')
                .replace('"rf_says"', '"payload.a"')
                .replace('"rf_p"', '"payload.b"'),
                "m",
            ),
        ).columns
        is None
    )


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('[actions]\nbuy = ["BUY"]\nsell = ["BUY"]\n', "'BUY' stands under buy and under sell"),
        ('[actions]\nhold = ["1"]\nbuy = [1]\n', "'1' stands under buy and under hold"),
        ('[models.x]\naction = "p"\nconfidence = "p"\n', "'p' is both action and confidence"),
        ('[models.x]\naction = "at"\n', "'at' is both time and action"),
    ],
)
def test_a_map_that_contradicts_itself_is_refused(more: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_map(MAP + more, "m.toml")


@pytest.mark.parametrize("field", ['"at"', "1"])
def test_one_field_is_not_the_time_and_the_instrument(field: str) -> None:
    text = MAP.replace('"at"', field).replace('{ value = "BTC" }', field)
    with pytest.raises(ConfigError, match="is both time and symbol"):
        read_map(text, "m.toml")


@pytest.mark.parametrize("zone", ["Mars/One", ""])
def test_a_zone_that_nobody_knows_is_refused_before_a_stamp_is_read(zone: str) -> None:
    with pytest.raises(ConfigError, match=f"no time zone is called '{zone}'"):
        read_map(MAP.replace('time = "at"', f'time = "at"\ntz = "{zone}"'), "m.toml")
    good = MAP.replace('time = "at"', 'time = "at"\ntz = "Europe/Berlin"')
    assert read_map(good, "m.toml").fields.tz == "Europe/Berlin"
