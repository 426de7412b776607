"""Where a run practises and is judged: courses, made-up markets, and probes.

Sessions are divided in time order: training, validation, and days that nothing is ever
decided on. The normaliser is fitted on training rows alone, and so is everything that
made-up markets are drawn from. Features of the later parts keep what the bars before told
them; none looks ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np

from stairway.base.arrays import BoolArray, Float32Array
from stairway.base.errors import DataError
from stairway.base.hashing import content_hash
from stairway.base.verdict import Refuse
from stairway.market.bars import PairBars
from stairway.models.normaliser import Normaliser, fit
from stairway.models.observation import laid_out
from stairway.simulation.batch import PairBatch
from stairway.simulation.course import Course, course, first_known, raw_rows
from stairway.simulation.drawing import Drawn, draw_all
from stairway.simulation.env_rules import EnvRules
from stairway.simulation.learning import learn
from stairway.simulation.scenarios import Scenario
from stairway.trader.observe import WatchRules
from stairway.training.cycle_rules import SplitShares
from stairway.training.ear import Nobody, Stages
from stairway.training.journal import Span
from stairway.training.practice_rules import PracticeRules
from stairway.training.walk import Market

_AllDrawn: TypeAlias = dict[Scenario, tuple[Drawn, ...]]

_LEAST_SESSIONS = 3


@dataclass(frozen=True, slots=True)
class PracticeGround:
    """Everything that seeds walk and are walked on; shared, and never changed.

    Attributes
    ----------
    training, validation, held_out
        Courses, in time order.
    normaliser
        Of the training rows.
    markets
        The scenarios, in their order.
    probes : (n, 26) float32
        Training observations at random, with positions at random.
    spans
        What the three parts are.
    data
        Hash of bars, split and normaliser.
    """

    training: Course
    validation: Course
    held_out: Course
    normaliser: Normaliser
    markets: tuple[Market, ...]
    probes: Float32Array
    spans: tuple[Span, ...]
    data: str

    @property
    def fingerprint(self) -> str:
        """Hash of all courses and of the rules their accounts are kept by."""
        batches = [batch.fingerprint for market in self.markets for batch in market.batches]
        walked = [c.fingerprint for c in (self.training, self.validation, self.held_out)]
        return content_hash((walked, batches))


def prepare(
    bars: PairBars,
    watch: WatchRules,
    rules: PracticeRules,
    rng: np.random.Generator,
    ear: Stages | None = None,
) -> PracticeGround:
    """Make everything that a run needs of its bars.

    Parameters
    ----------
    rng
        Draws made-up markets, the starts of their episodes, and probes.
    ear
        Hears how far it is.

    Raises
    ------
    DataError
        If there are too few sessions, a part has no room for an episode, or no market
        worth its name can be drawn.
    """
    ear = ear or Nobody()
    cuts = divided(bars, rules.split)
    ear.begin("computing features", 1)
    _require_warm(bars, watch)
    rows = raw_rows(bars, watch)
    first = first_known(rows, bars.symbols, watch.features.warm_up_bars)
    if not first < cuts[0]:
        msg = (
            f"all features are known from bar {first} on, and training ends with bar "
            f"{cuts[0] - 1}; give more bars, or raise [split] train_frac"
        )
        raise DataError(msg)
    normaliser = fit(rows[first : cuts[0]], rules.environment.feature_clip)
    whole = course(bars, watch, watch.session, normaliser)
    parts = [whole.part(a, b) for a, b in ((0, cuts[0]), cuts, (cuts[1], len(bars)))]
    ear.advance(1)
    names = ("training", "validation", "held_out")
    drawn = _drawn(bars, cuts[0], (watch, rules), rng, ear)
    return PracticeGround(
        *parts,
        normaliser=normaliser,
        markets=_markets(drawn, watch, rules, normaliser, rng),
        probes=_probes(parts[0], rules.divergence.probes, rng),
        spans=tuple(_span(name, part) for name, part in zip(names, parts, strict=True)),
        data=content_hash((bars.fingerprint, cuts, normaliser.fingerprint)),
    )


def divided(bars: PairBars, split: SplitShares) -> tuple[int, int]:
    """Bars at which validation and the held-out days begin; both begin a session.

    Each part gets at least one session.

    Raises
    ------
    DataError
        If there are fewer than three.

    Examples
    --------
    >>> from stairway.testing.bars import random_walk
    >>> divided(random_walk(10, seed=1), SplitShares(train_frac=0.5, validation_frac=0.3))
    (5, 8)
    """
    begins: BoolArray = bars.session != np.roll(bars.session, 1)
    begins[0] = True
    starts: list[int] = np.flatnonzero(begins).tolist()
    n = len(starts)
    if not n >= _LEAST_SESSIONS:
        msg = (
            f"{n} sessions cannot be divided into training, validation and held-out days; give "
            f"bars of at least {_LEAST_SESSIONS}"
        )
        raise DataError(msg)
    train = min(max(round(split.train_frac * n), 1), n - 2)
    until = min(max(round((split.train_frac + split.validation_frac) * n), train + 1), n - 1)
    return starts[train], starts[until]


def quiet(rules: EnvRules) -> EnvRules:
    """Return the rules without noise: as a policy is judged."""
    return msgspec.structs.replace(rules, observation_noise=0.0)


def _require_warm(bars: PairBars, watch: WatchRules) -> None:
    needed = watch.features.warm_up_bars
    if not len(bars) >= needed:
        msg = (
            f"there are {len(bars)} bars, and all features are known only after {needed}, the "
            "longest window of [features]; give more bars, or shorten that window"
        )
        raise DataError(msg)


def _drawn(
    bars: PairBars,
    cut: int,
    by: tuple[WatchRules, PracticeRules],
    rng: np.random.Generator,
    ear: Stages,
) -> _AllDrawn:
    watch, rules = by
    past = bars.part(0, cut)
    where = f"training has {cut} of {len(bars)} bars ([split] train_frac)"
    ear.begin("fitting scenarios", 1)
    learnt = learn(past, len(past), watch.session, rules.scenarios)
    ear.advance(1)
    if isinstance(learnt, Refuse):
        raise _no_markets(learnt, where)
    ear.begin("drawing scenarios", len(Scenario) * rules.scenarios.draws)
    drawn = draw_all(learnt, rng, ear.advance)
    if isinstance(drawn, Refuse):
        raise _no_markets(drawn, where)
    return drawn


def _no_markets(refused: Refuse, where: str) -> DataError:
    return DataError(
        f"no made-up markets to be judged in: {refused.findings[0].detail}; {where}: give more "
        "bars, or set less in [scenarios] of a practice file of your own"
    )


def _markets(
    drawn: _AllDrawn,
    watch: WatchRules,
    rules: PracticeRules,
    normaliser: Normaliser,
    rng: np.random.Generator,
) -> tuple[Market, ...]:
    env, total = quiet(rules.environment), rules.cycles.episodes_per_scenario
    made: list[Market] = []
    for scenario in Scenario:
        draws = drawn[scenario]
        shares = [total // len(draws) + (k < total % len(draws)) for k in range(len(draws))]
        seeds: list[int] = rng.integers(2**31, size=len(draws)).tolist()
        batches = [
            PairBatch(_course(one, watch, normaliser), env, n, seed)
            for one, n, seed in zip(draws, shares, seeds, strict=True)
            if n > 0
        ]
        made.append(Market(scenario.value, _provenance(draws), tuple(batches)))
    return tuple(made)


def _course(drawn: Drawn, watch: WatchRules, normaliser: Normaliser) -> Course:
    return course(drawn.bars, watch, watch.session, normaliser)


def _provenance(draws: tuple[Drawn, ...]) -> str:
    return "; ".join(str(one.provenance) for one in draws)


def _probes(training: Course, count: int, rng: np.random.Generator) -> Float32Array:
    rows = training.features[rng.integers(training.first, len(training), count)]
    return laid_out(rows, rng.integers(-1, 2, (count, 2)))


def _span(name: str, part: Course) -> Span:
    return Span(
        name=name,
        sessions=len(set(part.session.tolist())),
        bars=len(part),
        first_ns=int(part.time_ns[0]),
        last_ns=int(part.time_ns[-1]),
        fingerprint=part.fingerprint,
    )
