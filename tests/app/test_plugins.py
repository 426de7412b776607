"""A plug-in is found by the name of its file, and nothing else can be loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import pytest

from stairway import adapters
from stairway.app import plugins
from stairway.app.plugins import Kind
from stairway.base.errors import ConfigError

KINDS: tuple[Kind, ...] = get_args(Kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_a_folder_is_a_plug_in_and_loads(kind: Kind) -> None:
    folder = Path(adapters.__path__[0]) / kind
    files = {p.stem for p in folder.glob("*.py")} - {"__init__"}
    assert set(plugins.names(kind)) == files
    for name in plugins.names(kind):
        assert plugins.load(kind, name).__name__ == f"stairway.adapters.{kind}.{name}"


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_sorted(kind: Kind) -> None:
    assert list(plugins.names(kind)) == sorted(plugins.names(kind))


@pytest.mark.parametrize(
    "name",
    ["", "cvs", "os", "__init__", "..app.run", "csv.open", "csv ", "CSV", "../csv", "a b"],
)
def test_what_is_no_file_of_the_folder_cannot_be_named(name: str) -> None:
    with pytest.raises(ConfigError, match="no sources plug-in named") as caught:
        plugins.load("sources", name)
    assert repr(name) in str(caught.value)
    assert "there are: csv, parquet, sample" in str(caught.value)


def test_asking_for_names_imports_no_plug_in() -> None:
    loaded = set(sys.modules)
    plugins.names("brokers")
    fresh = set(sys.modules) - loaded
    assert not any(name.startswith("stairway.adapters.brokers.") for name in fresh)


def test_a_source_has_a_config_and_a_way_to_read() -> None:
    for name in plugins.names("sources"):
        module = plugins.load("sources", name)
        assert hasattr(module, "Config")
        assert callable(module.read)


def test_a_library_that_is_not_installed_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    for name in [
        n
        for n in sys.modules
        if n.startswith(("stairway.adapters.outbox", "stairway.adapters.logs.redis"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        ConfigError, match=r"'redis' needs redis.*pip install 'stairway\[redis\]'"
    ):
        plugins.load("logs", "redis")
