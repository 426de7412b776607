"""A broker that trades on paper: the simulated venue, behind the broker port.

The shell brings it the bars (``open``, ``range``) that a real venue would see by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from stairway.base import config as base
from stairway.execution.costs import CostRules
from stairway.execution.orders import Command, VenueEvent
from stairway.market.bars import PairBar
from stairway.market.instrument import Instrument
from stairway.simulation.fills import Luck, PaperRules
from stairway.simulation.venue import Venue, VenueState


class Config(base.Config, frozen=True, kw_only=True):
    """Options of one paper account.

    Attributes
    ----------
    instruments
        What may be traded, in the order of the bars' columns.
    costs, paper
        The sections ``[costs]`` and ``[paper]``.
    seed
        Of every draw; the run's own.
    account
        Name of the book, by its slot and not by its model: its luck is keyed on it.
    """

    instruments: tuple[Instrument, Instrument]
    costs: CostRules
    paper: PaperRules
    seed: Annotated[int, Meta(ge=0, lt=2**31)]
    account: str


def connect(config: Config, state: VenueState | None = None) -> PaperBroker:
    """Open one account, as it was left where ``state`` is given."""
    return PaperBroker(config, state)


def rehearsal() -> Config:
    """Return settings under which the broker contract can run with nothing outside."""
    return Config(
        instruments=(
            Instrument(symbol="AAA", tick_usd=0.01, lot_units=1.0),
            Instrument(symbol="BBB", tick_usd=0.01, lot_units=1.0),
        ),
        costs=CostRules(
            fee_bps=0.5, half_spread_bps=1.0, impact_coef_bps=10.0, max_participation_frac=0.1
        ),
        paper=PaperRules(partial_fill_prob=0.0, reject_prob=0.0, limit_through_ticks=1),
        seed=7,
        account="rehearsal",
    )


class PaperBroker:
    """One paper account. Meets :class:`stairway.execution.ports.Broker`."""

    def __init__(self, config: Config, state: VenueState | None = None) -> None:
        luck = Luck(config.seed, config.account)
        self._venue = Venue(config.instruments, config.costs, config.paper, luck, state)

    @property
    def state(self) -> VenueState:
        """Everything the account remembers."""
        return self._venue.state

    @property
    def positions(self) -> dict[str, int]:
        """Lots held by symbol, signed."""
        return self._venue.positions

    def submit(self, command: Command) -> None:
        """Ask the venue to act."""
        self._venue.submit(command)

    def drain(self) -> Iterator[VenueEvent]:
        """Yield events since the last call."""
        return self._venue.drain()

    def open(self, bar: PairBar) -> None:
        """Let the bar open: see :meth:`stairway.simulation.venue.Venue.open`."""
        self._venue.open(bar)

    def range(self, bar: PairBar) -> None:
        """Let the bar run: see :meth:`stairway.simulation.venue.Venue.range`."""
        self._venue.range(bar)
