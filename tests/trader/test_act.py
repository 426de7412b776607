"""From wishes to commands: what is refused, what is sized, and what is led out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as with_field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.app import rules as app_rules
from stairway.app import settings as policies
from stairway.base.units import Lots, Micros, Ticks, UtcNs
from stairway.base.verdict import Finding, Refuse
from stairway.decision.intent import Abstain, Intent
from stairway.execution.orders import Accepted, Command, Filled, Leg, OrderKind, Submit
from stairway.execution.state import ExitCause
from stairway.market.bars import PairBar
from stairway.risk.account import gross_micros
from stairway.risk.clamp import ClampedOrder
from stairway.testing.bars import INSTRUMENTS, random_walk
from stairway.testing.trading import no_wish, sight, wish_for
from stairway.trader.act import TraderRules, act, sight_of
from stairway.trader.book import Book, mark, open_book
from stairway.trader.facts import Decided, Outcome
from stairway.trader.observe import Seen
from stairway.trader.settle import settle

START = Micros(10**12)
WALK = random_walk(60, seed=1)
MINUTES = random_walk(800, seed=1, bar_seconds=60)
RULES = app_rules.trader_rules(policies.load("daily"), INSTRUMENTS)


def at(bars_index: int) -> PairBar:
    return WALK.at(bars_index)


def fresh(bar: PairBar) -> Book:
    """A book with all its money, marked at the close of ``bar``."""
    return mark(open_book("capital", START, bar.session), bar, INSTRUMENTS)[0]


def both(bar: PairBar, side: int = 1) -> tuple[Intent, Intent]:
    return (wish_for("ALPHA", bar, side), wish_for("BETA", bar, side))


def neither(bar: PairBar) -> tuple[Abstain, Abstain]:
    return (no_wish("ALPHA", bar), no_wish("BETA", bar))


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, Refuse)
    return outcome.findings[0].code


def lots(outcome: Outcome) -> int:
    assert isinstance(outcome, ClampedOrder), outcome
    return outcome.lots


def at_once(
    book: Book,
    seen: Seen,
    wishes: Sequence[Intent],
    rules: TraderRules,
    ramp: float = 1.0,
) -> tuple[Book, tuple[Command, ...], Decided]:
    """Decide at the very close of the bar."""
    return act(book, seen, wishes, rules, seen.bar.time_ns, ramp)


def holding(bar: PairBar, rules: TraderRules) -> Book:
    """A book whose entry in ALPHA, decided at ``bar``, was filled."""
    wishes = (wish_for("ALPHA", bar), no_wish("BETA", bar))
    book, commands, _ = at_once(fresh(bar), sight(bar), wishes, rules)
    (entry,) = (c for c in commands if isinstance(c, Submit))
    fill = Filled(
        entry.order_id, "x", UtcNs(bar.time_ns + 1), entry.lots, Ticks(10_000), Micros(0)
    )
    book, exits, _ = settle(book, fill, INSTRUMENTS)
    for command in exits:
        book, _, _ = settle(
            book, Accepted(command.order_id, UtcNs(bar.time_ns + 1)), INSTRUMENTS
        )
    return book


def flattens(commands: Sequence[Command]) -> bool:
    """Whether legs are taken back and what is held is sold."""
    return bool(commands) and not any(
        isinstance(c, Submit) and c.leg is Leg.ENTRY for c in commands
    )


def test_two_wishes_become_two_market_entries() -> None:
    bar = at(5)
    book, commands, fact = at_once(fresh(bar), sight(bar), both(bar), RULES)
    assert [type(c) for c in commands] == [Submit, Submit]
    for command, outcome, symbol in zip(
        commands, fact.outcomes, ("ALPHA", "BETA"), strict=True
    ):
        assert isinstance(command, Submit)
        assert (command.symbol, command.leg, command.kind) == (
            symbol,
            Leg.ENTRY,
            OrderKind.MARKET,
        )
        assert command.lots == lots(outcome)
    assert (fact.index, fact.time_ns, fact.book) == (5, bar.time_ns, "capital")
    assert book.brackets_opened == 2
    assert book.opened_index == (5, 5)
    assert (book.account.messages, book.account.parents) == (2, 2)


def test_without_a_wish_nothing_is_sent_and_the_reason_is_on_record() -> None:
    bar = at(5)
    book, commands, fact = at_once(fresh(bar), sight(bar), neither(bar), RULES)
    assert commands == ()
    assert fact.outcomes == (None, None)
    assert fact.intents == neither(bar)
    assert book == fresh(bar)


def test_the_first_entry_is_exposure_when_the_second_is_sized() -> None:
    bar = at(5)
    _, _, free = at_once(fresh(bar), sight(bar), both(bar), RULES)
    wanted = lots(free.outcomes[0]) * bar.bars[0].close
    limits = replace(RULES.risk.limits, max_gross_frac=1.05 * wanted / 1e6)
    tight = with_field(RULES, risk=replace(RULES.risk, limits=limits))
    book, commands, fact = at_once(fresh(bar), sight(bar), both(bar), tight)
    assert lots(fact.outcomes[0]) == lots(free.outcomes[0])
    assert code(fact.outcomes[1]) == "risk.gross"
    assert len(commands) == 1
    assert gross_micros(book.account) <= tight.risk.limits.max_gross_frac * START


def test_so_it_is_in_a_book_that_was_opened_at_this_very_close() -> None:
    bar = at(5)
    limits = replace(RULES.risk.limits, max_gross_frac=0.25)
    tight = with_field(RULES, risk=replace(RULES.risk, limits=limits))
    unmarked = open_book("canary:d", START, bar.session)
    _, _, fact = at_once(unmarked, sight(bar), both(bar), tight)
    _, _, same = at_once(fresh(bar), sight(bar), both(bar), tight)
    assert fact.outcomes == same.outcomes
    assert code(fact.outcomes[1]) == "risk.gross"


def test_entries_that_may_still_fill_count_against_the_next_one() -> None:
    bar = at(5)
    limits = replace(RULES.risk.limits, max_open_orders=1)
    tight = with_field(RULES, risk=replace(RULES.risk, limits=limits))
    _, commands, fact = at_once(fresh(bar), sight(bar), both(bar), tight)
    assert len(commands) == 1
    assert code(fact.outcomes[1]) == "risk.open_orders"


def test_a_frozen_book_takes_nothing_new() -> None:
    bar = at(5)
    book = replace(fresh(bar), entries_frozen=True)
    after, commands, fact = at_once(book, sight(bar), both(bar), RULES)
    assert (after, commands) == (book, ())
    assert [code(o) for o in fact.outcomes] == ["book.frozen", "book.frozen"]


def test_a_halted_book_takes_nothing_new() -> None:
    bar = at(5)
    book = fresh(bar)
    book = replace(book, account=replace(book.account, halted=True))
    after, commands, fact = at_once(book, sight(bar), both(bar), RULES)
    assert (after, commands) == (book, ())
    assert [code(o) for o in fact.outcomes] == ["risk.halted", "risk.halted"]


def test_a_contradiction_in_one_instrument_stops_entries_in_the_other() -> None:
    bar = at(5)
    book = holding(bar, RULES)
    bracket = book.brackets[0]
    assert bracket is not None
    broken = replace(bracket, findings=(Finding("execution.over_exit", "more left than came"),))
    book, _ = mark(replace(book, brackets=(broken, None)), at(6), INSTRUMENTS)
    wishes = (no_wish("ALPHA", at(6)), wish_for("BETA", at(6)))
    _, _, fact = at_once(book, sight(at(6)), wishes, RULES)
    assert code(fact.outcomes[1]) == "risk.halted"


def test_a_frozen_feed_is_refused_in_the_instrument_that_hangs() -> None:
    bar = at(5)
    most = RULES.risk.limits.max_unchanged_bars
    hung = sight(bar, unchanged=(most + 1, most))
    _, _, fact = at_once(fresh(bar), hung, both(bar), RULES)
    assert code(fact.outcomes[0]) == "risk.frozen_feed"
    assert lots(fact.outcomes[1]) > 0


@pytest.mark.parametrize("volatility", [float("nan"), 0.0, float("inf")])
def test_without_a_volatility_nothing_is_entered(volatility: float) -> None:
    bar = at(5)
    book, commands, fact = at_once(
        fresh(bar), sight(bar, volatility=volatility), both(bar), RULES
    )
    assert commands == ()
    assert all(isinstance(outcome, Refuse) for outcome in fact.outcomes)
    assert book.brackets == (None, None)


def test_a_jump_from_the_close_before_is_refused() -> None:
    bar = at(5)
    jumped = with_field(sight(bar), previous_close_usd=(bar.bars[0].close * 2.0, float("nan")))
    _, commands, fact = at_once(fresh(bar), jumped, both(bar), RULES)
    assert commands == ()
    assert code(fact.outcomes[0]) == "risk.price_collar"


@given(st.floats(0.0, 1.0))
def test_a_ramp_never_makes_an_order_larger(ramp: float) -> None:
    bar = at(5)
    _, _, full = at_once(fresh(bar), sight(bar), both(bar), RULES)
    _, _, part = at_once(fresh(bar), sight(bar), both(bar), RULES, ramp)
    for whole, some in zip(full.outcomes, part.outcomes, strict=True):
        if isinstance(some, ClampedOrder):
            assert some.lots <= lots(whole)
        else:
            assert ramp < 0.01


@pytest.mark.parametrize("ramp", [float("nan"), -0.1, 1.1])
def test_a_ramp_that_is_no_share_is_refused(ramp: float) -> None:
    bar = at(5)
    _, commands, fact = at_once(fresh(bar), sight(bar), both(bar), RULES, ramp)
    assert commands == ()
    assert all(isinstance(outcome, Refuse) for outcome in fact.outcomes)


def test_no_second_entry_while_a_bracket_is_open() -> None:
    book = holding(at(5), RULES)
    _, commands, fact = at_once(book, sight(at(6)), both(at(6)), RULES)
    assert [c.symbol for c in commands if isinstance(c, Submit)] == ["BETA"]
    assert fact.outcomes[0] is None


def test_a_position_is_led_out_at_its_horizon_and_not_a_bar_before() -> None:
    book, horizon = holding(at(5), RULES), RULES.barrier.horizon_bars
    for index in range(6, 5 + horizon):
        after, commands, _ = at_once(book, sight(at(index)), neither(at(index)), RULES)
        assert (after, commands) == (book, ()), index
    last = at(5 + horizon)
    after, commands, _ = at_once(book, sight(last), neither(last), RULES)
    assert flattens(commands)
    bracket = after.brackets[0]
    assert bracket is not None
    assert bracket.exit is ExitCause.HORIZON
    assert after.account.messages == book.account.messages + len(commands)


def test_a_position_on_its_way_out_is_not_told_twice() -> None:
    last = at(5 + RULES.barrier.horizon_bars)
    leaving, _, _ = at_once(holding(at(5), RULES), sight(last), neither(last), RULES)
    later = at(last.index + 1)
    assert at_once(leaving, sight(later), neither(later), RULES)[:2] == (leaving, ())


def test_a_frozen_book_still_leads_out() -> None:
    last = at(5 + RULES.barrier.horizon_bars)
    book = replace(holding(at(5), RULES), entries_frozen=True)
    assert flattens(at_once(book, sight(last), neither(last), RULES)[1])


def test_ids_of_brackets_count_on() -> None:
    bar = at(5)
    book, _, _ = at_once(fresh(bar), sight(bar), both(bar), RULES)
    ids = [b.opening.bracket_id for b in book.brackets if b is not None]
    assert ids == ["capital/0", "capital/1"]


def test_an_entry_is_remembered_by_symbol_and_time() -> None:
    bar = at(5)
    wishes = (wish_for("ALPHA", bar), no_wish("BETA", bar))
    book, _, _ = at_once(fresh(bar), sight(bar), wishes, RULES)
    assert book.account.last_entry_ns == {"ALPHA": bar.time_ns}


def minute(index: int, rules: TraderRules) -> Seen:
    """Bar ``index`` of the session of 390, with what the calendar says of the next one."""
    assert rules.session.bars_per_session == 390
    return sight(MINUTES.at(index), volatility=0.001, closing=index % 390 >= 388)


def test_on_a_sessions_last_bar_nothing_is_entered(minutes: TraderRules) -> None:
    seen = minute(389, minutes)
    assert seen.bar.last_of_session
    _, commands, fact = at_once(fresh(seen.bar), seen, both(seen.bar), minutes)
    assert commands == ()
    assert [code(o) for o in fact.outcomes] == ["session.last_bar"] * 2


def test_an_entry_that_could_not_be_led_out_before_the_close_is_refused(
    minutes: TraderRules,
) -> None:
    seen = minute(388, minutes)
    _, commands, fact = at_once(fresh(seen.bar), seen, both(seen.bar), minutes)
    assert commands == ()
    assert [code(o) for o in fact.outcomes] == ["session.closing"] * 2
    early = minute(387, minutes)
    _, commands, _ = at_once(fresh(early.bar), early, both(early.bar), minutes)
    assert len(commands) == 2


@pytest.mark.parametrize("index", [388, 389])
def test_what_is_held_is_led_out_before_the_session_ends(
    minutes: TraderRules, index: int
) -> None:
    book = holding(MINUTES.at(380), minutes)
    quiet = minute(387, minutes)
    assert at_once(book, quiet, neither(quiet.bar), minutes)[1] == ()
    seen = minute(index, minutes)
    after, commands, _ = at_once(book, seen, neither(seen.bar), minutes)
    assert flattens(commands)
    bracket = after.brackets[0]
    assert bracket is not None
    assert bracket.exit is ExitCause.SESSION


def test_where_nights_are_held_through_the_last_bar_is_like_any_other(
    minutes: TraderRules,
) -> None:
    session = replace(minutes.session, overnight="hold", flat_by_close=False)
    nights = with_field(minutes, session=session)
    seen = minute(389, nights)
    book = holding(MINUTES.at(380), nights)
    assert at_once(book, seen, neither(seen.bar), nights)[1] == ()
    assert len(at_once(fresh(seen.bar), seen, both(seen.bar), nights)[1]) == 2


def test_the_clamp_is_told_what_was_seen_and_nothing_else() -> None:
    bar = at(5)
    seen = with_field(
        sight(bar, volatility=0.02, unchanged=(1, 0)), previous_close_usd=(99.0, 41.0)
    )
    told = sight_of(seen, 0, RULES, bar.time_ns)
    assert (told.price_usd, told.reference_usd) == (bar.bars[0].close, 99.0)
    assert (told.volatility_per_bar, told.unchanged_bars) == (0.02, 1)
    assert told.cost_bps == RULES.round_trip_bps > 0.0
    assert told.correlation == seen.regime.correlation
    assert told.var_frac == pytest.approx(2.3263 * 0.02, rel=1e-4)
    assert sight_of(seen, 1, RULES, bar.time_ns).unchanged_bars == 0


@given(st.sampled_from([-1, 1]), st.sampled_from([-1, 1]), st.floats(0.002, 0.2))
def test_exposure_stays_within_the_limits_whatever_is_wished_for(
    first: int, second: int, volatility: float
) -> None:
    bar = at(5)
    wishes = (wish_for("ALPHA", bar, first), wish_for("BETA", bar, second))
    book, commands, fact = at_once(fresh(bar), sight(bar, volatility=volatility), wishes, RULES)
    limits = RULES.risk.limits
    assert gross_micros(book.account) <= limits.max_gross_frac * START
    assert book.account.heat_micros <= limits.max_heat_frac * START * (1 + 1e-12)
    entered = [o for o in fact.outcomes if isinstance(o, ClampedOrder)]
    assert len(commands) == len(entered) == book.brackets_opened
    assert all(isinstance(o.lots, int) and o.lots >= Lots(1) for o in entered)


LIMIT_NS = round(RULES.risk.limits.max_bar_age_s * 1e9)


@pytest.mark.parametrize(
    ("late_ns", "refused_with"),
    [
        (0, None),
        (LIMIT_NS, None),
        (LIMIT_NS + 1, "risk.stale_bar"),
        (10**18, "risk.stale_bar"),
        (-1, "risk.unusable_input"),
        (-LIMIT_NS, "risk.unusable_input"),
    ],
)
def test_what_is_decided_too_late_or_before_the_close_is_refused(
    late_ns: int, refused_with: str | None
) -> None:
    bar = at(5)
    _, commands, fact = act(
        fresh(bar), sight(bar), both(bar), RULES, UtcNs(bar.time_ns + late_ns)
    )
    said = [code(o) if isinstance(o, Refuse) else None for o in fact.outcomes]
    assert said == [refused_with] * 2
    assert len(commands) == (0 if refused_with else 2)


@given(st.integers(-(10**19), 10**19))
def test_a_bar_is_as_old_as_the_clock_says_to_the_nanosecond(late_ns: int) -> None:
    bar = at(5)
    seen = sight(bar)
    assert sight_of(seen, 0, RULES, UtcNs(bar.time_ns + late_ns)).bar_age_ns == late_ns


def test_a_position_is_led_out_however_late_it_is() -> None:
    last = at(5 + RULES.barrier.horizon_bars)
    book = holding(at(5), RULES)
    _, commands, _ = act(
        book, sight(last), neither(last), RULES, UtcNs(last.time_ns + 10 * LIMIT_NS)
    )
    assert flattens(commands)


def test_the_instant_of_the_decision_leaves_no_trace_but_in_what_is_refused() -> None:
    bar = at(5)
    prompt = at_once(fresh(bar), sight(bar), both(bar), RULES)
    later = act(fresh(bar), sight(bar), both(bar), RULES, UtcNs(bar.time_ns + 7))
    assert later == prompt
