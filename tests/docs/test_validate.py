"""The example of docs/validate.md is what the command says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stairway.app.validate.report import QUESTIONS
from stairway.cli import validate
from stairway.cli.main import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "validate.md").read_text("utf-8")


def test_the_example_is_proved_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    Path("mystudy.py").write_text(code)
    make, ask = re.findall(r"```\n(python mystudy.py)\n(stairway .*?)\n```", PAGE, re.DOTALL)[0]
    subprocess.run([sys.executable, *shlex.split(make)[1:]], check=True)
    monkeypatch.setattr(sys, "argv", shlex.split(ask))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().out
    assert f"The answer begins `{said.splitlines()[0]}`" in PAGE
    assert end.value.code == 0, said
    assert "default-src 'none'" in Path("proof/proof.html").read_text("utf-8")
    first = re.findall(r"```\n(stairway validate .*)\n```", PAGE)[0]
    monkeypatch.setattr(sys, "argv", shlex.split(first))
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2, capsys.readouterr().err


def test_every_question_and_option_is_told() -> None:
    for question in QUESTIONS.values():
        assert f"| {question} |" in PAGE
    options = set(re.findall(r"--[a-z][a-z-]+", PAGE))
    taken = set(re.findall(r"--[a-z][a-z-]+", "".join(_options())))
    assert {"--periods-per-year", "--trials", "--study", "--cost"} <= options <= taken


def _options() -> list[str]:
    names = validate.command.__annotations__
    return [f"--{name.replace('_', '-')} " for name in names] + ["--json "]
