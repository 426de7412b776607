"""The kernel against a slow one: plain Python, one account, whole numbers, every cost booked.

The reference shares no line with the kernel. It keeps a ledger, so that what it holds and
owns can be recomputed from what it traded, and the kernel must agree to the last micro.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.execution.costs import CostRules
from stairway.simulation import kernels
from stairway.simulation.batch import PairBatch
from stairway.simulation.course import Course
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.terms import Terms
from stairway.testing.practice import actions_for, env_rules, rough_course

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
CLOSE_ENOUGH = 1e-9


def mixed(x: int) -> int:
    z = (x + GOLDEN) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


@dataclass(frozen=True)
class Trade:
    instrument: int
    lots: int
    price_micros: int
    cost_micros: int
    forced: bool


@dataclass(frozen=True)
class Paid:
    """What one step of the reference came to."""

    reward: float
    profit: float
    bonus: float
    ticket: float
    downside: float
    profit_bps: float
    fills: int
    terminated: bool
    truncated: bool


@dataclass
class Reference:
    """One account, moved one bar at a time."""

    course: Course
    rules: EnvRules
    terms: Terms
    seed: int
    env: int
    episode: int = -1
    bar: int = 0
    steps: int = 0
    position: list[int] = field(default_factory=lambda: [0, 0])
    ledger: list[Trade] = field(default_factory=list)
    equity: int = 0
    peak: int = 0

    @property
    def start_money(self) -> int:
        return round(self.rules.equity_usd * 1_000_000)

    @property
    def cash(self) -> int:
        """Money that was there at first, less all that was paid for lots and for costs."""
        return self.start_money - sum(
            t.lots * t.price_micros + t.cost_micros for t in self.ledger
        )

    def held(self, k: int) -> int:
        return sum(t.lots for t in self.ledger if t.instrument == k)

    def price(self, which: str, bar: int, k: int) -> int:
        usd = getattr(self.course, which)[bar, k] * self.course.lot_units[k]
        return round(float(usd) * 1_000_000)

    def worth(self) -> int:
        return self.cash + sum(self.held(k) * self.price("close", self.bar, k) for k in (0, 1))

    def reset(self) -> np.ndarray:
        self.episode += 1
        n, rules = len(self.course), self.rules
        room = n - 1 - self.course.first
        full = room >= rules.episode_steps
        needed = rules.episode_steps if full else rules.min_episode_steps
        key = mixed(mixed(self.seed) ^ self.env)
        draw = mixed((key + self.episode * GOLDEN) & MASK)
        self.bar = self.course.first + draw % (room - needed + 1)
        self.steps, self.position, self.ledger = 0, [0, 0], []
        self.equity = self.peak = self.start_money
        return self.observation()

    def observation(self) -> np.ndarray:
        row = self.course.features[self.bar].tolist()
        first, second = self.position
        return np.array([*row[:12], first, *row[12:], second], np.float32)

    def cost(self, notional: int, bar: int, k: int) -> int:
        costs = self.rules.costs
        value = round(float(self.course.value_usd[bar, k]) * 1_000_000)
        cap = costs.max_participation_frac
        share = notional / value if notional < cap * value else cap
        slip = costs.half_spread_bps + costs.impact_coef_bps * math.sqrt(share)
        return math.ceil(notional * (costs.fee_bps + slip) / 10_000)

    def trade(self, k: int, target: int, price: int, bar: int, *, forced: bool) -> None:
        lots = target - self.held(k)
        cost = self.cost(abs(lots) * price, bar, k)
        self.ledger.append(Trade(k, lots, price, cost, forced))

    def fill(self, action: int) -> int:
        now, fills = self.bar, 0
        if self.course.last_of_session[now] and self.rules.overnight == "refuse_entry":
            return 0
        equity = self.equity
        for k, choice in enumerate(divmod(action, 3)):
            wish = {0: -1, 1: self.position[k], 2: 1}[choice]
            if self.rules.flips == "through_flat" and wish == -self.position[k]:
                wish = 0
            if wish == self.position[k]:
                continue
            size = math.floor(self.rules.stake_frac * equity / self.price("close", now, k))
            if wish and not size:
                continue
            self.trade(k, wish * size, self.price("open", now + 1, k), now + 1, forced=False)
            self.position[k] = wish
            fills += 1
        return fills

    def step(self, action: int) -> tuple[np.ndarray, Paid]:
        course, rules = self.course, self.rules
        before, fills = self.equity, self.fill(action)
        self.bar += 1
        self.steps += 1
        if rules.flat_by_close and course.last_of_session[self.bar]:
            for k in (0, 1):
                if self.position[k]:
                    self.trade(k, 0, self.price("close", self.bar, k), self.bar, forced=True)
                    self.position[k] = 0
        if course.session[self.bar] != course.session[self.bar - 1]:
            self.peak = before
        self.equity = self.worth()
        self.peak = max(self.peak, self.equity)
        lost = self.equity < (1.0 - rules.max_session_drawdown_frac) * self.peak
        lost = lost or self.equity <= 0
        out = self.steps == rules.episode_steps or self.bar == len(course) - 1
        ends = (lost, out and not lost)
        return self.observation(), self.paid(action, before, fills, ends)

    def paid(self, action: int, before: int, fills: int, ends: tuple[bool, bool]) -> Paid:
        terms, rules = self.terms, self.rules
        free_bps = (
            10_000
            * math.log(1.0 + rules.risk_free_frac_per_year)
            / self.course.periods_per_year
        )
        gained = 10_000 * math.log(max(self.equity, 1) / before) - free_bps
        profit = gained / terms.scale_bps
        bonus = terms.bonus if action == 4 else 0.0
        ticket = terms.ticket * fills
        downside = terms.downside * (min(gained, 0.0) / terms.scale_bps) ** 2
        reward = profit + bonus - ticket - downside
        return Paid(reward, profit, bonus, ticket, downside, gained, fills, *ends)


def told(batch: PairBatch, i: int) -> Paid:
    row = batch.told[i].tolist()
    return Paid(
        *row[:6],
        fills=int(row[kernels.FILLS]),
        terminated=row[kernels.END] == kernels.TERMINATED,
        truncated=row[kernels.END] == kernels.TRUNCATED,
    )


def same(ours: Paid, theirs: Paid) -> bool:
    near = all(
        math.isclose(getattr(ours, name), getattr(theirs, name), rel_tol=1e-12, abs_tol=1e-9)
        for name in ("reward", "profit", "bonus", "ticket", "downside", "profit_bps")
    )
    names = ("fills", "terminated", "truncated")
    return near and all(getattr(ours, n) == getattr(theirs, n) for n in names)


def account(batch: PairBatch, i: int) -> tuple[float, ...]:
    book = batch.books[i]
    places = (kernels.CASH, kernels.FIRST_LOTS, kernels.SECOND_LOTS, kernels.EQUITY)
    return (*(float(book[p]) for p in places), float(book[kernels.PEAK]))


def ledger_account(reference: Reference) -> tuple[float, ...]:
    return (
        reference.cash,
        reference.held(0),
        reference.held(1),
        reference.equity,
        reference.peak,
    )


def walk_both(
    course: Course, rules: EnvRules, terms: Terms, actions: np.ndarray, seed: int
) -> Iterator[tuple[PairBatch, list[Reference]]]:
    """Move kernel and references side by side and compare all that can be seen of both."""
    n_envs = actions.shape[1]
    batch = PairBatch(course, rules, n_envs, seed)
    batch.set_terms(terms)
    references = [Reference(course, rules, terms, seed, i) for i in range(n_envs)]
    seen = batch.reset()
    for i, reference in enumerate(references):
        assert np.array_equal(seen[i], reference.reset())
    for row in actions:
        seen = batch.step(row)
        for i, reference in enumerate(references):
            view, paid = reference.step(int(row[i]))
            assert same(told(batch, i), paid), (told(batch, i), paid)
            fall = 1.0 - reference.equity / reference.peak
            assert math.isclose(batch.told[i, kernels.FALL], fall, abs_tol=1e-12)
            assert batch.told[i, kernels.SEEN_REGIME] == course.regime[reference.bar]
            if paid.terminated or paid.truncated:
                assert np.array_equal(batch.finals[i], view)
                assert batch.told[i, kernels.LENGTH] == reference.steps
                view = reference.reset()
            assert np.array_equal(seen[i], view)
            assert account(batch, i) == ledger_account(reference)
            assert batch.books[i, kernels.PAID] == sum(t.cost_micros for t in reference.ledger)
        yield batch, references


COSTS = st.builds(
    CostRules,
    fee_bps=st.floats(0.0, 5.0),
    half_spread_bps=st.floats(0.0, 5.0),
    impact_coef_bps=st.floats(0.0, 100.0),
    max_participation_frac=st.floats(0.01, 1.0),
)
RULES = st.builds(
    env_rules,
    equity_usd=st.sampled_from([20_000.0, 1e6, 5e7]),
    stake_frac=st.floats(0.2, 0.6),
    costs=COSTS,
    episode_steps=st.integers(5, 60),
    max_session_drawdown_frac=st.sampled_from([0.005, 0.02, 1.0]),
    risk_free_frac_per_year=st.floats(-0.01, 0.1),
    flat_by_close=st.booleans(),
    overnight=st.sampled_from(["hold", "refuse_entry"]),
    flips=st.sampled_from(["at_once", "through_flat"]),
)
TERMS = st.builds(
    Terms,
    scale_bps=st.floats(0.5, 20.0),
    bonus=st.floats(-2.0, 2.0),
    ticket=st.floats(-2.0, 2.0),
    downside=st.floats(0.0, 1.0),
)


@given(
    st.integers(0, 10**6),
    st.integers(20, 150),
    st.sampled_from([0.0005, 0.004, 0.03]),
    RULES,
    TERMS,
)
def test_the_kernel_does_what_plain_python_does(
    seed: int, n: int, volatility: float, rules: EnvRules, terms: Terms
) -> None:
    course = rough_course(n, seed, volatility=volatility)
    actions = actions_for(90, 3, seed)
    assert len(list(walk_both(course, rules, terms, actions, seed))) == 90


@given(st.integers(0, 10**6), RULES)
def test_no_micro_and_no_lot_is_made_or_lost(seed: int, rules: EnvRules) -> None:
    course = rough_course(120, seed)
    terms = Terms(scale_bps=1.0, bonus=0.0, ticket=0.0, downside=0.0)
    for batch, references in walk_both(course, rules, terms, actions_for(80, 2, seed), seed):
        for i, one in enumerate(references):
            book = batch.books[i]
            owned = book[kernels.CASH] + sum(
                book[kernels.FIRST_LOTS + k] * one.price("close", one.bar, k) for k in (0, 1)
            )
            assert owned == book[kernels.EQUITY]
            assert all(float(x).is_integer() for x in book[: kernels.RETURN])
            spent = sum(t.lots * t.price_micros for t in one.ledger)
            assert book[kernels.CASH] + spent + book[kernels.PAID] == one.start_money


def test_an_episode_of_every_kind_was_compared() -> None:
    """The comparison is worth what it covers: ends of both kinds, forced closes, no volume."""
    seen = {"terminated": 0, "truncated": 0, "forced": 0, "flips": 0, "capped": 0}
    for seed in range(6):
        course = rough_course(150, seed, volatility=0.01)
        rules = env_rules(episode_steps=30, max_session_drawdown_frac=0.03)
        terms = Terms(scale_bps=5.0, bonus=0.1, ticket=0.2, downside=0.3)
        before = [0, 0]
        for batch, (one,) in walk_both(course, rules, terms, actions_for(200, 1, seed), seed):
            end = batch.told[0, kernels.END]
            seen["terminated"] += end == kernels.TERMINATED
            seen["truncated"] += end == kernels.TRUNCATED
            seen["forced"] += any(t.forced for t in one.ledger)
            seen["capped"] += bool((course.value_usd[one.bar] == 0.0).any())
            seen["flips"] += any(a * b < 0 for a, b in zip(before, one.position, strict=True))
            before = list(one.position)
    assert min(seen.values()) > 10, seen


def test_an_account_that_is_wiped_out_ends_with_a_number() -> None:
    rough = rough_course(40, seed=1)
    close = rough.close.copy()
    close[10:] *= 1_000.0
    course = Course(
        **{
            name: getattr(rough, name)
            for name in Course.__slots__
            if name not in {"close", "open", "first"}
        },
        close=close,
        open=close,
        first=5,
    )
    rules = env_rules(
        max_session_drawdown_frac=1.0,
        episode_steps=34,
        equity_usd=1e7,
        overnight="hold",
        flat_by_close=False,
    )
    batch = PairBatch(course, rules, 1, seed=0)
    batch.reset()
    ends = []
    for _ in range(6):
        batch.step(np.array([0]))
        ends.append(float(batch.told[0, kernels.END]))
    assert ends[-1] == kernels.RUNS, "the account goes on with a new episode"
    assert kernels.TERMINATED in ends
    lost = ends.index(kernels.TERMINATED)
    reference = Reference(course, rules, Terms(1.0, 0.0, 0.0, 0.0), 0, 0)
    reference.reset()
    paid = [reference.step(0)[1] for _ in range(lost + 1)][-1]
    assert paid.terminated
    assert paid.profit_bps < -200_000
    assert reference.equity < 0
    assert paid.reward == pytest.approx(paid.profit_bps, abs=CLOSE_ENOUGH)
