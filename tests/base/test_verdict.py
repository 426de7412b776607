from __future__ import annotations

import pytest

from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse, all_of, refuse


TOO_FEW = Inconclusive((Finding("x", "y"),))


def test_a_gate_that_checked_nothing_does_not_pass() -> None:
    assert isinstance(all_of([]), Inconclusive)


def test_one_inconclusive_check_keeps_the_gate_from_passing() -> None:
    assert isinstance(all_of([Pass(), TOO_FEW]), Inconclusive)


def test_a_refusal_outweighs_an_inconclusive_check() -> None:
    assert isinstance(all_of([TOO_FEW, refuse("x", "y")]), Refuse)


def test_one_refusal_outweighs_any_number_of_passes() -> None:
    assert isinstance(all_of([Pass(), refuse("x", "y"), Pass()]), Refuse)


@pytest.mark.parametrize("verdict", [Pass(), refuse("x", "y"), TOO_FEW])
def test_a_verdict_cannot_be_used_as_a_condition(verdict: Pass | Refuse | Inconclusive) -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(verdict)
