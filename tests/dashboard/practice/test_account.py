from __future__ import annotations

import dataclasses

from msgspec.structs import replace

from stairway.base.verdict import Pass, refuse
from stairway.dashboard.practice import account
from stairway.testing.journal import practice_result, rollout, walk
from stairway.training.journal import Decision, Outcome, PracticeResult


def test_an_accepted_policy_is_named_by_its_seed() -> None:
    assert account.headline(practice_result()) == "The policy of seed 1 was accepted"


def test_a_training_that_is_not_over_claims_nothing() -> None:
    unfinished = practice_result(finished=False, outcome=Outcome.CONTINUE)

    assert account.headline(unfinished) == "Training is not finished"
    assert account.because(unfinished).endswith("not finished")


def test_accepted_without_a_seed_is_not_accepted() -> None:
    torn = practice_result(chosen_seed=None)

    assert account.headline(torn) == "No policy was accepted"


def test_how_many_cycles_were_kept_is_counted() -> None:
    assert account.because(practice_result()) == (
        "2 cycles of 4: 2 kept, 2 passed the gate; its figures had settled"
    )
    refused = practice_result(accepted=False, outcome=Outcome.EARLY_STOP)
    assert account.because(refused) == (
        "2 cycles of 4: 0 kept, none passed the gate; the last cycle brought too little"
    )


def test_kept_and_passed_are_counted_apart() -> None:
    result = practice_result()
    lost = refuse("practice.return", "it lost", -0.05, 0.01, 5)
    kept = tuple(replace(c, gate=lost) for c in result.cycles)

    assert "2 kept, none passed the gate" in account.because(replace(result, cycles=kept))


def test_kept_passed_and_accepted_each_have_a_meaning() -> None:
    assert {word for word, _ in account.LEGEND} >= {"kept", "passed", "accepted", "hold rate"}


def test_figures_in_training_are_medians_of_the_last_cycle() -> None:
    result = practice_result()
    last = [replace(c, hold_rate=0.4 if c.seed == 1 else 0.6) for c in result.seed_cycles]
    early = [replace(c, hold_rate=0.99) if c.cycle == 1 else c for c in last]

    practised = account.in_training(replace(result, seed_cycles=tuple(early)))

    assert practised == account.Habits(hold="50 %", still="95.0 %", fills="17.2")


def test_what_was_aimed_at_is_the_last_target_of_each_seed() -> None:
    early = rollout(1, 6, target_hold=0.9, target_fills=99.0)
    last = (rollout(1, 11, target_hold=0.5), rollout(2, 11, target_hold=0.6))
    fixed = tuple(replace(r, target_hold=None, target_fills=None) for r in last)

    aimed = account.aimed(practice_result(rollouts=(*last, early)))

    assert (aimed.hold, aimed.fills) == ("55 %", "18.0")
    assert account.aimed(practice_result(rollouts=fixed)) == account.Habits()


def kept_then_reverted() -> PracticeResult:
    """Cycle 1 was kept and passed; cycle 2 was worse, and went back."""
    result = practice_result()
    first, second = result.cycles
    lost = refuse("practice.return", "it lost", -0.05, 0.01, 5)
    worse = tuple(
        replace(c, gate=lost, hold_rate=0.1, validation=walk(5, -0.01)) if c.cycle == 2 else c
        for c in result.seed_cycles
    )
    cycles = (first, replace(second, decision=Decision.REVERT, gate=lost, median_seed=2))
    return replace(result, cycles=cycles, seed_cycles=worse)


def test_what_was_undone_is_not_shown_as_what_was_accepted() -> None:
    result = kept_then_reverted()

    assert account.headline(result) == "The policy of seed 1 was accepted"
    assert isinstance(account.gate(result).gate, Pass)
    assert (account.judged(result).seed, account.judged(result).cycle) == (1, 1)
    assert {c.cycle for c in account.last_cycles(result)} == {1}
    assert account.in_training(result).hold == "56 %"
    assert (
        account.rows(result)[1].total_return == account.rows(practice_result())[1].total_return
    )


def test_what_was_aimed_at_is_of_the_cycles_that_the_figures_in_training_are_of() -> None:
    undone = replace(kept_then_reverted(), rollouts=())
    kept = tuple(rollout(seed, 5, target_hold=0.6, target_fills=16.0) for seed in (1, 2))
    later = tuple(rollout(seed, 11, target_hold=0.2, target_fills=99.0) for seed in (1, 2))

    aimed = account.aimed(replace(undone, rollouts=(*kept, *later)))

    assert (aimed.hold, aimed.fills) == ("60 %", "16.0")


