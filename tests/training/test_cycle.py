"""The machine of the cycles: what it asks for, in which order, and what it makes of answers."""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import InvariantError
from stairway.base.verdict import inconclusive, passed, refuse
from stairway.testing.cycles import cycle_rules, standing
from stairway.training.cycle import (
    Adjust,
    Adjusted,
    Gate,
    Gated,
    Phase,
    Settle,
    Settled,
    State,
    Stop,
    Train,
    Trained,
    Validate,
    Validated,
    on,
    pending,
    start,
)
from stairway.training.cycle_rules import KeepWhen
from stairway.training.gains import LaneErrors
from stairway.training.journal import CycleReport, Decision, Gains, Outcome, is_accepted

RULES = cycle_rules()
NO = refuse("practice.return", "lost money")
YES = passed("practice.return", "made money")
GOLD = standing(0, 0.5, hold_rate=0.85, trades_per_day=2.0)
EVENTS = (Trained(()), Validated((GOLD,)), Gated(NO), Settled(), Adjusted())


def walk_cycle(state: State, standings, verdict=NO, lanes=(), rules=RULES):
    """Take a state through one whole cycle; return the commands and the state after it."""
    asked = []
    for event in (
        Trained(lanes),
        Validated(tuple(standings)),
        Gated(verdict),
        Settled(),
        Adjusted(),
    ):
        state, command = on(state, event, rules)
        asked.append(command)
    return state, asked


def report_of(
    standings, verdict=NO, rules=RULES, state: State | None = None, lanes=()
) -> CycleReport:
    after, _ = walk_cycle(state or start([GOLD]).state, standings, verdict, lanes, rules)
    return after.reports[-1]


# -- the order of things -------------------------------------------------------------------


def test_a_cycle_asks_for_each_step_in_its_turn() -> None:
    first = start([GOLD])
    assert first.command == Train(1, Gains(1.0, 1.0))
    state, asked = walk_cycle(
        first.state, [standing(1, 0.7), standing(2, 0.6), standing(3, 0.8)]
    )
    assert asked == [
        Validate(1),
        Gate(median_seed=1, worst_seed=2),
        Settle(accept=(1, 2, 3), roll_back=()),
        Adjust(Gains(1.0, 1.0)),
        Train(2, Gains(1.0, 1.0)),
    ]
    assert state.phase is Phase.TRAIN
    assert state.cycle == 2


@pytest.mark.parametrize(("waiting", "given_"), [*itertools.product(range(5), range(5))])
def test_each_phase_waits_for_one_kind_of_event(waiting: int, given_: int) -> None:
    state = start([GOLD]).state
    for event in EVENTS[:waiting]:
        state, _ = on(state, event, RULES)
    if given_ == waiting:
        on(state, EVENTS[given_], RULES)
        return
    with pytest.raises(InvariantError, match=f"phase {state.phase} of cycle 1 does not wait"):
        on(state, EVENTS[given_], RULES)


def test_after_the_last_cycle_nothing_is_asked_for() -> None:
    state, command = start([GOLD]).state, None
    for cycle in range(1, 5):
        state, asked = walk_cycle(
            state, [standing(1, 0.5 + 0.1 * cycle, hold_rate=0.1 * cycle)]
        )
        command = asked[-1]
    assert command == Stop(Outcome.FINISHED)
    assert (state.phase, state.cycle) == (Phase.DONE, 4)
    assert [r.outcome for r in state.reports] == [*[Outcome.CONTINUE] * 3, Outcome.FINISHED]
    with pytest.raises(InvariantError):
        on(state, Trained(()), RULES)


def test_a_phase_that_settles_without_a_report_is_our_own_mistake() -> None:
    state = msgspec.structs.replace(start([GOLD]).state, phase=Phase.KEEP)
    with pytest.raises(InvariantError, match="has no report"):
        on(state, Settled(), RULES)


# -- keep or revert ------------------------------------------------------------------------


def test_a_cycle_whose_gate_passes_is_kept() -> None:
    for keep_when in KeepWhen:
        found = report_of([standing(1, 0.1)], YES, cycle_rules(keep_when=keep_when))
        assert found.decision is Decision.KEEP
        assert found.gate == YES


def test_by_the_gate_alone_a_better_cycle_that_does_not_pass_is_reverted() -> None:
    rules = cycle_rules(keep_when=KeepWhen.GATE)
    for verdict in (NO, inconclusive("practice.win_rate", "no trade")):
        found = report_of([standing(1, 0.9)], verdict, rules)
        assert (found.decision, found.reason) == (Decision.REVERT, "the gate did not pass")


