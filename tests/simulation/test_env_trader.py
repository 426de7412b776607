"""The environment holds what the trader would hold: the same actions, the trader's own code.

The trader (``observe``, ``act``, ``settle``, brackets, the paper broker) and the kernel are
two implementations of "decide at the close, trade at the next open". Here both are given the
same actions on the same bars, by the rules that are shipped, and after every close three
things are compared: which side is held, how many lots of it, and the cash that is left. Cash
to the last micro says at which open each lot was bought and sold, and with what fee.

What is equal, and what cannot be (docs/decisions/0017):

- The trader has one bracket an instrument and opens no other until it is done. Selling
  while long therefore takes it two orders: out at one open, in at the next. The environment
  does the same under ``flips = "through_flat"``, and there both accounts are **equal**, bar
  for bar, in sides, lots and cash.
- Under ``flips = "at_once"``, which is shipped, the environment turns around in one order.
  The trader needs two. **Asked again as soon as its exit has filled**, about the same close,
  it trades both at the same open: sides and lots are the environment's on every bar, and
  cash to a micro for each turn, as the fee of one order is rounded once and of two twice.
- Asked at closes only it goes **through flat, one bar late**: its side is
  :func:`through_flat` of the environment's, and no other. Where the environment did not
  turn around in the last bar the two sides are equal. What either holds is sized and paid
  for by one and the same :func:`ledger`, to the lot and the micro.
- The trader has no exit for "I changed my mind": a bracket ends at a barrier, with its
  time, or with its session. So barriers lie too far to be met, and each bracket is given
  the time that the actions will leave it: the horizon is known in hindsight, and the exit
  itself is the trader's own.
- The clamp sizes by volatility and Kelly, practice stakes a share of equity. So the limits
  are set wide, but for the one on a symbol: that is the share, and it is what binds.
- Spread and impact are left out where lots and cash are compared: the trader pays them
  rounded to a tick in its price, the environment beside it, to a micro. With them, as
  shipped, sides are as above, and lots differ by what a tick on every fill so far can make.
- The trader begins to lead out ``lead_out_bars`` before a session ends; the environment
  sells at the last close. Between those two bars they differ, and are not compared; nor are
  lots in the sessions after, which begin with different money.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from dataclasses import replace as with_field
from pathlib import Path
from typing import Literal, NamedTuple

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
from stairway.app.rl import rules as rl_rules
from stairway.base.units import Micros
from stairway.base.verdict import Refuse
from stairway.decision.intent import Intent
from stairway.execution.costs import fee_micros
from stairway.execution.orders import Command
from stairway.execution.state import Tick
from stairway.market.align import align
from stairway.market.bars import PairBar, PairBars
from stairway.models.normaliser import fit
from stairway.models.policy import observe as observation_of
from stairway.risk.account import Barrier
from stairway.risk.sizing import RiskRules
from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.course import Course, course, first_known, raw_rows
from stairway.simulation.env_rules import EnvRules
from stairway.testing.bars import random_walk
from stairway.testing.trading import no_wish, wish_for
from stairway.trader import observe
from stairway.trader.act import TraderRules, act
from stairway.trader.book import Book, begun, exposed, mark, open_book
from stairway.trader.observe import Seen, WatchRules
from stairway.trader.settle import elapse, settle

DATA = Path(os.environ.get("STAIRWAY_DATA", Path(__file__).parents[3] / "shared" / "data"))
MINUTES = DATA / "stocks_1m_nvda_msft_2018"
needs_minutes = pytest.mark.skipif(not MINUTES.is_dir(), reason=f"no minutes in {MINUTES}")

FOR_EVER = 10**6
SIDE = {0: -1, 2: 1}
Flips = Literal["at_once", "through_flat"]


class Held(NamedTuple):
    """What an account has after each close that follows an action.

    ``lots`` are (n, 2), with their sign; ``cash`` is (n,), in micros.
    """

    lots: np.ndarray
    cash: np.ndarray

    @property
    def side(self) -> np.ndarray:
        return np.sign(self.lots)


@dataclass(frozen=True)
class World:
    """Bars, and the rules that both walk them by."""

    bars: PairBars
    course: Course
    watch: WatchRules
    trader: TraderRules
    broker: Config
    practice: EnvRules

    @property
    def money(self) -> Micros:
        return Micros(round(self.practice.equity_usd * 10**6))


def wide(risk: RiskRules, stake_frac: float) -> RiskRules:
    """Limits that no order of these tests meets, but for the share that practice stakes."""
    limits = replace(
        risk.limits,
        max_symbol_frac=stake_frac,
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
        risk.sizing,
        target_volatility_frac=1.0,
        kelly_fraction=1.0,
        stress_factor=1.0,
        regime_factor=factors,
    )
    return RiskRules(limits=limits, sizing=sizing)


def world_of(
    bars: PairBars,
    policy: Literal["daily", "intraday"],
    barrier_vol: float,
    *,
    free: bool = True,
) -> World:
    """Walk ``bars`` by the shipped rules; ``free`` of all costs but the fee."""
    loaded = policies.load(policy)
    watch = app_rules.watch_rules(loaded)
    rows = raw_rows(bars, watch)
    rules = app_rules.trader_rules(loaded, bars.instruments)
    costs = replace(loaded.costs, max_participation_frac=1.0)
    if free:
        costs = replace(costs, half_spread_bps=0.0, impact_coef_bps=0.0)
    shipped = rl_rules.load(rl_rules.SHIPPED, policy)[0].environment
    assert shipped.costs == loaded.costs
    practice = replace(
        shipped, costs=costs, max_session_drawdown_frac=1.0, observation_noise=0.0
    )
    trader = with_field(
        rules,
        risk=wide(rules.risk, shipped.stake_frac),
        barrier=Barrier(barrier_vol, barrier_vol, FOR_EVER),
        round_trip_bps=0.0,
    )
    broker = Config(
        instruments=bars.instruments,
        costs=costs,
        paper=replace(loaded.paper, partial_fill_prob=0.0, reject_prob=0.0),
        seed=7,
        account="practice",
    )
    normaliser = fit(rows[first_known(rows) :], shipped.feature_clip)
    walk = course(bars, watch, loaded.session, normaliser)
    return World(bars, walk, watch, trader, broker, practice)


def environment_path(world: World, actions: np.ndarray, flips: Flips) -> Held:
    rules = replace(world.practice, flips=flips, episode_steps=actions.size)
    batch = PairBatch(world.course, rules, 1, seed=0, again=False)
    batch.reset()
    lots, cash = np.empty((actions.size, 2), np.int64), np.empty(actions.size, np.int64)
    for i, action in enumerate(actions):
        seen = batch.step(np.array([action]))[0]
        lots[i] = batch.books[0, kernels.FIRST_LOTS : kernels.SECOND_LOTS + 1]
        cash[i] = batch.books[0, kernels.CASH]
        assert np.array_equal(np.sign(lots[i]), seen[[12, 25]])
    return Held(lots, cash)


def trader_path(
    world: World, actions: np.ndarray, flips: Flips, *, on_fill: bool = False
) -> Held:
    """What the trader holds, told at each close which side is wanted, and nothing else.

    ``on_fill``: it is asked again, about the same close, as soon as an exit has filled.
    """
    bars, broker = world.bars, connect(world.broker)
    watch = observe.start(world.watch)
    book = open_book("practice", world.money, session=int(bars.session[0]))
    goal: list[int] = [0, 0]
    path: list[tuple[int, int, int]] = []
    asked: list[tuple[Seen, int, list[int]]] = []
    for bar in bars:
        book = opened(begun(book), bar, broker, world.trader)
        for seen, k, choices in asked if on_fill else ():
            if goal[k] != 0 and exited(book, k, bar):
                book = exposed(book, world.trader.instruments)
                stand = (0, goal[k])
                book = decided(book, seen, k, stand, choices, world.trader, broker)
                broker = connect(world.broker, replace(broker.state, bar=bar.index - 1))
                book = opened(book, bar, broker, world.trader)
        book = closed(book, bar, broker, world.trader)
        asked.clear()
        watch, seen = observe.observe(watch, bar)
        step = bar.index - world.course.first
        if step > 0:
            path.append((*book.held, book.cash_micros))
        if not 0 <= step < actions.size:
            continue
        for k in (0, 1):
            choices = [divmod(int(a), 3)[k] for a in actions[step:]]
            held = int(np.sign(book.held[k]))
            goal[k] = SIDE.get(choices[0], goal[k] if flips == "at_once" else held)
            book = decided(book, seen, k, (held, goal[k]), choices, world.trader, broker)
            asked.append((seen, k, choices))
        if bar.last_of_session and world.trader.session.flat_by_close:
            goal = [0, 0]
    table = np.array(path[: actions.size], np.int64)
    return Held(table[:, :2], table[:, 2])


def through_flat(sides: np.ndarray) -> np.ndarray:
    """Follow ``sides`` without ever turning around: where they do, be flat for a bar."""
    followed, at = [], np.zeros(2, np.int64)
    for side in sides:
        at = np.where(at * side < 0, 0, side)
        followed.append(at)
    return np.array(followed)


def ledger(world: World, sides: np.ndarray) -> Held:
    """What is left of the money by holding ``sides``, each bought at an open.

    Sized at the close before: a share of equity, whole lots, rounded down. Filled whole, in
    one order, at the price that was open, plus the fee.
    """
    assert world.practice.stake_frac == 0.5
    lots, cash, found = [0, 0], int(world.money), []
    for i, row in enumerate(sides.tolist()):
        close, opens = prices(world, world.course.first + i)
        equity = cash + lots[0] * close[0] + lots[1] * close[1]
        for k in (0, 1):
            if row[k] == np.sign(lots[k]):
                continue
            bought = row[k] * (equity // 2 // close[k]) - lots[k]
            fee = fee_micros(abs(bought) * opens[k], world.practice.costs.fee_bps)
            cash -= bought * opens[k] + fee
            lots[k] += bought
        found.append((*lots, cash))
    table = np.array(found, np.int64)
    return Held(table[:, :2], table[:, 2])


def prices(world: World, row: int) -> tuple[list[int], list[int]]:
    """Micros of a lot at the close of bar ``row``, and at the open after it."""
    now, after = world.bars.at(row).bars, world.bars.at(row + 1).bars
    own = world.bars.instruments
    return (
        [own[k].ticks(now[k].close) * own[k].micros_per_tick_lot for k in (0, 1)],
        [own[k].ticks(after[k].open) * own[k].micros_per_tick_lot for k in (0, 1)],
    )


def assert_same(one: Held, other: Held) -> None:
    assert np.array_equal(one.lots, other.lots)
    assert np.array_equal(one.cash, other.cash)


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


def exited(book: Book, k: int, bar: PairBar) -> bool:
    """Whether an exit of instrument ``k`` has filled whole in this bar."""
    bracket = book.brackets[k]
    return (
        bracket is not None
        and bracket.is_done
        and bracket.executions[-1].time_ns == bar.time_ns
    )


def opened(book: Book, bar: PairBar, broker: PaperBroker, rules: TraderRules) -> Book:
    broker.open(bar)
    return heard(book, broker, rules)


def heard(book: Book, broker: PaperBroker, rules: TraderRules) -> Book:
    while said := tuple(broker.drain()):
        for event in said:
            book, commands, _ = settle(book, event, rules.instruments)
            send(broker, commands)
    return book


def closed(book: Book, bar: PairBar, broker: PaperBroker, rules: TraderRules) -> Book:
    broker.range(bar)
    book = heard(book, broker, rules)
    book, sent = elapse(book, Tick(bar.time_ns))
    send(broker, sent)
    return mark(book, bar, rules.instruments)[0]


def send(broker: PaperBroker, commands: tuple[Command, ...]) -> None:
    for command in commands:
        broker.submit(command)


def on_ticks(bars: PairBars) -> PairBars:
    """Round every price to a tick, as a venue quotes them."""
    ticks = np.array([one.tick_usd for one in bars.instruments])
    names = ("open", "high", "low", "close")
    return with_field(
        bars,
        **{name: np.round(np.round(getattr(bars, name) / ticks) * ticks, 6) for name in names},
    )


def drawn(n: int, seed: int, *, eager: float) -> np.ndarray:
    """Actions that leave an instrument alone with probability ``1 - eager``."""
    rng = np.random.default_rng(seed)
    choices = np.where(rng.random((n, 2)) < eager, rng.choice([0, 2], (n, 2)), 1)
    return (3 * choices[:, 0] + choices[:, 1]).astype(np.int64)


WALK = on_ticks(random_walk(260, seed=11))
DAILY = world_of(WALK, "daily", barrier_vol=40.0)
COSTLY = world_of(WALK, "daily", barrier_vol=40.0, free=False)


def actions_on(world: World, seed: int, eager: float) -> np.ndarray:
    return drawn(len(world.course) - 1 - world.course.first, seed, eager=eager)


SEEDS, EAGER = st.integers(0, 10**6), st.sampled_from([0.05, 0.3, 1.0])


@settings(max_examples=15)
@given(SEEDS, EAGER)
def test_through_flat_the_trader_holds_what_the_environment_holds(
    seed: int, eager: float
) -> None:
    actions = actions_on(DAILY, seed, eager)
    ours = environment_path(DAILY, actions, "through_flat")
    assert_same(ours, trader_path(DAILY, actions, "through_flat"))
    assert_same(ours, ledger(DAILY, ours.side))


@settings(max_examples=15)
@given(SEEDS, EAGER)
def test_as_shipped_a_trader_asked_at_closes_follows_through_flat_one_bar_late(
    seed: int, eager: float
) -> None:
    assert DAILY.practice.flips == "at_once"
    actions = actions_on(DAILY, seed, eager)
    goals = environment_path(DAILY, actions, "at_once")
    theirs = trader_path(DAILY, actions, "at_once")
    assert np.array_equal(theirs.side, through_flat(goals.side))
    turned = np.abs(np.diff(goals.side, axis=0, prepend=0)) == 2
    assert np.array_equal(goals.side[~turned], theirs.side[~turned])


@settings(max_examples=15)
@given(SEEDS, EAGER)
def test_as_shipped_both_are_sized_and_pay_by_one_ledger(seed: int, eager: float) -> None:
    actions = actions_on(DAILY, seed, eager)
    goals = environment_path(DAILY, actions, "at_once")
    assert_same(goals, ledger(DAILY, goals.side))
    assert_same(trader_path(DAILY, actions, "at_once"), ledger(DAILY, through_flat(goals.side)))


@settings(max_examples=15)
@given(SEEDS, EAGER)
def test_as_shipped_a_trader_asked_again_on_its_fill_holds_what_the_environment_holds(
    seed: int, eager: float
) -> None:
    assert DAILY.practice.flips == "at_once"
    actions = actions_on(DAILY, seed, eager)
    ours = environment_path(DAILY, actions, "at_once")
    theirs = trader_path(DAILY, actions, "at_once", on_fill=True)
    assert np.array_equal(ours.side, theirs.side)
    assert np.array_equal(ours.lots, theirs.lots)
    turns = np.cumsum((np.abs(np.diff(ours.side, axis=0, prepend=0)) == 2).sum(axis=1))
    assert (np.abs(ours.cash - theirs.cash) <= turns).all()


@settings(max_examples=10)
@given(SEEDS, EAGER)
def test_at_the_shipped_costs_sides_are_the_same_and_lots_nearly(
    seed: int, eager: float
) -> None:
    actions = actions_on(COSTLY, seed, eager)
    goals = environment_path(COSTLY, actions, "at_once")
    late = trader_path(COSTLY, actions, "at_once")
    assert np.array_equal(late.side, through_flat(goals.side))
    ours = environment_path(COSTLY, actions, "through_flat")
    theirs = trader_path(COSTLY, actions, "through_flat")
    assert np.array_equal(ours.side, theirs.side)
    fills = np.cumsum(np.abs(np.diff(ours.side, axis=0, prepend=0)).sum(axis=1))
    tick_frac = 0.01 / COSTLY.bars.low.min()
    apart = COSTLY.practice.stake_frac * tick_frac * fills[:, None]
    assert (np.abs(ours.lots - theirs.lots) <= 1 + apart * np.abs(ours.lots)).all()
    assert not np.array_equal(ours.cash, theirs.cash)


def test_the_comparison_sees_turns_and_holds_on_both_sides() -> None:
    actions = actions_on(DAILY, 1, 0.3)
    path = environment_path(DAILY, actions, "through_flat")
    assert {-1, 0, 1} == set(path.side[:, 0].tolist()) == set(path.side[:, 1].tolist())
    assert int((np.diff(path.side, axis=0) != 0).sum()) > 30
    assert np.abs(path.lots).max() > 1_000
    other = environment_path(DAILY, actions, "at_once")
    assert not np.array_equal(path.side, other.side)
    assert int((np.abs(np.diff(other.side, axis=0)) == 2).sum()) > 15


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
    return on_ticks(bars.part(0, sessions * 391))


@needs_minutes
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("flips", "on_fill"), [("at_once", False), ("at_once", True), ("through_flat", False)]
)
def test_on_real_minutes_the_paths_are_as_stated_until_the_trader_leads_out(
    seed: int, flips: Flips, *, on_fill: bool
) -> None:
    world = world_of(real_minutes(4), "intraday", barrier_vol=200.0)
    assert world.practice.flips == "at_once"
    actions = actions_on(world, seed, 0.1)
    ours = environment_path(world, actions, flips)
    theirs = trader_path(world, actions, flips, on_fill=on_fill)
    rows = world.course.first + 1 + np.arange(actions.size)
    place = rows % 391
    compared = place < 391 - world.trader.session.lead_out_bars - 1
    turns = (ours.side != through_flat(ours.side)).any(axis=1)
    assert turns.any() == (flips == "at_once")
    expected = ours.side if on_fill else through_flat(ours.side)
    assert np.array_equal(expected[compared], theirs.side[compared])
    assert int(compared.sum()) > 1_000
    last = place == 390
    assert (ours.lots[last] == 0).all()
    assert (theirs.lots[last] == 0).all()
    begun_alike = compared & (rows < 391 * (rows[0] // 391 + 1))
    paid = ledger(world, expected)
    assert np.array_equal(paid.lots[begun_alike], theirs.lots[begun_alike])
    rounding = 2 * np.cumsum(turns) if on_fill else np.zeros(turns.size)
    assert (np.abs(paid.cash - theirs.cash)[begun_alike] <= rounding[begun_alike]).all()
    assert np.abs(theirs.lots[begun_alike]).max() > 100


def test_the_environment_shows_the_row_that_the_trader_would_ask_with() -> None:
    """The same features, the same positions, through the function that serving calls."""
    rows = raw_rows(DAILY.bars, DAILY.watch)
    normaliser = fit(rows[first_known(rows) :], DAILY.practice.feature_clip)
    actions = actions_on(DAILY, 3, 0.3)
    steps = replace(DAILY.practice, episode_steps=actions.size)
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
