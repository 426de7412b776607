"""The command in this process: quick, and as it would be called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stairway.cli.main import main
from stairway.testing.runs import QUICK


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The only line in which it complains."""
        lines = [line for line in self.err.splitlines() if line.startswith("stairway: ")]
        assert len(lines) == 1, self.err
        assert self.err.endswith(lines[0] + "\n"), self.err
        return lines[0].removeprefix("stairway: ")


@pytest.fixture
def stairway(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Said]:
    """Call ``stairway`` with these arguments, in an empty folder."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.delenv("COLUMNS", raising=False)  # a worker of xdist has one
    for name, value in QUICK.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["stairway", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Said(int(end.value.code or 0), out, err)

    return call


@pytest.fixture
def refused(stairway: Callable[..., Said]) -> Callable[..., str]:
    """Call it with something that cannot be; return the sentence that it answers with."""

    def call(*arguments: object) -> str:
        said = stairway(*arguments)
        assert (said.code, said.out) == (1, ""), said
        return said.sentence

    return call
