"""Of whatever mix of models: nobody honest is dead, and whoever stops for good is."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from stairway.supervision.answers import Names, columns
from stairway.supervision.silence import silences
from stairway.supervision.tally import Tally
from stairway.testing.climbing import quality_rules

MINUTE_NS = 60 * 10**9
DAY = 1_440
RULES = quality_rules()
Said = dict[str, Iterable[int]]


def symbols(n: int, minutes: Iterable[int]) -> list[int]:
    """Answer so often in each of the minutes."""
    return [minute for minute in minutes for _ in range(n)]


def dead(said: Said) -> list[str]:
    """Name who died; what one model says in the same minute lies a nanosecond apart."""
    tally = Tally(Names())
    tally.names.symbols.code("A")
    for model, minutes in said.items():
        at = sorted(minutes)
        runs = (range(sum(1 for _ in run)) for _, run in itertools.groupby(at))
        tally.add(
            columns(
                time_ns=[
                    MINUTE_NS * t + k for t, k in zip(at, itertools.chain(*runs), strict=True)
                ],
                model=tally.names.models.codes([model] * len(at)),
                symbol=[0] * len(at),
                action=[2] * len(at),
                confidence=[0.5] * len(at),
            )
        )
    return [who[0] for who, one in silences(tally, RULES).items() if one.is_death(RULES)]


@st.composite
def mixes(draw: st.DrawFn) -> tuple[dict[str, list[int]], int]:
    """Draw who honestly answers when, over a week, and how long it was heard."""
    said: dict[str, list[int]] = {}
    for i in range(draw(st.integers(2, 4))):
        every = draw(st.sampled_from([1, 1, 7, 60, 240, DAY]))
        opens, shuts = draw(st.sampled_from([(0, DAY), (0, DAY), (540, 1_080), (0, 60)]))
        first = draw(st.sampled_from([0, 0, DAY // 2, 3 * DAY, 4 * DAY + 77]))
        often = draw(st.sampled_from([1, 1, 24]))
        at = [t for t in range(first, 7 * DAY, every) if opens <= t % DAY < shuts]
        burst = draw(st.integers(0, len(at))) if at else 0
        at = [*symbols(often, at[:burst]), *symbols(300, at[burst : burst + 3]), *at[burst:]]
        heir = draw(st.sampled_from([None, None, 2 * DAY, 5 * DAY]))
        parts = {f"m{i}/1": [t for t in at if heir is None or t < heir]}
        if heir is not None:
            parts[f"m{i}/2"] = [t for t in at if t >= heir]
        said |= {name: minutes for name, minutes in parts.items() if minutes}
    return said, draw(st.integers(1, 7 * DAY))


@settings(max_examples=60, deadline=None)
@given(mixes())
def test_nobody_honest_is_dead_within_half_as_long_again_as_his_longest_pause(
    mix: tuple[dict[str, list[int]], int],
) -> None:
    said, end = mix
    heard = {name: [t for t in at if t < end] for name, at in said.items()}
    heard = {name: at for name, at in heard.items() if at}
    for name in dead(heard):
        at = sorted(heard[name])
        longest = max((b - a for a, b in itertools.pairwise(at)), default=0)
        assert 2 * (end - 1 - at[-1]) > 3 * longest, (name, end)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([1, 2, 5, 15, 60]),
    st.sampled_from([1, 2, 5, 15, 60]),
    st.sampled_from([1, 3, 24]),
    st.sampled_from(["stays", "renamed", "joins", "rotates"]),
)
def test_who_stops_for_good_while_others_go_on_for_long_enough_is_dead(
    every: int, others: int, often: int, how: str
) -> None:
    """Twice as many answers are due as it takes, by events and by time."""
    last = 400 * max(every, others)
    end = last + 2 * (RULES.min_events + 1) * max(every, others)
    said: Said = {"b": symbols(often, range(0, last + 1, every))}
    match how:
        case "stays":
            said["a"] = range(0, end + 1, others)
        case "renamed":
            said |= {"a": range(0, last, others), "z": range(last + 1, end + 1, others)}
        case "joins":
            said["a"] = range(last // 2, end + 1, others)
        case _:
            step = -(-(end + 1) // 9)
            parts = (range(step * i, min(step * (i + 1), end + 1), others) for i in range(9))
            said |= {f"a/{i}": part for i, part in enumerate(parts)}
    assert "b" in dead(said)
