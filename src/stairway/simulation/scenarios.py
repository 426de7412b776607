"""The five markets that a candidate must live through, and how each of them is made.

=========================  =========================================================
``high_volatility``        spells of the stormiest blocks
``low_volatility``         spells of the calmest blocks
``trending``               spells of blocks that went one way, up or down by chance
``correlation_breakdown``  both instruments take their blocks from different days
``mixed``                  spells of all of these and of ordinary blocks, shuffled
=========================  =========================================================

Blocks come from one of three quarries: the recorded bars themselves (``bootstrap``), or bars
that a model fitted to them has made (``garch``, ``switching``). Only bars up to a stated one
are ever looked at, so a scenario knows nothing of the days that judge a candidate.

Whether what came out is what it is called is not taken on trust: ``simulation.conditions``
measures it. What a candidate must show in each is the training gate's to say. No library is
imported here, so that settings can be read without any; ``simulation.drawing`` does the work.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, assert_never

import msgspec
import numpy as np
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.units import UtcNs
from stairway.simulation.bootstrap import Kind, Spell
from stairway.simulation.switching import SwitchingRules

_Count = Annotated[int, Meta(ge=1, le=10_000)]
_AtLeastTwo = Annotated[int, Meta(ge=2, le=10_000)]
_Share = Annotated[float, Meta(gt=0.0, lt=1.0)]


class Scenario(StrEnum):
    """What a made-up market is like."""

    HIGH_VOLATILITY = "high_volatility"
    LOW_VOLATILITY = "low_volatility"
    TRENDING = "trending"
    CORRELATION_BREAKDOWN = "correlation_breakdown"
    MIXED = "mixed"


class Method(StrEnum):
    """Where its blocks come from."""

    BOOTSTRAP = "bootstrap"
    GARCH = "garch"
    SWITCHING = "switching"


class GarchRules(Config, frozen=True, kw_only=True):
    """Which fits of GARCH are believed (``[scenarios.garch]``).

    Attributes
    ----------
    min_bars
        Returns below which nothing is fitted.
    max_persistence
        Largest ``alpha + beta``; at 1 volatility has no level to return to.
    """

    min_bars: Annotated[int, Meta(ge=100, le=10_000_000)]
    max_persistence: _Share


class ScenarioRules(Config, frozen=True, kw_only=True):
    """How scenarios are made, and what makes them worth their names (``[scenarios]``).

    Attributes
    ----------
    sessions
        Of one draw; a multiple of ``spell_sessions``.
    draws
        Markets drawn of each scenario, for its episodes to be spread over.
    methods
        Taken in turn, one for each draw.
    block_bars
        Length of a block; within sessions, the equal parts nearest to it.
    spell_sessions
        Sessions that one regime lasts, and the window that everything is measured over.
    model_sessions
        Sessions that a fitted model makes for one draw, to choose blocks from.
    smooth_bars
        Places of the session over which the usual size of a return is averaged.
    extreme_frac
        Share of the blocks that storm and calm choose from: the stormiest quarter, say.
    trend_frac
        Share of the blocks that a trend chooses from. A quarter would go one way for four
        deviations a session, as no market does; the larger, the milder.
    min_blocks, min_windows
        Fewest blocks to choose from at any place, and fewest windows to measure against.
    bound_quantile
        Quantile of the recorded windows that the median window must reach: in volatility
        (from below; low volatility from above ``1 - bound_quantile``) and in trend.
    max_correlation_frac
        What may be left of the correlation in a breakdown, as a share of the recorded one.
    min_correlation
        Recorded correlation below which there is nothing to break down.
    min_mixed_frac
        Share of a mixed market's windows that must be stormy, and share that must be calm.
    max_jump_frac
        Price collar for made-up bars, as in ``[bars]``.
    tries
        Draws that may miss before the scenario is refused.
    garch, switching
        How the models are fitted.
    """

    sessions: _Count
    draws: Annotated[int, Meta(ge=1, le=1_000)]
    methods: Annotated[tuple[Method, ...], Meta(min_length=1, max_length=100)]
    block_bars: _Count
    spell_sessions: _Count
    model_sessions: _Count
    smooth_bars: _Count
    extreme_frac: _Share
    trend_frac: _Share
    min_blocks: _AtLeastTwo
    min_windows: _AtLeastTwo
    bound_quantile: Annotated[float, Meta(gt=0.5, lt=1.0)]
    max_correlation_frac: _Share
    min_correlation: _Share
    min_mixed_frac: _Share
    max_jump_frac: Annotated[float, Meta(gt=0.0, le=10.0)]
    tries: Annotated[int, Meta(ge=1, le=1_000)]
    garch: GarchRules
    switching: SwitchingRules

    def frac_of(self, kind: Kind) -> float:
        """Share of the blocks that a regime chooses from."""
        match kind:
            case Kind.ANY:
                return 1.0
            case Kind.CALM | Kind.STORMY:
                return self.extreme_frac
            case Kind.RISING | Kind.FALLING:
                return self.trend_frac

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, sessions in (
            ("sessions", self.sessions),
            ("model_sessions", self.model_sessions),
        ):
            if sessions % self.spell_sessions:
                msg = (
                    f"[scenarios] {name} is {sessions}, and spell_sessions "
                    f"{self.spell_sessions}; it must be a multiple of it"
                )
                raise ConfigError(msg)


class Provenance(msgspec.Struct, frozen=True):
    """Where a made-up market comes from: enough to make it again, or to tell it from another.

    Attributes
    ----------
    scenario, method
        What it is, and where its blocks come from.
    source, source_bars, first_ns, last_ns
        Fingerprint, number, and first and last close of the recorded bars that were used.
    seed, chance
        Seed of the generator with its spawn key, and hash of its state before the draw.
    settings
        Hash of the rules.
    model
        What was fitted; empty for a bootstrap.
    tries
        Draws that it took.
    blocks
        Hash of the rows, in the quarry, of every bar of each instrument.
    bars, fingerprint
        How many bars were made, and their hash.
    """

    scenario: Scenario
    method: Method
    source: str
    source_bars: int
    first_ns: UtcNs
    last_ns: UtcNs
    seed: str
    chance: str
    settings: str
    model: dict[str, Any]
    tries: int
    blocks: str
    bars: int
    fingerprint: str

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.scenario} by {self.method}: {self.bars} bars {self.fingerprint[:12]} from "
            f"{self.source_bars} bars {self.source[:12]}, seed {self.seed}, "
            f"blocks {self.blocks[:12]}"
        )


def spells_of(scenario: Scenario, count: int, rng: np.random.Generator) -> tuple[Spell, ...]:
    """Choose ``count`` spells that make up a scenario.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> [spell.kind.value for spell in spells_of(Scenario.TRENDING, 4, rng)]
    ['rising', 'falling', 'falling', 'falling']
    """
    ways = (Spell(Kind.RISING), Spell(Kind.FALLING))
    match scenario:
        case Scenario.HIGH_VOLATILITY:
            return (Spell(Kind.STORMY),) * count
        case Scenario.LOW_VOLATILITY:
            return (Spell(Kind.CALM),) * count
        case Scenario.TRENDING:
            up_or_down: list[int] = rng.integers(2, size=count).tolist()
            return tuple(ways[way] for way in up_or_down)
        case Scenario.CORRELATION_BREAKDOWN:
            return (Spell(Kind.ANY, apart=True),) * count
        case Scenario.MIXED:
            ends = (Spell(Kind.STORMY), Spell(Kind.CALM))
            every = (*ends, *ways, Spell(Kind.ANY, apart=True), Spell(Kind.ANY))
            order: list[int] = rng.permutation(count).tolist()
            return tuple(every[place % len(every)] for place in order)
        case _:
            assert_never(scenario)
