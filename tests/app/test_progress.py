"""Whoever listens to progress may also not."""

from __future__ import annotations

import inspect

import pytest

from stairway.app.lines import Lines
from stairway.app.progress import Progress, Silent

LISTENERS = (Silent, Lines)
VERBS = ("begin", "advance", "note")


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent: Progress = Silent()
    silent.begin("training", 3)
    silent.advance(1)
    silent.note("a line that stays")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_listener_listens_to_the_same_words(listener: type, verb: str) -> None:
    asked = inspect.signature(getattr(Progress, verb))
    given = inspect.signature(getattr(listener, verb))
    assert list(given.parameters) == list(asked.parameters)
