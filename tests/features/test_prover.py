"""The engine alone: what is asked about is a table of (value, time), with no bars around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse
from stairway.features.facts import Proof
from stairway.features.perturbation import Perturbation
from stairway.features.prover import Case, Changed, Probe, ProverRules, first_answer, tried

ROWS = 300
RULES = ProverRules(cuts=8, max_bars=1_000, min_bars=100, min_prefix_bars=1, tolerance=1e-9)
TABLE = np.column_stack(
    (np.random.default_rng(1).standard_normal(ROWS), np.arange(ROWS, dtype=float))
)
ROW = np.arange(ROWS)
KNOWN_BEFOREHAND = np.where(np.append(np.diff(TABLE[:, 0]) > 0.0, False), 1.0, np.nan)

Make = Callable[[np.ndarray], Any]


def changed(
    table: np.ndarray, cut: int, kind: Perturbation, rng: np.random.Generator
) -> Changed[np.ndarray]:
    """Move times alone, take rows away, or give other values."""
    other = table.copy()
    if kind is Perturbation.TRUNCATE:
        other = other[:cut]
    elif kind is Perturbation.CLOCK:
        other[cut:, 1] += 1_000.0
    else:
        other[cut:, 0] = rng.standard_normal(len(other) - cut)
    return Changed(other, len(other), slice(0, cut), slice(0, cut))


def case(make: Make, **other: Any) -> Case[np.ndarray]:
    return Case(TABLE, ROWS, lambda table, _: make(table), changed, **other)


def probes(*cuts: int) -> list[Probe]:
    kinds = (Perturbation.NOISE, Perturbation.TRUNCATE, Perturbation.CLOCK)
    return [Probe(cut, kind, seed=1) for cut in cuts or (50, 150, 250) for kind in kinds]


def proof(make: Make, **other: Any) -> Proof:
    return tried(case(make, **other), probes(), RULES, seed=1)


def left_open(make: Make) -> list[str]:
    verdict = proof(make).verdict
    assert isinstance(verdict, Inconclusive), verdict
    return [one.code for one in verdict.findings]


def refused(make: Make) -> list[str]:
    verdict = proof(make).verdict
    assert isinstance(verdict, Refuse), verdict
    return [one.code for one in verdict.findings]


def value(table: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": table[:, 0]}


def test_an_honest_column_passes_and_every_probe_is_told() -> None:
    told: list[int] = []
    found = tried(case(value), probes(), RULES, 1, told.append)
    assert isinstance(found.verdict, Pass)
    assert (found.columns, found.rows, found.probes, found.seed) == (1, ROWS, 9, 1)
    assert told == list(range(1, 10))


# --- nothing checked is not the same as nothing wrong


def test_a_column_made_beforehand_is_deaf_and_named_with_the_cut() -> None:
    found = proof(lambda table: {"fine": table[:, 0], "made": ROW[: len(table)] * 1.0})
    (finding,) = found.verdict.findings
    assert finding.code == "causality.deaf"
    assert "column made does not notice that the bars from 100 on" in finding.detail


@pytest.mark.parametrize("said", [1.0, np.inf], ids=str)
def test_one_that_says_by_its_holes_what_was_known_beforehand_is_deaf(said: float) -> None:
    holes = KNOWN_BEFOREHAND * said
    assert left_open(lambda table: {"rises": holes[: len(table)]}) == ["causality.deaf"]
    mixed = {"x": lambda table: table[:, 0], "rises": lambda table: holes[: len(table)]}
    assert left_open(lambda table: {name: make(table) for name, make in mixed.items()}) == [
        "causality.deaf"
    ]


def test_holes_that_come_from_the_bars_are_heard() -> None:
    positive = proof(lambda table: {"up": np.where(table[:, 0] > 0.0, 1.0, np.nan)})
    assert isinstance(positive.verdict, Pass)


def test_a_column_of_time_alone_notices_that_times_moved() -> None:
    assert isinstance(proof(lambda table: {"hour": table[:, 1] % 24.0}).verdict, Pass)


@pytest.mark.parametrize("warm_up", [0, 1, 20])
def test_a_constant_proves_nothing_whether_it_warms_up_or_not(warm_up: int) -> None:
    def seven(table: np.ndarray) -> dict[str, np.ndarray]:
        return {"seven": np.where(np.arange(len(table)) < warm_up, np.nan, 7.0)}

    assert left_open(seven) == ["causality.constant"]
    beside = proof(lambda table: value(table) | seven(table))
    assert isinstance(beside.verdict, Pass)


def test_a_column_that_is_never_known_is_said_to_be_so_alone() -> None:
    def silent(table: np.ndarray) -> dict[str, np.ndarray]:
        return {"none": np.full(len(table), np.nan), "one": np.ones(len(table))}

    assert left_open(silent) == ["causality.silent"]


def test_with_too_few_rows_nobody_is_asked() -> None:
    asked: list[str] = []

    def ask(table: np.ndarray, why: str) -> dict[str, np.ndarray]:
        asked.append(why)
        return value(table)

    found = tried(Case(TABLE[:99], 99, ask, changed), probes(50), RULES, 1)
    assert isinstance(found.verdict, Inconclusive)
    assert (found.verdict.findings[0].value, found.verdict.findings[0].bound) == (99, 100)
    assert (asked, found.probes) == ([], 0)


def test_without_a_cut_nothing_is_proved() -> None:
    found = tried(case(value), [], RULES, 1)
    assert isinstance(found.verdict, Inconclusive)
    assert found.verdict.findings[0].code == "causality.no_cut"


# --- what was caught


def test_the_farthest_look_ahead_of_each_column_is_kept_in_their_order() -> None:
    def peeks(table: np.ndarray) -> dict[str, np.ndarray]:
        x = table[:, 0]
        far = np.concatenate((x[9:], np.zeros(min(9, len(x)))))[: len(x)]
        return {"far": far, "fine": x, "total": x - x.mean()}

    offences = proof(peeks).offences
    assert [one.column for one in offences] == ["far", "total"]
    assert [one.ahead_bars for one in offences] == [9, 250]
    assert all(one.ahead_bars == one.cut - one.row for one in offences)


def test_how_far_it_looked_counts_what_was_known_before_the_row() -> None:
    found = proof(lambda table: {"x": table[:, 0] - table[-1, 0]}, place=lambda row: row + 7)
    assert found.offences[0].ahead_bars == found.offences[0].cut - 7


def test_a_leak_outweighs_what_stays_open() -> None:
    huge = TABLE[:, 0].copy()
    huge[3] = 1e15

    def made(table: np.ndarray) -> dict[str, np.ndarray]:
        coarse = huge[: len(table)] + 1e-3 * table[-1, 0]
        return {"coarse": coarse, "deaf": ROW[: len(table)] * 1.0}

    assert left_open(made) == ["causality.coarse"]
    assert refused(lambda table: made(table) | {"leak": table[:, 0] - table[-1, 0]}) == [
        "causality.looks_ahead"
    ]


def test_an_answer_of_another_form_ends_the_proof() -> None:
    short = Finding("causality.raised", "no")
    assert refused(lambda table: value(table) if len(table) == ROWS else short) == [
        "causality.raised"
    ]
    assert refused(lambda table: {f"n{len(table)}": table[:, 0]}) == ["causality.columns"]
    assert refused(lambda _: {"x": TABLE[:, 0]}) == ["causality.length"]
    in_order = ["a", "b"]

    def turning(table: np.ndarray) -> dict[str, np.ndarray]:
        names = in_order if table[-1, 1] < 1_000.0 else in_order[::-1]
        return dict.fromkeys(names, table[:, 0])

    assert refused(turning) == ["causality.columns"]


def test_the_first_answer_must_come_out_the_same_twice_to_the_last_bit() -> None:
    turns = iter([1.0, 1.0 + 1e-15])
    answer = first_answer(case(lambda table: {"x": table[:, 0] * next(turns)}), RULES)
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "causality.not_repeatable"
    again = first_answer(case(value), RULES)
    assert isinstance(again, dict)
    assert (again["x"] == TABLE[:, 0]).all()


def test_chance_belongs_to_the_probe_and_to_nothing_else() -> None:
    one = Probe(5, Perturbation.NOISE, 1)
    others = (
        Probe(6, Perturbation.NOISE, 1),
        Probe(5, Perturbation.SCALE, 1),
        Probe(5, Perturbation.NOISE, 2),
    )
    drawn = one.rng.random()
    assert one.rng.random() == drawn
    assert all(other.rng.random() != drawn for other in others)
