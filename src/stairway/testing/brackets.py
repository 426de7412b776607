"""Small trades to start tests from. Orders come from the real clamp, as everywhere."""

from __future__ import annotations

from msgspec.structs import replace

from stairway.base.errors import InvariantError
from stairway.base.units import Lots, Ticks, UtcNs
from stairway.base.verdict import Refuse
from stairway.decision.intent import Route, Vote
from stairway.execution.rules import ExecutionRules, VenueMode
from stairway.execution.state import Opening
from stairway.risk.clamp import ClampedOrder, clamp
from stairway.testing import risk


def some_order(
    lots: int = 5, side: int = 1, stop_ticks: int = 10, target_ticks: int = 12
) -> ClampedOrder:
    """Return a clamped order, cut to a size that can be followed by hand.

    Examples
    --------
    >>> some_order(lots=5).lots
    5
    """
    order = clamp(*risk.some_case())
    if isinstance(order, Refuse):
        msg = f"the example order was refused: {order.findings}"
        raise InvariantError(msg)
    return replace(
        order,
        symbol="AAA",
        side=side,
        lots=Lots(lots),
        reference_ticks=Ticks(1_000),
        stop_ticks=Ticks(stop_ticks),
        target_ticks=Ticks(target_ticks),
    )


def some_opening(bracket_id: str = "b-1") -> Opening:
    """Return an opening by one voting model.

    Examples
    --------
    >>> some_opening().votes[0].model
    'lightgbm'
    """
    vote = Vote(model="lightgbm", digest="d" * 64, stage="champion", weight=1.0, confidence=0.6)
    return Opening(
        bracket_id=bracket_id,
        book="capital",
        route=Route.ENSEMBLE,
        votes=(vote,),
        opened_ns=UtcNs(1_000),
        horizon_bars=5,
        micros_per_tick_lot=10_000,
        tick_usd=0.01,
    )


def some_rules(
    venue_mode: VenueMode = VenueMode.REDUCE_ONLY,
    *,
    cancel_entry_on_exit: bool = True,
    reprice_band_ticks: int = 0,
    min_order_lots: int = 1,
) -> ExecutionRules:
    """Return rules with a second of patience and six exits between two ticks.

    Examples
    --------
    >>> some_rules().naked_max_ns
    1000000000
    """
    return ExecutionRules(
        venue_mode=venue_mode,
        naked_max_ns=1_000_000_000,
        cancel_entry_on_exit=cancel_entry_on_exit,
        reprice_band_ticks=reprice_band_ticks,
        min_order_lots=min_order_lots,
        max_submits=6,
    )
