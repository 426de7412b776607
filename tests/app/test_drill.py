from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stairway.app import drill
from stairway.app import run as running
from stairway.app.climber import CLIMBED
from stairway.app.folder import RunFolder, open_existing, write_json
from stairway.app.progress import Silent
from stairway.app.request import resumed
from stairway.app.run import prepare
from stairway.app.settings import load
from stairway.base.errors import ConfigError, InvariantError
from stairway.testing.bars import random_walk

SETTINGS = load("daily")


def test_misfortunes_lie_where_the_policy_says_all_of_them_in_the_climb() -> None:
    bars = random_walk(1_000, seed=1)
    plan = drill.plan_of(SETTINGS, bars)
    rules = SETTINGS.drill
    places = {
        plan.edge_dies_index: rules.edge_dies_at,
        plan.collapse_index: rules.collapse_at,
        plan.freeze_index: rules.freeze_at,
        plan.kill_index: rules.kill_at,
    }
    assert places == {600 + int(share * 400): share for share in places.values()}
    assert plan.collapse_model in drill.FAMILIES


def test_the_edge_is_planted_and_the_feed_hangs() -> None:
    bars = random_walk(1_000, seed=1)
    plan, spoilt = drill.unfortunate(SETTINGS, bars, seed=7)
    assert len(spoilt) == len(bars)
    held = spoilt.close[plan.freeze_index : plan.freeze_index + plan.freeze_bars]
    assert (held == held[0]).all()
    assert not np.array_equal(spoilt.volume, bars.volume)
    assert (spoilt.time_ns == bars.time_ns).all()


def test_the_seed_decides_what_is_planted() -> None:
    bars = random_walk(1_000, seed=1)
    prints = [drill.unfortunate(SETTINGS, bars, seed)[1].fingerprint for seed in (7, 7, 8)]
    assert prints[0] == prints[1] != prints[2]


@pytest.fixture
def drilled(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run that says it is a drill, with an undisturbed one that is over too.

    Its models were taught for no drill, which `taught` would see; a real drill takes half a
    minute, and `stories` do one.
    """
    monkeypatch.setattr(running, "require_taught", lambda *_: None)
    root = tmp_path / "run"
    shutil.copytree(finished_run, root)
    shutil.copytree(finished_run, root / "undisturbed")
    folder, ask = open_existing(root)
    prepared = prepare(resumed(root), Silent())
    plan = drill.plan_of(prepared.settings, prepared.bars)
    write_json(folder.ask, msgspec.structs.replace(ask, plan=plan))
    return root


def test_two_ends_that_differ_are_our_fault(
    drilled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tampered(*_: object) -> bool:
        write_json(drilled / "undisturbed" / CLIMBED, {"run_hash": "0" * 64})
        return False

    monkeypatch.setattr(drill.Child, "listen", tampered)
    with pytest.raises(InvariantError, match="the record does not repeat itself"):
        drill.run_drill(resumed(drilled), Silent())


def test_a_drill_that_was_killed_before_is_not_killed_again(drilled: Path) -> None:
    outcome = drill.run_drill(resumed(drilled), Silent())
    assert [note.split(":")[0] for note in outcome.notes] == ["undisturbed run"]


def test_a_half_made_twin_is_made_anew(drilled: Path) -> None:
    twin = RunFolder(drilled / "undisturbed")
    twin.ask.unlink()
    shutil.rmtree(twin.log)
    for path in twin.models.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    prepared = prepare(resumed(drilled), Silent())
    assert drill._twin(prepared) == twin
    assert open_existing(twin.root)[1] == prepared.ask
    assert {p.name for p in twin.models.iterdir()} == {
        p.name for p in prepared.folder.models.iterdir()
    }


def test_a_twin_that_cannot_be_made_is_one_sentence(drilled: Path) -> None:
    shutil.rmtree(drilled / "undisturbed")
    prepared = prepare(resumed(drilled), Silent())
    prepared.folder.trust.unlink()
    with pytest.raises(ConfigError, match=r"cannot write .*undisturbed.*--resume"):
        drill._twin(prepared)
