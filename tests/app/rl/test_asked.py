"""What a run was begun with is kept, and an edit since then is refused by its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stairway.app.rl.asked import NAME, require_same
from stairway.app.rl.folder import RlFolder, cycle_name, write_checkpoint
from stairway.base.errors import DataError
from stairway.training.checkpoint import Checkpoint, Mark
from stairway.training.journal import Frozen

IDENTITY = Frozen("d", "s", "e", "a", "g", "t")
DAYS = [f"2024-01-{n}" for n in range(40)]
BEGUN: dict[str, Any] = {
    "seeds": [1, 2],
    "pair": [{"name": "A", "lot": 1.0}, {"lot": 1.0}],
    "days": DAYS,
    "practice": {"learner": {"gamma": 0.9, "n": 4}, "extra": {}},
}


def begun(root: Path, notes: dict[str, Any], cycle: int = 2) -> RlFolder:
    folder = RlFolder(root)
    made = Checkpoint(Mark(-1, cycle, 0, 9), IDENTITY, {}, notes)
    write_checkpoint(folder.cycles / cycle_name(cycle), made)
    return folder


def test_a_run_that_was_not_begun_may_be_anything(tmp_path: Path) -> None:
    require_same(RlFolder(tmp_path), BEGUN)


def test_what_was_asked_for_then_is_what_goes_on(tmp_path: Path) -> None:
    require_same(begun(tmp_path, {NAME: BEGUN}), BEGUN)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"seeds": [1, 3]}, r"seeds is \[1, 3\] and was \[1, 2\]; put"),
        (
            {"practice": {"learner": {"gamma": 0.8, "n": 4}, "extra": {}}},
            "gamma is 0.8 and was 0.9",
        ),
        (
            {"practice": {"learner": {"gamma": 0.9}, "extra": {}}},
            "learner.n is nothing and was 4",
        ),
        ({"law": "plan"}, "law is 'plan' and was nothing"),
        ({"practice": {"learner": {"gamma": 0.9, "n": 4}}}, r"extra is nothing and was \{\}"),
        (
            {"seeds": [*range(999)]},
            r"seeds.0 is 0 and was 1, .* seeds.2 is 2 and was nothing, and",
        ),
        (
            {"pair": [{"lot": 1.0, "name": "A"}, {"lot": 2.0}]},
            r": pair.1.lot is 2.0 and was 1.0; put",
        ),
        ({"days": [*DAYS, "2024-12-24"]}, r": days.40 is '2024-12-24' and was nothing; put"),
        ({"pair": [{"lot": 1.0, "name": "A"}]}, r": pair.1.lot is nothing and was 1.0; put"),
    ],
)
def test_an_edit_is_refused_with_what_is_and_what_was(
    now: dict[str, Any], words: str, tmp_path: Path
) -> None:
    folder = begun(tmp_path, {NAME: BEGUN})
    with pytest.raises(DataError, match=words) as refused:
        require_same(folder, BEGUN | now)
    assert str(refused.value).startswith(f"{folder.ask} was changed since")
    assert f"{folder.cycles / 'cycle-02'}.json keeps it" in str(refused.value)


def test_many_edits_are_counted(tmp_path: Path) -> None:
    folder = begun(tmp_path, {NAME: dict.fromkeys("abcde", 1)})
    with pytest.raises(
        DataError, match=r"a is 2 and was 1, b .*, c is 2 and was 1, and 2 more;"
    ):
        require_same(folder, dict.fromkeys("abcde", 2))


def test_the_newest_checkpoint_is_asked(tmp_path: Path) -> None:
    begun(tmp_path, {NAME: {"seeds": [9]}}, cycle=1)
    require_same(begun(tmp_path, {NAME: BEGUN}), BEGUN)


def test_a_checkpoint_that_cannot_be_read_is_left_to_who_takes_it_up(tmp_path: Path) -> None:
    folder = begun(tmp_path, {NAME: {}})
    path = folder.cycles / "cycle-02.json"
    path.write_bytes(path.read_bytes()[:-9])
    require_same(folder, BEGUN)
    path.unlink()
    path.mkdir()
    require_same(folder, BEGUN)