@pytest.mark.parametrize(
    ("attainment", "decision"),
    [(0.9, Decision.KEEP), (0.48, Decision.KEEP), (0.4799, Decision.REVERT)],
)
def test_by_progress_a_cycle_is_kept_unless_it_is_further_from_the_gate(
    attainment: float, decision: Decision
) -> None:
    assert report_of([standing(1, attainment)]).decision is decision


def test_by_progress_the_worst_seed_may_not_fall_back_either() -> None:
    after, _ = walk_cycle(start([GOLD]).state, [standing(s, 0.6) for s in (1, 2, 3)])
    found = report_of([standing(1, 0.7), standing(2, 0.5), standing(3, 0.7)], state=after)
    assert found.decision is Decision.REVERT
    assert "the worst seed fell back" in found.reason
    assert "progress 0.500, and 0.600 was reached by cycle 1" in found.reason


def test_a_lower_profit_is_no_reason_to_go_back_where_there_is_progress() -> None:
    assert report_of([standing(1, 0.1, progress=0.6)]).decision is Decision.KEEP
    assert report_of([standing(1, 0.9, progress=0.3)]).decision is Decision.REVERT


def test_the_report_tells_the_gate_and_the_progress_apart() -> None:
    found = report_of([standing(1, 0.3, progress=0.9), standing(2, 0.2, progress=0.8)])
    assert (found.median_seed, found.worst_seed) == (2, 2)
    assert (found.attainment, found.worst_attainment) == (0.2, 0.2)
    assert (found.progress, found.worst_progress) == (0.8, 0.8)


def test_the_report_says_how_near_the_gate_the_median_and_the_worst_came() -> None:
    found = report_of([standing(1, 0.7), standing(2, 0.4), standing(3, 0.9)])
    assert (found.median_seed, found.attainment) == (1, 0.7)
    assert (found.worst_seed, found.worst_attainment) == (2, 0.4)


def test_what_is_not_a_number_is_reverted() -> None:
    found = report_of([standing(1, math.nan)])
    assert found.decision is Decision.REVERT
    assert found.outcome is Outcome.CONTINUE


def test_a_reverted_cycle_leaves_what_the_next_is_compared_with() -> None:
    before = start([GOLD]).state
    after, asked = walk_cycle(before, [standing(1, 0.2), standing(2, 0.3)])
    assert after.kept == before.kept
    assert asked[2] == Settle(accept=(), roll_back=(1, 2))


def test_small_falls_do_not_add_up() -> None:
    rules = cycle_rules(keep_tolerance=0.25, stop_from_cycle=9)
    state, _ = walk_cycle(start([GOLD]).state, [standing(1, 0.75)], rules=rules)
    state, _ = walk_cycle(state, [standing(1, 0.5)], rules=rules)
    assert [r.decision for r in state.reports] == [Decision.KEEP, Decision.KEEP]
    assert (state.kept.cycle, state.kept.progress, state.kept.worst_progress) == (2, 0.75, 0.75)
    third = report_of([standing(1, 0.4)], rules=rules, state=state)
    assert third.decision is Decision.REVERT
    assert "progress 0.400, and 0.750 was reached by cycle 1" in third.reason


def test_a_fall_is_held_against_the_cycle_that_reached_more_median_and_worst_apart() -> None:
    rules = cycle_rules(keep_tolerance=0.25, stop_from_cycle=9)
    high = [standing(1, 0.5, progress=0.55), standing(2, 0.5, progress=0.8)]
    even = [standing(1, 0.5, progress=0.6), standing(2, 0.5, progress=0.6)]
    state, _ = walk_cycle(
        start([GOLD]).state, [*high, standing(3, 0.5, progress=0.8)], rules=rules
    )
    state, _ = walk_cycle(state, [*even, standing(3, 0.5, progress=0.6)], rules=rules)
    median = report_of([standing(1, 0.5, progress=0.5)], rules=rules, state=state)
    assert "the median seed fell back: progress 0.500, and 0.800 was reached by cycle 1" in (
        median.reason
    )
    seeds = [standing(1, 0.5, progress=0.3), *[standing(s, 0.5, progress=0.9) for s in (2, 3)]]
    worst = report_of(seeds, rules=rules, state=state)
    assert "the worst seed fell back: progress 0.300, and 0.600 was reached by cycle 2" in (
        worst.reason
    )


