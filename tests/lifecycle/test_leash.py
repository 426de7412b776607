"""A leash only narrows, and the older the policy the shorter it is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.lifecycle.leash import LOOSE, Leash, StaleRules, leash, permitted, shorter
from stairway.lifecycle.policy_store import Standing
from stairway.lifecycle.stage import Stage
from stairway.testing.policy import generation, signed, some_stale_rules

RULES = some_stale_rules()
S = 1_000_000_000
FRACS = st.floats(0.0, 1.0)


@pytest.mark.parametrize(
    ("age_ns", "size_frac", "cause"),
    [
        (0, 1.0, "policy.fresh"),
        (60 * S - 1, 1.0, "policy.fresh"),
        (60 * S, 0.5, "policy.stale"),
        (600 * S - 1, 0.5, "policy.stale"),
        (600 * S, 0.0, "policy.closed"),
        (-60 * S, 0.5, "policy.stale"),
        (-600 * S, 0.0, "policy.closed"),
    ],
)
def test_age_shortens_the_leash(age_ns, size_frac, cause):
    held = leash(Standing(signed(1), (), 10**18), RULES, 10**18 + age_ns)
    assert held == Leash(size_frac, cause)
    assert held.may_enter is (size_frac > 0)


def test_a_frozen_or_unknown_policy_opens_nothing():
    assert leash(Standing(), RULES, 0) == Leash(0.0, "policy.none")
    frozen = Standing(signed(1), (signed(2), signed(2, "b")), 0)
    assert leash(frozen, RULES, 0) == Leash(0.0, "policy.conflict")


@given(FRACS, FRACS)
def test_of_two_leashes_the_shorter_counts(one, other):
    left, right = Leash(one, "policy.a"), Leash(other, "policy.b")
    assert shorter(left, right).size_frac == min(one, other) == shorter(right, left).size_frac
    assert shorter(left, LOOSE) == left


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_an_older_policy_never_allows_more(one_ns, other_ns):
    held = Standing(signed(1), (), 0)
    younger, older = sorted((one_ns, other_ns))
    assert leash(held, RULES, older).size_frac <= leash(held, RULES, younger).size_frac


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_leash_that_would_widen_a_limit_cannot_be_made(wrong):
    with pytest.raises(msgspec.ValidationError, match="widen"):
        Leash(wrong, "x")


@pytest.mark.parametrize(
    "change",
    [
        {"reduce_after_s": 601.0},
        {"reduce_frac": 1.1},
        {"reduce_frac": 0.0},
        {"close_after_s": float("nan")},
        {"reduce_after_s": -1.0},
        {"refresh_s": 61.0},
        {"refresh_s": 0.0},
        {"refresh_s": float("nan")},
    ],
)
def test_bounds_that_make_no_sense_are_refused(change):
    usual = msgspec.structs.asdict(RULES)
    assert StaleRules(**usual) == RULES
    with pytest.raises(msgspec.ValidationError):
        StaleRules(**usual | change)


def test_no_bound_has_a_default():
    with pytest.raises(TypeError):
        StaleRules(refresh_s=30.0, reduce_after_s=60.0, reduce_frac=0.5)


@pytest.mark.parametrize(
    ("stage", "policy", "cause"),
    [
        *((stage, "a", "policy.fresh") for stage in ("shadow", "canary", "champion")),
        *((s, "a", "policy.withdrawn") for s in ("candidate", "retired", "quarantined")),
        ("champion", "b", "policy.superseded"),
    ],
)
def test_a_worker_acts_on_its_own_policy_only_and_only_where_that_may_act(stage, policy, cause):
    says = generation(3, stage=Stage(stage))
    held = permitted(says, generation(3).policy if policy == "a" else "ff" * 32)
    assert held == Leash(float(cause == "policy.fresh"), cause)
