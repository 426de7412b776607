"""Two moods of the market: found again where they were planted, and refused where there is one."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest

from stairway.base.arrays import FloatArray
from stairway.base.verdict import Refuse
from stairway.simulation import switching
from stairway.simulation.switching import Switching, SwitchingRules

RULES = SwitchingRules(min_bars=500, rounds=500, tolerance=1e-7, min_weight_frac=0.02)
PLANTED = Switching(
    stay=(0.98, 0.95),
    mean=((0.02, 0.0), (-0.1, 0.0)),
    covariance=((0.4, 0.2, 0.5), (3.0, 1.0, 2.0)),
)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def refusal(returns: FloatArray, rules: SwitchingRules = RULES) -> str:
    answer = switching.fit(returns, 100, rules)
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


@pytest.fixture(scope="module")
def planted() -> FloatArray:
    return switching.simulate(PLANTED, 20_000, generator(1))


def test_what_was_planted_is_found(planted: FloatArray) -> None:
    found = switching.fit(planted, 400, RULES)
    assert isinstance(found, Switching)
    assert found.stay == pytest.approx(PLANTED.stay, abs=0.01)
    for mood in (0, 1):
        assert found.covariance[mood] == pytest.approx(PLANTED.covariance[mood], rel=0.12)
        assert found.mean[mood] == pytest.approx(PLANTED.mean[mood], abs=0.06)
    assert found.stormy_frac == pytest.approx(PLANTED.stormy_frac, abs=0.03)


def test_the_calm_mood_is_named_first_whichever_way_it_was_found(planted: FloatArray) -> None:
    for part in (planted[:6_000], planted[:6_000] * [1.0, -1.0], planted[6_000:12_000][::-1]):
        found = switching.fit(part, 100, RULES)
        assert isinstance(found, Switching)
        assert found.covariance[0][0] < found.covariance[1][0]
        assert found.covariance[0][2] < found.covariance[1][2]


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_moods_are_named_by_their_size_and_not_by_their_number(order: list[int]) -> None:
    chain = switching._Chain(
        move=np.array([[0.98, 0.02], [0.05, 0.95]])[np.ix_(order, order)],
        mean=np.array(PLANTED.mean)[order],
        covariance=np.array([[[0.4, 0.2], [0.2, 0.5]], [[3.0, 1.0], [1.0, 2.0]]])[order],
    )
    assert switching._named(chain) == PLANTED


def brute_force(sequence: FloatArray, model: Switching) -> tuple[FloatArray, float]:
    """Weight of each mood at each bar by summing over every path there could have been."""
    bars = len(sequence)
    density = np.empty((bars, 2))
    for k in (0, 1):
        first, both, second = model.covariance[k]
        matrix = np.array([[first, both], [both, second]])
        apart = sequence - np.array(model.mean[k])
        far = np.einsum("tk,kl,tl->t", apart, np.linalg.inv(matrix), apart)
        density[:, k] = np.exp(-0.5 * far) / (2.0 * np.pi * np.sqrt(np.linalg.det(matrix)))
    start = np.array([1.0 - model.stormy_frac, model.stormy_frac])
    move = np.array(
        [[model.stay[0], 1.0 - model.stay[0]], [1.0 - model.stay[1], model.stay[1]]]
    )
    weight = np.zeros((bars, 2))
    total = 0.0
    for path in itertools.product((0, 1), repeat=bars):
        chance = start[path[0]] * density[0, path[0]]
        for t in range(1, bars):
            chance *= move[path[t - 1], path[t]] * density[t, path[t]]
        total += chance
        weight[np.arange(bars), path] += chance
    return weight / total, float(np.log(total) / bars)


def test_forwards_and_backwards_agree_with_summing_over_every_path(planted: FloatArray) -> None:
    sequence = planted[100:108]
    chain = switching._Chain(
        move=np.array([[0.98, 0.02], [0.05, 0.95]]),
        mean=np.array(PLANTED.mean),
        covariance=np.array([[[0.4, 0.2], [0.2, 0.5]], [[3.0, 1.0], [1.0, 2.0]]]),
    )
    weight, moved, likelihood = switching._expect(sequence[None], chain)
    wanted, log_likelihood = brute_force(sequence, PLANTED)
    assert weight[0] == pytest.approx(wanted, rel=1e-9)
    assert likelihood == pytest.approx(log_likelihood, rel=1e-12)
    assert moved.sum() == pytest.approx(7.0), "eight bars make seven moves"


def test_the_likelihood_never_falls_from_round_to_round(planted: FloatArray) -> None:
    sequences = switching._sequences(planted[:5_000], 100)
    weight = switching._first_guess(sequences)
    chain = switching._maximise(sequences, weight, switching._FIRST_MOVES)
    found: list[float] = []
    for _ in range(20):
        weight, moved, likelihood = switching._expect(sequences, chain)
        chain = switching._maximise(sequences, weight, moved)
        found.append(likelihood)
    # The chance of the first mood is tied to the chain, which costs a hair of the proof.
    assert (np.diff(found) > -1e-6).all()
    assert found[-1] > found[0]


def test_simulated_moods_last_as_long_as_they_should() -> None:
    mood = switching._moods(PLANTED, generator(2).random(200_000))
    assert mood.mean() == pytest.approx(PLANTED.stormy_frac, abs=0.02)
    stays = (mood[1:] == mood[:-1])[mood[:-1] == 1].mean()
    assert stays == pytest.approx(0.95, abs=0.005)


def test_a_market_begins_in_a_storm_as_often_as_storms_are() -> None:
    still = msgspec.structs.replace(PLANTED, covariance=((1e-6, 0.0, 1e-6), (1e-6, 0.0, 1e-6)))
    first = [switching.simulate(still, 1, generator(seed))[0, 0] for seed in range(2_000)]
    stormy = np.isclose(first, PLANTED.mean[1][0], atol=0.02).mean()
    assert stormy == pytest.approx(PLANTED.stormy_frac, abs=0.04)


def test_simulated_returns_have_the_shape_of_their_moods() -> None:
    mood = switching._moods(PLANTED, generator(4).random(50_000))
    drawn = switching.simulate(PLANTED, 50_000, generator(4))
    for k in (0, 1):
        first, both, second = PLANTED.covariance[k]
        found = np.cov(drawn[mood == k].T)
        assert found == pytest.approx(np.array([[first, both], [both, second]]), rel=0.06)
        assert drawn[mood == k].mean(axis=0) == pytest.approx(PLANTED.mean[k], abs=0.05)


def test_the_same_state_draws_the_same_returns() -> None:
    first, second = (switching.simulate(PLANTED, 100, generator(5)) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert switching.simulate(PLANTED, 0, generator(5)).shape == (0, 2)


@pytest.mark.parametrize(
    ("n", "per_session", "shape"),
    [
        (1_173, 391, (3, 391, 2)),
        (1_000, 1, (4, 250, 2)),
        (620, 6, (2, 252, 2)),
        (90, 1, (1, 90, 2)),
    ],
)
def test_a_sequence_is_a_session_or_about_a_year_of_bars(
    n: int, per_session: int, shape: tuple[int, ...]
) -> None:
    returns = np.arange(2.0 * n).reshape(n, 2)
    sequences = switching._sequences(returns, per_session)
    assert sequences.shape == shape
    assert sequences[-1, -1, 1] == 2.0 * n - 1.0, "what is left out is the oldest"


def test_too_few_returns_are_refused() -> None:
    assert refusal(np.ones((499, 2))) == "scenario.switching_too_few"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_returns_that_are_no_numbers_are_refused(bad: float, planted: FloatArray) -> None:
    broken = planted[:600].copy()
    broken[300, 1] = bad
    assert refusal(broken) == "scenario.switching_no_returns"


def test_an_instrument_that_stands_still_is_refused(planted: FloatArray) -> None:
    still = planted[:600].copy()
    still[:, 1] = 0.0
    assert refusal(still) == "scenario.switching_no_returns"


def test_two_instruments_that_are_one_are_refused(planted: FloatArray) -> None:
    assert refusal(np.repeat(planted[:600, :1], 2, axis=1)) == "scenario.switching_flat"


def test_a_mood_that_hardly_is_counts_as_none(planted: FloatArray) -> None:
    greedy = msgspec.structs.replace(RULES, min_weight_frac=0.45)
    answer = switching.fit(planted[:4_000], 100, greedy)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "scenario.one_mood"
    assert answer.findings[0].value is not None
    assert answer.findings[0].value < 0.45


def test_a_fit_that_does_not_come_to_rest_is_refused(planted: FloatArray) -> None:
    hasty = msgspec.structs.replace(RULES, rounds=2)
    assert refusal(planted[:4_000], hasty) == "scenario.switching_unfit"


def test_one_wild_bar_breaks_nothing(planted: FloatArray) -> None:
    wild = planted[:4_000].copy()
    wild[2_000] = [60.0, -60.0]
    assert isinstance(switching.fit(wild, 100, RULES), Switching | Refuse)