def test_a_fall_behind_the_reference_names_the_reference_however_many_were_kept() -> None:
    rules = cycle_rules(keep_tolerance=0.25, stop_from_cycle=9)
    state = start([GOLD]).state
    for come in (0.4, 0.45):
        state, _ = walk_cycle(state, [standing(1, come)], rules=rules)
        assert state.reports[-1].reason == (
            f"the gate did not pass; the median seed fell back: progress {come:.3f}, and 0.500 "
            "was reached by the reference; a fall of up to 0.25 is allowed"
        )
    assert (state.kept.cycle, state.kept.progress_by, state.kept.worst_by) == (2, 0, 0)


def test_what_is_measured_as_stable_is_against_the_cycle_that_stands() -> None:
    rules = cycle_rules(keep_tolerance=0.25)
    state, _ = walk_cycle(start([GOLD]).state, [standing(1, 0.75, hold_rate=0.7)], rules=rules)
    state, _ = walk_cycle(state, [standing(1, 0.6, hold_rate=0.5)], rules=rules)
    assert state.kept.figures.hold_rate == 0.5


# -- once it passed ------------------------------------------------------------------------


def passed_once(progress: float = 0.6, rules=RULES) -> State:
    state, _ = walk_cycle(start([GOLD]).state, [standing(1, progress)], YES, rules=rules)
    assert state.kept.passed
    return state


@pytest.mark.parametrize("keep_when", [*KeepWhen])
@pytest.mark.parametrize("verdict", [NO, inconclusive("practice.win_rate", "no trade")])
def test_a_policy_that_passed_is_not_given_up_for_one_that_does_not(
    keep_when: KeepWhen, verdict
) -> None:
    rules = cycle_rules(keep_when=keep_when)
    state, asked = walk_cycle(passed_once(rules=rules), [standing(1, 0.99)], verdict, (), rules)
    found = state.reports[-1]
    assert found.decision is Decision.REVERT
    assert found.reason == "the gate did not pass, and it passed in cycle 1"
    assert asked[2] == Settle(accept=(), roll_back=(1,))
    assert is_accepted(state.reports)


def test_nor_for_one_that_passes_and_fell_back_at_all() -> None:
    state = passed_once()
    assert report_of([standing(1, 0.5999)], YES, state=state).decision is Decision.REVERT
    assert report_of([standing(1, 0.6)], YES, state=state).decision is Decision.KEEP


def test_the_first_to_pass_is_kept_wherever_it_stands_and_is_what_counts_from_then_on() -> None:
    rules = cycle_rules(stop_from_cycle=9)
    state, _ = walk_cycle(start([GOLD]).state, [standing(1, 0.9)], rules=rules)
    state, _ = walk_cycle(state, [standing(1, 0.3)], YES, rules=rules)
    assert state.reports[-1].decision is Decision.KEEP
    assert (state.kept.cycle, state.kept.progress, state.kept.passed) == (2, 0.3, True)
    assert report_of([standing(1, 0.4)], YES, state=state).decision is Decision.KEEP


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=4))
def test_a_run_whose_gate_ever_passed_is_accepted(cycles) -> None:
    rules = cycle_rules(stop_from_cycle=9)
    state = start([GOLD]).state
    for come, passes in cycles:
        state, _ = walk_cycle(state, [standing(1, come)], YES if passes else NO, rules=rules)
    assert is_accepted(state.reports) == any(passes for _, passes in cycles)


def test_a_kept_cycle_is_what_the_next_is_compared_with() -> None:
    after, _ = walk_cycle(start([GOLD]).state, [standing(1, 0.7), standing(2, 0.6)])
    assert (after.kept.cycle, after.kept.progress, after.kept.worst_progress) == (
        1,
        0.6,
        0.6,
    )


# -- divergence ----------------------------------------------------------------------------


def test_a_seed_that_diverged_goes_back_alone() -> None:
    seeds = [standing(1, 0.7), standing(2, 0.9, diverged=True), standing(3, 0.8)]
    after, asked = walk_cycle(start([GOLD]).state, seeds)
    assert asked[1] == Gate(median_seed=1, worst_seed=2)
    assert asked[2] == Settle(accept=(1, 3), roll_back=(2,))
    assert after.reports[0].decision is Decision.KEEP


def test_what_was_reached_without_a_seed_that_diverged_is_no_bound_once_it_is_back() -> None:
    rules = cycle_rules(cycles=4, stop_from_cycle=9)
    state, _ = walk_cycle(
        start([GOLD]).state, [standing(s, 0.55) for s in (1, 2, 3)], rules=rules
    )
    without = [standing(1, 0.8), standing(2, 0.8), standing(3, 0.7, diverged=True)]
    state, _ = walk_cycle(state, without, rules=rules)
    back = [standing(1, 0.9), standing(2, 0.9), standing(3, 0.6)]
    state, _ = walk_cycle(state, back, rules=rules)
    assert [r.decision for r in state.reports] == 3 * [Decision.KEEP]
    assert state.kept.worst_progress == 0.6


