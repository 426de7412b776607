"""The environment holds what the trader would hold: the same actions, the trader's own code.

The trader (``observe``, ``act``, ``settle``, brackets, the paper broker) and the kernel are
two implementations of "decide at the close, trade at the next open". Here both are given the
same actions on the same bars, and the *signs* of their positions are compared. Sizes differ
on purpose: the clamp sizes by volatility and Kelly, practice stakes half of equity.

What can be equal, and what cannot:

- The trader has one bracket an instrument and opens no other until it is done. Selling
  while long therefore takes it two bars: out at one open, in at the next. The environment
  does the same under ``flips = "through_flat"``, and there the two paths are **equal**, bar
  for bar.
- Under ``flips = "at_once"`` the environment turns around in one order. The trader then
  follows it **one bar late, through flat**: wherever the environment did not turn around in
  the last bar the two are equal, and where it did the trader is flat, on its way.
- The trader has no exit for "I changed my mind": a bracket ends at a barrier, with its
  time, or with its session. So barriers lie too far to be met, and each bracket is given
  the time that the actions will leave it: the horizon is known in hindsight, and the exit
  itself is the trader's own.
- The trader begins to lead out ``lead_out_bars`` before a session ends; the environment
  sells at the last close. Between those two bars they differ, and are not compared.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from dataclasses import replace as with_field
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.adapters.brokers.paper import Config, PaperBroker, connect
from stairway.adapters.sources import csv
from stairway.adapters.tables.settings import Columns, File
from stairway.app import rules as app_rules
from stairway.app import settings as policies
from stairway.base.units import Micros
from stairway.base.verdict import Refuse
from stairway.decision.intent import Intent
from stairway.execution.orders import Command
from stairway.execution.state import Tick
from stairway.market.align import align
from stairway.market.bars import PairBar, PairBars
from stairway.models.normaliser import fit
from stairway.models.policy import observe as observation_of
from stairway.risk.account import Barrier
from stairway.risk.sizing import RiskRules
from stairway.simulation.batch import PairBatch
from stairway.simulation.course import Course, course, first_known, raw_rows
from stairway.testing.bars import random_walk
from stairway.testing.practice import env_rules
from stairway.testing.trading import no_wish, wish_for
from stairway.trader import observe
from stairway.trader.act import TraderRules, act
from stairway.trader.book import Book, begun, mark, open_book
from stairway.trader.observe import Seen, WatchRules
from stairway.trader.settle import elapse, settle

DATA = Path(os.environ.get("STAIRWAY_DATA", Path(__file__).parents[3] / "shared" / "data"))
MINUTES = DATA / "stocks_1m_nvda_msft_2018"
needs_minutes = pytest.mark.skipif(not MINUTES.is_dir(), reason=f"no minutes in {MINUTES}")

MONEY = Micros(10**13)
FOR_EVER = 10**6
SIDE = {0: -1, 2: 1}


@dataclass(frozen=True)
class World:
    """Bars, and the rules that both walk them by."""

    bars: PairBars
    course: Course
    watch: WatchRules
    trader: TraderRules
    broker: Config


def wide(risk: RiskRules) -> RiskRules:
    """Limits that no order of these tests meets, so that only the sign is left to differ."""
    limits = replace(
        risk.limits,
        max_symbol_frac=1.0,
        max_leverage=4.0,
        max_var_frac=1.0,
        max_heat_frac=1.0,
        max_gross_frac=4.0,
        max_net_frac=4.0,
        max_lots=10**9,
        max_notional_usd=1e9,
        max_daily_loss_frac=1.0,
        max_drawdown_frac=1.0,
        price_collar_frac=1.0,
        max_unchanged_bars=100,
        duplicate_window_s=0.0,
        max_messages=10**6,
        max_child_ratio=1_000.0,
    )
    factors = dict.fromkeys(risk.sizing.regime_factor, 1.0)
    sizing = replace(
        risk.sizing, target_volatility_frac=0.001, stress_factor=1.0, regime_factor=factors
    )
    return RiskRules(limits=limits, sizing=sizing)


def world_of(bars: PairBars, policy: str, barrier_vol: float) -> World:
    loaded = policies.load(policy)
    watch = app_rules.watch_rules(loaded)
    rows = raw_rows(bars, watch)
    rules = app_rules.trader_rules(loaded, bars.instruments)
    trader = with_field(
        rules,
        risk=wide(rules.risk),
        barrier=Barrier(barrier_vol, barrier_vol, FOR_EVER),
        round_trip_bps=0.0,
    )
    broker = Config(
        instruments=bars.instruments,
        costs=replace(loaded.costs, max_participation_frac=1.0),
        paper=replace(loaded.paper, partial_fill_prob=0.0, reject_prob=0.0),
        seed=7,
        account="practice",
    )
    normaliser = fit(rows[first_known(rows) :], 5.0)
    walk = course(bars, watch, loaded.session, normaliser)
    return World(bars, walk, watch, trader, broker)


def environment_path(world: World, actions: np.ndarray, flips: str) -> np.ndarray:
    """Positions after each close that follows an action, (n actions, 2)."""
    session = world.trader.session
    rules = env_rules(
        equity_usd=1e6,
        episode_steps=actions.size,
        max_session_drawdown_frac=1.0,
        flat_by_close=session.flat_by_close,
        overnight=session.overnight,
        flips=flips,
    )
    batch = PairBatch(world.course, rules, 1, seed=0, again=False)
    batch.reset()
    return np.array([batch.step(np.array([a]))[0][[12, 25]] for a in actions], np.int64)


def trader_path(world: World, actions: np.ndarray, *, through_flat: bool) -> np.ndarray:
    """Signs of what the trader holds after each close that follows an action."""
    bars, broker = world.bars, connect(world.broker)
    watch = observe.start(world.watch)
    book = open_book("practice", MONEY, session=int(bars.session[0]))
    goal, path = [0, 0], []
    for bar in bars:
        book = lived_through(begun(book), bar, broker, world.trader)
        watch, seen = observe.observe(watch, bar)
        step = bar.index - world.course.first
        if step > 0:
            path.append(np.sign(book.held))
        if not 0 <= step < actions.size:
            continue
        for k in (0, 1):
            choices = [divmod(int(a), 3)[k] for a in actions[step:]]
            held = int(np.sign(book.held[k]))
            goal[k] = SIDE.get(choices[0], held if through_flat else goal[k])
            book = decided(book, seen, k, (held, goal[k]), choices, world.trader, broker)
    return np.array(path[: actions.size], np.int64)


def decided(
    book: Book,
    seen: Seen,
    k: int,
    stand: tuple[int, int],
    choices: list[int],
    rules: TraderRules,
    broker: PaperBroker,
) -> Book:
    """Let the trader decide for one instrument, told nothing about the other."""
    held, goal = stand
    wishes: list[Intent] = [no_wish(one.symbol, seen.bar) for one in rules.instruments]
    if held == 0 and goal != 0:
        symbol = rules.instruments[k].symbol
        wish = wish_for(symbol, seen.bar, goal)
        wishes[k] = replace(wish, probability=0.5 + 0.45 * goal)
        against = [i for i, c in enumerate(choices) if i and SIDE.get(c) == -goal]
        horizon = against[0] if against else FOR_EVER
        rules = with_field(rules, barrier=with_horizon(rules.barrier, horizon))
    book, commands, fact = act(book, seen, wishes, rules, seen.bar.time_ns)
    refused = fact.outcomes[k]
    if isinstance(refused, Refuse):
        assert refused.findings[0].code.startswith("session."), refused
    send(broker, commands)
    return book


def with_horizon(barrier: Barrier, bars: int) -> Barrier:
    return replace(barrier, horizon_bars=bars)


def lived_through(book: Book, bar: PairBar, broker: PaperBroker, rules: TraderRules) -> Book:
    for move in (broker.open, broker.range):
        move(bar)
        while said := tuple(broker.drain()):
            for event in said:
                book, commands, _ = settle(book, event, rules.instruments)
                send(broker, commands)
    book, sent = elapse(book, Tick(bar.time_ns))
    send(broker, sent)
    return mark(book, bar, rules.instruments)[0]


def send(broker: PaperBroker, commands: tuple[Command, ...]) -> None:
    for command in commands:
        broker.submit(command)


def drawn(n: int, seed: int, *, eager: float) -> np.ndarray:
    """Actions that leave an instrument alone with probability ``1 - eager``."""
    rng = np.random.default_rng(seed)
    choices = np.where(rng.random((n, 2)) < eager, rng.choice([0, 2], (n, 2)), 1)
    return (3 * choices[:, 0] + choices[:, 1]).astype(np.int64)


DAILY = world_of(random_walk(260, seed=11), "daily", barrier_vol=40.0)


def actions_on(world: World, seed: int, eager: float) -> np.ndarray:
    return drawn(len(world.course) - 1 - world.course.first, seed, eager=eager)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.05, 0.3, 1.0]))
def test_through_flat_the_trader_holds_what_the_environment_holds(
    seed: int, eager: float
) -> None:
    actions = actions_on(DAILY, seed, eager)
    ours = environment_path(DAILY, actions, "through_flat")
    theirs = trader_path(DAILY, actions, through_flat=True)
    assert np.array_equal(ours, theirs)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([0.05, 0.3, 1.0]))
def test_at_once_the_trader_follows_through_flat_one_bar_late(seed: int, eager: float) -> None:
    actions = actions_on(DAILY, seed, eager)
    goals = environment_path(DAILY, actions, "at_once")
    expected, at = [], np.zeros(2, np.int64)
    for goal in goals:
        at = np.where(at * goal < 0, 0, goal)
        expected.append(at)
    theirs = trader_path(DAILY, actions, through_flat=False)
    assert np.array_equal(np.array(expected), theirs)
    turned = np.diff(goals, axis=0, prepend=0)
    calm = np.abs(turned) < 2
    assert np.array_equal(goals[calm], theirs[calm])


def test_the_comparison_sees_turns_and_holds_on_both_sides() -> None:
    actions = actions_on(DAILY, 1, 0.3)
    path = environment_path(DAILY, actions, "through_flat")
    assert {-1, 0, 1} == set(path[:, 0].tolist()) == set(path[:, 1].tolist())
    assert int((np.diff(path, axis=0) != 0).sum()) > 30
    other = environment_path(DAILY, actions, "at_once")
    assert not np.array_equal(path, other)


def real_minutes(sessions: int) -> PairBars:
    loaded = policies.load("intraday")
    files = tuple(
        File(path=str(path), symbol=path.name[:4], tick_usd=0.01, lot_units=1.0)
        for path in sorted(MINUTES.glob("*.csv.gz"), reverse=True)
    )
    columns = Columns(time="datetime_et")
    tz = "America/New_York"
    config = csv.Config(files=files, columns=columns, tz=tz, stamp="open", bar_seconds=60)
    bars, _ = align(csv.read(config), loaded.bars, loaded.session)
    return bars.part(0, sessions * 391)


@needs_minutes
@pytest.mark.parametrize("seed", [1, 2])
def test_on_real_minutes_the_paths_are_equal_until_the_trader_leads_out(seed: int) -> None:
    world = world_of(real_minutes(4), "intraday", barrier_vol=200.0)
    actions = actions_on(world, seed, 0.1)
    ours = environment_path(world, actions, "through_flat")
    theirs = trader_path(world, actions, through_flat=True)
    session = world.trader.session
    rows = world.course.first + 1 + np.arange(actions.size)
    place = rows % 391
    compared = place < 391 - session.lead_out_bars - 1
    assert np.array_equal(ours[compared], theirs[compared])
    assert int(compared.sum()) > 1_000
    last = place == 390
    assert (ours[last] == 0).all()
    assert (theirs[last] == 0).all()


def test_the_environment_shows_the_row_that_the_trader_would_ask_with() -> None:
    """The same features, the same positions, through the function that serving calls."""
    rows = raw_rows(DAILY.bars, DAILY.watch)
    normaliser = fit(rows[first_known(rows) :], 5.0)
    actions = actions_on(DAILY, 3, 0.3)
    steps = msgspec.structs.replace(
        env_rules(max_session_drawdown_frac=1.0), episode_steps=actions.size
    )
    batch = PairBatch(DAILY.course, steps, 1, seed=0, again=False)
    shown = [batch.reset()[0]]
    shown += [batch.step(np.array([a]))[0] for a in actions]
    watch = observe.start(DAILY.watch)
    for bar in DAILY.bars:
        watch, seen = observe.observe(watch, bar)
        step = bar.index - DAILY.course.first
        if step < 0:
            continue
        held = (int(shown[step][12]), int(shown[step][25]))
        asked = observation_of(seen.rows, held, normaliser)
        assert asked.tobytes() == shown[step].tobytes()
