"""Every setting is said, known, finite and in range; else one clear sentence."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.app import settings as policies
from stairway.app.tables import read
from stairway.app.settings import Settings, decode, fingerprint, load, plain, shipped
from stairway.base.errors import ConfigError
from stairway.lifecycle.state import ClimbRules

MAY_BE_NEGATIVE = {"sizing.stress_correlation", "probation.min_average_r"}


def tables(policy: str = "daily") -> dict[str, Any]:
    return read("policy", policy, policies.shipped())


def numbers(value: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, float]]:
    for name, inner in value.items():
        here = f"{place}.{name}" if place else name
        if isinstance(inner, dict):
            yield from numbers(inner, here)
        elif isinstance(inner, int | float) and not isinstance(inner, bool):
            yield here, inner


def put(place: str, value: Any, policy: str = "daily") -> dict[str, Any]:
    """The tables of a policy with one key changed."""
    changed = copy.deepcopy(tables(policy))
    *sections, key = place.split(".")
    table = changed
    for section in sections:
        table = table[section]
    table[key] = value
    return changed


def complaint(changed: Mapping[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        decode(changed, "mine.toml")
    text = str(caught.value)
    assert text.startswith("policy 'mine.toml': ")
    assert "\n" not in text
    return text


def write(folder: Path, text: str | bytes) -> str:
    path = folder / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def daily_text() -> str:
    return files("stairway").joinpath("policies", "daily.toml").read_text("utf-8")


@pytest.mark.parametrize("policy", shipped())
def test_every_shipped_policy_loads_and_comes_back_from_its_plain_form(policy: str) -> None:
    settings = load(policy)
    assert decode(plain(settings), policy) == settings
    assert msgspec.json.decode(msgspec.json.encode(plain(settings)), type=Settings) == settings


def test_the_shipped_policies_are_these() -> None:
    assert shipped() == ("daily", "intraday", "literal")


def test_a_copy_of_a_policy_is_the_policy(tmp_path: Path) -> None:
    assert fingerprint(load(write(tmp_path, daily_text()))) == fingerprint(load("daily"))


def test_the_fingerprint_covers_every_number() -> None:
    prints = {fingerprint(load(policy)) for policy in shipped()}
    assert len(prints) == len(shipped())
    changed = decode(put("limits.max_heat_frac", 0.0601), "mine.toml")
    assert fingerprint(changed) != fingerprint(load("daily"))


def test_no_key_may_be_left_out() -> None:
    """Every table, one key at a time."""

    def drop(value: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
        for name in tuple(value):
            inner = value.pop(name)
            yield name
            value[name] = inner
            if isinstance(inner, dict):
                yield from drop(inner, whole)

    whole, count = tables(), 0
    free = set(whole["sizing"]["regime_factor"])
    for name in drop(whole, whole):
        if name not in free:
            assert f"`{name}`" in complaint(whole)
            count += 1
    assert count > 150


def test_a_missing_limit_says_where_and_what_to_do() -> None:
    changed = tables()
    del changed["limits"]["max_daily_loss_frac"]
    text = complaint(changed)
    assert "missing required field `max_daily_loss_frac` in limits" in text
    assert "copy the line from a shipped policy" in text


@pytest.mark.parametrize("section", [None, "limits", "drill.edge"])
def test_an_unknown_key_is_refused_by_name(section: str | None) -> None:
    text = complaint(put("max_fun" if section is None else f"{section}.max_fun", 3))
    assert "max_fun" in text
    assert f"in {section or 'the top level'}" in text
    assert "remove the key or correct its spelling" in text


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_number_of_a_policy_may_be_nan_or_infinite(bad: float) -> None:
    for place, _ in numbers(tables()):
        text = complaint(put(place, bad))
        assert place in text
        assert "every limit is a finite number" in text


def test_no_number_may_be_negative_but_those_that_mean_it() -> None:
    found = set()
    for place, value in numbers(tables()):
        try:
            decode(put(place, -1.0 if isinstance(value, float) else -1), "mine.toml")
        except ConfigError:
            continue
        found.add(place)
    assert found == MAY_BE_NEGATIVE


def test_a_nan_inside_a_list_is_found() -> None:
    changed = put("canary.ramp_shares", [0.05, math.nan, 1.0])
    assert "canary.ramp_shares[1] is nan" in complaint(changed)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("limits.max_symbol_frac", "much", "expected"),
        ("limits.max_lots", 1.5, "expected `int`"),
        ("session.kind", "weekly", "invalid enum value"),
        ("run.train_frac", 1.0, "< 1.0"),
        ("ensemble.dispersion_warning", 0.3, "the warning comes first"),
        ("limits", 3, "expected `object`"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_one_sentence(
    place: str, value: Any, words: str
) -> None:
    assert words in complaint(put(place, value))


@pytest.mark.parametrize(
    ("stop_vol", "target_vol", "bound_r", "good"),
    [
        (2.0, 4.0, 3.0, True),
        (2.0, 6.0, 3.0, True),
        (2.0, 6.1, 3.0, False),
        (6.1, 2.0, 3.0, False),
        (6.0, 2.0, 3.0, True),
    ],
)
def test_a_bet_must_be_bounded_by_what_one_trade_can_win(
    stop_vol: float, target_vol: float, bound_r: float, *, good: bool
) -> None:
    """A short takes its profit where a long is stopped."""
    changed = put("labels.stop_vol", stop_vol)
    changed["labels"]["target_vol"] = target_vol
    changed["probation"]["betting"]["bound_r"] = bound_r
    if good:
        assert decode(changed, "mine.toml").probation.betting.bound_r == bound_r
        return
    text = complaint(changed)
    assert "[probation.betting] bound_r is 3 R" in text
    assert "let one trade win 3.05 R; raise bound_r to at least 3.05" in text


def test_a_rival_may_win_that_much_while_the_candidate_loses_its_stake() -> None:
    changed = put("labels.target_vol", 4.0)
    for bound_r, good in ((3.0, True), (2.99, False)):
        changed["promotion"]["betting"]["bound_r"] = bound_r
        if good:
            assert decode(changed, "mine.toml").promotion.betting.bound_r == bound_r
            continue
        text = complaint(changed)
        assert "[promotion.betting] bound_r is 2.99 R" in text
        assert "raise bound_r to at least 3" in text


def test_limits_hold_however_settings_are_made() -> None:
    settings = load("daily")
    labels = msgspec.structs.replace(settings.labels, target_vol=20.0)
    with pytest.raises(ConfigError, match="bound_r"):
        msgspec.structs.replace(settings, labels=labels)


def test_the_environment_overrides_the_file() -> None:
    settings = load(
        "daily",
        {
            "STAIRWAY__LIMITS__MAX_HEAT_FRAC": "0.01",
            "STAIRWAY__DRILL__EDGE__BLOCK_BARS": "3",
            "STAIRWAY__SESSION__TZ": "UTC",
            "STAIRWAY__CANARY__RAMP_SHARES": "[0.1, 1.0]",
            "STAIRWAY__SESSION__CLOSE": '"15:00"',
            "STAIRWAY_DATA": "/nowhere",
            "PATH": "/bin",
        },
    )
    assert settings.limits.max_heat_frac == 0.01
    assert settings.drill.edge.block_bars == 3
    assert (settings.session.tz, settings.session.close) == ("UTC", "15:00")
    assert settings.canary.ramp_shares == (0.1, 1.0)
    assert load("daily").limits.max_heat_frac == 0.06


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("STAIRWAY__LIMITZ__MAX_LOTS", "no section 'limitz' in the policy"),
        ("STAIRWAY__LIMITS__MAX_FUN", "no key 'max_fun' there"),
        ("STAIRWAY__DRILL__EDGES__BLOCK_BARS", "no section 'edges'"),
        ("STAIRWAY__LIMITS__MAX_LOTS__DEEPER", "no section 'max_lots'"),
        ("STAIRWAY__", "no key '' there"),
    ],
)
def test_an_override_of_nothing_is_refused(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load("daily", {name: "1"})
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("text", ["nan", "-1", "much", "inf", "", "1\n[x]"])
def test_an_override_is_checked_like_the_file(text: str) -> None:
    with pytest.raises(ConfigError):
        load("daily", {"STAIRWAY__LIMITS__MAX_HEAT_FRAC": text})


def test_no_such_policy_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="no policy named 'weekly'; shipped are daily, intra"):
        load("weekly")


@pytest.mark.parametrize("name", ["gone.toml", "folder.toml", "../daily"])
def test_a_path_that_is_no_file_is_no_policy(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match="no policy named"):
        load(str(tmp_path / name))


@pytest.mark.parametrize(
    "content", [b"[limits\n", b"\xff\xfe\x00", b"a = 1\na = 2\n", b"{json: 1}"]
)
def test_what_is_not_toml_is_said_to_be_so(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigError, match="is not TOML: "):
        load(write(tmp_path, content))


def test_an_empty_file_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing required field .* in the top level"):
        load(write(tmp_path, ""))


def test_the_climb_is_the_four_sections_that_decide_who_stands_where() -> None:
    settings = load("daily")
    assert settings.climb == ClimbRules(
        promotion=settings.promotion,
        canary=settings.canary,
        probation=settings.probation,
        rollback=settings.rollback,
    )


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        load("daily").limits = None  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "gate"),
    [
        ("evidence_gates", "causality"),
        ("evidence_gates", "after_cost_sharpe"),
        ("evidence_gates", "leak_battery"),
        ("evidence_gates", "deflated_sharpe"),
        ("live_gates", "quality_gate"),
        ("quarantine_gates", "artifact"),
    ],
)
def test_a_gate_may_be_added_and_none_left_out(key: str, gate: str) -> None:
    tables = plain(load("daily"))
    gates = list(tables["promotion"][key])
    tables["promotion"][key] = [*gates, "another"]
    assert "another" in getattr(decode(tables, "mine.toml").promotion, key)
    tables["promotion"][key] = [one for one in gates if one != gate]
    with pytest.raises(ConfigError, match=f"{key} lacks {gate}; gates may only be added"):
        decode(tables, "mine.toml")


@pytest.mark.parametrize(("key", "number"), [("cooldown_hours", 1e9), ("cooldown_hours", 1e30)])
def test_no_number_is_larger_than_a_clock_can_hold(key: str, number: float) -> None:
    tables = plain(load("daily"))
    tables["rollback"][key] = number
    with pytest.raises(ConfigError, match=f"rollback.{key} is .* nothing here is larger"):
        decode(tables, "mine.toml")


def test_the_environment_may_tighten_a_limit_and_never_widen_it() -> None:
    name = "STAIRWAY__LIMITS__MAX_LEVERAGE"
    assert load("daily", {name: "0.5"}).limits.max_leverage == 0.5
    with pytest.raises(ConfigError, match="never widened; edit a copy of the policy"):
        load("daily", {name: "5.0"})
