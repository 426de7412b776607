"""Every trade counts once, however often and however late it is delivered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stairway.base.units import UtcNs
from stairway.supervision.dedupe import Dedupe, admit

SPAN = 100


def deliver(deliveries: list[tuple[str, int]], span: int = SPAN) -> tuple[Dedupe, list[str]]:
    dedupe, counted = Dedupe(), []
    for key, time_ns in deliveries:
        dedupe, is_new = admit(dedupe, key, UtcNs(time_ns), span)
        if is_new:
            counted.append(key)
    return dedupe, counted


def test_a_new_trade_counts() -> None:
    assert deliver([("a", 5), ("b", 6)])[1] == ["a", "b"]


def test_a_repeat_does_not_count_and_is_noted() -> None:
    dedupe, counted = deliver([("a", 5), ("b", 6), ("a", 5), ("a", 5)])
    assert counted == ["a", "b"]
    assert dedupe.repeated == 2


def test_a_repeat_under_another_time_is_still_a_repeat() -> None:
    assert deliver([("a", 50), ("a", 51)])[1] == ["a"]


def test_out_of_order_within_the_span_is_fine() -> None:
    assert deliver([("a", 200), ("b", 100)])[1] == ["a", "b"]


def test_what_is_too_late_to_be_told_from_a_repeat_does_not_count() -> None:
    dedupe, counted = deliver([("a", 200), ("b", 99)])
    assert counted == ["a"]
    assert dedupe.late == 1


def test_lateness_never_moves_the_newest_time_back() -> None:
    dedupe, _ = deliver([("a", 200), ("b", 150)])
    assert dedupe.newest_ns == 200


@given(
    times=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 600), min_size=1),
    data=st.data(),
)
def test_a_trade_is_never_counted_twice(times, data) -> None:
    order = data.draw(st.lists(st.sampled_from(sorted(times)), max_size=60))
    _, counted = deliver([(key, times[key]) for key in order])
    assert len(counted) == len(set(counted))


@given(times=st.lists(st.integers(0, 10_000), max_size=80))
def test_memory_is_bounded_by_the_span(times) -> None:
    dedupe, _ = deliver([(f"t{i}", t) for i, t in enumerate(times)])
    assert all(t >= dedupe.newest_ns - SPAN for t, _ in dedupe.seen)
