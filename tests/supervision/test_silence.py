"""Who died in mid-stream is told from who pauses, retires, or never said much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.supervision.answers import Names, Stage, columns
from stairway.supervision.silence import Silence, silences
from stairway.supervision.tally import Tally
from stairway.testing.climbing import quality_rules

MINUTE_NS = 60 * 10**9
DAY = 1_440
RULES = quality_rules()
Said = dict[str, Iterable[int]]


def tallied(said: Said, names: Names | None = None) -> Tally:
    """Count one answer of each model in each of its minutes, one model after the other.

    A minute that is there several times has as many answers, a nanosecond apart.
    """
    tally = Tally(names or Names())
    for model, minutes in said.items():
        at = [*minutes]
        met = Counter[int]()
        time_ns = list[int]()
        for minute in at:
            time_ns.append(MINUTE_NS * minute + met[minute])
            met[minute] += 1
        name, _, stage = model.partition(":")
        tally.names.symbols.code("A")
        tally.add(
            columns(
                time_ns=time_ns,
                model=tally.names.models.codes([name] * len(at)),
                symbol=[0] * len(at),
                action=[2] * len(at),
                confidence=[0.5] * len(at),
                stage=[int(stage or 1)] * len(at),
            )
        )
    return tally


def found(said: Said, before: Said | None = None, *, own: bool = False) -> dict[str, Silence]:
    names = Names()
    was = None if before is None else tallied(before, names)
    told = silences(tallied(said, names), RULES, was, own=own)
    return {model: one for (model, _), one in told.items()}


def dead(said: Said, before: Said | None = None, *, own: bool = False) -> list[str]:
    return [m for m, one in found(said, before, own=own).items() if one.is_death(RULES)]


@pytest.mark.parametrize(("since", "dies"), [(200, []), (201, ["b"])])
def test_a_model_died_from_exactly_as_many_missing_answers_as_are_judged(
    since: int, dies: list[str]
) -> None:
    """One event is what it is silent for between any two answers."""
    said: Said = {"a": range(600 + since), "b": range(600)}
    one = found(said)["b"]
    assert (one.last_ns, one.events) == (599 * MINUTE_NS, since)
    assert (one.due, one.usual, one.missing) == (since, 1, since - 1)
    assert dead(said) == dies


def test_the_order_of_records_does_not_matter() -> None:
    assert dead({"b": range(600), "a": range(1_200)}) == ["b"]
    assert dead({"a": range(1_200), "b": range(600)}) == ["b"]


def test_a_stream_of_one_model_ends_and_nobody_is_silent() -> None:
    assert found({"a": range(600)}) == {}


def test_a_pause_of_all_is_nobodys_silence() -> None:
    minutes = [*range(600), *range(9_000, 9_050)]
    assert found({"a": minutes, "b": minutes}) == {}
    assert dead({"a": minutes, "b": range(600)}) == []
    assert found({"a": minutes, "b": range(600)})["b"].events == 50


def test_at_a_slow_pace_less_is_due() -> None:
    one = found({"a": range(3_000), "b": range(0, 2_000, 20)})["b"]
    assert (one.due, one.usual, one.is_death(RULES)) == (51, 1, False)
    assert one.is_noted(RULES)
    assert dead({"a": range(7_000), "b": range(0, 2_000, 20)}) == ["b"]


def test_who_answered_too_rarely_to_have_a_pace_is_noted_and_no_more() -> None:
    one = found({"a": range(3_000), "b": range(19)})["b"]
    assert (one.due, one.is_death(RULES), one.is_noted(RULES)) == (0, False, True)
    assert dead({"a": range(3_000), "b": range(20)}) == ["b"]
    assert not found({"a": range(219), "b": range(20)})["b"].is_death(RULES)
    assert not found({"a": range(218), "b": range(19)})["b"].is_noted(RULES)


def test_a_night_is_usual_after_the_first_one() -> None:
    """One trades for a session a day, the other round the clock."""
    sessions = [DAY * day + minute for day in range(5) for minute in range(600, 1_000)]
    up_to_night: Said = {"a": range(DAY * 5 + 600), "b": sessions}
    one = found(up_to_night)["b"]
    assert one.usual > RULES.min_events
    assert dead(up_to_night) == []
    assert dead({"a": range(DAY * 6 + 600), "b": sessions}) == ["b"]


def test_of_somebody_busier_who_is_new_only_the_time_counts() -> None:
    """He says nothing of the pace to his events of those who were there before."""
    news = [1_000 + i // 50 for i in range(10_000)]
    one = found({"b": range(1_000), "c": news})["b"]
    assert (one.events, one.due, one.usual, one.is_death(RULES)) == (10_000, 200, 1, False)
    assert dead({"b": range(1_000), "c": [*news, 1_200]}) == ["b"]


def test_what_others_say_at_one_instant_is_one_event_of_the_busiest() -> None:
    one = found({"a": range(700), "c": range(700), "d": range(0, 700, 2), "b": range(600)})["b"]
    assert one.events == 100


def test_a_stage_falls_silent_on_its_own() -> None:
    told = silences(tallied({"m:0": range(900), "m:1": range(600)}), RULES)
    assert list(told) == [("m", Stage.CALIBRATED)]
    assert told["m", Stage.CALIBRATED].is_death(RULES)


def test_answers_that_break_the_contract_are_no_silence() -> None:
    tally = tallied({"a": range(900), "b": range(300)})
    bad = [MINUTE_NS * minute for minute in range(300, 900)]
    tally.add(
        columns(
            time_ns=bad,
            model=[tally.names.models.names.index("b")] * 600,
            symbol=[0] * 600,
            action=[2] * 600,
            confidence=[1.5] * 600,
        )
    )
    assert silences(tally, RULES) == {}


# -- others who come and go ----------------------------------------------------------------------


def symbols(n: int, minutes: Iterable[int]) -> list[int]:
    """Answer so often in each of the minutes."""
    return [minute for minute in minutes for _ in range(n)]


@pytest.mark.parametrize(
    ("said", "dies"),
    [
        ({"a/1": range(610), "a/2": range(610, 4_000), "b": range(600)}, ["b"]),
        ({"a/1": range(700), "a/2": range(590, 4_000), "b": range(600)}, ["b"]),
        ({"m": range(600), "x": range(600), "fallback": range(600, 4_000)}, ["m", "x"]),
        ({"xgb-11": range(600), "xgb-12": range(600, 4_000)}, ["xgb-11"]),
        ({"xgb-11": range(601), "xgb-12": range(600, 4_000)}, ["xgb-11"]),
        (
            {f"a/{i}": range(100 * i, 100 * i + 100) for i in range(12)} | {"b": range(600)},
            ["b"],
        ),
        (
            {
                "m": range(0, 36_000, 60),
                "x": range(0, 36_000, 60),
                "y": range(36_000, 99_000, 60),
            },
            ["m", "x"],
        ),
    ],
    ids=["replaced", "rolling", "fallback", "renamed", "clashing", "often", "hourly"],
)
def test_whoever_goes_on_however_new_tells_that_others_died(
    said: Said, dies: list[str]
) -> None:
    assert [name for name in dead(said) if not name.startswith("a/")] == dies


def test_never_is_more_due_than_there_were_events() -> None:
    one = found({"xgb-11": symbols(2, range(601)), "xgb-12": range(600, 4_000)})["xgb-11"]
    assert (one.events, one.due, one.usual) == (3_399, 3_399, 1)


@pytest.mark.parametrize("n", [1, 24])
@pytest.mark.parametrize("often", [1, 24])
@pytest.mark.parametrize("always", [True, False])
def test_a_fast_one_that_joins_kills_no_slow_one(n: int, often: int, *, always: bool) -> None:
    """One answers on the hour, for 30 days; another each minute, from half an hour before."""
    end = 30 * DAY
    slow: Said = {"h": symbols(n, range(0, end + 1, 60))}
    slow |= {"s": symbols(n, range(0, end + 61, 60))} if always else {}
    fast = symbols(often, range(end - 30, end + 60))
    assert dead(slow | {"c": fast}) == []
    assert dead(slow | {"c": symbols(often, range(end - 30, end + 600))}) == (
        ["h"] if n == 24 else []
    )
    assert dead(slow | {"c": symbols(often, range(end - 30, end + 13_000))})[:1] == ["h"]


def test_a_burst_of_another_kills_nobody() -> None:
    burst = [*symbols(5, range(601)), *symbols(1_000, [601, 602])]
    one = found({"a": burst, "b": range(601)})["b"]
    assert (one.events, one.due, one.is_death(RULES)) == (2_000, 2, False)
    thick = {"a": [*range(1_000), *symbols(90, range(1_000, 1_010))], "b": range(1_000)}
    assert dead(thick) == []


def test_who_answered_in_a_few_minutes_only_has_no_pace_yet() -> None:
    for minutes in (range(1), range(0, 61, 60), range(19)):
        one = found({"a": range(3_000), "b": symbols(24, minutes)})["b"]
        assert (one.due, one.is_noted(RULES)) == (0, True)
    assert dead({"a": range(3_000), "b": symbols(24, range(20))}) == ["b"]


def test_a_lull_in_which_others_say_little_too_is_no_death() -> None:
    """One in ten events is answered, of which there are many by day and few by night."""
    day, night = range(600), range(600, 1_100)
    assert dead({"a": [*symbols(100, day), *night], "b": symbols(10, day)}) == []


def test_a_pause_of_all_is_no_time() -> None:
    """Since the last answer others spoke in 50 minutes, if much in each, in six days."""
    busy = symbols(20, range(9_000, 9_050))
    assert dead({"a": [*range(600), *busy], "b": range(600)}) == []
    assert dead({"a": [*range(600), *range(9_000, 9_202)], "b": range(600)}) == ["b"]


def test_silence_before_there_were_others_is_usual_minute_by_minute() -> None:
    """Both keep sessions; one that never sleeps joins at noon, and hears their first night."""
    sessions = [DAY * day + minute for day in range(5) for minute in range(600, 1_000)]
    joined = range(4 * DAY + 800, 5 * DAY + 600)
    said: Said = {"a": sessions, "b": sessions, "c": joined}
    assert found(said)["b"].usual > RULES.min_events
    assert dead(said) == []


def test_who_shared_its_sessions_tells_sooner_than_one_that_joined() -> None:
    """Both were silent in the same nights, of which the one that joined heard nothing."""
    sessions = [DAY * day + minute for day in range(6) for minute in range(600, 1_000)]
    dies = 5 * DAY + 700
    said: Said = {"a": sessions, "b": [t for t in sessions if t < dies]}
    joins = range(5 * DAY + 650, 5 * DAY + 1_000)
    assert dead(said | {"c": joins}) == ["b"]
    assert found(said | {"c": joins})["b"].usual == 1


def test_what_was_said_before_there_were_others_is_no_answer_to_their_events() -> None:
    """At night one answers every tenth minute, which nobody but the other hears."""
    quick = [*range(3_000), *range(3_000, 4_000, 10)]
    one = found({"b": quick, "a": range(3_000, 4_900)})["b"]
    assert (one.events, one.due) == (909, 91)


def test_a_silence_is_half_as_long_again_as_what_is_usual_before_it_is_a_death() -> None:
    often = [*range(1_000), *range(2_000, 3_000)]
    ends = {end: dead({"a": range(end), "b": often}) for end in (4_499, 4_500, 4_502)}
    assert (ends[4_499], ends[4_502]) == ([], ["b"])


# -- versions of one slot ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "came",
    [range(600, 1_200), range(540, 1_200), range(100, 1_200)],
    ids=["after", "rolling", "beside"],
)
def test_a_version_that_a_newer_one_follows_is_no_death(came: range) -> None:
    one = found({"a": range(1_200), "m/v1": range(600), "m/v2": came})["m/v1"]
    assert one.heirs == ("m/v2",)
    assert not one.is_death(RULES)
    assert one.is_noted(RULES)


def test_two_that_had_always_answered_side_by_side_do_not_follow_each_other() -> None:
    always = {"a": range(1_200), "m/v1": range(1_200), "m/v2": range(600)}
    assert dead(always) == ["m/v2"]
    assert dead(always | {"m/v1": range(59, 1_200)}) == ["m/v2"]
    assert dead(always | {"m/v1": range(60, 1_200)}) == []


def test_one_that_was_there_in_half_of_the_minutes_was_there_beside() -> None:
    half: Said = {"a": range(1_200), "m/v1": range(600)}
    beside = [*range(0, 600, 2), *range(600, 1_200)]
    assert dead(half | {"m/v2": beside}) == ["m/v1"]
    assert dead(half | {"m/v2": [t for t in beside if t != 300]}) == []


def test_a_way_back_is_no_death() -> None:
    back = [*range(300), *range(900, 1_500)]
    assert dead({"a": range(1_500), "m/v1": back, "m/v2": range(300, 900)}) == []


def test_another_slot_and_another_stage_follow_nobody() -> None:
    assert dead({"a": range(1_200), "m/v1": range(600), "n/v2": range(600, 1_200)}) == ["m/v1"]
    told = {"a": range(1_200), "m/v1": range(600), "m/v2:2": range(600, 1_200)}
    assert dead(told) == ["m/v1"]


def test_one_that_follows_at_several_stages_is_named_once() -> None:
    told: Said = {"a": range(1_200), "m/v1": range(600)}
    later: Said = {"m/v2": range(600, 1_200), "m/v2:2": range(600, 1_200)}
    assert found(told | later)["m/v1"].heirs == ("m/v2",)


def test_a_follower_that_died_itself_follows_nobody() -> None:
    told = {"a": range(2_000), "m/v1": range(600), "m/v2": range(300, 600)}
    assert dead(told) == ["m/v1", "m/v2"]


def test_in_a_log_of_our_own_any_version_answers_for_its_slot() -> None:
    always = {"a": range(1_200), "m/v1": range(1_200), "m/v2": range(600)}
    assert dead(always, own=True) == []
    assert dead({"a": range(1_200), "m/v2": range(600)}, own=True) == ["m/v2"]


# -- with a cutover ----------------------------------------------------------------------------


def test_the_pace_before_a_cutover_tells_of_who_said_little_since() -> None:
    before: Said = {"a": range(1_000), "b": range(1_000)}
    since: Said = {"a": range(1_000, 1_400), "b": range(1_000, 1_005)}
    assert dead(since) == []
    assert dead(since, before) == ["b"]


def test_of_two_paces_the_slower_one_counts() -> None:
    before: Said = {"a": range(1_000), "b": range(1_000)}
    since: Said = {"a": range(1_000, 3_000), "b": range(1_000, 2_000, 10)}
    assert dead(since, before) == []
    rare: Said = {"a": range(1_000), "b": range(0, 1_000, 50)}
    assert dead({"a": range(1_000, 2_000), "b": range(1_000, 1_030)}, rare) == []


def test_a_night_before_a_cutover_is_usual_after_it() -> None:
    sessions = [DAY * day + minute for day in range(2) for minute in range(600, 1_000)]
    before: Said = {"a": range(2 * DAY), "b": sessions}
    today = range(2 * DAY + 600, 2 * DAY + 1_000)
    assert dead({"a": range(2 * DAY, 3 * DAY), "b": today}, before) == []
    assert dead({"a": range(2 * DAY, 3 * DAY), "b": today}) == ["b"]


@settings(max_examples=15)
@given(st.lists(st.integers(0, 3_000), max_size=60), st.integers(1, 600))
def test_whoever_answers_in_the_last_minute_is_never_silent(said: list[int], n: int) -> None:
    minutes = sorted({*said, 3_000})
    assert found({"b": minutes, "a": range(3_001 - n, 3_001)}) == {}


@pytest.mark.parametrize("ends", [(900, 500, 300), (300, 900, 880), (7, 7), (900, 900)])
def test_no_order_of_models_changes_who_died(ends: tuple[int, ...]) -> None:
    said: Said = {f"m{i}": range(end) for i, end in enumerate(ends)}
    assert found(said) == found(dict(reversed(said.items())))
    assert dead(said) == [f"m{i}" for i, end in enumerate(ends) if max(ends) - end > 200]


def test_times_before_1970_are_times() -> None:
    assert dead({"a": range(-1, 1_200), "b": range(-1, 600)}) == ["b"]
    assert found({"a": range(-1, 1_200), "b": range(-1, 600)})["b"].due == 600
