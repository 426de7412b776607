"""A gate that saw nothing has not passed, and no verdict is a condition."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.verdict import (
    Finding,
    Inconclusive,
    Pass,
    Refuse,
    Verdict,
    all_of,
    inconclusive,
    passed,
    refuse,
)

TOO_FEW = inconclusive("x.few", "3 of 10", 3, 10, 3)
findings = st.builds(Finding, st.text(min_size=1), st.text(), st.none() | st.floats())
some = st.lists(findings, min_size=1, max_size=3).map(tuple)
verdicts = st.builds(Pass, some) | st.builds(Refuse, some) | st.builds(Inconclusive, some)


def test_a_gate_that_checked_nothing_does_not_pass() -> None:
    assert isinstance(all_of([]), Inconclusive)


def test_one_inconclusive_check_keeps_the_gate_from_passing() -> None:
    assert isinstance(all_of([Pass(), TOO_FEW]), Inconclusive)


def test_a_refusal_outweighs_an_inconclusive_check() -> None:
    assert isinstance(all_of([TOO_FEW, refuse("x", "y")]), Refuse)


def test_one_refusal_outweighs_any_number_of_passes() -> None:
    assert isinstance(all_of([Pass(), refuse("x", "y"), Pass()]), Refuse)


@given(st.lists(verdicts, max_size=6))
def test_only_passes_make_a_pass(several: list[Verdict]) -> None:
    whole = all_of(several)
    everything_passed = bool(several) and all(isinstance(v, Pass) for v in several)
    assert isinstance(whole, Pass) is everything_passed


@given(st.lists(verdicts, min_size=1, max_size=6))
def test_the_reasons_that_decided_are_kept_in_order(several: list[Verdict]) -> None:
    whole = all_of(several)
    kind = type(whole)
    assert whole.findings == tuple(
        f for v in several if isinstance(v, kind) for f in v.findings
    )


@pytest.mark.parametrize("verdict", [passed("a", "b"), refuse("x", "y"), TOO_FEW])
def test_a_verdict_cannot_be_used_as_a_condition(verdict: Verdict) -> None:
    with pytest.raises(TypeError, match="no truth value"):
        bool(verdict)


@pytest.mark.parametrize("kind", [Refuse, Inconclusive])
def test_whoever_blocks_must_say_why(kind: type[Refuse | Inconclusive]) -> None:
    with pytest.raises(ValueError, match="must say"):
        kind(())


@given(verdicts)
def test_a_verdict_survives_being_written_down(verdict: Verdict) -> None:
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(verdict), type=Verdict)
    assert type(again) is type(verdict)
    assert repr(again) == repr(verdict)
