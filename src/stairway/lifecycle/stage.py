"""The stairs, and which moves between them are legal.

Legal moves are data. Anything not listed here cannot happen.
"""

from __future__ import annotations

from enum import StrEnum

from stairway.base.errors import InvariantError


class Stage(StrEnum):
    """Where a model stands; ``baseline`` is where the static rule stands, and nobody else."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    CHAMPION = "champion"
    RETIRED = "retired"
    QUARANTINED = "quarantined"
    BASELINE = "baseline"


MOVES: dict[Stage, frozenset[Stage]] = {
    Stage.CANDIDATE: frozenset({Stage.SHADOW, Stage.QUARANTINED, Stage.RETIRED}),
    Stage.SHADOW: frozenset({Stage.CANARY, Stage.QUARANTINED, Stage.RETIRED}),
    Stage.CANARY: frozenset({Stage.CHAMPION, Stage.SHADOW, Stage.QUARANTINED, Stage.RETIRED}),
    Stage.CHAMPION: frozenset({Stage.SHADOW, Stage.QUARANTINED, Stage.RETIRED}),
    # A rollback puts the old champion back in charge; nothing else leaves retirement.
    Stage.RETIRED: frozenset({Stage.CHAMPION}),
    Stage.QUARANTINED: frozenset(),
    # The static rule is the floor under the stairs: it neither climbs nor falls.
    Stage.BASELINE: frozenset(),
}


def require_legal(before: Stage, after: Stage) -> None:
    """Raise unless ``before`` may become ``after``.

    Raises
    ------
    InvariantError
        If the move is not on the list.
    """
    if after not in MOVES[before]:
        allowed = ", ".join(sorted(MOVES[before])) or "nothing"
        msg = f"a {before} cannot become {after}; it may become {allowed}"
        raise InvariantError(msg)
