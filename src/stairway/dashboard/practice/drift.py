"""How far each seed went after each cycle: levels, parts and the tensor that went furthest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stairway.training.journal import SeedCycle
from stairway.training.measured import DivergenceReport

_NOT_KNOWN = "\N{EN DASH}"


class Strayed(NamedTuple):
    """One seed after one cycle, as the page tells it."""

    cycle: int
    seed: int
    level: str
    decides: str
    since_accepted: str
    whole: str
    furthest: str
    answers: str


def strayed(cycles: Iterable[SeedCycle]) -> tuple[Strayed, ...]:
    """Tell how far every seed went, cycle by cycle.

    What could not be computed, or does not exist yet, is a dash. Who went back to its last
    good parameters afterwards is said to have.
    """
    told = sorted(cycles, key=lambda one: (one.cycle, one.seed))
    return tuple(_told(one, one.divergence) for one in told)


def _told(one: SeedCycle, said: DivergenceReport) -> Strayed:
    back = ", went back" if one.rolled_back else ""
    return Strayed(
        cycle=one.cycle,
        seed=one.seed,
        level=f"{said.level.value}{back}",
        decides=_percent(said.norm_frac),
        since_accepted=_percent(said.since_accepted_frac),
        whole=_percent(said.whole_frac),
        furthest=_furthest(said.layers),
        answers=_NOT_KNOWN if said.kl is None else f"{said.kl:.3f}",
    )


def _furthest(layers: dict[str, float | None]) -> str:
    """Name the tensor that went furthest as a share of itself."""
    known = {name: share for name, share in layers.items() if share is not None}
    if not known:
        return _NOT_KNOWN
    name = max(known, key=lambda one: known[one])
    return f"{name} {_percent(known[name])}"


def _percent(share: float | None) -> str:
    return _NOT_KNOWN if share is None else f"{100 * share:.1f}\N{NO-BREAK SPACE}%"
