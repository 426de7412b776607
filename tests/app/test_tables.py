"""A file of settings is read by name, or said by name not to be there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.app.tables import numbers, read
from stairway.base.errors import ConfigError

leaves = st.one_of(st.booleans(), st.text(max_size=3), st.integers(), st.floats())
names = st.text("abc", min_size=1, max_size=3)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
)


def follow(tables: object, place: str) -> object:
    """What lies at a place."""
    for step in place.replace("[", ".[").strip(".").split("."):
        tables = tables[int(step[1:-1])] if step[0] == "[" else tables[step]
    return tables


def leaf_count(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(leaf_count, value.values()))
    if isinstance(value, list):
        return sum(map(leaf_count, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


@given(st.dictionaries(names, trees, max_size=4))
def test_every_number_is_found_at_its_place(tables: dict[str, object]) -> None:
    found = list(numbers(tables))
    assert len(found) == leaf_count(tables)
    assert all(follow(tables, place) is number for place, number in found)


def test_a_shipped_name_wins_over_a_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "daily").write_text("mine = true\n")
    monkeypatch.chdir(tmp_path)
    assert "limits" in read("policy", "daily", ["daily"])


def test_a_file_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[a]\nb = 1\n")
    assert read("policy", str(tmp_path / "mine.toml"), ["daily"]) == {"a": {"b": 1}}


def test_what_there_is_is_named() -> None:
    with pytest.raises(ConfigError, match="no recipe named 'x'; shipped are one, two, or give"):
        read("recipe", "x", ["one", "two"])


def test_a_file_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.toml"
    path.touch()

    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(ConfigError, match=r"mine\.toml' cannot be read \(Permission denied\)"):
        read("policy", str(path), [])
