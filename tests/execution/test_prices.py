"""Exits lie on the right side of the weighted entry, on a tick, and never risk more."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, strategies as st

from stairway.execution.prices import Held, risk_at, stop_price, target_price, tighter

fills = st.lists(
    st.tuples(st.integers(1, 500), st.integers(1_000, 1_000_000)), min_size=1, max_size=8
)
sides = st.sampled_from([1, -1])
distances = st.integers(1, 900)


def held_from(side: int, executions) -> tuple[Held, Fraction]:
    lots = sum(n for n, _ in executions)
    notional = sum(n * price for n, price in executions)
    return Held(side, lots, notional), Fraction(notional, lots)


@given(sides, fills, distances)
def test_the_stop_lies_against_the_entry_and_within_its_distance(side, fills, distance) -> None:
    held, entry = held_from(side, fills)
    away = side * (entry - stop_price(held, distance))
    assert distance - 1 < away <= distance
    assert away > 0


@given(sides, fills, distances)
def test_the_target_lies_beyond_the_entry_and_within_its_distance(
    side, fills, distance
) -> None:
    held, entry = held_from(side, fills)
    away = side * (target_price(held, distance) - entry)
    assert distance - 1 < away <= distance
    assert away > 0


@given(fills, distances)
def test_a_long_and_a_short_are_mirror_images(fills, distance) -> None:
    long, entry = held_from(1, fills)
    short, _ = held_from(-1, fills)
    if entry.denominator == 1:
        assert stop_price(long, distance) + stop_price(short, distance) == 2 * entry
    assert entry - stop_price(long, distance) >= 0 >= entry - stop_price(short, distance)


@given(sides, fills, distances)
def test_the_stop_never_risks_more_than_its_distance_on_every_lot(
    side, fills, distance
) -> None:
    held, entry = held_from(side, fills)
    stop = stop_price(held, distance)
    assert risk_at(held, stop) == side * (entry - stop) * held.lots
    assert 0 < risk_at(held, stop) <= held.lots * distance


@given(fills, st.integers(1_000_000, 2_000_000))
def test_no_exit_is_asked_for_at_a_price_that_does_not_exist(fills, distance) -> None:
    long, _ = held_from(1, fills)
    short, _ = held_from(-1, fills)
    assert stop_price(long, distance) == 1
    assert target_price(short, distance) == 1


@given(sides, st.integers(1, 99), st.integers(1, 99))
def test_the_tighter_stop_is_the_one_that_loses_less(side, one, other) -> None:
    entry = Held(side, 1, 50)
    kept = tighter(side, one, other)
    assert risk_at(entry, kept) == min(risk_at(entry, one), risk_at(entry, other))
