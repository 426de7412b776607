from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.app.rl import listen as rl_listen
from stairway.app.child import Child
from stairway.app.rl.folder import RlFolder
from stairway.base.errors import DataError
from stairway.testing.journal import practice_result


class Heard:
    """An ear that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *said: self.told.append((name, said[0]))


def saying(lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Put lines in the mouth of the process, which is not the subject here."""
    asked: list[Any] = []

    def listen(self: Any, *_: Any, hear: Any) -> bool:
        asked.append(self._work)
        for line in lines:
            hear(msgspec.json.decode(msgspec.json.encode(line)))
        return False

    monkeypatch.setattr(Child, "listen", listen)
    return asked


def test_what_a_training_says_arrives_as_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = practice_result()
    said = [
        {"rollout": result.rollouts[0]},
        {"seed_cycle": result.seed_cycles[0]},
        {"cycle": result.cycles[0]},
        {"note": "live.json cannot be written"},
        {"news": 1},
    ]
    assert saying(said, monkeypatch) == []
    heard = Heard()
    with pytest.raises(DataError, match=r"result\.json cannot be read"):
        rl_listen.practise(RlFolder(tmp_path), heard)

    assert heard.told == [
        ("begin", "loading the training library"),
        ("rollout", result.rollouts[0]),
        ("seed_cycle", result.seed_cycles[0]),
        ("cycle", result.cycles[0]),
        ("note", "live.json cannot be written"),
    ]


def test_a_training_that_is_over_is_read_and_not_done_again(
    over, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, result = over()
    asked = saying([], monkeypatch)

    assert rl_listen.practise(folder, Heard()) == result
    assert asked == []


def test_what_is_wrong_in_the_process_is_said_here_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"practice\.json|training run") as found:
        rl_listen.practise(RlFolder(tmp_path), Heard())

    assert type(found.value).__name__ in {"ConfigError", "DataError"}


def test_an_edited_result_is_refused_and_not_taken_for_a_verdict(over) -> None:
    folder, result = over()
    folder.result.write_bytes(
        msgspec.json.encode(msgspec.structs.replace(result, accepted=False))
    )

    with pytest.raises(DataError, match="its seal differs"):
        rl_listen.practise(folder, Heard())
