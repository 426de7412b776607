"""N accounts side by side: keyed chance, room for an episode, counts, and going on to the bit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import ConfigError, DataError, InvariantError
from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.course import Course
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.terms import Terms
from stairway.testing.practice import actions_for, env_rules, made_course, rough_course

COURSE = rough_course(400, seed=3)
RULES = env_rules(episode_steps=40)
HOLD, SELL, BUY = 4, 0, 8


def batch_of(
    n_envs: int = 4, seed: int = 1, rules: EnvRules = RULES, course: Course = COURSE
) -> PairBatch:
    return PairBatch(course, rules, n_envs, seed)


def walked(batch: PairBatch, actions: np.ndarray) -> list[np.ndarray]:
    """Everything that each account saw, was paid and owned, step by step."""
    seen = [batch.reset()]
    for row in actions:
        seen += [batch.step(row), batch.told.copy(), batch.books.copy()]
    return seen


def constant(action: int, n_envs: int = 4) -> np.ndarray:
    return np.full(n_envs, action, np.int64)


# -- chance ----------------------------------------------------------------------------


@given(st.integers(1, 8), st.integers(0, 2**63 - 1))
def test_an_account_walks_the_same_however_many_walk_beside_it(n_envs: int, seed: int) -> None:
    actions = actions_for(90, 8, seed % 1_000)
    alone = walked(batch_of(n_envs, seed), actions[:, :n_envs])
    crowd = walked(batch_of(8, seed), actions)
    assert all(np.array_equal(a, b[:n_envs]) for a, b in zip(alone, crowd, strict=True))


def test_seeds_accounts_and_episodes_start_elsewhere() -> None:
    starts = set()
    for seed in range(4):
        batch = batch_of(4, seed)
        for _ in range(4):
            batch.reset()
            starts.update(enumerate(batch.books[:, kernels.BAR]))
    assert len({bar for _, bar in starts}) > 50


def test_the_same_seed_begins_the_same_episodes_again() -> None:
    batch = batch_of()
    first = [batch.reset().copy() for _ in range(3)]
    batch.seed(1)
    again = [batch.reset().copy() for _ in range(3)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], first[1])


def test_each_account_may_have_a_seed_of_its_own() -> None:
    batch = batch_of(3)
    batch.seed([5, 6, 7])
    batch.reset()
    bars = batch.books[:, kernels.BAR].tolist()
    for i, seed in enumerate([5, 6, 7]):
        one = batch_of(3, seed)
        one.reset()
        assert one.books[i, kernels.BAR] == bars[i]


@pytest.mark.parametrize("seed", [-1, 2**63, [1, 2], [1, 2, -3]])
def test_a_seed_out_of_range_is_refused(seed: Any) -> None:
    with pytest.raises(ConfigError, match=r"from 0 to 2|give one for all"):
        batch_of(3).seed(seed)


def test_a_batch_of_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="n_envs is 0"):
        batch_of(0)


def starts_of(course: Course, rules: EnvRules) -> set[int]:
    batch = PairBatch(course, rules, 512, seed=0)
    bars: set[int] = set()
    for _ in range(8):
        batch.reset()
        bars.update(batch.books[:, kernels.BAR].astype(int).tolist())
    return bars


def test_episodes_start_anywhere_that_leaves_room_and_nowhere_else() -> None:
    course = COURSE.part(0, 60)
    bars = starts_of(course, env_rules(episode_steps=40))
    assert bars == set(range(course.first, 60 - 40))


def test_starts_are_even() -> None:
    course = COURSE.part(0, 60)
    batch = PairBatch(course, env_rules(episode_steps=45), 20_000, seed=5)
    batch.reset()
    counts = np.bincount(batch.books[:, kernels.BAR].astype(int))[course.first :]
    expected = 20_000 / counts.size
    assert ((counts - expected) ** 2 / expected).sum() < 3 * counts.size


def test_a_course_without_room_for_a_whole_episode_gives_shorter_ones() -> None:
    course = COURSE.part(0, 30)
    rules = env_rules(episode_steps=100, min_episode_steps=10, max_session_drawdown_frac=1.0)
    assert starts_of(course, rules) == set(range(course.first, 30 - 10))


# -- noise -----------------------------------------------------------------------------


def noisy(size: float = 1.0) -> EnvRules:
    return msgspec.structs.replace(RULES, observation_noise=size)


def plain_noise(key: int, episode: int, step: int, size: float) -> np.ndarray:
    """The 24 normals of one observation, in plain Python."""
    mask, golden = 2**64 - 1, 0x9E3779B97F4A7C15

    def mixed(x: int) -> int:
        z = (x + golden) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def uniform(counter: int) -> float:
        return ((mixed((stream + counter * golden) & mask) >> 11) + 1) / 2**53

    stream = mixed((mixed(key ^ 0x6E6F697365) + episode * golden) & mask)
    noise = np.zeros(24)
    for c in range(12):
        far = size * math.sqrt(-2.0 * math.log(uniform(24 * step + 2 * c)))
        turn = 2.0 * math.pi * uniform(24 * step + 2 * c + 1)
        noise[c], noise[12 + c] = far * math.cos(turn), far * math.sin(turn)
    return noise


def features_of(seen: np.ndarray) -> np.ndarray:
    return np.delete(seen, [12, 25], axis=-1)


@pytest.mark.parametrize("size", [0.1, 1.0, 3.0])
def test_noise_is_what_plain_python_makes_of_the_same_keys(size: float) -> None:
    clear, blurred = batch_of(3, 9), batch_of(3, 9, noisy(size))
    pairs = [(clear.reset(), blurred.reset())]
    for row in actions_for(90, 3, seed=2):
        pairs.append((clear.step(row), blurred.step(row)))
        for i in range(3):
            step = int(blurred.books[i, kernels.STEP])
            episode = int(blurred.books[i, kernels.EPISODE])
            noise = plain_noise(int(blurred.keys[i]), episode, step, size)
            added = features_of(pairs[-1][1][i]) - features_of(pairs[-1][0][i])
            assert np.allclose(added, noise, atol=1e-5)
    assert clear.measured().ended > 3


def test_noise_is_normal_fresh_and_of_its_size() -> None:
    clear, blurred = batch_of(200, 9), batch_of(200, 9, noisy(0.5))
    noise = [features_of(blurred.reset()) - features_of(clear.reset()) for _ in range(20)]
    drawn = np.array(noise).ravel()
    assert abs(drawn.mean()) < 0.005
    assert drawn.std() == pytest.approx(0.5, rel=0.01)
    assert (np.abs(drawn) > 1.0).mean() == pytest.approx(0.0455, abs=0.003)
    assert np.unique(drawn.round(6)).size > 0.9 * drawn.size
    rows = np.array(noise).reshape(-1, 24)
    between = np.corrcoef(rows, rowvar=False) - np.eye(24)
    assert np.abs(between).max() < 0.08


def test_noise_touches_neither_positions_nor_money() -> None:
    clear, blurred = batch_of(4, 9), batch_of(4, 9, noisy(2.0))
    clear.reset()
    blurred.reset()
    for row in actions_for(60, 4, seed=2):
        a, b = clear.step(row), blurred.step(row)
        assert np.array_equal(a[:, [12, 25]], b[:, [12, 25]])
        assert np.array_equal(clear.told, blurred.told)
        assert np.array_equal(clear.books, blurred.books)


def test_noise_keeps_the_last_observation_of_an_episode_and_the_bounds() -> None:
    rules = msgspec.structs.replace(noisy(10.0), episode_steps=5)
    high = replace(COURSE, features=np.full_like(COURSE.features, 99.0))
    clear = PairBatch(high, msgspec.structs.replace(rules, observation_noise=0.0), 2, 4)
    blurred = PairBatch(high, rules, 2, 4)
    clear.reset()
    blurred.reset()
    for row in actions_for(5, 2, seed=1):
        clear.step(row)
        seen = blurred.step(row)
        assert np.abs(seen).max() <= 100.0
    for i in range(2):
        noise = plain_noise(int(blurred.keys[i]), 0, 5, 10.0)
        shown = features_of(blurred.finals[i]) - features_of(clear.finals[i])
        assert np.allclose(shown, np.clip(noise, -199.0, 1.0), atol=1e-4)


# -- actions ---------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [-1, 9, 10**9])
def test_an_action_that_is_none_of_the_nine_is_refused_and_nothing_moves(bad: int) -> None:
    batch = batch_of()
    batch.reset()
    batch.step(constant(BUY))
    before = batch.snapshot()
    with pytest.raises(DataError, match=rf"action {bad} of account 2; allowed are 0 to 8"):
        batch.step(np.array([HOLD, HOLD, bad, HOLD]))
    after = batch.snapshot()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_there_is_an_action_for_each_account_or_none_moves() -> None:
    batch = batch_of()
    batch.reset()
    with pytest.raises(DataError, match=r"actions are \(3,\) for 4 accounts"):
        batch.step(constant(HOLD, 3))


def test_nobody_moves_before_the_first_reset() -> None:
    with pytest.raises(InvariantError, match="never reset"):
        batch_of().step(constant(HOLD))


@pytest.mark.parametrize(
    ("action", "positions"),
    [
        (0, (-1, -1)),
        (1, (-1, 0)),
        (2, (-1, 1)),
        (3, (0, -1)),
        (4, (0, 0)),
        (5, (0, 1)),
        (6, (1, -1)),
        (7, (1, 0)),
        (8, (1, 1)),
    ],
)
def test_the_nine_actions_are_row_major_in_first_and_second(
    action: int, positions: tuple[int, int]
) -> None:
    batch = batch_of(1, 1, env_rules(overnight="hold", flat_by_close=False))
    batch.reset()
    seen = batch.step(constant(action, 1))[0]
    assert (seen[12], seen[25]) == positions


def test_hold_keeps_the_position_and_repeating_a_side_is_no_fill() -> None:
    rules = env_rules(
        overnight="hold", flat_by_close=False, episode_steps=30, max_session_drawdown_frac=1.0
    )
    batch = batch_of(1, 1, rules)
    batch.reset()
    fills, seen = [], []
    for action in (BUY, HOLD, BUY, HOLD, SELL, SELL, HOLD):
        view = batch.step(constant(action, 1))[0]
        fills.append(int(batch.told[0, kernels.FILLS]))
        seen.append((view[12], view[25]))
    assert fills == [2, 0, 0, 0, 2, 0, 0]
    assert seen == [(1, 1)] * 4 + [(-1, -1)] * 3


def test_through_flat_a_flip_takes_two_bars_and_two_fills() -> None:
    rules = env_rules(
        overnight="hold",
        flat_by_close=False,
        episode_steps=30,
        flips="through_flat",
        max_session_drawdown_frac=1.0,
    )
    batch = batch_of(1, 1, rules)
    batch.reset()
    seen = [batch.step(constant(a, 1))[0][12] for a in (BUY, SELL, HOLD, SELL, BUY, BUY)]
    assert seen == [1, 0, 0, -1, 0, 1]
    assert batch.measured().fills == 10


# -- sessions --------------------------------------------------------------------------


def at_session_end(rules: EnvRules, bars_before: int) -> PairBatch:
    """One account that stands so many bars before the end of a session."""
    course = replace(COURSE, last_of_session=np.append(np.diff(COURSE.session) > 0, True))
    end = int(np.flatnonzero(course.last_of_session[10:])[0]) + 10
    part = replace(course, first=end - bars_before)
    steps = len(part) - 1 - part.first
    whole = msgspec.structs.replace(rules, episode_steps=steps, max_session_drawdown_frac=1.0)
    batch = PairBatch(part, whole, 1, 0)
    batch.reset()
    assert batch.books[0, kernels.BAR] == end - bars_before
    return batch


def test_what_is_held_is_sold_at_the_last_close_and_is_no_fill_of_the_policy() -> None:
    batch = at_session_end(env_rules(), bars_before=2)
    batch.step(constant(BUY, 1))
    assert batch.step(constant(HOLD, 1))[0][[12, 25]].tolist() == [0.0, 0.0]
    counts = batch.measured()
    assert (counts.fills, counts.forced, counts.no_fills) == (2, 2, 1)
    assert batch.books[0, kernels.CASH] == batch.books[0, kernels.EQUITY]


def test_a_decision_at_the_last_close_does_nothing_but_still_counts_as_chosen() -> None:
    batch = at_session_end(env_rules(), bars_before=0)
    assert batch.step(constant(BUY, 1))[0][[12, 25]].tolist() == [0.0, 0.0]
    counts = batch.measured()
    assert (counts.fills, counts.no_fills, counts.chosen[BUY]) == (0, 1, 1)
    assert batch.step(constant(BUY, 1))[0][[12, 25]].tolist() == [1.0, 1.0]


def test_where_nights_are_held_through_the_last_decision_is_filled_next_morning() -> None:
    batch = at_session_end(env_rules(overnight="hold", flat_by_close=False), bars_before=0)
    assert batch.step(constant(BUY, 1))[0][[12, 25]].tolist() == [1.0, 1.0]
    assert batch.measured().fills == 2


def drawdown_course(falls: list[float], session: list[int]) -> Course:
    """Both instruments fall by these fractions, close to close, from bar 1 on."""
    n = len(falls) + 1
    close = np.repeat(100.0 * np.cumprod([1.0, *(1.0 - f for f in falls)])[:, None], 2, axis=1)
    return Course(
        symbols=("A", "B"),
        time_ns=np.arange(1, n + 1) * 10**9,
        features=np.zeros((n, 24), np.float32),
        open=np.concatenate((close[:1], close[:-1])),
        close=close,
        value_usd=np.full((n, 2), 1e12),
        session=np.array(session),
        last_of_session=np.zeros(n, np.bool_),
        score=np.zeros(n),
        regime=np.zeros(n, np.int64),
        first=0,
        bars_per_session=n,
        periods_per_year=252.0,
        lot_units=(0.001, 0.001),
    )


def ends_of(falls: list[float], session: list[int], max_drawdown: float) -> list[float]:
    free = {"fee_bps": 0.0, "half_spread_bps": 0.0, "impact_coef_bps": 0.0}
    costs = msgspec.structs.replace(env_rules().costs, **free)
    rules = env_rules(
        costs=costs,
        episode_steps=len(falls),
        min_episode_steps=1,
        max_session_drawdown_frac=max_drawdown,
        overnight="hold",
        flat_by_close=False,
    )
    batch = PairBatch(drawdown_course(falls, session), rules, 1, 0, again=False)
    batch.reset()
    ends: list[float] = []
    while not ends or ends[-1] == kernels.RUNS:
        batch.step(constant(BUY, 1))
        ends.append(float(batch.told[0, kernels.END]))
    return ends


def test_a_fall_within_the_session_beyond_the_bound_ends_the_episode() -> None:
    assert ends_of([0.01, 0.012, 0.0], [0, 0, 0, 0], 0.02) == [0.0, kernels.TERMINATED]
    assert ends_of([0.01, 0.008, 0.0], [0, 0, 0, 0], 0.02) == [0.0, 0.0, kernels.TRUNCATED]


def test_the_fall_is_measured_from_the_peak_within_the_session() -> None:
    assert ends_of([-0.05, 0.021, 0.0], [0, 0, 0, 0], 0.02) == [0.0, kernels.TERMINATED]


def test_a_new_session_begins_at_what_the_old_one_left() -> None:
    falls = [0.015, 0.015, 0.0]
    assert ends_of(falls, [0, 0, 0, 0], 0.02) == [0.0, kernels.TERMINATED]
    assert ends_of(falls, [0, 0, 1, 1], 0.02) == [0.0, 0.0, kernels.TRUNCATED]
    assert ends_of([0.0, 0.021, 0.0], [0, 0, 1, 1], 0.02) == [0.0, kernels.TERMINATED]


def test_an_episode_lost_on_its_last_step_is_lost_and_not_cut_short() -> None:
    assert ends_of([0.0, 0.03], [0, 0, 0], 0.02) == [0.0, kernels.TERMINATED]


def test_an_account_that_does_not_begin_again_stops() -> None:
    batch = PairBatch(COURSE, env_rules(episode_steps=5), 2, 0, again=False)
    batch.reset()
    for _ in range(5):
        batch.step(constant(HOLD, 2))
    with pytest.raises(InvariantError, match="call reset"):
        batch.step(constant(HOLD, 2))
    batch.reset()
    batch.step(constant(HOLD, 2))


# -- counts ----------------------------------------------------------------------------


def test_counts_are_of_all_steps_since_the_last_time() -> None:
    batch, actions = batch_of(), actions_for(150, 4, seed=3)
    batch.reset()
    told, score, weather = [], [], []
    for row in actions:
        bars = batch.books[:, kernels.BAR].astype(int) + 1
        batch.step(row)
        told.append(batch.told.copy())
        score.append(COURSE.score[bars])
        weather.append(COURSE.regime[bars])
    rows = np.array(told)
    counts = batch.measured()
    assert counts.steps == 600
    assert counts.chosen == tuple(np.bincount(actions.ravel(), minlength=9).tolist())
    assert counts.holds == int((actions == HOLD).sum())
    assert counts.fills == int(rows[:, :, kernels.FILLS].sum())
    assert counts.no_fills == int((rows[:, :, kernels.FILLS] == 0).sum())
    assert counts.forced == int(rows[:, :, kernels.CLOSED].sum()) > 0
    over = rows[:, :, kernels.END] != kernels.RUNS
    assert counts.ended == int(over.sum()) > 0
    assert counts.terminated == int((rows[:, :, kernels.END] == kernels.TERMINATED).sum())
    assert counts.ended_bars == int(rows[:, :, kernels.LENGTH][over].sum())
    profits, rewards = rows[:, :, kernels.PROFIT_BPS], rows[:, :, kernels.REWARD]
    assert counts.profit_bps == pytest.approx(profits.sum())
    assert counts.profit_square_bps2 == pytest.approx((profits**2).sum())
    assert counts.reward == pytest.approx(rewards.sum())
    assert counts.reward_square == pytest.approx((rewards**2).sum())
    assert counts.score == pytest.approx(np.sum(score))
    assert counts.regimes == tuple(np.bincount(np.ravel(weather), minlength=3).tolist())
    assert min(counts.regimes) > 0
    assert counts.drawdown_frac == rows[:, :, kernels.FALL].max() > 0.0
    again = batch.measured()
    assert (again.steps, again.drawdown_frac, again.regimes) == (0, 0.0, (0, 0, 0))


def test_the_deepest_fall_is_counted_though_it_was_made_good_again() -> None:
    """Also where the account that fell has begun its next episode by the same step."""
    free = {"fee_bps": 0.0, "half_spread_bps": 0.0, "impact_coef_bps": 0.0}
    costs = msgspec.structs.replace(env_rules().costs, **free)
    for bound, falls, ended in ((0.05, [0.0, 0.03, -0.05, 0.0], 0), (0.02, [0.0, 0.03], 1)):
        rules = env_rules(
            costs=costs,
            episode_steps=len(falls) + 1,
            min_episode_steps=1,
            max_session_drawdown_frac=bound,
            overnight="hold",
            flat_by_close=False,
        )
        course = drawdown_course([*falls, 0.0], [0] * (len(falls) + 2))
        batch = PairBatch(course, rules, 1, 0)
        batch.reset()
        for _ in falls:
            batch.step(constant(BUY, 1))
        stands = 1.0 - batch.books[0, kernels.EQUITY] / batch.books[0, kernels.PEAK]
        assert stands == 0.0
        counts = batch.measured()
        assert counts.terminated == ended
        assert counts.drawdown_frac == pytest.approx(0.03, rel=1e-3)


# -- terms -----------------------------------------------------------------------------


def test_terms_hold_from_the_next_step_on() -> None:
    batch = batch_of(1, 1, env_rules(max_session_drawdown_frac=1.0))
    batch.reset()
    batch.step(constant(HOLD, 1))
    assert batch.told[0, kernels.HOLD_BONUS] == 0.0
    batch.set_terms(Terms(scale_bps=2.0, bonus=0.5, ticket=0.25, downside=0.125))
    batch.step(constant(HOLD, 1))
    row = batch.told[0]
    assert row[kernels.HOLD_BONUS] == 0.5
    assert row[kernels.PROFIT] == row[kernels.PROFIT_BPS] / 2.0
    batch.step(constant(BUY, 1))
    assert batch.told[0, kernels.TICKET_COST] == 0.5


# -- going on --------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(0, 60))
def test_a_batch_goes_on_from_a_snapshot_to_the_bit(seed: int, at: int) -> None:
    actions = actions_for(120, 4, seed)
    whole, rules = batch_of(4, seed, noisy()), noisy()
    whole.set_terms(Terms(scale_bps=3.0, bonus=0.1, ticket=0.2, downside=0.3))
    whole.reset()
    for row in actions[:at]:
        whole.step(row)
    kept = {name: array.copy() for name, array in whole.snapshot().items()}
    other = batch_of(4, seed + 1, rules)
    other.reset()
    other.step(constant(BUY))
    other.restore(kept)
    for row in actions[at:]:
        assert np.array_equal(whole.step(row), other.step(row))
        assert np.array_equal(whole.told, other.told)
        assert np.array_equal(whole.books, other.books)
    assert whole.measured() == other.measured()


def test_a_snapshot_is_not_moved_by_what_comes_after() -> None:
    batch = batch_of()
    batch.reset()
    kept = batch.snapshot()
    before = {name: array.copy() for name, array in kept.items()}
    batch.step(constant(BUY))
    assert all(np.array_equal(kept[name], before[name]) for name in kept)


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (lambda: batch_of(5), "number of accounts"),
        (lambda: batch_of(4, 1, env_rules(episode_steps=41)), "rules"),
        (lambda: batch_of(4, 1, RULES, COURSE.part(0, 399)), "course"),
    ],
)
def test_a_snapshot_of_another_environment_is_refused_by_name(other: Any, name: str) -> None:
    kept = other().snapshot()
    batch = batch_of()
    batch.reset()
    before = batch.snapshot()
    with pytest.raises(DataError, match=f"other {name}"):
        batch.restore(kept)
    after = batch.snapshot()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("name", "at", "value", "words"),
    [
        (
            "books",
            (0, kernels.CASH),
            np.nan,
            "books of the snapshot holds numbers that are not",
        ),
        ("finals", (0, 0), np.inf, "finals of the snapshot holds numbers that are not finite"),
        ("books", (0, kernels.BAR), 399.0, "books of the snapshot hold what no accounts"),
        ("books", (0, kernels.BAR), -1.0, "books of the snapshot hold what no accounts"),
        ("books", (0, kernels.STEP), -1.0, "books of the snapshot hold what no accounts"),
        ("books", (0, kernels.EPISODE), -2.0, "books of the snapshot hold what no accounts"),
        ("books", (0, kernels.FIRST_LOTS), 0.5, "books of the snapshot hold what no accounts"),
        ("books", (0, kernels.FIRST_POSITION), 2.0, "books of the snapshot hold what no acc"),
        ("tally", kernels.STEPS, -1.0, "tally of the snapshot hold what no accounts"),
        ("knobs", kernels.FEE, 0.0, "knobs of the snapshot hold what no accounts"),
    ],
)
def test_what_no_accounts_can_have_left_is_refused_and_nothing_is_changed(
    name: str, at: Any, value: float, words: str
) -> None:
    batch = batch_of()
    batch.reset()
    kept, before = batch.snapshot(), batch.snapshot()
    kept[name][at] = value
    with pytest.raises(DataError, match=words):
        batch.restore(kept)
    after = batch.snapshot()
    assert all(np.array_equal(before[one], after[one]) for one in before)


def test_terms_are_nobodys_rules_and_come_with_a_snapshot() -> None:
    paid, plain = batch_of(), batch_of()
    paid.set_terms(Terms(scale_bps=5.0, bonus=0.1, ticket=0.2, downside=0.3))
    plain.restore(paid.snapshot())
    assert np.array_equal(plain.knobs, paid.knobs)


def test_an_account_that_is_done_may_stand_at_the_last_bar() -> None:
    batch = PairBatch(COURSE, RULES, 1, 0, again=False)
    batch.reset()
    kept = batch.snapshot()
    kept["books"][0, kernels.BAR] = len(COURSE) - 1.0
    with pytest.raises(DataError, match="books of the snapshot"):
        batch.restore(kept)
    kept["told"][0, kernels.END] = kernels.TRUNCATED
    batch.restore(kept)


def test_an_identity_of_another_form_is_refused() -> None:
    kept = batch_of().snapshot()
    with pytest.raises(DataError, match=r"identity of the snapshot is uint8 \(3, 32\), where"):
        batch_of().restore(kept | {"identity": kept["identity"][:3]})
    with pytest.raises(DataError, match=r"identity of the snapshot is uint8 \(4, 31\), where"):
        batch_of().restore(kept | {"identity": kept["identity"][:, :31]})


def test_a_snapshot_of_other_arrays_is_refused() -> None:
    batch = batch_of()
    kept = batch.snapshot()
    with pytest.raises(DataError, match="a snapshot holds"):
        batch.restore({name: kept[name] for name in kept if name != "tally"})
    with pytest.raises(DataError, match="books of the snapshot is float32"):
        batch.restore(kept | {"books": kept["books"].astype(np.float32)})


def test_the_fingerprint_names_course_and_rules_and_not_seed_or_terms() -> None:
    batch = batch_of()
    batch.set_terms(Terms(scale_bps=9.0, bonus=0.0, ticket=0.0, downside=0.0))
    assert batch.fingerprint == batch_of(7, 99).fingerprint
    assert batch.fingerprint != batch_of(rules=env_rules()).fingerprint
    assert batch.fingerprint != batch_of(course=COURSE.part(0, 399)).fingerprint


def test_made_up_bars_are_walked_to_the_end() -> None:
    course = made_course(200, seed=1)
    steps = len(course) - 1 - course.first
    rules = env_rules(
        episode_steps=steps,
        max_session_drawdown_frac=1.0,
        overnight="hold",
        flat_by_close=False,
    )
    batch = PairBatch(course, rules, 1, 0)
    batch.reset()
    for _ in range(steps):
        assert batch.told[0, kernels.END] == kernels.RUNS
        batch.step(constant(HOLD, 1))
    assert batch.told[0, kernels.END] == kernels.TRUNCATED
    assert batch.told[0, kernels.LENGTH] == steps


# -- risk ------------------------------------------------------------------------------


def test_a_position_is_worth_its_stake_times_the_risk_at_the_bar_decided_at() -> None:
    factors = np.ones(300)
    factors[::2] = 0.5
    plain, risky = (PairBatch(made_course(300, seed=7), env_rules(), 8, 1) for _ in range(2))
    risky.set_risk(factors)
    for batch in (plain, risky):
        batch.reset()
    decided = plain.books[:, kernels.BAR].astype(int)
    for batch in (plain, risky):
        batch.step(np.full(8, 8))
    lots = slice(kernels.FIRST_LOTS, kernels.SECOND_LOTS + 1)
    ratio = risky.books[:, lots] / plain.books[:, lots]
    np.testing.assert_allclose(ratio, np.repeat(factors[decided], 2).reshape(8, 2), atol=0.01)


def test_no_risk_makes_a_position_worth_more_than_the_equity() -> None:
    batch = PairBatch(made_course(300, seed=7), env_rules(stake_frac=0.95), 4, 1)
    batch.set_risk(np.full(300, 2.0))
    assert (batch.rules.stake_frac * batch.market[:, kernels.RISK] <= 1.0).all()


@pytest.mark.parametrize("factors", [np.ones(299), np.zeros(300), np.full(300, np.nan)])
def test_a_risk_that_is_none_is_refused(factors: np.ndarray) -> None:
    batch = PairBatch(made_course(300, seed=7), env_rules(), 4, 1)
    with pytest.raises(DataError, match="300 bars need as many risk factors above 0"):
        batch.set_risk(factors)
