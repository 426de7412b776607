"""The figures of a training run, by the names under which Prometheus knows them.

A :class:`Tally` holds what was counted since the run began, and what was said last. It is
a value: each batch makes a new one, so another thread may read whichever it finds without
a lock, and a listener that missed some misses nothing that was counted. :func:`figures`
lists it in base units (ratios from 0 to 1, bars, reward); one entry of :data:`METRICS`
stands for each name, and nothing has a name that is not there.

A number that is not finite never enters a count: the steps count, and the batch is counted
as spoilt.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from stairway.base.verdict import Inconclusive, Pass, Refuse, Verdict
from stairway.features.regime import LABELS
from stairway.models.observation import ACTIONS
from stairway.simulation.health import Health
from stairway.simulation.terms import Terms
from stairway.training.measured import Rollout
from stairway.training.meter import Batch

PREFIX = "stairway_training_"

Kind: TypeAlias = Literal["counter", "gauge", "summary"]


class Metric(NamedTuple):
    """One name: its kind, the labels that its samples carry, its unit, and what it says."""

    kind: Kind
    labels: tuple[str, ...]
    unit: str
    help: str


METRICS: Mapping[str, Metric] = {
    "steps_total": Metric("counter", (), "steps", "Steps of single environments."),
    "fills_total": Metric("counter", (), "fills", "Position changes made by the policy."),
    "reward": Metric(
        "summary", (), "units of reward", "Reward of a step, all terms: count and sum of steps."
    ),
    "reward_variance": Metric(
        "gauge",
        (),
        "squared units of reward",
        "Variance of a step's reward over the last batch.",
    ),
    "hold_ratio": Metric(
        "gauge", (), "0 to 1", "Share of steps whose action was to hold both."
    ),
    "hold_target_ratio": Metric(
        "gauge", (), "0 to 1", "Hold rate that the controller is after."
    ),
    "no_fill_ratio": Metric("gauge", (), "0 to 1", "Share of steps without a fill."),
    "fills_per_session": Metric(
        "gauge", (), "fills a session", "Fills per session of both instruments."
    ),
    "fills_target_per_session": Metric(
        "gauge", (), "fills a session", "Fills that the controller is after."
    ),
    "actions_total": Metric(
        "counter", ("first", "second"), "steps", "Actions by what they ask for."
    ),
    "regime_score": Metric("gauge", (), "-3 to 3", "Mean regime score of the last batch."),
    "regime_steps_total": Metric(
        "counter", ("regime",), "steps", "Steps spent in each regime."
    ),
    "reward_term": Metric(
        "gauge", ("term",), "units of reward", "Terms of the reward in force."
    ),
    "controller_health_ratio": Metric(
        "gauge", ("part",), "0 to 1", "Controller health by part."
    ),
    "episodes_total": Metric(
        "counter", ("end",), "episodes", "Episodes ended, early or at full length."
    ),
    "episode_bars": Metric("summary", (), "bars", "Length of ended episodes: count and sum."),
    "drawdown_ratio": Metric(
        "gauge", (), "0 to 1", "Deepest drawdown of any environment, last batch."
    ),
    "position_ratio": Metric(
        "gauge", ("instrument",), "-1 to 1", "Mean position of the accounts."
    ),
    "gate_results_total": Metric(
        "counter", ("gate", "result"), "answers", "Answers of each gate."
    ),
    "gate_passed": Metric(
        "gauge", ("gate",), "0 or 1", "1 where the gate's last answer was a pass."
    ),
    "spoilt_batches_total": Metric(
        "counter", (), "batches", "Batches with a number that was none."
    ),
}
"""Every name there is, without :data:`PREFIX`."""

_DOES = ("sell", "hold", "buy")
_GATE = {Pass: "pass", Refuse: "refuse", Inconclusive: "inconclusive"}
_NO_ACTIONS, _NO_REGIMES = (0.0,) * ACTIONS, (0.0,) * len(LABELS)


class Sample(NamedTuple):
    """One value of one name; a summary is a sum, with its count in ``n``."""

    name: str
    labels: tuple[str, ...]
    value: float
    n: int = 0


class Tally(msgspec.Struct, frozen=True):
    """What a run has to tell so far; empty at its beginning.

    Attributes
    ----------
    steps, fills, spoilt
        Counts since the beginning.
    rewards, reward_sum
        Steps whose reward is in the sum, and the sum.
    actions, regimes
        Steps by action, and by regime.
    terminated, truncated, episode_bars
        Episodes by their end, and the sum of their lengths.
    answers
        How often each gate gave each answer.
    gates
        Whether each gate's last answer was a pass.
    last, health
        The last roll-out, and the last health.
    """

    steps: int = 0
    fills: int = 0
    spoilt: int = 0
    rewards: int = 0
    reward_sum: float = 0.0
    actions: tuple[float, ...] = _NO_ACTIONS
    regimes: tuple[float, ...] = _NO_REGIMES
    terminated: int = 0
    truncated: int = 0
    episode_bars: float = 0.0
    answers: Mapping[tuple[str, str], int] = {}
    gates: Mapping[str, bool] = {}
    last: Rollout | None = None
    health: Health | None = None


def added(tally: Tally, batch: Batch) -> Tally:
    """Count one more batch.

    Examples
    --------
    >>> from stairway.testing.meter import some_batch
    >>> tally = added(added(Tally(), some_batch(steps=64)), some_batch(steps=100))
    >>> tally.steps, tally.rewards, tally.reward_sum
    (164, 164, 82.0)
    """
    steps, seen = batch.steps, batch.rollout
    ended, paid = seen.episodes, seen.reward * steps
    bars = (seen.episode_bars or 0.0) * ended
    is_paid, is_long = math.isfinite(paid), math.isfinite(bars)
    return Tally(
        tally.steps + steps,
        tally.fills + batch.fills,
        tally.spoilt + (not (is_paid and is_long)),
        tally.rewards + (steps if is_paid else 0),
        tally.reward_sum + (paid if is_paid else 0.0),
        _counted(tally.actions, seen.action_share, steps),
        _counted(tally.regimes, seen.regime_share, steps),
        tally.terminated + seen.terminated,
        tally.truncated + ended - seen.terminated,
        tally.episode_bars + (bars if is_long else 0.0),
        tally.answers,
        tally.gates,
        seen,
        tally.health,
    )


def judged(tally: Tally, gate: str, verdict: Verdict) -> Tally:
    """Count one more answer of a gate."""
    key = (gate, _GATE[type(verdict)])
    return msgspec.structs.replace(
        tally,
        answers={**tally.answers, key: tally.answers.get(key, 0) + 1},
        gates={**tally.gates, gate: isinstance(verdict, Pass)},
    )


def felt(tally: Tally, health: Health) -> Tally:
    """Note the controller's health."""
    return msgspec.structs.replace(tally, health=health)