def test_a_fall_within_what_is_allowed_is_said() -> None:
    rules = cycle_rules(keep_tolerance=0.25, stop_from_cycle=9)
    state, _ = walk_cycle(start([GOLD]).state, [standing(1, 0.75)], rules=rules)
    fell = report_of([standing(1, 0.55)], rules=rules, state=state)
    assert fell.decision is Decision.KEEP
    assert "fell back: progress 0.550, and 0.750 was reached by cycle 1" in fell.reason
    assert fell.reason.endswith("up to 0.25 is allowed")
    assert "neither median nor worst seed fell back" in state.reports[0].reason


def test_where_every_seed_diverged_all_go_back_whatever_the_gate_says() -> None:
    seeds = [standing(s, 1.0, diverged=True) for s in (1, 2)]
    after, asked = walk_cycle(start([GOLD]).state, seeds, YES)
    assert asked[2] == Settle(accept=(), roll_back=(1, 2))
    assert after.reports[0].reason == "every seed diverged from the reference"


# -- when to stop --------------------------------------------------------------------------


def second(attainment: float, rules=RULES, **figures: float) -> CycleReport:
    """What is decided on a second cycle, after a first that stood at 0.6."""
    after, _ = walk_cycle(start([GOLD]).state, [standing(1, 0.6, hold_rate=0.6)], rules=rules)
    return report_of(
        [standing(1, attainment, **({"hold_rate": 0.4} | figures))], NO, rules, after
    )


def test_improvement_under_five_percent_stops_early() -> None:
    assert second(0.6 * 1.0499).outcome is Outcome.EARLY_STOP
    assert second(0.6 * 1.0501).outcome is Outcome.CONTINUE


def test_exactly_the_improvement_that_is_asked_for_goes_on() -> None:
    rules = cycle_rules(early_stop_frac=0.25)
    after, _ = walk_cycle(start([GOLD]).state, [standing(1, 0.5, hold_rate=0.6)], rules=rules)
    found = report_of([standing(1, 0.625, hold_rate=0.4)], NO, rules, after)
    assert (found.improvement_frac, found.outcome) == (0.25, Outcome.CONTINUE)


def test_a_first_cycle_may_be_told_not_to_stop() -> None:
    flat = [standing(1, 0.5, hold_rate=0.4)]
    assert report_of(flat).outcome is Outcome.CONTINUE
    assert report_of(flat, rules=cycle_rules(stop_from_cycle=1)).outcome is Outcome.EARLY_STOP


def test_a_kept_cycle_that_fell_back_a_little_never_stops_early() -> None:
    found = second(0.59)
    assert -0.05 < found.improvement_frac < 0.0
    assert (found.decision, found.outcome) == (Decision.KEEP, Outcome.CONTINUE)
    assert second(0.6).outcome is Outcome.EARLY_STOP


def test_a_reverted_cycle_never_stops_early() -> None:
    found = second(0.3)
    assert found.improvement_frac < 0
    assert (found.decision, found.outcome) == (Decision.REVERT, Outcome.CONTINUE)


def test_figures_that_hardly_move_have_converged() -> None:
    found = second(0.8, hold_rate=0.6 + 0.35 * 0.19)
    assert found.stability == pytest.approx(1.0 - 0.19 / 4)
    assert found.outcome is Outcome.CONVERGED
    assert second(0.8, hold_rate=0.6 + 0.35 * 0.21).outcome is Outcome.CONTINUE


@pytest.mark.parametrize(
    "name", ["hold_rate", "trades_per_day", "return_frac", "drawdown_frac"]
)
def test_each_figure_is_measured_by_its_own_width(name: str) -> None:
    widths = cycle_rules().stability
    half = getattr(GOLD.figures, name) + getattr(widths, name) / 2
    same = msgspec.structs.asdict(GOLD.figures)
    found = report_of([standing(1, 0.9, **{**same, name: half})])
    assert found.stability == pytest.approx(1.0 - 0.5 / 4)


def test_convergence_is_named_before_the_early_stop() -> None:
    assert second(0.6, hold_rate=0.6).outcome is Outcome.CONVERGED


