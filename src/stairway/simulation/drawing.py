"""Draw made-up markets from what was learnt, as many as are asked for.

1. A quarry is opened: the recorded bars, or bars that a fitted model makes.
2. Each spell gets its regime, each regime its blocks, and the blocks are walked one after
   the other from the last recorded price.
3. What came out is measured. If it is not what it is called, it is drawn again, a stated
   number of times; then it is refused. Nobody is handed a storm that is none.

The same past and the same state of the generator make the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from stairway.base.arrays import IntArray
from stairway.base.errors import InvariantError
from stairway.base.hashing import array_hash, content_hash
from stairway.base.units import UtcNs
from stairway.base.verdict import Finding, Pass, Refuse, Verdict, all_of
from stairway.market.bars import PairBars
from stairway.simulation import garch, switching
from stairway.simulation.bootstrap import (
    Blocks,
    Moves,
    cut,
    draw_rows,
    returns_of,
    returns_of_bars,
    walk,
)
from stairway.simulation.conditions import can_be_traded, is_what_it_says, windows_of
from stairway.simulation.dressing import dress
from stairway.simulation.garch import Garch
from stairway.simulation.learning import Past, enough_blocks
from stairway.simulation.scenarios import Method, Provenance, Scenario, spells_of
from stairway.simulation.switching import Switching


@dataclass(frozen=True, slots=True)
class Drawn:
    """A made-up market that is what it is called.

    Attributes
    ----------
    bars
        As valid as recorded ones.
    provenance
        Where they come from.
    verdict
        What was measured on them.
    """

    bars: PairBars
    provenance: Provenance
    verdict: Pass


def draw(
    past: Past, scenario: Scenario, method: Method, rng: np.random.Generator
) -> Drawn | Refuse:
    """Draw one market, or say why what came out was not what it is called.

    Raises
    ------
    InvariantError
        If the method's model was not learnt.

    Examples
    --------
    >>> from stairway.testing.scenarios import made_past
    >>> rng = np.random.Generator(np.random.PCG64(7))
    >>> drawn = draw(made_past(), Scenario.HIGH_VOLATILITY, Method.BOOTSTRAP, rng)
    >>> len(drawn.bars), drawn.provenance.seed, drawn.verdict.findings[0].code
    (3900, '7', 'scenario.high_volatility')
    """
    origin = _Origin(scenario, method, seed_of(rng), _state_hash(rng))
    misses: tuple[Finding, ...] = ()
    for tries in range(1, past.rules.tries + 1):
        # A model's quarry is drawn anew as well: one that came out too wild stays so.
        moves, blocks = _quarry(past, method, rng)
        verdict = enough_blocks(blocks, past.rules)
        if isinstance(verdict, Refuse):
            return verdict
        rows, made = _walked(past, scenario, moves, blocks, rng)
        match _judged(past, scenario, made):
            case Pass() as verdict:
                return Drawn(made, _provenance(past, origin, tries, rows, made), verdict)
            case verdict:
                misses = verdict.findings
    return Refuse(misses)


def draw_all(
    past: Past, rng: np.random.Generator, heard: Callable[[int], None] = lambda _: None
) -> dict[Scenario, tuple[Drawn, ...]] | Refuse:
    """Draw ``rules.draws`` markets of each of the five, taking the methods in turn.

    A market depends on the seed, its scenario and its number; not on the others.

    Parameters
    ----------
    heard
        Told how many are drawn, after each.
    """
    drawn: dict[Scenario, tuple[Drawn, ...]] = {}
    for scenario, own in zip(Scenario, rng.spawn(len(Scenario)), strict=True):
        found: list[Drawn] = []
        for number, chance in enumerate(own.spawn(past.rules.draws)):
            method = past.rules.methods[number % len(past.rules.methods)]
            match draw(past, scenario, method, chance):
                case Refuse() as refused:
                    return refused
                case one:
                    found.append(one)
                    heard(len(drawn) * past.rules.draws + len(found))
        drawn[scenario] = tuple(found)
    return drawn


def seed_of(rng: np.random.Generator) -> str:
    """Seed that a generator was made with, and the way of its spawning from there.

    Examples
    --------
    >>> rng = np.random.Generator(np.random.PCG64(7))
    >>> seed_of(rng), seed_of(rng.spawn(3)[2])
    ('7', '7/2')
    """
    sequence = rng.bit_generator.seed_seq
    if not isinstance(sequence, np.random.SeedSequence):
        return "unknown"
    return "/".join(str(part) for part in (sequence.entropy, *sequence.spawn_key))


@dataclass(frozen=True, slots=True)
class _Origin:
    scenario: Scenario
    method: Method
    seed: str
    chance: str


def _state_hash(rng: np.random.Generator) -> str:
    return content_hash(repr(rng.bit_generator.state))


def _quarry(past: Past, method: Method, rng: np.random.Generator) -> tuple[Moves, Blocks]:
    """Give the bars that blocks are cut from, and the blocks."""
    wardrobe, rules = past.wardrobe, past.rules
    moves, returns = wardrobe.moves, wardrobe.returns
    if method is not Method.BOOTSTRAP:
        bars = rules.model_sessions * moves.per_session
        match past.models.get(method):
            case Garch() as model:
                pure = garch.simulate(model, bars, rng)
            case Switching() as model:
                pure = switching.simulate(model, bars, rng)
            case None:
                msg = f"no {method} was fitted: [scenarios] methods did not name it"
                raise InvariantError(msg)
        moves = dress(pure, wardrobe, rng)
        returns = returns_of(moves, past.session)
    return moves, cut(moves, returns / past.deviation, rules.block_bars)


def _walked(
    past: Past, scenario: Scenario, moves: Moves, blocks: Blocks, rng: np.random.Generator
) -> tuple[IntArray, PairBars]:
    """Draw the rows of every spell, and walk them from the last recorded prices."""
    rules, bars, session = past.rules, past.bars, past.session
    spells = spells_of(scenario, rules.sessions // rules.spell_sessions, rng)
    spell_bars = rules.spell_sessions * session.bars_per_session
    rows = draw_rows(blocks, spells, spell_bars, rules.frac_of, rng)
    last, last_ns = bars.close[-1], int(bars.time_ns[-1])
    return rows, walk(moves.taken(rows), last, bars.instruments, last_ns, session)


def _judged(past: Past, scenario: Scenario, made: PairBars) -> Verdict:
    returns = returns_of_bars(made, past.bars.close[-1], past.session)
    window_bars = past.rules.spell_sessions * past.session.bars_per_session
    windows = windows_of(returns, past.deviation, window_bars)
    return all_of(
        (
            is_what_it_says(scenario, windows, past.windows, past.rules),
            can_be_traded(made, past.rules.max_jump_frac),
        )
    )


def _provenance(
    past: Past, origin: _Origin, tries: int, rows: IntArray, made: PairBars
) -> Provenance:
    model = past.models.get(origin.method)
    fitted: dict[str, Any] = {} if model is None else msgspec.to_builtins(model)
    return Provenance(
        scenario=origin.scenario,
        method=origin.method,
        source=past.bars.fingerprint,
        source_bars=len(past.bars),
        first_ns=UtcNs(int(past.bars.time_ns[0])),
        last_ns=UtcNs(int(past.bars.time_ns[-1])),
        seed=origin.seed,
        chance=origin.chance,
        settings=content_hash(past.rules),
        model=fitted,
        tries=tries,
        blocks=array_hash(rows),
        bars=len(made),
        fingerprint=made.fingerprint,
    )