def figures(tally: Tally) -> Iterator[Sample]:
    """List what there is to tell, names in the order of :data:`METRICS`."""
    yield from _counts(tally)
    if tally.last is not None:
        yield from _gauges(tally.last)
        yield from _labelled(tally, tally.last)
    if tally.health is not None:
        for part, value in msgspec.structs.asdict(tally.health).items():
            yield Sample("controller_health_ratio", (part,), value)
    for (gate, result), n in tally.answers.items():
        yield Sample("gate_results_total", (gate, result), n)
    for gate, passed in tally.gates.items():
        yield Sample("gate_passed", (gate,), float(passed))


def _counts(tally: Tally) -> Iterator[Sample]:
    yield Sample("steps_total", (), tally.steps)
    yield Sample("fills_total", (), tally.fills)
    yield Sample("reward", (), tally.reward_sum, tally.rewards)
    yield Sample("episodes_total", ("early",), tally.terminated)
    yield Sample("episodes_total", ("full",), tally.truncated)
    ended = tally.terminated + tally.truncated
    yield Sample("episode_bars", (), tally.episode_bars, ended)
    yield Sample("spoilt_batches_total", (), tally.spoilt)


def _gauges(last: Rollout) -> Iterator[Sample]:
    values = {
        "reward_variance": last.reward_variance,
        "hold_ratio": last.hold_rate,
        "hold_target_ratio": last.target_hold,
        "no_fill_ratio": last.no_fill_share,
        "fills_per_session": last.fills_per_session,
        "fills_target_per_session": last.target_fills,
        "regime_score": last.score,
        "drawdown_ratio": last.drawdown_frac,
    }
    for name, value in values.items():
        if value is not None:
            yield Sample(name, (), value)


def _labelled(tally: Tally, last: Rollout) -> Iterator[Sample]:
    for action, n in enumerate(tally.actions):
        yield Sample("actions_total", (_DOES[action // 3], _DOES[action % 3]), round(n))
    if any(tally.regimes):
        for label, n in zip(LABELS, tally.regimes, strict=True):
            yield Sample("regime_steps_total", (label.value,), round(n))
    for term in Terms.__struct_fields__:
        yield Sample("reward_term", (term,), getattr(last, term))
    for instrument, value in zip(("first", "second"), last.positions, strict=True):
        yield Sample("position_ratio", (instrument,), value)


def _counted(
    before: tuple[float, ...], share: tuple[float, ...] | None, steps: int
) -> tuple[float, ...]:
    """Add shares of ``steps``; shares that are none, or not finite, add nothing."""
    if share is None or not math.isfinite(sum(share)):
        return before
    # A list is filled faster than a generator, and this runs for every batch.
    return tuple([n + s * steps for n, s in zip(before, share, strict=True)])
