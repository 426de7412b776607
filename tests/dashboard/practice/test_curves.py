from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from stairway.dashboard.practice import curves
from stairway.testing.journal import practice_result, rollout, walk
from stairway.training.journal import HeldOut


def traces(figure) -> dict:
    return {trace["name"]: trace for trace in figure["data"]}


def test_every_seed_is_drawn_and_their_median_over_them() -> None:
    values = {1: 0.4, 2: 0.5, 3: 0.9}
    rolled = tuple(rollout(seed, 0, hold_rate=value) for seed, value in values.items())

    drawn = traces(curves.hold_rate(practice_result(rollouts=rolled)))

    assert [drawn[f"seed {seed}"]["y"] for seed in values] == [[0.4], [0.5], [0.9]]
    assert drawn["median"]["y"] == [0.5]
    assert drawn["target"]["y"] == [0.55]


def test_without_a_controller_there_is_no_target_to_draw() -> None:
    fixed = tuple(rollout(1, n, target_hold=None, target_fills=None) for n in range(3))

    assert "target" not in traces(curves.hold_rate(practice_result(rollouts=fixed)))
    assert "target" not in traces(curves.fills(practice_result(rollouts=fixed)))


def test_a_seed_is_drawn_in_the_order_of_its_steps_whatever_the_file_says() -> None:
    mixed = tuple(rollout(1, n) for n in (2, 0, 1))

    line = traces(curves.fills(practice_result(rollouts=mixed)))["seed 1"]

    assert line["x"] == sorted(line["x"])


def test_both_terms_of_the_controller_are_drawn() -> None:
    drawn = traces(curves.steering(practice_result()))

    assert set(drawn) == {"paid for holding", "charged for a trade"}
    assert drawn["paid for holding"]["y"][0] > drawn["paid for holding"]["y"][-1]


def test_divergence_shows_the_bound_that_the_verdict_states() -> None:
    drawn = traces(curves.divergence(practice_result()))

    assert drawn["bound"]["y"] == [0.15, 0.15]
    assert drawn["seed 1"]["x"] == [0, 1, 2]


def test_the_nine_actions_stand_where_their_number_puts_them() -> None:
    share = [0.0] * 9
    share[5] = 1.0  # hold the first, buy the second

    square = curves.action_mix(share, ("NVDA", "MSFT"))["data"][0]

    first, second = np.argwhere(np.array(square["z"]) == 1.0)[0]
    assert (square["y"][first], square["x"][second]) == ("hold NVDA", "buy MSFT")


def test_an_action_mix_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="reshape"):
        curves.action_mix([0.5, 0.5], ("A", "B"))


def test_equity_on_held_out_days_stands_beside_the_reference() -> None:
    result = practice_result()

    drawn = traces(curves.held_out_equity(result.held_out, result.gold.held_out))
    alone = traces(curves.held_out_equity(result.held_out, None))

    assert set(drawn) == {"seed 1", "seed 2", "reference"}
    assert "reference" not in alone
    assert drawn["seed 2"]["y"][-1] == pytest.approx(1.001**4, abs=1e-5)
    assert all(when[4] == "-" for when in drawn["seed 1"]["text"])


def test_nights_take_no_room_and_each_day_is_marked_where_it_begins() -> None:
    day, minute = 86_400_000_000_000, 60_000_000_000
    times = tuple(17_500 * day + d * day + m * minute for d in range(3) for m in range(4))
    walked = walk(12, 0.001, bars=12)
    found = (HeldOut(1, replace(walked, time_ns=times), walked),)

    drawn = curves.held_out_equity(found, None)

    assert drawn["data"][0]["x"] == list(range(12))
    assert drawn["layout"]["xaxis"]["tickvals"] == [0, 4, 8]
    assert drawn["layout"]["xaxis"]["ticktext"][0] == "2017-11-30"


def test_steps_are_counted_from_the_reference_and_cycles_are_parted() -> None:
    result = practice_result()
    drawn = curves.hold_rate(result)

    assert result.gold.steps == 409_600
    first = min(r.steps for r in result.rollouts)
    assert traces(drawn)["seed 1"]["x"][0] == traces(drawn)["median"]["x"][0] == first - 409_600
    assert [line["x0"] for line in drawn["layout"]["shapes"]] == [12_000]


def test_every_seed_begins_where_the_reference_is() -> None:
    drawn = traces(curves.divergence(practice_result()))
    kl = traces(curves.answers(practice_result()))

    assert drawn["seed 2"]["x"] == kl["seed 2"]["x"] == [0, 1, 2]


def test_reward_is_drawn_without_a_target() -> None:
    assert "target" not in traces(curves.reward(practice_result()))
