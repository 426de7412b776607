"""A policy that exists is sound, sees one layout, and never makes a number up."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from stairway.base.errors import DataError
from stairway.base.verdict import Pass, Refuse
from stairway.features.spec import FEATURE_NAMES
from stairway.models.normaliser import WIDTH, Normaliser
from stairway.models.observation import (
    ACTIONS,
    BUY,
    FEATURES,
    HOLD,
    HOLD_BOTH,
    OBSERVATION,
    SELL,
)
from stairway.models.policy import (
    MAX_LAYERS,
    MAX_WEIGHT,
    MAX_WIDTH,
    NO_BELIEF,
    Policy,
    beliefs,
    layer_names,
    observations,
    observe,
    probabilities,
    validate,
)
from stairway.testing.models import toy_actor

ACTOR = toy_actor(3)
POLICY = ACTOR.policy
RNG = np.random.default_rng(11)
ROWS = RNG.standard_normal((40, 2, FEATURES)) * 2.0
shares = arrays(np.float64, ACTIONS, elements=st.floats(1e-6, 1.0)).map(lambda x: x / x.sum())


def code(weights: list[np.ndarray], biases: list[np.ndarray]) -> str:
    verdict = validate(weights, biases)
    assert isinstance(verdict, Refuse)
    return verdict.findings[0].code


def layers() -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [w.copy() for w in POLICY.weights], [b.copy() for b in POLICY.biases]


# -- layout ----------------------------------------------------------------------------


def test_the_sizes_are_those_of_the_specification() -> None:
    assert OBSERVATION == WIDTH + 2 == 26
    assert FEATURES == len(FEATURE_NAMES) == 12
    assert ACTIONS == 9
    assert HOLD_BOTH == 4


def test_an_observation_is_features_position_features_position() -> None:
    as_is = Normaliser(np.zeros(WIDTH), np.ones(WIDTH), clip=100.0)
    rows = np.arange(24.0).reshape(2, 12)
    shown = observe(rows, (1, -1), as_is)
    assert shown.tolist() == [*range(12), 1, *range(12, 24), -1]
    assert shown.dtype == np.float32


def test_features_are_shown_through_the_normaliser_and_positions_are_not() -> None:
    shown = observe(ROWS[0], (-1, 1), ACTOR.normaliser)
    known = ACTOR.normaliser.apply(ROWS[0].reshape(-1))
    np.testing.assert_array_equal(np.delete(shown, [12, 25]), known)
    assert shown[[12, 25]].tolist() == [-1.0, 1.0]


def test_many_rows_are_put_together_as_one_is_to_the_bit() -> None:
    positions = RNG.integers(-1, 2, (len(ROWS), 2))
    table = observations(ROWS, positions, ACTOR.normaliser)
    for rows, held, shown in zip(ROWS, positions, table, strict=True):
        one = observe(rows, (int(held[0]), int(held[1])), ACTOR.normaliser)
        np.testing.assert_array_equal(one, shown)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_hole_stays_a_hole(hole: float) -> None:
    rows = ROWS[0].copy()
    rows[1, 0] = hole
    shown = observe(rows, (0, 0), ACTOR.normaliser)
    assert np.flatnonzero(np.isnan(shown)).tolist() == [13]


@pytest.mark.parametrize("shape", [(12,), (24,), (2, 11), (1, 12), (3, 12), (2, 12, 1)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="12 features per instrument"):
        observe(np.zeros(shape), (0, 0), ACTOR.normaliser)


@pytest.mark.parametrize("held", [(2, 0), (0, -2), (0,), (0, 0, 0), (0.5, 0), (math.nan, 0)])
def test_a_position_is_short_flat_or_long(held: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="-1, 0 and 1"):
        observe(ROWS[0], held, ACTOR.normaliser)


# -- soundness -------------------------------------------------------------------------


def test_a_sound_policy_passes_and_knows_its_sizes() -> None:
    assert isinstance(validate(POLICY.weights, POLICY.biases), Pass)
    assert POLICY.hidden == (16, 16)
    assert POLICY.widths.tolist() == [26, 16, 16, 9]
    assert POLICY.flat.size == sum(w.size for w in (*POLICY.weights, *POLICY.biases))


def test_an_action_head_alone_is_a_policy() -> None:
    head = Policy((np.zeros((9, 26), np.float32),), (np.zeros(9, np.float32),))
    assert head.hidden == ()
    np.testing.assert_allclose(probabilities(head, np.zeros(26, np.float32)), 1 / 9)


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_every_number_must_be_finite(layer: int, bad: float) -> None:
    weights, biases = layers()
    weights[layer][0, 0] = bad
    assert code(weights, biases) == "policy.finite"
    weights, biases = layers()
    biases[layer][-1] = bad
    assert code(weights, biases) == "policy.finite"


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_weight_lies_beyond_the_bound(sign: float) -> None:
    weights, biases = layers()
    weights[1][2, 3] = sign * MAX_WEIGHT
    assert isinstance(validate(weights, biases), Pass)
    weights[1][2, 3] = sign * np.nextafter(np.float32(MAX_WEIGHT), np.float32(np.inf))
    assert code(weights, biases) == "policy.weight"


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_every_tensor_is_float32(layer: int) -> None:
    weights, biases = layers()
    weights[layer] = weights[layer].astype(np.float64)
    assert code(weights, biases) == "policy.dtype"


def test_the_refusal_names_the_tensor_and_what_it_should_be() -> None:
    weights, biases = layers()
    weights[1] = weights[1][:, :-1]
    verdict = validate(weights, biases)
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].detail == "hidden.1.weight is (16, 15), needed (16, 16)"


def test_the_layers_must_fit_together_from_26_to_9() -> None:
    for layer, change in ((0, np.s_[:, 1:]), (0, np.s_[1:]), (2, np.s_[1:]), (2, np.s_[:, 1:])):
        weights, biases = layers()
        weights[layer] = weights[layer][change]
        assert code(weights, biases) == "policy.shape"
    weights, biases = layers()
    biases[2] = biases[2][:8]
    assert code(weights, biases) == "policy.shape"


def test_a_bias_that_is_no_vector_is_refused() -> None:
    weights, biases = layers()
    biases[0] = biases[0][:, None]
    assert code(weights, biases) == "policy.shape"


def test_numbers_of_layers_and_widths_are_bounded() -> None:
    weights, biases = layers()
    assert code(weights[:-1], biases) == "policy.layers"
    assert code([], []) == "policy.layers"
    square, vector = np.zeros((26, 26), np.float32), np.zeros(26, np.float32)
    head, scores = np.zeros((9, 26), np.float32), np.zeros(9, np.float32)
    deep = [*[square] * (MAX_LAYERS - 1), head], [*[vector] * (MAX_LAYERS - 1), scores]
    assert isinstance(validate(*deep), Pass)
    assert code([square, *deep[0]], [vector, *deep[1]]) == "policy.layers"
    for width in (0, MAX_WIDTH + 1):
        wide = np.zeros((width, 26), np.float32), np.zeros((9, width), np.float32)
        assert code(list(wide), [np.zeros(width, np.float32), scores]) == "policy.width"


def test_a_policy_that_is_not_sound_cannot_be_made() -> None:
    weights, biases = layers()
    weights[0][0, 0] = np.nan
    with pytest.raises(DataError, match=r"hidden\.0\.weight holds a number"):
        Policy(tuple(weights), tuple(biases))


def test_layers_are_named_in_order() -> None:
    assert layer_names(1) == ("action",)
    assert layer_names(3) == ("hidden.0", "hidden.1", "action")


# -- probabilities ---------------------------------------------------------------------


def test_probabilities_sum_to_one_and_follow_the_logits() -> None:
    shown = observations(ROWS, np.zeros((len(ROWS), 2), np.int64), ACTOR.normaliser)
    for one, scores in zip(shown, POLICY.logits(shown), strict=True):
        said = probabilities(POLICY, one)
        expected = np.exp(scores.astype(np.float64))
        np.testing.assert_allclose(said, expected / expected.sum(), rtol=1e-12)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_an_observation_that_is_not_finite_has_no_probabilities(hole: float) -> None:
    for place in range(OBSERVATION):
        shown = observe(ROWS[0], (0, 0), ACTOR.normaliser)
        shown[place] = hole
        assert np.isnan(probabilities(POLICY, shown)).all()
        assert np.isnan(POLICY.logits(shown[None])).all()
        assert np.isnan(POLICY.probabilities(shown[None])).all()


@pytest.mark.parametrize("shape", [(25,), (27,), (1, 26), ()])
def test_an_observation_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"needed \(26,\)"):
        probabilities(POLICY, np.zeros(shape, np.float32))
    for ask in (POLICY.logits, POLICY.probabilities):
        with pytest.raises(DataError, match=r"needed \(26,\)"):
            ask(np.zeros((3, *shape), np.float32))


def test_a_table_is_answered_as_row_by_row_to_the_bit() -> None:
    shown = observations(ROWS, np.ones((len(ROWS), 2), np.int64), ACTOR.normaliser)
    for one, said in zip(shown, POLICY.probabilities(shown), strict=True):
        np.testing.assert_array_equal(probabilities(POLICY, one), said)


# -- beliefs ---------------------------------------------------------------------------


def test_an_action_is_a_pair_first_instrument_first() -> None:
    assert (SELL, HOLD, BUY) == (0, 1, 2)
    assert 3 * HOLD + HOLD == HOLD_BOTH
    for action in range(ACTIONS):
        certain = np.full(ACTIONS, 1e-9)
        certain[action] = 1.0 - 8e-9
        said = [round(belief.confidence, 6) for belief in beliefs(certain)]
        assert said == [(action // 3) / 2.0, (action % 3) / 2.0]


@given(shares)
def test_raw_is_the_log_odds_of_buying_against_selling(p: np.ndarray) -> None:
    table = p.reshape(3, 3)
    first, second = beliefs(p)
    assert first.raw == pytest.approx(math.log(table[BUY].sum() / table[SELL].sum()), abs=1e-9)
    odds = table[:, BUY].sum() / table[:, SELL].sum()
    assert second.raw == pytest.approx(math.log(odds), abs=1e-9)


@given(shares)
def test_confidence_is_one_half_plus_half_of_buying_less_selling(p: np.ndarray) -> None:
    table = p.reshape(3, 3)
    first, second = beliefs(p)
    edge = table[BUY].sum() - table[SELL].sum(), table[:, BUY].sum() - table[:, SELL].sum()
    assert first.confidence == pytest.approx(0.5 + edge[0] / 2.0, abs=1e-12)
    assert second.confidence == pytest.approx(0.5 + edge[1] / 2.0, abs=1e-12)


@given(shares)
def test_both_lean_to_the_same_side(p: np.ndarray) -> None:
    for belief in beliefs(p):
        assert 0.0 <= belief.confidence <= 1.0
        if abs(belief.raw) > 1e-9:
            assert (belief.raw > 0.0) == (belief.confidence > 0.5)


@given(shares)
def test_turning_buying_and_selling_round_turns_the_belief_round(p: np.ndarray) -> None:
    for belief, turned in zip(beliefs(p), beliefs(p[::-1]), strict=True):
        assert turned.raw == pytest.approx(-belief.raw, abs=1e-9)


@given(shares)
def test_exchanging_the_instruments_exchanges_the_beliefs(p: np.ndarray) -> None:
    first, second = beliefs(p)
    other = beliefs(p.reshape(3, 3).T.ravel())
    assert other[0].raw == pytest.approx(second.raw, abs=1e-9)
    assert other[1].raw == pytest.approx(first.raw, abs=1e-9)


@given(shares, st.floats(0.0, 0.999))
def test_holding_more_leans_less_and_leaves_the_odds_alone(p: np.ndarray, more: float) -> None:
    held = (1.0 - more) * p
    held[HOLD_BOTH] += more
    for before, after in zip(beliefs(p), beliefs(held), strict=True):
        assert after.raw == pytest.approx(before.raw, abs=1e-6)
        assert abs(after.confidence - 0.5) <= abs(before.confidence - 0.5) + 1e-12


@pytest.mark.parametrize(
    "said",
    [
        np.full(9, np.nan),
        np.full(9, 0.1),
        np.zeros(9),
        np.full(8, 1 / 8),
        np.full((3, 3), 1 / 9),
        np.append(np.full(8, 1 / 8), np.nan),
        np.eye(9)[8],
        np.eye(9)[0],
        np.eye(9)[4],
    ],
)
def test_no_number_is_made_up_where_there_is_no_belief(said: np.ndarray) -> None:
    assert all(np.isnan(belief).all() for belief in beliefs(said))
    assert np.isnan(NO_BELIEF).all()


def test_one_side_that_is_certain_leaves_the_other_instrument_its_belief() -> None:
    said = np.zeros(9)
    said[6:] = 0.2, 0.3, 0.5  # always buys the first
    first, second = beliefs(said)
    assert np.isnan(first).all()
    assert second.raw == pytest.approx(math.log(2.5))
