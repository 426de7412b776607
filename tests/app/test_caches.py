"""What is kept between runs lies with the person, wherever one stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from stairway.app import caches
from stairway.base.errors import ConfigError


def test_it_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert caches.golds() == Path("/somewhere/stairway/gold")
    assert caches.lessons() == Path("/somewhere/stairway/taught")


@pytest.mark.parametrize("said", [None, "", "cache"])
def test_without_a_whole_path_it_lies_in_the_home(
    said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/of/one")
    monkeypatch.delenv("XDG_CACHE_HOME")
    if said is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", said)
    assert caches.home() == Path("/home/of/one/.cache/stairway")


def test_where_one_stands_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = caches.golds()
    monkeypatch.chdir(tmp_path)
    assert caches.golds() == before
    assert caches.golds(Path("mine")) == tmp_path / "mine" / "gold"


def test_a_person_without_a_home_is_asked_for_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        msg = "Could not determine home directory."
        raise RuntimeError(msg)

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(ConfigError, match="set XDG_CACHE_HOME, or give --cache"):
        caches.home()
    assert caches.golds(Path("/mine")) == Path("/mine/gold")
