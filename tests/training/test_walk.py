"""A frozen policy walks exactly as the environment would have walked it, every trade counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.errors import DataError
from stairway.models.observation import HOLD_BOTH
from stairway.simulation import kernels as market
from stairway.simulation.batch import PairBatch
from stairway.testing.practice import env_rules, made_course
from stairway.training.ppo import kernels as ppo_kernels
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.ppo.layout import Layout
from stairway.training.walk import Market, episodes, runs, walk
from stairway.training.walking import kernels

LAYOUT = Layout(inputs=26, policy=(8,), value=(4,), actions=9)
COURSE = made_course(4 * 390, seed=3, bar_seconds=60)
RULES = env_rules()
FREE = replace(
    RULES, costs=replace(RULES.costs, fee_bps=0.0, half_spread_bps=0.0, impact_coef_bps=0.0)
)


def actor(seed: int, hold: float = 0.0) -> FrozenPolicy:
    """A policy at random, that likes to hold by so much."""
    flat = np.random.default_rng(seed).normal(0.0, 0.4, LAYOUT.parameters).astype(np.float32)
    bias = next(t for t in LAYOUT.tensors() if t.name == "action_net.bias")
    flat[bias.start + HOLD_BOTH] += hold
    return FrozenPolicy(LAYOUT, flat)


def chances(policy: FrozenPolicy, seen: np.ndarray) -> np.ndarray:
    room = np.empty(len(seen) * policy.layout.units, np.float32)
    return ppo_kernels.chances(policy.layout.net, policy.flat, seen, room)


def always(action: int) -> FrozenPolicy:
    """A policy that is sure of one action."""
    flat = np.zeros(LAYOUT.parameters, np.float32)
    bias = next(t for t in LAYOUT.tensors() if t.name == "action_net.bias")
    flat[bias.start + action] = 60.0
    return FrozenPolicy(LAYOUT, flat)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def whole(rules, course):
    steps = len(course) - 1 - course.first
    return replace(
        rules, episode_steps=steps, min_episode_steps=steps, max_session_drawdown_frac=1.0
    )


# -- the same as the environment -----------------------------------------------------------


@pytest.mark.parametrize("flips", ["at_once", "through_flat"])
@pytest.mark.parametrize("overnight", ["hold", "refuse_entry"])
@pytest.mark.parametrize("flat", [True, False])
def test_the_walk_is_that_of_the_environment_on_the_same_actions(
    flips, overnight, flat
) -> None:
    rules = env_rules(
        flips=flips, overnight=overnight, flat_by_close=flat, max_session_drawdown_frac=0.004
    )
    walked = runs(actor(1, 1.0), PairBatch(COURSE, rules, 7, 5), rng())
    twin = PairBatch(COURSE, rules, 7, 5)
    twin.reset()
    longest = max(run.actions.size for run in walked)
    for t in range(longest):
        steps = [int(run.actions[t]) if t < run.actions.size else 4 for run in walked]
        twin.step(np.array(steps))
        for i, run in enumerate(walked):
            if t < run.actions.size:
                assert run.profits_bps[t] == twin.told[i, market.PROFIT_BPS]
            if t < run.actions.size - 1:
                assert run.equity[t] == twin.books[i, market.EQUITY] / (1e6 * rules.equity_usd)
            if t == run.actions.size - 1:
                assert run.sums[kernels.END] == twin.told[i, market.END] != market.RUNS
    assert {float(run.sums[kernels.END]) for run in walked} & {
        market.TERMINATED,
        market.TRUNCATED,
    }


def test_each_account_answers_to_what_it_sees_itself_however_many_have_ended() -> None:
    rules = env_rules(max_session_drawdown_frac=0.004, episode_steps=150)
    walked = runs(actor(1, 1.0), PairBatch(COURSE, rules, 7, 5), None)
    lengths = [run.actions.size for run in walked]
    assert len(set(lengths)) > 3
    twin = PairBatch(COURSE, rules, 7, 5)
    seen = twin.reset()
    for t in range(max(lengths)):
        wanted = chances(actor(1, 1.0), seen).argmax(axis=1)
        for i, run in enumerate(walked):
            if t < run.actions.size:
                assert run.actions[t] == wanted[i]
        seen = twin.step(wanted)


def test_what_is_counted_is_what_the_environment_counts() -> None:
    rules = whole(RULES, COURSE)
    batch = PairBatch(COURSE, rules, 3, 5)
    walked = runs(actor(2, 2.0), batch, rng())
    twin = PairBatch(COURSE, rules, 3, 5, again=False)
    twin.reset()
    for t in range(rules.episode_steps):
        twin.step(np.array([int(run.actions[t]) for run in walked]))
    counts = twin.measured()
    sums = np.sum([run.sums for run in walked], axis=0)
    assert counts.steps == sums[kernels.LENGTH]
    assert counts.holds == sums[kernels.HOLDS]
    assert counts.fills == sums[kernels.FILLS]
    assert counts.no_fills == sums[kernels.NO_FILLS]
    assert counts.forced == sums[kernels.FORCED]


def test_a_batch_that_was_walked_is_as_it_was() -> None:
    batch = PairBatch(COURSE, RULES, 4, 5)
    before = batch.snapshot()
    first = runs(actor(1), batch, rng())
    assert all(np.array_equal(before[n], t) for n, t in batch.snapshot().items())
    again = runs(actor(1), batch, rng())
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.equity, other.equity)


def test_an_account_walks_the_same_however_many_walk_beside_it() -> None:
    few = runs(actor(3), PairBatch(COURSE, RULES, 2, 5), None)
    many = runs(actor(3), PairBatch(COURSE, RULES, 9, 5), None)
    for one, other in zip(few, many, strict=False):
        assert np.array_equal(one.actions, other.actions)
        assert np.array_equal(one.equity, other.equity)


# -- round trips ---------------------------------------------------------------------------


def trips_by_hand(course, actions, lots_of) -> tuple[int, int, float]:
    """Round trips without costs, from the positions alone: number, wins, and money."""
    position, entry, trips = [0.0, 0.0], [0.0, 0.0], []
    for t, action in enumerate(actions):
        bar = course.first + t + 1
        for k, choice in enumerate((action // 3, action % 3)):
            side = choice - 1
            refused = bool(course.last_of_session[bar - 1])
            if choice != 1 and side != position[k] and not refused:
                price = course.open[bar, k]
                if position[k]:
                    trips.append(position[k] * (price - entry[k]) * lots_of(t, k, closing=True))
                position[k], entry[k] = side, price
            if course.last_of_session[bar] and position[k]:
                price = course.close[bar, k]
                trips.append(position[k] * (price - entry[k]))
                position[k] = 0.0
    return len(trips), sum(trip > 0 for trip in trips), 0.0


def test_round_trips_are_those_that_positions_make() -> None:
    found = walk(actor(4, 1.0), COURSE, FREE, rng())
    (run,) = runs(actor(4, 1.0), PairBatch(COURSE, whole(FREE, COURSE), 1, 0), rng())
    trips, wins, _ = trips_by_hand(COURSE, run.actions.tolist(), lambda *_, **__: 1.0)
    assert found.round_trips == trips > 20
    assert found.win_rate == wins / trips


def test_costs_turn_small_wins_into_losses() -> None:
    dear = replace(RULES, costs=replace(RULES.costs, fee_bps=20.0))
    free, paid = (walk(actor(4, 1.0), COURSE, r, rng()) for r in (FREE, dear))
    assert free.win_rate is not None
    assert free.win_rate > 0.3
    assert (paid.win_rate, paid.round_trips) == (0.0, free.round_trips)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from(["at_once", "through_flat"]))
def test_all_money_is_in_round_trips_or_still_at_work(seed: int, flips: str) -> None:
    batch = PairBatch(COURSE, whole(replace(RULES, flips=flips), COURSE), 1, 0)
    account = batch.books.copy()
    market.begin(account, 0, batch.keys[0], batch.knobs)
    trips, sums = np.zeros((2, 1)), np.zeros(kernels.SUMS)
    for action in np.random.default_rng(seed).integers(0, 9, 200).tolist():
        kernels.fill(account, action, batch.market, batch.knobs, trips, sums)
    bar = int(account[0, market.BAR])
    lots = account[0, market.FIRST_LOTS : market.FIRST_LOTS + 2]
    worth = lots * batch.market[bar, market.CLOSE : market.CLOSE + 2]
    gained = account[0, market.EQUITY] - batch.knobs[market.START_MICROS]
    # Whole micros, but for the cost of an order that is divided between two trips.
    assert sums[kernels.EARNED] + (trips[:, 0] + worth).sum() == pytest.approx(gained, abs=1e-2)
    assert sums[kernels.WINS] <= sums[kernels.TRIPS]


# -- what is made of it --------------------------------------------------------------------


def test_a_policy_that_always_holds_stays_flat_and_has_no_trade() -> None:
    found = walk(always(4), COURSE, RULES, rng())
    assert (found.hold_rate, found.no_fill_share, found.fills_per_session) == (1.0, 1.0, 0.0)
    assert (found.round_trips, found.win_rate, found.return_frac) == (0, None, 0.0)
    assert found.sharpe is None
    assert found.drawdown_frac == 0.0
    assert found.action_share[4] == 1.0


def test_a_policy_that_always_buys_trades_once_a_session() -> None:
    found = walk(always(8), COURSE, RULES, None)
    assert found.hold_rate == 0.0
    assert found.forced_closes == 2 * found.sessions
    assert found.round_trips == 2 * found.sessions
    assert found.fills_per_session == pytest.approx(2 * found.sessions * 390 / found.bars)


def test_the_whole_course_is_walked_once_whatever_an_episode_is() -> None:
    short = replace(
        RULES, episode_steps=10, min_episode_steps=5, max_session_drawdown_frac=1e-6
    )
    found = walk(actor(4), COURSE, short, rng())
    assert found.bars == len(COURSE) - 1 - COURSE.first
    assert found.sessions == 4
    assert found == walk(actor(4), COURSE, RULES, rng())


def test_return_drawdown_and_sharpe_are_those_of_the_bars() -> None:
    found = walk(actor(4), COURSE, RULES, rng())
    (run,) = runs(actor(4), PairBatch(COURSE, whole(RULES, COURSE), 1, 0), rng())
    equity = np.concatenate([[1.0], run.equity])
    assert found.return_frac == equity[-1] - 1.0
    falls = [1.0 - equity[i] / equity[: i + 1].max() for i in range(equity.size)]
    assert found.drawdown_frac == pytest.approx(max(falls), abs=1e-15)
    bars = run.profits_bps
    assert found.sharpe == pytest.approx(
        bars.mean() / bars.std(ddof=1) * math.sqrt(COURSE.periods_per_year)
    )
    assert found.rms_profit_bps == pytest.approx(math.sqrt((bars**2).mean()))
    assert sum(found.action_share) == pytest.approx(1.0)


def test_what_an_account_began_with_is_a_peak_to_fall_from() -> None:
    # Given a policy that pays for trades from its first step on and earns nothing by them
    restless = always(0)
    costly = replace(RULES, costs=replace(RULES.costs, fee_bps=50.0))
    (run,) = runs(restless, PairBatch(COURSE, whole(costly, COURSE), 1, 0), None)
    assert 0.99 < run.equity[0] < 1.0
    assert run.equity.max() < 1.0

    # Then it fell from 1, and not from where it stood after that step
    found = walk(restless, COURSE, costly, None)
    assert found.drawdown_frac == pytest.approx(1.0 - run.equity.min())


def test_the_way_of_equity_is_thinned_and_ends_where_the_walk_ends() -> None:
    found = walk(actor(4), COURSE, RULES, rng())
    assert len(found.equity) == len(found.time_ns) == 400
    assert found.equity[-1] == 1.0 + found.return_frac
    assert found.time_ns[-1] == COURSE.time_ns[-1]
    assert all(np.diff(found.time_ns) > 0)


def test_the_same_chance_gives_the_same_walk_and_another_another() -> None:
    assert walk(actor(4), COURSE, RULES, rng(1)) == walk(actor(4), COURSE, RULES, rng(1))
    assert walk(actor(4), COURSE, RULES, rng(1)) != walk(actor(4), COURSE, RULES, rng(2))


def test_without_chance_the_likeliest_action_is_taken() -> None:
    (run,) = runs(actor(5), PairBatch(COURSE, whole(RULES, COURSE), 1, 0), None)
    batch = PairBatch(COURSE, whole(RULES, COURSE), 1, 0, again=False)
    seen = batch.reset()
    for action in run.actions.tolist():
        assert action == chances(actor(5), seen)[0].argmax()
        seen = batch.step(np.array([action]))


def test_actions_are_drawn_as_often_as_the_policy_says() -> None:
    flat = np.zeros(LAYOUT.parameters, np.float32)
    bias = next(t for t in LAYOUT.tensors() if t.name == "action_net.bias")
    flat[bias.start : bias.stop] = np.log(np.arange(1, 10) / 45.0)
    found = walk(FrozenPolicy(LAYOUT, flat), COURSE, RULES, rng())
    assert np.allclose(found.action_share, np.arange(1, 10) / 45.0, atol=0.03)


# -- episodes ------------------------------------------------------------------------------


def test_episodes_are_summed_up() -> None:
    rules = env_rules(max_session_drawdown_frac=0.006, episode_steps=200)
    batch = PairBatch(COURSE, rules, 25, 8)
    walked = runs(actor(1, 3.0), batch, rng())
    found = episodes(actor(1, 3.0), Market("mixed", "of a test", (batch,)), rng())
    lengths = [run.actions.size for run in walked]
    ends = [run.equity[-1] - 1.0 for run in walked]
    assert (found.scenario, found.provenance, found.n) == ("mixed", "of a test", 25)
    assert found.length_bars == pytest.approx(np.mean(lengths))
    assert min(lengths) < max(lengths) <= 200
    assert found.early_frac == np.mean(
        [run.sums[kernels.END] == market.TERMINATED for run in walked]
    )
    assert 0.0 < found.early_frac < 1.0
    assert found.return_frac == pytest.approx(np.mean(ends))
    assert found.worst_return_frac == min(ends)
    assert found.drawdown_frac < found.worst_drawdown_frac
    holds = sum(int((run.actions == 4).sum()) for run in walked)
    assert found.hold_rate == holds / sum(lengths)


def test_fills_of_episodes_are_told_by_the_session() -> None:
    market_ = Market("mixed", "made", (PairBatch(COURSE, RULES, 5, 2),))
    found = episodes(actor(1, 1.0), market_, rng())
    walked = runs(actor(1, 1.0), PairBatch(COURSE, RULES, 5, 2), rng())
    fills, steps = (
        sum(run.sums[place] for run in walked) for place in (kernels.FILLS, kernels.LENGTH)
    )
    assert found.fills_per_session == pytest.approx(fills / steps * COURSE.bars_per_session)
    assert found.fills_per_session > 1.0


def test_episodes_of_several_draws_count_together() -> None:
    batches = tuple(PairBatch(COURSE, RULES, n, seed) for n, seed in ((2, 1), (5, 2)))
    both = episodes(actor(1), Market("mixed", "", batches), rng())
    chance = rng()
    parts = [episodes(actor(1), Market("mixed", "", (b,)), chance) for b in batches]
    assert both.n == 7
    lengths = sum(p.n * p.length_bars for p in parts)
    assert both.length_bars == pytest.approx(lengths / 7)
    assert both.worst_return_frac == min(p.worst_return_frac for p in parts)


def test_episodes_begin_where_the_environment_begins_them() -> None:
    batch = PairBatch(COURSE, RULES, 6, 8)
    twin = PairBatch(COURSE, RULES, 6, 8)
    twin.reset()
    assert [run.first for run in runs(actor(1), batch, rng())] == twin.books[
        :, market.BAR
    ].tolist()


# -- bad input -----------------------------------------------------------------------------


def test_a_course_without_a_step_is_refused() -> None:
    stub = COURSE.part(len(COURSE) - 1, len(COURSE))
    with pytest.raises(DataError, match="has no step"):
        walk(actor(1), stub, RULES, rng())


def test_a_policy_whose_numbers_overflow_is_refused_and_not_walked() -> None:
    broken = actor(1)
    broken.flat[:] = np.float32(3e38)
    with pytest.raises(DataError, match=r"no answer at bar \d+"):
        walk(broken, COURSE, RULES, rng())
