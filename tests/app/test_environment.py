"""Of the environment, only what is addressed to the settings is read."""

from __future__ import annotations

import pytest

from stairway.app.environment import overrides


def test_only_settings_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAIRWAY__LIMITS__MAX_LOTS", "5")
    monkeypatch.setenv("STAIRWAY_DATA", "/data")
    monkeypatch.setenv("HOME", "/root")
    assert dict(overrides())["STAIRWAY__LIMITS__MAX_LOTS"] == "5"
    assert not {"STAIRWAY_DATA", "HOME"} & set(overrides())


def test_what_is_taken_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAIRWAY__LIMITS__MAX_LOTS", "5")
    taken = overrides()
    monkeypatch.delenv("STAIRWAY__LIMITS__MAX_LOTS")
    assert taken["STAIRWAY__LIMITS__MAX_LOTS"] == "5"
    assert "STAIRWAY__LIMITS__MAX_LOTS" not in overrides()
