"""Drift is measured on copies, an error is divergence, and a rollback is looked at."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
import torch as th
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from stairway.base.errors import ConfigError, DataError
from stairway.base.verdict import Pass, Refuse
from stairway.testing.cycles import divergence_rules
from stairway.training.divergence import (
    Part,
    check,
    copied,
    drift,
    level_of,
    mean_kl,
    rolled_back,
)
from stairway.training.measured import DivergenceLevel, DivergenceReport

RULES = divergence_rules()


def tensors(scale: float = 1.0, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"body.weight": (8, 4), "body.bias": (8,), "head.weight": (3, 8)}
    return {n: (scale * rng.normal(size=s)).astype(np.float32) for n, s in shapes.items()}


def moved(by: float) -> dict[str, np.ndarray]:
    """The reference, moved by a share of its norm in a random direction."""
    step = tensors(seed=2)
    size = {k: np.sqrt(sum(np.sum(t.astype(float) ** 2) for t in d.values())) for k, d in
            (("step", step), ("all", tensors()))}  # fmt: skip
    factor = by * size["all"] / size["step"]
    return {n: (t + factor * step[n]).astype(np.float64) for n, t in tensors().items()}


REFERENCE = copied(tensors())
STILL = np.zeros((4, 3)), np.zeros((4, 3))


def report(now=tensors, reference=REFERENCE, accepted=REFERENCE, logits=lambda: STILL):
    return check(lambda: copied(now()), reference, accepted, logits, RULES)


# -- copies --------------------------------------------------------------------------------


def test_a_reference_does_not_follow_the_tensors_it_was_copied_from() -> None:
    live = tensors()
    reference = copied(live)
    for tensor in live.values():
        np.add(tensor, 1.0, out=tensor)
    total, _ = drift(copied(live), reference)
    assert total > 0.5
    with pytest.raises(ValueError, match="read-only"):
        reference.tensors["body.bias"][0] = 0.0


def test_copying_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="without parameters"):
        copied({})


def test_the_digest_is_of_names_shapes_types_and_numbers() -> None:
    one = copied({"a": np.zeros(2), "b": np.ones(2)})
    assert one.digest == copied({"b": np.ones(2), "a": np.zeros(2)}).digest
    others = [
        {"a": np.ones(2), "b": np.zeros(2)},
        {"a": np.zeros(2), "c": np.ones(2)},
        {"a": np.zeros((2, 1)), "b": np.ones(2)},
        {"a": np.zeros(2, np.float32), "b": np.ones(2)},
    ]
    assert len({one.digest, *(copied(o).digest for o in others)}) == 5
    assert one.architecture == copied({"a": np.ones(2), "b": np.ones(2)}).architecture
    assert len({one.architecture, *(copied(o).architecture for o in others[1:])}) == 4


# -- the norm ------------------------------------------------------------------------------


def test_drift_is_the_norm_over_all_tensors_and_not_a_mean_of_theirs() -> None:
    reference = copied({"large": np.full(4, 10.0), "small": np.full(4, 0.1)})
    total, layers = drift(copied({"large": np.full(4, 10.0), "small": np.zeros(4)}), reference)
    assert total == pytest.approx(0.2 / math.sqrt(400.04))
    assert layers == {"large": 0.0, "small": 1.0}


@given(st.floats(0.001, 2.0))
def test_drift_is_what_it_was_moved_by(by: float) -> None:
    total, _ = drift(copied(moved(by)), REFERENCE)
    assert total == pytest.approx(by, rel=1e-6)


@pytest.mark.parametrize("now", [0.0, 1.0])
def test_a_tensor_that_was_zero_has_no_share_and_counts_all_the_same(now: float) -> None:
    reference = copied({"w": np.ones(2), "b": np.zeros(2)})
    total, layers = drift(copied({"w": np.ones(2), "b": np.full(2, now)}), reference)
    assert layers == {"w": 0.0, "b": None}
    assert total == now


@pytest.mark.parametrize("now", [0.0, 0.01, 1.0])
def test_a_report_reads_back_as_it_was_written(now: float) -> None:
    reference = copied({"w": np.ones(2), "b": np.zeros(2)})
    there = copied({"w": np.ones(2), "b": np.full(2, now)})
    found = check(lambda: there, reference, reference, lambda: STILL, RULES)
    again = msgspec.json.decode(msgspec.json.encode(found), type=DivergenceReport)
    assert again == found
    assert (found.level is DivergenceLevel.NEAR) == (now <= 0.05)


@pytest.mark.parametrize(
    ("now", "reference", "words"),
    [
        ({"w": np.ones(2)}, {"v": np.ones(2)}, "different architectures.*v.*w"),
        ({"w": np.ones(2)}, {"w": np.ones(3)}, r"different architectures.*\(2,\).*\(3,\)"),
        ({"w": np.array([1.0, np.nan])}, {"w": np.ones(2)}, "w holds a number that is not"),
        ({"w": np.array([1.0, np.inf])}, {"w": np.ones(2)}, "w holds a number that is not"),
        ({"w": np.ones(2)}, {"w": np.zeros(2)}, "neither can be used"),
        ({"w": np.ones(2)}, {"w": np.array([np.nan, 1.0])}, "neither can be used"),
    ],
)
def test_what_cannot_be_compared_is_said(now, reference, words: str) -> None:
    with pytest.raises(DataError, match=words):
        drift(copied(now), copied(reference))


# -- KL ------------------------------------------------------------------------------------


def test_kl_is_from_the_reference_to_the_policy() -> None:
    reference, policy = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    wanted = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert mean_kl(reference, policy) == pytest.approx(wanted)
    assert mean_kl(policy, reference) != pytest.approx(wanted)


@given(npst.arrays(np.float64, (5, 9), elements=st.floats(-30, 30)), st.floats(-100, 100))
def test_kl_is_never_negative_and_does_not_see_a_shift(logits, shift: float) -> None:
    other = np.roll(logits, 1, axis=1)
    assert mean_kl(logits, other) >= -1e-12
    assert mean_kl(logits, logits + shift) == pytest.approx(0.0, abs=1e-9)


def test_kl_sees_what_the_norm_is_blind_to() -> None:
    # The same small move, once where outputs are decided and once where nothing reads it.
    head, unused = dict(tensors()), dict(tensors())
    assert mean_kl(np.zeros((1, 3)), np.array([[4.0, 0.0, 0.0]])) > 1.0
    assert report(lambda: head).norm_frac == report(lambda: unused).norm_frac == 0.0


@pytest.mark.parametrize(
    "logits",
    [
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.zeros((2, 3)), np.zeros((3, 3))),
        (np.zeros(3), np.zeros(3)),
        (np.full((2, 3), np.nan), np.zeros((2, 3))),
        (np.zeros((2, 3)), np.full((2, 3), np.inf)),
    ],
)
def test_logits_that_cannot_be_compared_are_refused(logits) -> None:
    with pytest.raises(DataError, match="same probes and actions"):
        mean_kl(*logits)


# -- levels --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("norm", "level"),
    [
        (0.0, DivergenceLevel.NEAR),
        (0.05, DivergenceLevel.NEAR),
        (0.0501, DivergenceLevel.MOVED),
        (0.10, DivergenceLevel.MOVED),
        (0.1001, DivergenceLevel.FAR),
        (0.15, DivergenceLevel.FAR),
        (0.1501, DivergenceLevel.DIVERGED),
        (math.inf, DivergenceLevel.DIVERGED),
        (math.nan, DivergenceLevel.DIVERGED),
    ],
)
def test_levels_are_left_only_beyond_their_bound(norm: float, level: DivergenceLevel) -> None:
    assert level_of(norm, RULES) is level


@pytest.mark.parametrize(("by", "verdict"), [(0.149, Pass), (0.151, Refuse)])
def test_beyond_the_limit_the_policy_is_refused(by: float, verdict: type) -> None:
    found = report(lambda: moved(by))
    assert isinstance(found.verdict, verdict)
    assert found.verdict.findings[0].bound == 0.15
    assert (found.level is DivergenceLevel.DIVERGED) == (verdict is Refuse)


def test_exactly_at_the_limit_the_policy_still_passes() -> None:
    now = copied(moved(0.2))
    at, _ = drift(now, REFERENCE)
    for bound, verdict in ((at, Pass), (math.nextafter(at, 0.0), Refuse)):
        rules = divergence_rules(moved_frac=bound / 4, far_frac=bound / 2, diverged_frac=bound)
        found = check(lambda: now, REFERENCE, REFERENCE, lambda: STILL, rules)
        assert isinstance(found.verdict, verdict)
        assert (found.level is DivergenceLevel.DIVERGED) == (verdict is Refuse)


def test_both_references_are_measured() -> None:
    found = report(lambda: moved(0.1), accepted=copied(moved(0.08)))
    assert found.norm_frac == pytest.approx(0.1, rel=1e-6)
    assert found.since_accepted_frac == pytest.approx(0.02, rel=0.05)
    assert set(found.layers) == set(tensors())
    assert (found.kl, found.probes) == (0.0, 4)


def test_the_limit_is_held_against_the_actor_and_the_value_is_told_beside_it() -> None:
    actor, value = "mlp_extractor.policy_net.0.weight", "mlp_extractor.value_net.0.weight"
    reference = copied({actor: np.full(4, 1.0), value: np.full(4, 1.0)})
    lively = copied({actor: np.full(4, 1.1), value: np.full(4, 2.0)})
    found = check(lambda: lively, reference, reference, lambda: STILL, RULES)
    assert found.norm_frac == found.since_accepted_frac == pytest.approx(0.1)
    assert found.whole_frac == pytest.approx(math.sqrt((0.01 + 1.0) / 2))
    assert isinstance(found.verdict, Pass)
    strict = divergence_rules(over=Part.WHOLE)
    found = check(lambda: lively, reference, reference, lambda: STILL, strict)
    assert found.norm_frac == found.whole_frac
    assert isinstance(found.verdict, Refuse)


def test_an_actor_that_moved_is_not_hidden_by_a_value_that_did_not() -> None:
    reference = copied({"action_net.weight": np.ones(4), "value_net.weight": np.full(400, 9.0)})
    found = copied(
        {"action_net.weight": np.full(4, 1.2), "value_net.weight": np.full(400, 9.0)}
    )
    report = check(lambda: found, reference, reference, lambda: STILL, RULES)
    assert report.whole_frac is not None
    assert report.whole_frac < 0.01
    assert report.level is DivergenceLevel.DIVERGED


# -- an error is divergence ----------------------------------------------------------------


def test_parameters_that_are_no_numbers_have_diverged() -> None:
    broken = tensors() | {"body.bias": np.full(8, np.nan, np.float32)}
    found = report(lambda: broken)
    assert found.level is DivergenceLevel.DIVERGED
    assert isinstance(found.verdict, Refuse)
    assert "counts as divergence" in found.verdict.findings[0].detail
    assert found.norm_frac is None


@pytest.mark.parametrize(
    "error",
    [
        DataError("gone"),
        KeyError("w"),
        TypeError("no"),
        ZeroDivisionError("0"),
        ValueError("x"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        MemoryError(),
    ],
)
def test_whatever_goes_wrong_in_the_check_counts_as_divergence(error: Exception) -> None:
    def fails():
        raise error

    for found in (report(fails), report(logits=fails)):
        assert found.level is DivergenceLevel.DIVERGED
        assert isinstance(found.verdict, Refuse)
        assert (str(error) or type(error).__name__) in found.verdict.findings[0].detail


def test_what_pytorch_raises_counts_as_divergence() -> None:
    def fails():
        return th.ones(2, 3) @ th.ones(2, 3)

    found = report(logits=fails)
    assert found.level is DivergenceLevel.DIVERGED
    assert "shapes cannot be multiplied" in found.verdict.findings[0].detail


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_somebody_who_wants_to_stop_is_no_divergence(stop: type[BaseException]) -> None:
    def stops():
        raise stop

    with pytest.raises(stop):
        report(stops)


def test_a_broken_accepted_policy_counts_as_divergence_too() -> None:
    found = report(accepted=copied({"w": np.ones(1)}))
    assert found.level is DivergenceLevel.DIVERGED


# -- rollback ------------------------------------------------------------------------------


def test_a_rollback_is_believed_only_bit_for_bit() -> None:
    assert isinstance(rolled_back(copied(tensors()), REFERENCE), Pass)
    nearly = tensors()
    nearly["body.bias"][0] = np.nextafter(nearly["body.bias"][0], np.float32(9.0))
    refused = rolled_back(copied(nearly), REFERENCE)
    assert isinstance(refused, Refuse)
    assert "nothing was put back" in refused.findings[0].detail


def test_a_rollback_that_changed_nothing_is_seen() -> None:
    live = moved(0.3)  # ``model.load(path)`` on an instance makes another model
    assert isinstance(rolled_back(copied(live), REFERENCE), Refuse)


# -- rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"moved_frac": 0.1}, {"far_frac": 0.15}, {"diverged_frac": 0.01}]
)
def test_levels_must_rise(change: dict) -> None:
    with pytest.raises(ConfigError, match="moved_frac under far_frac under diverged_frac"):
        divergence_rules(**change)
