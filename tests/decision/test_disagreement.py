from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.decision.disagreement import Dispersion, Level, breaker, dispersion

ORDER = [Level.PROCEED, Level.FALLBACK_SIMPLE, Level.REDUCE_SIZE]
members = st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(1e-3, 1e3)), min_size=1, max_size=8)


def spread(pairs, kind=Dispersion.WEIGHTED) -> float:
    return dispersion([p for p, _ in pairs], [w for _, w in pairs], kind)


@given(members)
def test_the_weighted_spread_is_the_weighted_standard_deviation(pairs) -> None:
    p, w = np.array(pairs).T
    mean = np.average(p, weights=w)
    expected = math.sqrt(np.average((p - mean) ** 2, weights=w))
    assert spread(pairs) == pytest.approx(expected, abs=1e-9)


@given(members)
def test_the_unweighted_spread_does_not_see_the_weights(pairs) -> None:
    expected = float(np.std([p for p, _ in pairs]))
    assert spread(pairs, Dispersion.UNWEIGHTED) == pytest.approx(expected, abs=1e-9)


@given(members)
def test_no_spread_of_probabilities_exceeds_one_half(pairs) -> None:
    assert 0.0 <= spread(pairs) <= 0.5 + 1e-12


@given(st.floats(0.0, 1.0), st.lists(st.floats(0.01, 10.0), min_size=1, max_size=6))
def test_members_that_agree_have_no_spread(probability, weights) -> None:
    same = [probability] * len(weights)
    assert dispersion(same, weights, Dispersion.WEIGHTED) == pytest.approx(0.0, abs=1e-7)


@given(members, st.floats(0.1, 10.0))
def test_only_the_proportions_of_the_weights_matter(pairs, scale) -> None:
    scaled = [(p, w * scale) for p, w in pairs]
    assert spread(scaled) == pytest.approx(spread(pairs), abs=1e-9)


def test_a_heavy_member_among_light_dissenters_is_heard_as_such() -> None:
    pairs = [(0.6, 98.0), (0.1, 1.0), (0.9, 1.0)]
    assert spread(pairs) < 0.1 < spread(pairs, Dispersion.UNWEIGHTED)


@pytest.mark.parametrize("kind", list(Dispersion))
def test_nobody_has_no_spread_to_measure(kind) -> None:
    assert math.isnan(dispersion([], [], kind))


def test_weights_that_are_all_zero_measure_nothing() -> None:
    assert math.isnan(dispersion([0.4, 0.6], [0.0, 0.0], Dispersion.WEIGHTED))


def test_a_missing_weight_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="zip"):
        dispersion([0.4, 0.6], [1.0], Dispersion.WEIGHTED)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (0.0, Level.PROCEED),
        (0.15, Level.PROCEED),
        (math.nextafter(0.15, 1), Level.FALLBACK_SIMPLE),
        (0.25, Level.FALLBACK_SIMPLE),
        (math.nextafter(0.25, 1), Level.REDUCE_SIZE),
        (0.5, Level.REDUCE_SIZE),
        (math.inf, Level.REDUCE_SIZE),
        (math.nan, Level.REDUCE_SIZE),
    ],
)
def test_the_breaker_trips_above_its_bounds_and_on_what_is_not_known(value, level) -> None:
    assert breaker(value, 0.15, 0.25) is level


@given(st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_more_disagreement_is_never_treated_more_boldly(a, b) -> None:
    calm, wild = (breaker(x, 0.15, 0.25) for x in sorted((a, b)))
    assert ORDER.index(calm) <= ORDER.index(wild)
