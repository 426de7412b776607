"""What is counted since the beginning, what was said last, and under which names."""

from __future__ import annotations

import math
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import InvariantError
from stairway.base.verdict import Verdict, inconclusive, passed, refuse
from stairway.testing.meter import some_batch, some_health
from stairway.training.figures import METRICS, PREFIX, Tally, added, felt, figures, judged
from stairway.training.meter import Batch

Key = tuple[str, tuple[str, ...]]


def told(tally: Tally) -> dict[Key, tuple[float, int]]:
    return {(s.name, s.labels): (s.value, s.n) for s in figures(tally)}


def value(tally: Tally, name: str, *labels: str) -> float:
    return told(tally)[name, labels][0]


def after(*batches: Batch) -> Tally:
    tally = Tally()
    for batch in batches:
        tally = added(tally, batch)
    return tally


WHOLE = judged(felt(after(some_batch()), some_health()), "training", passed("a.b", "good"))


def test_every_name_is_told_once_there_is_everything_to_tell() -> None:
    assert {name for name, _ in told(WHOLE)} == set(METRICS)


def test_samples_of_one_name_stand_together() -> None:
    names = [s.name for s in figures(WHOLE)]
    runs = [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]
    assert len(runs) == len(set(runs))


def test_no_sample_is_told_twice_and_each_carries_the_labels_of_its_name() -> None:
    samples = list(figures(WHOLE))
    assert len({(s.name, s.labels) for s in samples}) == len(samples)
    assert all(len(s.labels) == len(METRICS[s.name].labels) for s in samples)


@pytest.mark.parametrize("name", METRICS)
def test_names_are_as_prometheus_wants_them(name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", PREFIX + name)
    assert name.endswith("_total") == (METRICS[name].kind == "counter")
    assert METRICS[name].help.endswith(".")


def test_a_run_that_has_just_begun_tells_its_noughts_and_no_measurement() -> None:
    found = told(Tally())
    assert all(number == (0, 0) for number in found.values())
    assert all(METRICS[name].kind != "gauge" for name, _ in found)


# --- counts


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=30))
def test_counts_are_sums_over_all_batches(steps: list[int]) -> None:
    tally = after(*(some_batch(n) for n in steps))
    assert value(tally, "steps_total") == sum(steps)
    assert told(tally)["reward", ()] == (0.5 * sum(steps), sum(steps))
    assert value(tally, "fills_total") == sum(round(18.0 * n / 390) for n in steps)
    assert value(tally, "episodes_total", "early") == len(steps)
    assert value(tally, "episodes_total", "full") == 2 * len(steps)
    assert told(tally)["episode_bars", ()] == (1_800.0 * len(steps), 3 * len(steps))


@given(st.lists(st.sampled_from([some_batch(100), some_batch(7)]), max_size=20), st.data())
def test_a_count_never_falls(batches: list[Batch], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(batches)))
    early, late = told(after(*batches[:cut])), told(after(*batches))
    for key, (number, n) in early.items():
        if METRICS[key[0]].kind != "gauge":
            assert late[key][0] >= number
            assert late[key][1] >= n


def test_actions_are_told_by_what_they_ask_for_each_instrument() -> None:
    share = (0.5, 0.0, 0.0, 0.0, 0.2, 0.1, 0.0, 0.2, 0.0)
    tally = after(some_batch(100, action_share=share))
    asked = {
        labels: v for (name, labels), (v, _) in told(tally).items() if name == "actions_total"
    }
    assert {k: v for k, v in asked.items() if v} == {
        ("sell", "sell"): 50.0,
        ("hold", "hold"): 20.0,
        ("hold", "buy"): 10.0,
        ("buy", "hold"): 20.0,
    }
    assert len(asked) == 9


def test_regimes_are_told_by_their_labels() -> None:
    tally = after(some_batch(100), some_batch(100))
    steps = [value(tally, "regime_steps_total", r) for r in ("range", "trend", "crisis")]
    assert steps == [100.0, 60.0, 40.0]


# --- what was said last


