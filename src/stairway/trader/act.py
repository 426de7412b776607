"""The second half of a bar: from wishes to commands.

Pure. A bracket that is open is led out when its time is up; a wish is clamped and, where
something is left of it, becomes a bracket whose entry will be filled at the next bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from stairway.base.units import UtcNs
from stairway.base.verdict import Refuse, refuse
from stairway.decision.intent import Abstain, Enter, Intent
from stairway.execution.bracket import on, open_bracket
from stairway.execution.orders import Command
from stairway.execution.rules import ExecutionRules
from stairway.execution.state import Bracket, ExitCause, ExitNow, Opening
from stairway.market.calendar import SessionRules
from stairway.market.instrument import Instrument
from stairway.risk.account import Barrier, Sight, Terms, one_day_var_frac
from stairway.risk.clamp import ClampedOrder, clamp
from stairway.risk.sizing import RiskRules
from stairway.trader.book import Book, counted, exposed, with_bracket
from stairway.trader.facts import Decided, Outcome
from stairway.trader.observe import Seen


@dataclass(frozen=True, slots=True)
class TraderRules:
    """Everything a bar is traded by.

    ``round_trip_bps`` is the expected cost of going in and out, of notional.
    """

    instruments: tuple[Instrument, Instrument]
    risk: RiskRules
    barrier: Barrier
    session: SessionRules
    execution: ExecutionRules
    round_trip_bps: float


def act(
    book: Book,
    seen: Seen,
    wishes: Sequence[Intent],
    rules: TraderRules,
    now_ns: UtcNs,
    ramp: float = 1.0,
) -> tuple[Book, tuple[Command, ...], Decided]:
    """Decide for both instruments of one book at one close.

    Parameters
    ----------
    wishes
        One intent per instrument, in their order.
    now_ns
        When it is decided: after the close of the bar, by as long as the answers took. What
        is decided too late, or before the bar has closed, is refused.
    ramp
        Share of full size that whoever is in charge has earned, in [0, 1].
    """
    commands: list[Command] = []
    outcomes: list[Outcome] = []
    for k, wish in enumerate(wishes):
        bracket = book.brackets[k]
        if bracket is not None and not bracket.is_done:
            book, sent = _lead_out(book, bracket, k, seen, rules)
            commands.extend(sent)
            outcomes.append(None)
        elif isinstance(wish, Abstain):
            outcomes.append(None)
        else:
            outcome = _not_now(book, seen, rules)
            if outcome is None:
                sight = sight_of(seen, k, rules, now_ns)
                outcome = _clamped(book, wish, k, sight, rules, ramp)
            if isinstance(outcome, ClampedOrder):
                book, sent = _enter(book, wish, k, outcome, seen, rules)
                commands.extend(sent)
            outcomes.append(outcome)
    fact = Decided(seen.bar.index, seen.bar.time_ns, book.name, tuple(wishes), tuple(outcomes))
    return book, tuple(commands), fact


def _lead_out(
    book: Book, bracket: Bracket, k: int, seen: Seen, rules: TraderRules
) -> tuple[Book, tuple[Command, ...]]:
    """Let go of a position whose time is up."""
    now = seen.bar.time_ns
    cause = _exit_cause(book, bracket, k, seen, rules)
    if cause is None or bracket.exit is not None:
        return book, ()
    bracket, commands = on(bracket, ExitNow(cause, now))
    return counted(with_bracket(book, k, bracket), len(commands)), commands


def _exit_cause(
    book: Book, bracket: Bracket, k: int, seen: Seen, rules: TraderRules
) -> ExitCause | None:
    if rules.session.flat_by_close and seen.closing:
        return ExitCause.SESSION
    age_bars = seen.bar.index - book.opened_index[k]
    return ExitCause.HORIZON if not age_bars < bracket.opening.horizon_bars else None


def _clamped(
    book: Book, wish: Enter, k: int, sight: Sight, rules: TraderRules, ramp: float
) -> ClampedOrder | Refuse:
    terms = Terms(rules.barrier, ramp)
    return clamp(wish, sight, book.account, rules.instruments[k], terms, rules.risk)


def _enter(
    book: Book, wish: Enter, k: int, order: ClampedOrder, seen: Seen, rules: TraderRules
) -> tuple[Book, tuple[Command, ...]]:
    """Open a bracket for what the clamp left of a wish."""
    bracket, commands = open_bracket(order, _opening(book, wish, k, rules), rules.execution)
    indices = list(book.opened_index)
    indices[k] = seen.bar.index
    entered = {**book.account.last_entry_ns, wish.symbol: seen.bar.time_ns}
    # A book that was opened at this very close has no marks yet.
    first, second = (rules.instruments[j].ticks(seen.bar.bars[j].close) for j in (0, 1))
    book = replace(
        with_bracket(book, k, bracket),
        mark_ticks=(first, second),
        opened_index=(indices[0], indices[1]),
        brackets_opened=book.brackets_opened + 1,
        account=replace(book.account, last_entry_ns=entered),
    )
    return exposed(counted(book, len(commands), parents=1), rules.instruments), commands


def _not_now(book: Book, seen: Seen, rules: TraderRules) -> Refuse | None:
    """Refuse what the clock or the lifecycle forbids, before anything is sized."""
    if book.entries_frozen:
        return refuse("book.frozen", f"{book.name} takes nothing new, only leads out")
    if rules.session.overnight == "refuse_entry" and seen.bar.last_of_session:
        return refuse(
            "session.last_bar", "the next bar is another session's: not filled overnight"
        )
    if rules.session.flat_by_close and seen.closing:
        return refuse("session.closing", "an entry now could not be led out before the close")
    return None


def sight_of(seen: Seen, k: int, rules: TraderRules, now_ns: UtcNs) -> Sight:
    """Tell the clamp what is seen of instrument ``k`` at ``now_ns``."""
    volatility = seen.volatility_per_bar[k]
    session = rules.session
    return Sight(
        price_usd=seen.bar.bars[k].close,
        reference_usd=seen.previous_close_usd[k],
        volatility_per_bar=volatility,
        periods_per_year=session.periods_per_year,
        correlation=seen.regime.correlation,
        regime=seen.regime.label,
        bar_age_ns=now_ns - seen.bar.time_ns,
        unchanged_bars=seen.unchanged_bars[k],
        cost_bps=rules.round_trip_bps,
        var_frac=one_day_var_frac(
            volatility, session.bars_per_session, rules.risk.sizing.var_confidence
        ),
    )


def _opening(book: Book, wish: Enter, k: int, rules: TraderRules) -> Opening:
    instrument = rules.instruments[k]
    return Opening(
        bracket_id=f"{book.name}/{book.brackets_opened}",
        book=book.name,
        route=wish.route,
        votes=wish.votes,
        opened_ns=wish.as_of_ns,
        horizon_bars=rules.barrier.horizon_bars,
        micros_per_tick_lot=instrument.micros_per_tick_lot,
        tick_usd=instrument.tick_usd,
    )