def test_exactly_the_stability_bound_has_not_converged() -> None:
    rules = cycle_rules(converged_stability=0.75)
    found = second(0.9, rules, hold_rate=0.6, trades_per_day=17.0 + 20.0)
    assert (found.stability, found.outcome) == (0.75, Outcome.CONTINUE)


@pytest.mark.parametrize(
    "name", ["hold_rate", "trades_per_day", "return_frac", "drawdown_frac"]
)
def test_a_figure_that_is_no_number_counts_as_changed_altogether(name: str) -> None:
    assert second(0.9, **({"hold_rate": 0.6} | {name: math.nan})).stability == 0.75


def test_improvement_from_nothing_is_measured_against_something() -> None:
    nothing = start([standing(0, 0.0)]).state
    assert report_of([standing(1, 0.02)], state=nothing).improvement_frac == pytest.approx(2.0)


# -- gains ---------------------------------------------------------------------------------


def test_a_lane_that_is_too_weak_is_raised_for_the_next_cycle() -> None:
    lanes = (LaneErrors(1, (0.3,) * 6, (0.0,) * 6),)
    first, asked = walk_cycle(start([GOLD]).state, [standing(1, 0.7)], lanes=lanes)
    assert asked[3:] == [Adjust(Gains(1.0, 1.0)), Train(2, Gains(1.0, 1.0))]
    assert (first.earlier, first.lanes) == (lanes, ())
    _, asked = walk_cycle(first, [standing(1, 0.8, hold_rate=0.3)], lanes=lanes)
    assert asked[3:] == [Adjust(Gains(1.25, 1.0)), Train(3, Gains(1.25, 1.0))]


def test_what_a_reverted_cycle_did_says_nothing_of_the_one_after() -> None:
    lanes = (LaneErrors(1, (0.3,) * 6, (0.0,) * 6),)
    after, _ = walk_cycle(start([GOLD]).state, [standing(1, 0.1)], lanes=lanes)
    assert (after.earlier, after.gains) == ((), Gains(0.8, 0.8))
    assert report_of([standing(1, 0.7)], state=after, lanes=lanes).gains == Gains(0.8, 0.8)


def test_after_a_revert_gains_fall_whatever_the_lanes_say() -> None:
    lanes = (LaneErrors(1, (0.3,) * 6, (0.3,) * 6),)
    found = report_of([standing(1, 0.1)], lanes=lanes)
    assert found.gains == Gains(0.8, 0.8)


# -- written down and taken up -------------------------------------------------------------


def test_a_machine_that_was_written_down_goes_on_as_if_it_had_not_been() -> None:
    after, asked = walk_cycle(start([GOLD]).state, [standing(1, 0.7), standing(2, 0.6)])
    again = msgspec.json.decode(msgspec.json.encode(after), type=State)
    assert again == after
    assert pending(again) == asked[-1]


def test_a_machine_that_stopped_stays_stopped() -> None:
    state = start([GOLD]).state
    after, asked = walk_cycle(state, [standing(1, 0.9)], rules=cycle_rules(cycles=1))
    assert pending(after) == asked[-1] == Stop(Outcome.FINISHED)


@pytest.mark.parametrize("events", [1, 2, 3, 4])
def test_a_run_is_not_resumed_in_the_middle_of_a_cycle(events: int) -> None:
    state = start([GOLD]).state
    for event in EVENTS[:events]:
        state, _ = on(state, event, RULES)
    with pytest.raises(InvariantError, match="resumed where a cycle begins"):
        pending(state)


@given(
    st.lists(
        st.tuples(
            st.lists(st.floats(0, 1), min_size=3, max_size=3), st.integers(0, 7), st.booleans()
        ),
        min_size=4,
        max_size=4,
    )
)
def test_whatever_happens_every_seed_is_accepted_or_rolled_back(cycles) -> None:
    state = start([GOLD]).state
    for attainments, diverged, passes in cycles:
        if state.phase is Phase.DONE:
            break
        seeds = [
            standing(i, a, diverged=bool(diverged >> i & 1)) for i, a in enumerate(attainments)
        ]
        state, asked = walk_cycle(state, seeds, YES if passes else NO)
        settle = asked[2]
        assert isinstance(settle, Settle)
        assert sorted((*settle.accept, *settle.roll_back)) == [0, 1, 2]
        report = state.reports[-1]
        assert all(not seeds[s].diverged for s in settle.accept)
        assert (report.decision is Decision.KEEP) == bool(settle.accept)
        assert 0.0 <= report.stability <= 1.0
        assert state.kept.cycle <= state.cycle
    assert len(state.reports) <= 4
