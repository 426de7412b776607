"""How positions are guarded, as settings."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.units import NS_PER_SECOND

_ONE_MINUTE_NS = 60 * NS_PER_SECOND


class VenueMode(StrEnum):
    """What the venue does about two exits that rest at once.

    ``reduce_only``: it never fills an exit beyond what is held, so stop and target rest
    together (a venue that cancels one when the other fills in part is this mode, too: what
    it cancelled is put back at once). ``one_exit``: it has no such promise, so one exit
    rests at a time: the stop. The target is watched here, and sent once the stop is gone.
    """

    REDUCE_ONLY = "reduce_only"
    ONE_EXIT = "one_exit"


class ExecutionRules(Config, frozen=True, kw_only=True):
    """Settings under ``[execution]``.

    Attributes
    ----------
    venue_mode
        See :class:`VenueMode`.
    naked_max_ns
        Longest time that a position may be held with less than its size under a stop that
        the venue has confirmed. After it, the position is flattened at market.
    cancel_entry_on_exit
        Take back what is left of the entry once any exit has filled.
    reprice_band_ticks
        A resting exit that is this near its right price is left alone, unless that would
        put more money at risk than was sized.
    min_order_lots
        Smallest order that the venue takes. What is held below it is dust: it is named,
        and not chased.
    max_submits
        Exits sent between two fills or clock ticks. Bounds every loop with a venue that
        refuses for ever.
    """

    venue_mode: VenueMode
    naked_max_ns: Annotated[int, Meta(ge=0, le=_ONE_MINUTE_NS)]
    cancel_entry_on_exit: bool
    reprice_band_ticks: Annotated[int, Meta(ge=0, le=1_000)]
    min_order_lots: Annotated[int, Meta(ge=1, le=10**9)]
    max_submits: Annotated[int, Meta(ge=1, le=100)]
