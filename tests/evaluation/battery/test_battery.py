from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest

from stairway.base.verdict import Inconclusive, Pass, Refuse, passed, refuse
from stairway.evaluation.battery.battery import battery
from stairway.evaluation.battery.study import BatteryReport, BatteryRules, Labelled
from stairway.testing.studies import Folding, Leak, MovesStudy, garch_moves, study

RULES = BatteryRules()
MOVES = garch_moves(1_600, 8)


def report(given: MovesStudy, moves: np.ndarray = MOVES) -> BatteryReport:
    return battery(given, moves, RULES, 8)


@pytest.fixture(scope="module")
def honest() -> BatteryReport:
    return report(study())


def test_an_honest_study_passes_and_nothing_fires(honest: BatteryReport) -> None:
    assert honest.fired == ()
    assert isinstance(honest.verdict, Pass)
    assert len(honest.folds) == 5
    assert honest.doubly_tested == 0


def test_the_report_survives_being_written_down(honest: BatteryReport) -> None:
    told = msgspec.json.encode(honest)

    assert msgspec.json.decode(told, type=BatteryReport) == honest


@pytest.mark.parametrize(
    ("leak", "stage"),
    [
        (Leak.LOOK_AHEAD, "causality"),
        (Leak.CENTRED, "causality"),
        (Leak.WHOLE_SERIES, "causality"),
        (Leak.TARGET_ENCODED, "causality"),
        (Leak.SHUFFLED_FOLDS, "purge"),
        (Leak.SHORT_SPANS, "purge"),
        (Leak.CHOSEN_ON_TEST, "surrogates"),
        (Leak.SAME_BAR_FILL, "surrogates"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_each_leak_is_found_by_the_stage_that_is_there_for_it(leak: Leak, stage: str) -> None:
    found = report(study(leak))

    assert stage in found.fired
    assert isinstance(found.verdict, Refuse)


def test_the_prover_is_heard_beside_the_study(honest: BatteryReport) -> None:
    told = refuse("causality.looks_ahead", "column a looks ahead")
    found = battery(study(), MOVES, RULES, 8, told)

    assert found.fired == ("causality",)
    assert found.causality == told
    agreed = battery(study(), MOVES, RULES, 8, passed("causality.proved", "fine"))
    assert isinstance(agreed.verdict, Pass)
    assert agreed.surrogates == honest.surrogates


def test_combinatorial_folds_test_every_row_again_and_that_is_no_finding() -> None:
    found = report(study(None, Folding.COMBINATORIAL))

    assert found.doubly_tested > 1_000
    assert found.fired == ()


@pytest.mark.parametrize(
    ("step", "stages"),
    [
        ("redrawn", {"causality", "purge", "surrogates"}),
        ("features", {"causality", "purge", "surrogates", "sentinel"}),
        ("labels", {"causality", "purge", "surrogates", "sentinel"}),
        ("folds", {"purge", "surrogates", "sentinel"}),
        ("positions", {"surrogates", "sentinel"}),
        ("profit", {"surrogates", "sentinel"}),
    ],
)
def test_a_step_that_raises_refuses_every_stage_that_needs_it(
    step: str, stages: set[str]
) -> None:
    def fail(*_given: object) -> None:
        msg = "no such\nthing"
        raise ZeroDivisionError(msg)

    found = report(type("Broken", (MovesStudy,), {step: fail, "__slots__": ()})())

    assert set(found.fired) == stages
    assert found.surrogates.findings[0].code == "leak.raised" or step == "folds"
    assert "ZeroDivisionError: no such thing" in found.surrogates.findings[0].detail


def test_an_interrupt_goes_through() -> None:
    @dataclass(frozen=True, slots=True)
    class Stopped(MovesStudy):
        def labels(self, market: np.ndarray) -> object:  # noqa: ARG002
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        report(Stopped())


def test_a_market_that_is_too_short_is_inconclusive_and_says_what_is_needed() -> None:
    found = report(study(), MOVES[:300])

    assert isinstance(found.verdict, Inconclusive)
    assert found.fired == ()
    assert {finding.code for finding in found.verdict.findings} == {"leak.too_few"}
    assert all(finding.bound for finding in found.verdict.findings)


def test_a_hole_in_the_market_is_refused() -> None:
    holed = MOVES.copy()
    holed[700] = np.nan
    found = report(study(), holed)

    assert isinstance(found.verdict, Refuse)
    assert {"surrogates", "sentinel"} <= set(found.fired)


def test_one_fold_is_judged_and_none_is_not() -> None:
    @dataclass(frozen=True, slots=True)
    class Folded(MovesStudy):
        count: int = 1

        def folds(self, labels: object) -> list[tuple[np.ndarray, np.ndarray]]:  # noqa: ARG002
            return [(np.arange(60, 400), np.arange(410, 1_590))][: self.count]

    assert isinstance(report(Folded()).verdict, Pass)
    none = report(Folded(count=0))
    assert isinstance(none.purge, Inconclusive)
    assert isinstance(none.surrogates, Inconclusive)
    assert isinstance(none.sentinel, Inconclusive)


def test_progress_is_told_of_every_rebuild() -> None:
    heard: list[tuple[int, int]] = []
    battery(study(), MOVES, RULES, 8, None, lambda done, total: heard.append((done, total)))

    total = RULES.cuts + RULES.surrogates + RULES.shuffles
    assert heard == [(done, total) for done in range(1, total + 1)]


@pytest.mark.parametrize("bad", [{"level": 0.5}, {"surrogates": 3}, {"mean_sharpe_bound": 0.0}])
def test_rules_that_would_weaken_the_battery_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        BatteryRules(**bad)


@pytest.mark.parametrize(
    ("room", "folding", "touched"),
    [
        ({"gap_rows": 20}, Folding.WALK_FORWARD, "in_gap"),
        ({"embargo_rows": 20}, Folding.COMBINATORIAL, "in_embargo"),
    ],
    ids=["gap", "embargo"],
)
def test_rows_inside_the_room_that_the_rules_ask_for_are_counted_and_refused(
    room: dict[str, int], folding: Folding, touched: str
) -> None:
    # Given folds that leave out 16 rows beside their tests, and rules that ask for 20
    few = BatteryRules(cuts=1, surrogates=8, shuffles=8, **room)
    given_ = study(None, folding)

    found = battery(given_, MOVES, few, 8)

    # Then the rows between are counted as one counts them by hand
    assert found.fired == ("purge",)
    labels = given_.labels(MOVES)
    counts = [getattr(fold, touched) for fold in found.folds]
    by_hand = [in_the_room(labels.end, *fold, **room) for fold in given_.folds(labels)]
    assert counts == by_hand
    assert max(counts) >= 4


def in_the_room(
    end: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    gap_rows: int = 0,
    embargo_rows: int = 0,
) -> int:
    room: set[int] = set()
    for row in test.tolist():
        room |= set(range(row - gap_rows, row))
        room |= set(range(row + 1, int(end[row]) + embargo_rows)) if embargo_rows else set()
    return len(room & set(train.tolist()))


class Lifting:
    """Writes larger moves into whatever it is given."""

    def __init__(self) -> None:
        self.own = study()

    def __getattr__(self, name: str) -> Any:
        step = getattr(self.own, name)

        def lifted(*given: Any) -> Any:
            answer = step(*given)
            for one in given:
                if isinstance(one, np.ndarray) and one.dtype.kind == "f":
                    np.multiply(one, 3.0, out=one)
                if isinstance(one, Labelled):
                    one.value[:] = 1
            return answer

        return lifted


def test_what_a_study_writes_into_what_it_was_given_reaches_nobody() -> None:
    moves = garch_moves(1_600, seed=1)
    kept = moves.copy()
    lifting: Any = Lifting()
    assert battery(lifting, moves, RULES, seed=1) == battery(study(), moves, RULES, seed=1)
    assert np.array_equal(moves, kept)
