"""What a function left behind that gave no answer is said in one sentence."""

from __future__ import annotations

import pytest

from stairway.app.progress import Silent
from stairway.app.proof import prove
from stairway.app.proof.aside import Gone
from stairway.app.proof.prove import Asked, proved
from stairway.base.verdict import Refuse


@pytest.mark.parametrize(
    ("gone", "end"),
    [
        (
            Gone("ended", advised=False),
            "f.py:f ended; it must answer with one value for each bar",
        ),
        (Gone("was late; raise --limit-s", advised=True), "f.py:f was late; raise --limit-s"),
    ],
    ids=["ended", "late"],
)
def test_a_function_without_an_answer_is_refused_and_told_what_to_do(
    gone: Gone, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prove, "asked_aside", lambda *_: gone)
    found = proved(Asked("f.py:f", "bars.csv"), Silent())
    assert found.exit_code == 2
    assert isinstance(found.proof.verdict, Refuse)
    assert found.proof.verdict.findings[0].detail == end
