"""How far each seed went is told in every part, and what is not known is a dash."""

from __future__ import annotations

from msgspec.structs import replace

from stairway.dashboard.practice.drift import strayed
from stairway.testing.journal import practice_result
from stairway.training.measured import DivergenceLevel


def one(**changes):
    cycle = practice_result().seed_cycles[0]
    return replace(cycle, divergence=replace(cycle.divergence, **changes))


def test_every_part_is_told_in_percent_and_the_furthest_tensor_by_name() -> None:
    (told,) = strayed(
        [
            one(
                level=DivergenceLevel.MOVED,
                norm_frac=0.0812,
                whole_frac=0.2,
                since_accepted_frac=0.05,
                layers={"a.weight": 0.01, "b.bias": 0.5, "c.bias": None},
                kl=0.0421,
            )
        ]
    )
    plain = [part.replace("\N{NO-BREAK SPACE}", " ") for part in told[2:]]
    assert plain == ["moved", "8.1 %", "5.0 %", "20.0 %", "b.bias 50.0 %", "0.042"]


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    unknown = one(
        norm_frac=None, whole_frac=None, since_accepted_frac=None, layers={"a": None}, kl=None
    )
    (told,) = strayed([unknown])
    assert set(told[3:]) == {"\N{EN DASH}"}


def test_who_went_back_to_its_last_good_parameters_is_said_to_have() -> None:
    (told,) = strayed([replace(one(level=DivergenceLevel.DIVERGED), rolled_back=True)])
    assert told.level == "diverged, went back"


def test_cycles_come_in_order_and_seeds_in_each() -> None:
    cycles = practice_result().seed_cycles
    told = [(t.cycle, t.seed) for t in strayed(reversed(cycles))]
    assert told == sorted((c.cycle, c.seed) for c in cycles)
    assert len(told) > 1