def test_gauges_say_what_the_last_batch_said() -> None:
    tally = after(some_batch(score=1.0), some_batch(score=-2.0, hold_rate=0.4))
    assert value(tally, "regime_score") == -2.0
    assert value(tally, "hold_ratio") == 0.4
    assert value(tally, "hold_target_ratio") == 0.575
    assert value(tally, "reward_term", "bonus") == -0.2
    assert value(tally, "reward_term", "ticket") == 0.3
    assert value(tally, "reward_term", "scale_bps") == 5.5
    assert value(tally, "reward_term", "downside") == 0.0
    assert value(tally, "drawdown_ratio") == 0.012
    assert value(tally, "position_ratio", "first") == 0.25
    assert value(tally, "position_ratio", "second") == -0.5
    assert value(tally, "reward_variance") == 1.2


def test_health_is_told_by_its_parts() -> None:
    tally = felt(after(some_batch()), some_health())
    assert value(tally, "controller_health_ratio", "target_achievement") == 0.7
    assert value(tally, "controller_health_ratio", "score") == 0.78


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("target_hold", "hold_target_ratio"),
        ("target_fills", "fills_target_per_session"),
        ("regime_share", "regime_steps_total"),
    ],
)
def test_what_nobody_measured_is_left_out_and_not_nought(field: str, name: str) -> None:
    tally = after(some_batch(**{field: None}))
    assert name not in {name for name, _ in told(tally)}


def test_steps_whose_regime_nobody_measured_are_in_no_regime() -> None:
    tally = after(some_batch(100), some_batch(100, regime_share=None))
    assert value(tally, "regime_steps_total", "range") == 50.0


# --- gates


@pytest.mark.parametrize(
    ("verdict", "result"),
    [
        (passed("a.b", "x"), "pass"),
        (refuse("a.b", "x"), "refuse"),
        (inconclusive("a.b", "x"), "inconclusive"),
    ],
)
def test_only_a_pass_counts_as_passed(verdict: Verdict, result: str) -> None:
    tally = judged(Tally(), "training", verdict)
    assert value(tally, "gate_results_total", "training", result) == 1
    assert value(tally, "gate_passed", "training") == (result == "pass")


def test_each_gate_keeps_its_counts_and_its_last_answer() -> None:
    tally = Tally()
    for gate, verdict in [
        ("training", refuse("a.b", "x")),
        ("training", passed("a.b", "x")),
        ("scenarios", refuse("a.b", "x")),
    ]:
        tally = judged(tally, gate, verdict)
    assert value(tally, "gate_results_total", "training", "refuse") == 1
    assert value(tally, "gate_results_total", "training", "pass") == 1
    assert value(tally, "gate_passed", "training") == 1
    assert value(tally, "gate_passed", "scenarios") == 0


def test_gates_and_health_stay_when_training_goes_on() -> None:
    tally = added(WHOLE, some_batch())
    assert value(tally, "gate_passed", "training") == 1
    assert value(tally, "controller_health_ratio", "score") == 0.78


# --- a tally is a value


def test_a_tally_that_was_handed_over_does_not_move_any_more() -> None:
    first = judged(after(some_batch(100)), "training", refuse("a.b", "x"))
    before = told(first)
    judged(added(first, some_batch(900)), "training", passed("a.b", "x"))
    assert told(first) == before
    assert told(Tally()) == dict.fromkeys(told(Tally()), (0, 0))


# --- numbers that are none


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_reward_that_is_none_leaves_the_sum_alone_and_is_counted_as_spoilt(
    number: float,
) -> None:
    tally = after(some_batch(100), some_batch(100, reward=number), some_batch(100))
    assert value(tally, "steps_total") == 300
    assert told(tally)["reward", ()] == (100.0, 200)
    assert value(tally, "spoilt_batches_total") == 1


def test_lengths_and_shares_that_are_none_leave_their_counts_alone() -> None:
    bad = some_batch(
        100, episode_bars=math.nan, action_share=(math.nan,) * 9, regime_share=None
    )
    tally, good = after(some_batch(100), bad), after(some_batch(100))
    assert told(tally)["episode_bars", ()][0] == 1_800.0
    assert value(tally, "spoilt_batches_total") == 1
    for action in ("sell", "hold", "buy"):
        assert value(tally, "actions_total", action, "hold") == value(
            good, "actions_total", action, "hold"
        )


def test_a_batch_without_its_nine_shares_is_no_batch() -> None:
    with pytest.raises(InvariantError, match="each of 9 actions"):
        some_batch(action_share=(1.0,))


def test_a_batch_comes_back_from_a_record_as_it_was() -> None:
    raw = msgspec.json.encode(some_batch())
    assert msgspec.json.decode(raw, type=Batch) == some_batch()
