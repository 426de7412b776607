"""A folder is tried before the work, and nothing of the trial is left."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from stairway.app.validate.place import require_place
from stairway.base.errors import ConfigError


def test_what_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "proof.html").write_text("mine")
    require_place(tmp_path)
    require_place(tmp_path / "a" / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["proof.html"]


@pytest.mark.parametrize("where", ["/proc/proof", "/proc/a/b"])
def test_what_cannot_be_written_is_refused(where: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot write {where}"):
        require_place(Path(where))


def test_nothing_is_left_of_a_folder_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(ConfigError, match="a is no folder"):
        require_place(tmp_path / "a" / "b")
    assert stat.S_ISREG((tmp_path / "a").stat().st_mode)
    assert len(list(tmp_path.iterdir())) == 1
