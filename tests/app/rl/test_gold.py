"""The reference is found by what made it, verified to the bit, and made only where there is none."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from stairway.app.rl import gold as rl_gold
from stairway.app.rl.folder import RlFolder, kept_at, write_encoded
from stairway.app.rl.gold import expected_identity, fetched, keep, opened
from stairway.base.errors import DataError
from stairway.testing.cycles import gold_rules, learner_rules, made_ground, practice_rules
from stairway.training.checkpoint import Encoded, decode, encode
from stairway.testing.ears import Deaf

RULES = practice_rules()
IDENTITY = expected_identity(made_ground(), RULES)


class Counts(Deaf):
    def __init__(self) -> None:
        self.made: list[int] = []

    def advance(self, done: int) -> None:
        self.made.append(done)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Encoded]:
    """A cache that holds one reference. Look at it, or copy it."""
    cache = tmp_path_factory.mktemp("gold")
    return cache, fetched(cache, made_ground(), RULES, Deaf())


def folder_with(encoded: Encoded, tmp_path: Path) -> RlFolder:
    folder = RlFolder(tmp_path / "run")
    write_encoded(folder.gold, encoded)
    return folder


def remade(encoded: Encoded, **notes) -> Encoded:
    """The same reference, sealed again with other notes."""
    whole = decode(encoded, IDENTITY)
    return encode(whole._replace(notes=whole.notes | notes))


# -- found or made -------------------------------------------------------------------------


def test_it_lies_under_the_hash_of_what_made_it(kept) -> None:
    cache, _ = kept
    (there,) = cache.iterdir()
    assert there.name == f"gold-{IDENTITY.settings[:16]}"
    assert sorted(p.name for p in there.iterdir()) == ["state.json", "state.safetensors"]


def test_another_run_that_keeps_it_at_the_same_time_is_not_in_the_way(
    kept, tmp_path: Path
) -> None:
    at = kept_at(tmp_path, IDENTITY)
    (at.parent / ".state.json.new").mkdir(parents=True)
    keep(at, kept[1])
    assert at.with_suffix(".json").read_bytes() == kept[1].record


def test_it_is_made_once(kept) -> None:
    cache, encoded = kept
    ear = Counts()
    assert fetched(cache, made_ground(), RULES, ear) == encoded
    assert ear.made == []


def test_it_is_made_anew_where_nothing_is_kept_and_comes_out_the_same(
    kept, tmp_path: Path
) -> None:
    ear = Counts()
    assert fetched(tmp_path, made_ground(), RULES, ear) == kept[1]
    assert ear.made == [1, 2, 3]


def test_another_bonus_is_another_reference(kept, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(kept[0], cache)
    other = replace(RULES, gold=gold_rules(bonus=2.0))
    assert fetched(cache, made_ground(), other, Deaf()) != kept[1]
    assert len([*cache.iterdir()]) == 2


@pytest.mark.parametrize(
    "changed",
    [
        replace(RULES, cycles=replace(RULES.cycles, cycles=9)),
        replace(RULES, learner=learner_rules(gamma=0.5, learning_rate=1e-3)),
        replace(RULES, training_gate=replace(RULES.training_gate, min_sharpe=0.7)),
    ],
)
def test_what_does_not_make_it_does_not_change_its_name(changed) -> None:
    assert expected_identity(made_ground(), changed) == IDENTITY


def test_another_environment_of_the_same_settings_is_another_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stairway.simulation.batch._STEPS", 1_000)
    other = expected_identity(made_ground(), RULES)
    assert other.settings != IDENTITY.settings
    assert other.environment != IDENTITY.environment


@pytest.mark.parametrize(
    "library", ["stairway", "python", "numpy", "numba", "torch", "stable-baselines3"]
)
def test_made_with_another_version_it_is_another_reference(
    library: str, kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = rl_gold.made_with()
    monkeypatch.setattr(rl_gold, "made_with", lambda: here | {library: "0.0.1"})
    assert expected_identity(made_ground(), RULES).settings != IDENTITY.settings
    with pytest.raises(DataError, match=r"versions of stairway and of .* count as settings"):
        opened(folder_with(kept[1], tmp_path), made_ground(), RULES)


def test_a_library_that_makes_nothing_of_it_does_not_count() -> None:
    assert not {"xgboost", "xgboost-cpu", "lightgbm"} & set(rl_gold.made_with())


def test_arrays_without_their_record_are_no_reference(kept, tmp_path: Path) -> None:
    there = tmp_path / f"gold-{IDENTITY.settings[:16]}"
    there.mkdir()
    (there / "state.safetensors").write_bytes(kept[1].tensors[:100])
    assert fetched(tmp_path, made_ground(), RULES, Deaf()) == kept[1]


@pytest.mark.parametrize("ending", [".json", ".safetensors"])
def test_a_damaged_one_is_neither_used_nor_replaced(ending: str, kept, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(kept[0], cache)
    (there,) = cache.iterdir()
    path = (there / "state").with_suffix(ending)
    path.write_bytes(path.read_bytes()[:-7])
    before = path.read_bytes()
    with pytest.raises(DataError, match=f"remove {there} to make it anew"):
        fetched(cache, made_ground(), RULES, Deaf())
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["gone", "a folder"])
def test_one_without_its_arrays_says_what_to_remove(kind: str, kept, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(kept[0], cache)
    (there,) = cache.iterdir()
    arrays = there / "state.safetensors"
    arrays.unlink()
    if kind == "a folder":
        arrays.mkdir()
    said = rf"the reference {arrays} cannot be read \(.*\); remove {there} to make it anew"
    with pytest.raises(DataError, match=said):
        fetched(cache, made_ground(), RULES, Deaf())
    shutil.rmtree(there)
    assert fetched(cache, made_ground(), RULES, Deaf()) == kept[1]


def test_one_that_cannot_be_kept_is_used_and_that_is_said(kept, tmp_path: Path) -> None:
    class Noted(Counts):
        def note(self, line: str) -> None:
            self.said = line

    (tmp_path / "cache").write_text("no folder")
    ear = Noted()
    assert fetched(tmp_path / "cache", made_ground(), RULES, ear) == kept[1]
    assert "(Not a directory), and the next run makes it anew; make room" in ear.said


# -- the copy of a run ---------------------------------------------------------------------


def test_a_run_reads_its_copy_as_it_was_made(kept, tmp_path: Path) -> None:
    gold = opened(folder_with(kept[1], tmp_path), made_ground(), RULES)
    again = opened(folder_with(kept[1], tmp_path), made_ground(), RULES)
    assert gold.rollouts[-1].steps == 600
    assert np.array_equal(gold.put_down.weights, again.put_down.weights)
    assert gold.hold_rate == again.hold_rate


def test_a_copy_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the reference model that this run started from,"):
        opened(RlFolder(tmp_path), made_ground(), RULES)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (replace(RULES, gold=gold_rules(bonus=2.0)), "under other settings"),
        (replace(RULES, learner=learner_rules(hidden=(9,))), "with other layers"),
        (
            replace(RULES, environment=replace(RULES.environment, stake_frac=0.3)),
            "other rules or bars",
        ),
    ],
)
def test_a_copy_of_something_else_is_refused(changed, words: str, kept, tmp_path: Path) -> None:
    folder = folder_with(kept[1], tmp_path)
    with pytest.raises(DataError, match=words) as refused:
        opened(folder, made_ground(), changed)
    assert f"; put {folder.ask} back as it was, restore it, or start" in str(refused.value)


def test_a_copy_that_does_not_hold_enough_is_refused_though_it_is_whole(
    kept, tmp_path: Path
) -> None:
    strict = replace(RULES, gold=replace(RULES.gold, min_hold_rate=0.05))
    expected = expected_identity(made_ground(), strict)
    whole = decode(kept[1], IDENTITY)._replace(identity=expected)
    lazy = encode(whole._replace(notes=whole.notes | {"hold_rate": 0.05}))
    with pytest.raises(DataError, match=r"must hold over 0\.05"):
        opened(folder_with(lazy, tmp_path), made_ground(), strict)


@pytest.mark.parametrize("notes", [{"hold_rate": "much"}, {"rollouts": [1]}, {"stranger": 1}])
def test_notes_that_are_not_a_reference_s_are_refused(
    notes: dict, kept, tmp_path: Path
) -> None:
    odd = remade(kept[1], **notes)
    with pytest.raises(DataError, match="are not those of a reference"):
        opened(folder_with(odd, tmp_path), made_ground(), RULES)


def test_what_is_kept_is_inert(kept) -> None:
    record = msgspec.json.decode(kept[1].record)
    assert record["identity"]["gold"] == record["identity"]["gate"] == ""
    assert record["mark"] == {"seed": 99, "cycle": 0, "rollout": 3, "steps": 600}
    assert b"pickle" not in kept[1].tensors[:65_536]
    assert rl_gold.expected_identity(made_ground(), RULES) == IDENTITY
