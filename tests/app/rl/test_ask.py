"""What a training run was asked for is read back, or refused with what lies there instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.app.rl.ask import Ask, open_practice, reference_steps, require_seeds
from stairway.app.rl.folder import RlFolder
from stairway.app.tables import read
from stairway.base.errors import ConfigError, DataError
from stairway.base.units import UtcNs
from stairway.market.facts import DataReport, TableReport
from stairway.training.journal import LAYOUT


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no training run: it has no practice\.json"):
        open_practice(tmp_path)


def test_what_lies_where_it_should_say_what_it_is_is_said(tmp_path: Path) -> None:
    asked = tmp_path / "practice.json"
    asked.mkdir()
    with pytest.raises(ConfigError, match=r"practice\.json is a folder; .* must be the file"):
        open_practice(tmp_path)
    asked.rmdir()
    asked.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"practice\.json is no file; .* must be the file"):
        open_practice(tmp_path)


@pytest.mark.parametrize("layout", [0, 99, None, "1"])
def test_a_run_of_another_layout_is_refused(layout: object, tmp_path: Path) -> None:
    (tmp_path / "practice.json").write_bytes(msgspec.json.encode({"layout": layout}))
    with pytest.raises(ConfigError, match="has layout"):
        open_practice(tmp_path)


def test_a_run_that_another_version_began_is_not_taken_up(tmp_path: Path) -> None:
    said = {"layout": LAYOUT, "version": "0.0.1", "what_we_do_not_know": True}
    (tmp_path / "practice.json").write_bytes(msgspec.json.encode(said))
    with pytest.raises(ConfigError, match=r"begun by stairway 0\.0\.1 and this is .*; finish"):
        open_practice(tmp_path)


BARE = f'{{"layout":{LAYOUT}}}'.encode()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", BARE, b"\xff", b"[" * 90_000])
def test_a_damaged_run_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "practice.json").write_bytes(content)
    with pytest.raises(DataError, match=r"practice\.json cannot be read"):
        open_practice(tmp_path)


def test_a_run_of_the_other_kind_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "run.json").touch()
    with pytest.raises(
        ConfigError, match=r"is a run and no training run; .*: stairway run --r"
    ):
        open_practice(tmp_path)


@pytest.mark.parametrize("seeds", [(), (1, 1), (-1,), (2**31,), tuple(range(65))])
def test_seeds_that_cannot_run_are_refused(seeds: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="give 1 to 64 different whole numbers"):
        require_seeds(seeds)


def asked(**changes: Any) -> Ask:
    none = TableReport("A", 0, 0, {})
    report = DataReport((none, none), 0, 0, 0, 0, UtcNs(0), UtcNs(0), 60, "")
    shipped = read("practice file", "practice", ["practice"])
    usual: dict[str, Any] = {
        "layout": LAYOUT,
        "version": "0",
        "source": "sample",
        "source_options": {},
        "policy_name": "daily",
        "policy": {"session": {"kind": "daily"}},
        "practice_name": "practice",
        "practice": shipped,
        "seeds": (1,),
        "gold": "/gold",
        "instruments": (),
        "data_report": report,
        "bars_fingerprint": "",
    }
    return Ask(**(usual | changes))


def test_the_steps_of_the_reference_are_those_that_were_asked_for(tmp_path: Path) -> None:
    assert reference_steps(RlFolder(tmp_path), asked()) == 409_600


@pytest.mark.parametrize(
    "change", [{"policy": {}}, {"practice": {}}, {"policy": {"session": 3}}]
)
def test_settings_that_do_not_say_it_are_refused_by_name(
    change: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"practice.json cannot be used .*restore it or start"):
        reference_steps(RlFolder(tmp_path), asked(**change))
