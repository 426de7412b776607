"""Constants are found whatever their value, and a model by steps is not accused of any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.supervision.answers import Stage, columns
from stairway.supervision.constants import IMPLAUSIBLE, constants, mass, trace
from stairway.supervision.tally import Spread, Tally
from stairway.testing.answers import MODELS, REASONS, lively, names, tallied


def spread(confidence: np.ndarray) -> Spread:
    return Spread(*np.unique(np.rint(confidence * 1e6).astype(np.int64), return_counts=True))


def alive(n: int, seed: int = 1) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(0.5, 0.16, n), 0.01, 0.99)


def stuck(confidence: np.ndarray, value: float, share: float, seed: int = 2) -> np.ndarray:
    chosen = np.random.default_rng(seed).permutation(len(confidence))
    changed = confidence.copy()
    changed[chosen[: round(share * len(chosen))]] = value
    return changed


def found(confidence: np.ndarray) -> list[float]:
    return [c.value_ppm / 1e6 for c in constants(spread(confidence)).found]


@pytest.mark.parametrize("places", [2, 3, 4, 16])
@pytest.mark.parametrize("n", [200, 1_200, 50_000])
def test_a_smooth_model_has_no_constants_however_it_rounds(n: int, places: int) -> None:
    for seed in range(5):
        assert found(np.round(alive(n, seed), places)) == []


@pytest.mark.parametrize("draw", ["uniform", "exponential", "laplace"])
def test_slopes_peaks_and_edges_are_not_constants(draw: str) -> None:
    rng = np.random.default_rng(1)
    for n in (300, 50_000):
        said = {
            "uniform": rng.random(n),
            "exponential": rng.exponential(0.1, n),
            "laplace": rng.laplace(0.5, 0.03, n),
        }[draw]
        inside = said[(said > 0) & (said < 1)]
        assert found(inside) == found(np.round(inside, 2)) == []


@pytest.mark.parametrize(
    ("value", "share"), [(0.5, 0.08), (0.75, 0.73), (0.65, 0.05), (0.613407, 0.03)]
)
@pytest.mark.parametrize("n", [1_200, 50_000])
def test_a_constant_is_found_whatever_its_value(n: int, value: float, share: float) -> None:
    one = constants(spread(stuck(alive(n), value, share))).found[0]
    assert one.value_ppm == round(value * 1e6)
    assert one.count >= round(share * n)
    assert one.share == pytest.approx(share, abs=0.01)
    assert 0 <= one.p_value <= IMPLAUSIBLE
    assert one.log10_p < -5


def test_three_constants_are_ranked_by_their_mass() -> None:
    said = alive(1_200)
    for value, share in ((0.65, 0.03), (0.75, 0.06), (0.5, 0.1)):
        said = stuck(said, value, share, seed=round(share * 100))
    assert found(said) == [0.5, 0.75, 0.65]


def test_a_constant_is_found_among_confidences_of_two_places() -> None:
    assert found(stuck(np.round(alive(5_000), 2), 0.75, 0.3)) == [0.75]


@pytest.mark.parametrize("steps", [8, 12, 25, 60])
@pytest.mark.parametrize("between", [0.0, 0.15])
def test_a_calibrator_by_steps_is_not_accused(steps: int, between: float) -> None:
    """Isotonic: plateaus of very different mass, and a little in between."""
    for seed in range(4):
        rng = np.random.default_rng([seed, steps])
        n, plateaus = 5_000, rng.random(steps)
        said = rng.choice(plateaus, n, p=rng.dirichlet(np.full(steps, 2.0)))
        slanted = rng.random(n) < between
        said[slanted] = rng.random(int(slanted.sum()))
        judged = constants(spread(said))
        assert judged.found == ()
        assert judged.steps == 0 or judged.steps >= 7


# How often each hundredth was said in the log of a real program, but for its zeros.
UNEVEN = dict(
    zip(
        (
            5,
            15,
            19,
            20,
            21,
            22,
            23,
            25,
            29,
            30,
            31,
            32,
            35,
            36,
            37,
            38,
            39,
            40,
            41,
            42,
            43,
            44,
            45,
        ),
        (5, 6, 21, 20, 1, 9, 2, 12, 12, 7, 2, 3, 29, 3, 50, 2, 46, 9, 14, 48, 339, 9, 40),
        strict=True,
    )
) | dict(enumerate((4, 1, 6, 16, 15, 2, 2, 4, 3, 4, 1, 6, 4, 3), 48))


def test_a_value_seven_times_the_next_is_found_where_neighbours_differ_wildly() -> None:
    said = np.repeat(list(UNEVEN), list(UNEVEN.values())) / 100
    assert found(said) == [0.43]
    as_heavy_as_others = UNEVEN | {43: 60}
    assert found(np.repeat(list(UNEVEN), list(as_heavy_as_others.values())) / 100) == []


def test_few_heavy_values_cannot_hide_behind_each_other() -> None:
    assert found(np.tile([0.55, 0.68], 100)) == [0.55, 0.68]
    assert found(np.full(300, 0.6)) == [0.6]
    assert found(np.tile([0.2, 0.4, 0.6, 0.8, 0.9], 100)) == [0.2, 0.4, 0.6, 0.8, 0.9]


@given(st.lists(st.integers(1, 10**9), max_size=40), st.integers(1, 10**4))
def test_no_histogram_breaks_it_and_every_constant_has_its_mass(counts, step) -> None:
    values = Spread(np.arange(len(counts)) * step, np.array(counts, np.int64))
    judged = constants(values)
    for one in judged.found:
        assert one.count == mass(values, one.value_ppm) > one.expected
        assert 0 <= one.p_value <= IMPLAUSIBLE
    assert [c.count for c in judged.found] == sorted(
        (c.count for c in judged.found), reverse=True
    )


def test_a_constant_is_traced_to_who_says_it_since_when_and_why() -> None:
    said = lively(2_000, np.random.default_rng(1))
    capped = (said["model"] == 1) & (said["event"] > 500) & (said["event"] % 5 == 0)
    said["confidence"][capped], said["reason"][capped] = 0.65, REASONS.index("cap")
    (one,) = trace(tallied(said))
    assert (one.model, one.stage, one.constant.value_ppm) == (
        MODELS[1],
        Stage.CALIBRATED,
        650_000,
    )
    assert one.exact
    assert one.reasons == {"cap": one.constant.count}
    assert one.since_ns == said["time_ns"][capped][0]
    assert one.until_ns == said["time_ns"][capped][-1]
    assert sum(one.symbols.values()) == one.constant.count == capped.sum()


def test_a_constant_with_more_reasons_than_are_kept_is_not_exact() -> None:
    said = lively(2_000, np.random.default_rng(1))
    capped = (said["model"] == 1) & (said["event"] % 5 == 0)
    known = names()
    many = np.array(known.reasons.codes([f"ADX 1{n}.7 < min 18" for n in range(70)]))
    said["confidence"][capped] = 0.65
    said["reason"][capped] = many[np.arange(capped.sum()) % 70]
    tally = Tally(known)
    tally.add(columns(**said))
    (one,) = trace(tally)
    assert one.other_reasons > 0
    assert (one.exact, one.other_symbols) == (False, 0)