def strayed(*cycles: int) -> PracticeResult:
    """Seed 2 diverged in these cycles, which were kept, and went back each time."""
    result = practice_result()
    seen = tuple(
        replace(c, rolled_back=True, hold_rate=0.01, validation=walk(5, -0.4))
        if c.seed == 2 and c.cycle in cycles
        else c
        for c in result.seed_cycles
    )
    return replace(result, seed_cycles=seen)


def test_a_seed_that_strayed_in_a_kept_cycle_is_shown_with_the_policy_it_went_back_to() -> None:
    result, whole = strayed(2), practice_result()

    assert [(c.seed, c.cycle) for c in account.last_cycles(result)] == [(1, 2), (2, 1)]
    assert [r.who for r in account.rows(result)][1:] == ["seed 1", "seed 2, back at cycle 1"]
    assert account.rows(result)[2].total_return == account.rows(whole)[2].total_return
    assert account.rows_held_out(result)[2].who == "seed 2, back at cycle 1"
    assert account.rows_likeliest(result)[1].who == "seed 2, back at cycle 1, likeliest"
    assert account.in_training(result).hold == "56 %"


def test_a_seed_that_is_back_at_the_reference_has_the_reference_s_figures() -> None:
    result = strayed(1, 2)
    reference, _, back = account.rows(result)

    assert back.who == "seed 2, back at the reference"
    assert dataclasses.replace(back, who="") == dataclasses.replace(reference, who="")
    assert account.rows_held_out(result)[2].who == "seed 2, back at the reference"
    assert [c.seed for c in account.last_cycles(result)] == [1]
    assert len(account.rows(replace(result, gold=None))) == 1


def test_what_was_refused_is_called_undone_beside_the_reference_that_was_gone_back_to() -> None:
    result = practice_result(accepted=False)

    assert [r.who for r in account.rows(result)][1:] == ["seed 1, undone", "seed 2, undone"]
    assert account.rows_held_out(result)[1].who == "seed 1, back at the reference"


def test_the_reference_is_no_seed_whatever_number_it_was_made_under() -> None:
    result = practice_result()
    (reference,) = [c for c in result.seed_cycles if (c.seed, c.cycle) == (1, 0)]
    odd = (replace(reference, seed=9), *(c for c in result.seed_cycles if c.cycle > 0))

    assert [r.who for r in account.rows(replace(result, seed_cycles=odd))] == [
        "reference",
        "seed 1",
        "seed 2",
    ]


def test_where_nothing_was_kept_the_last_refusal_is_shown() -> None:
    result = practice_result(accepted=False)

    assert account.gate(result) == result.cycles[-1]
    assert {c.cycle for c in account.last_cycles(result)} == {2}
    assert account.gate(practice_result(cycles=())) is None


def test_the_reference_alone_has_no_figures_in_training() -> None:
    result = practice_result()
    only = tuple(c for c in result.seed_cycles if c.cycle == 0)

    assert account.in_training(replace(result, seed_cycles=only)) == (account.Habits())


def test_held_out_days_are_told_apart_from_training() -> None:
    result = practice_result()
    found = tuple(
        replace(one, sampled=walk(5, 0.0, hold_rate=0.42, fills_per_session=35.0))
        for one in result.held_out
    )

    assert account.held_out(replace(result, held_out=found)) == account.Habits(
        hold="42 %", still="95.0 %", fills="35.0"
    )
    assert account.held_out(practice_result(held_out=())) == account.Habits()


def test_the_seed_in_detail_is_the_chosen_one_or_the_median_of_the_end() -> None:
    refused = practice_result(accepted=False)
    middle = tuple(replace(c, median_seed=2) for c in refused.cycles)

    assert account.judged(practice_result()).seed == 1
    assert account.judged(replace(refused, cycles=middle)).seed == 2
    assert account.judged(practice_result(seed_cycles=())) is None


def test_the_reference_comes_first_on_validation_and_on_held_out_days() -> None:
    result = practice_result()

    assert [r.who for r in account.rows(result)] == ["reference", "seed 1", "seed 2"]
    assert [r.who for r in account.rows_held_out(result)] == ["reference", "seed 1", "seed 2"]
    assert [r.who for r in account.rows_likeliest(result)] == [
        "seed 1, likeliest",
        "seed 2, likeliest",
    ]


def test_what_is_not_defined_is_said_to_be_and_is_no_zero() -> None:
    row = account.row("x", walk(5, 0.0, sharpe=None, win_rate=None, round_trips=0))

    assert (row.sharpe, row.wins, row.trips) == ("undefined", "", "0")


def test_a_cycle_that_went_back_is_said_to_be_undone() -> None:
    cycles = kept_then_reverted().cycles

    assert [account.cycle_line(c).partition(":")[0] for c in cycles] == ["kept", "undone"]
