"""Positions of a walk forward are made of the past, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest

from stairway.app.proof.held import positions_proved
from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse, Verdict
from stairway.evaluation.battery.study import Fold, Labelled
from stairway.testing.leaks import series

BARS = series(400, seed=2)
WALK = [(np.arange(a - 2), np.arange(a, a + 60)) for a in (200, 260, 320)]


class Asked(NamedTuple):
    """What there is to say how much is held."""

    x: np.ndarray
    labels: Labelled
    rows: np.ndarray


How: TypeAlias = Callable[[Asked], np.ndarray]


def last(it: Asked) -> np.ndarray:
    return it.x[it.rows]


def moves(bars: Any) -> np.ndarray:
    x = np.log(bars["close"])
    return np.diff(x, prepend=x[0])


class Study:
    """Holds what ``how`` says at the rows of a test, from a mean that its training knows."""

    def __init__(self, how: How, folds: list[Fold]) -> None:
        self.how, self.cut = how, folds

    def features(self, market: Any) -> np.ndarray:
        return moves(market)[:, None]

    def labels(self, market: Any) -> Labelled:
        came = np.append(moves(market)[1:], 0.0)
        row = np.arange(came.size)
        end = np.minimum(row + 1 + (np.abs(came) > 5e-4), came.size)
        return Labelled((came > 0).astype(np.int64), row, end)

    def folds(self, _: Labelled) -> list[Fold]:
        return self.cut

    def positions(self, features: Any, labels: Any, folds: Any, _: int) -> np.ndarray:
        held = np.full(len(features), np.nan)
        for train, test in folds:
            known = features[train].mean() + labels.value[train].mean()
            held[test] = self.how(Asked(features[:, 0], labels, test)) + known
        return held


def proved(how: How, folds: list[Fold] | None = None) -> Verdict:
    return positions_proved(Study(how, WALK if folds is None else folds), BARS, 1e-9, seed=1)


def looks_ahead(verdict: Verdict) -> bool:
    return isinstance(verdict, Refuse) and verdict.findings[0].code == "causality.looks_ahead"


def asked_all(positions: Callable[..., np.ndarray], folds: list[Fold] | None = None) -> Verdict:
    """Prove a study whose positions are made from all folds at once."""
    study: Any = Study(last, WALK if folds is None else folds)
    study.positions = lambda *given: positions(study, *given)
    return positions_proved(study, BARS, 1e-9, seed=1)


def test_positions_of_what_was_known_pass_and_say_how_many_tests_were_asked() -> None:
    heard: list[tuple[int, int]] = []
    study = Study(last, WALK)
    verdict = positions_proved(study, BARS, 1e-9, 1, lambda *at: heard.append(at))
    assert isinstance(verdict, Pass)
    assert verdict.findings[0].detail == (
        "no position of 3 of 3 tests moved with what came later, asked at 14 places each"
    )
    assert heard[0] == (0, 75)
    assert heard[-1] == (75, 75)
    assert heard == sorted(heard)


LEAKS: dict[str, How] = {
    "labels": lambda it: it.labels.value[it.rows],
    "spans": lambda it: (it.labels.end - it.labels.start)[it.rows],
    "scaled over the test": lambda it: it.x[it.rows] / (1e-6 + it.x[it.rows].std()),
    "next": lambda it: it.x[np.minimum(it.rows + 1, 399)],
    "holes": lambda it: np.where(np.roll(it.x[it.rows], -1) > 0, np.nan, 1.0),
    "the last row alone": lambda it: np.where(
        it.rows == it.rows[-1], it.labels.value[it.rows], it.x[it.rows]
    ),
    "rare rows": lambda it: np.where(
        it.rows % 37 == 3, it.labels.value[it.rows], it.x[it.rows]
    ),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_position_that_knows_what_comes_is_refused(name: str) -> None:
    verdict = proved(LEAKS[name])
    assert looks_ahead(verdict)
    finding = verdict.findings[0]
    assert finding.value is not None
    assert finding.value >= 1


def test_one_row_that_heeds_its_label_is_found() -> None:
    assert looks_ahead(
        proved(lambda it: np.where(it.rows == 217, it.labels.value[it.rows], it.x[it.rows]))
    )


ROW = np.arange(400)
K_FOLD = [(ROW[(a - 2 > ROW) | (a + 102 <= ROW)], ROW[a : a + 100]) for a in (0, 100, 200, 300)]
COMBINED = [
    (
        np.setdiff1d(ROW, np.concatenate((ROW[a : a + 102], ROW[b : b + 102]))),
        np.concatenate((ROW[a : a + 100], ROW[b : b + 100])),
    )
    for a in (0, 100, 200)
    for b in (100, 200, 300)
    if a < b
]
TOUCHING = [(ROW[:201], ROW[200:260])]
ONE_ROW = [(ROW[: a - 2], ROW[a : a + 1]) for a in range(200, 399)]


@pytest.mark.parametrize(
    "folds",
    [K_FOLD, COMBINED, TOUCHING, ONE_ROW],
    ids=["k-fold", "combined", "touching", "of one row"],
)
def test_whatever_the_folds_are_their_tests_are_asked(folds: list[Fold]) -> None:
    honest = proved(last, folds)
    assert isinstance(honest, Pass)
    assert "no position was asked" not in honest.findings[0].detail
    assert looks_ahead(proved(LEAKS["labels"], folds))
    assert looks_ahead(proved(LEAKS["spans"], folds))


def test_of_many_tests_of_one_row_twelve_are_asked_and_the_answer_says_so() -> None:
    said = proved(last, ONE_ROW).findings[0].detail
    assert "of 12 of 199 tests moved with what came later, asked at 1 place each" in said


def many(count: int) -> list[Fold]:
    edges = np.linspace(150, 399, count + 1).astype(int)
    return [(ROW[: a - 2], ROW[a:b]) for a, b in pairwise(edges)]


INSIDE: dict[str, How] = {
    "the next move": lambda it: np.append(it.x[it.rows][1:], 0.0),
    "the size of the next move": lambda it: np.append(np.abs(it.x[it.rows][1:]), 0.0),
    "scaled over the test": LEAKS["scaled over the test"],
    "ranked within the test": lambda it: np.argsort(np.argsort(it.x[it.rows])) / it.rows.size,
}


@pytest.mark.parametrize("count", [1, 9, 10, 12, 50])
@pytest.mark.parametrize("name", INSIDE)
def test_what_knows_its_own_test_is_refused_whatever_the_number_of_tests(
    name: str, count: int
) -> None:
    assert looks_ahead(proved(INSIDE[name], many(count)))


@pytest.mark.parametrize(
    ("count", "tests", "places"), [(1, 1, 46), (12, 6, 6), (50, 7, "4 to 5")]
)
def test_the_answer_says_how_many_tests_were_asked_at_how_many_places(
    count: int, tests: int, places: int | str
) -> None:
    said = proved(last, many(count)).findings[0].detail
    assert f"of {tests} of {count} tests" in said
    assert said.endswith(f"asked at {places} places each")


def test_a_test_of_few_rows_is_asked_at_each_of_them() -> None:
    seldom = [(train, test[::20]) for train, test in WALK]
    assert "asked at 3 places each" in proved(last, seldom).findings[0].detail


def test_an_earlier_test_that_is_not_chosen_is_held_still_too() -> None:
    def one(it: Asked) -> np.ndarray:
        return np.where(it.rows == 250, it.x[np.minimum(it.rows + 40, 399)], it.x[it.rows])

    verdict = proved(one, ONE_ROW)
    assert looks_ahead(verdict)
    assert "the position at row 250 (test 51) moved" in verdict.findings[0].detail


def test_positions_sized_by_the_tests_of_all_folds_are_refused() -> None:
    def across(study: Any, features: Any, labels: Any, folds: Any, seed: int) -> np.ndarray:
        held = Study.positions(study, features, labels, folds, seed)
        sizes = np.array([np.abs(features[test, 0]).mean() for _, test in folds])
        for (_, test), size in zip(folds, sizes, strict=True):
            held[test] *= sizes.mean() / size
        return held

    assert looks_ahead(asked_all(across))


def leaking(study: Any, features: Any, labels: Any, folds: Any, seed: int) -> np.ndarray:
    study.how = LEAKS["labels"]
    return Study.positions(study, features, labels, folds, seed)


def test_a_study_that_leaks_with_several_folds_only_is_refused() -> None:
    def shy(study: Any, *given: Any) -> np.ndarray:
        held = leaking(study, *given)
        return held if len(given[2]) > 1 else np.full(held.size, np.nan)

    assert looks_ahead(asked_all(shy))


def test_an_array_used_again_hides_nothing() -> None:
    buffer = np.empty(400)

    def again(study: Any, *given: Any) -> np.ndarray:
        buffer[:] = leaking(study, *given)
        return buffer

    assert looks_ahead(asked_all(again))


def test_a_huge_position_hides_nothing() -> None:
    def levered(study: Any, *given: Any) -> np.ndarray:
        held = 1e-3 * leaking(study, *given)
        held[0] = 1e13
        return held

    assert looks_ahead(asked_all(levered))


def test_positions_beside_one_huge_position_are_open() -> None:
    def huge(study: Any, *given: Any) -> np.ndarray:
        held = leaking(study, *given)
        held[200] = 1e18
        return held

    assert asked_all(huge).findings[0].code == "causality.coarse"


TESTED = np.isin(np.arange(400), np.concatenate([test for _, test in WALK]))


def test_positions_that_never_change_are_not_asked() -> None:
    verdict = asked_all(lambda *_: np.where(TESTED, 1.0, np.nan))
    assert isinstance(verdict, Inconclusive)
    assert verdict.findings[0].code == "causality.not_asked"


def test_positions_that_are_all_missing_are_refused() -> None:
    verdict = asked_all(lambda *_: np.full(400, np.nan))
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "causality.tests"


def stray(row: int, value: float) -> Verdict:
    """Prove positions of the past, of which one row holds something else."""

    def positions(study: Any, *given: Any) -> np.ndarray:
        held = Study.positions(study, *given)
        held[row] = value
        return held

    return asked_all(positions, WALK)


@pytest.mark.parametrize("value", [0.0, 0.5, np.inf])
def test_a_position_that_no_fold_tests_is_refused_and_named(value: float) -> None:
    verdict = stray(199, value)
    assert isinstance(verdict, Refuse)
    (finding,) = verdict.findings
    assert finding.code == "causality.tests"
    assert finding.detail == (
        f"row 199 holds {value:.6g}, and no fold tests it (1 such row): give NaN there, or "
        "test it"
    )


@pytest.mark.parametrize("row", [200, 287, 379])
def test_a_tested_row_without_a_position_is_refused_and_named(row: int) -> None:
    verdict = stray(row, np.nan)
    assert isinstance(verdict, Refuse)
    (finding,) = verdict.findings
    assert finding.detail == (
        f"row {row} is tested, and its position is NaN (1 such row): hold 0 there, or test "
        "it in no fold"
    )


@pytest.mark.parametrize(
    ("tests", "value"), [(399, 1.0), (400, np.nan)], ids=["held", "tested"]
)
def test_the_last_row_may_be_held_or_tested_alone(tests: int, value: float) -> None:
    def positions(study: Any, *given: Any) -> np.ndarray:
        held = Study.positions(study, *given)
        held[399] = value
        return held

    folds = [(np.arange(198), np.arange(200, tests))]
    assert isinstance(asked_all(positions, folds), Pass)


def test_positions_that_are_remembered_are_not_asked() -> None:
    known: list[np.ndarray] = []

    def remembered(study: Any, *given: Any) -> np.ndarray:
        known.append(leaking(study, *given))
        return known[0]

    verdict = asked_all(remembered)
    assert isinstance(verdict, Inconclusive)
    assert "none behind a place moves with the bars" in verdict.findings[0].detail


def test_without_a_test_the_question_is_open() -> None:
    assert isinstance(proved(last, []), Inconclusive)


def test_labels_of_a_test_that_have_ended_may_be_used() -> None:
    def online(it: Asked) -> np.ndarray:
        ended = np.zeros(it.x.size + 1)
        np.add.at(ended, it.labels.end[it.rows], it.labels.value[it.rows])
        return np.cumsum(ended)[it.rows] + it.x[it.rows]

    assert isinstance(proved(online), Pass)


def test_positions_of_another_shape_are_refused_and_said_to_be_that() -> None:
    verdict = asked_all(lambda *_: np.zeros((400, 1)))
    assert isinstance(verdict, Refuse)
    (found,) = verdict.findings
    assert found.code == "causality.length"
    assert found.detail == "positions of shape (400, 1) for 400 bars; give one for each bar"


def test_what_a_study_raises_is_a_refusal() -> None:
    def raises(_: Asked) -> np.ndarray:
        raise ValueError

    verdict = proved(raises)
    assert isinstance(verdict, Refuse)
    assert verdict.findings[0].code == "causality.raised"


def test_features_whose_columns_depend_on_the_bars_are_refused() -> None:
    study: Any = Study(last, WALK)
    last_price = BARS["close"][-1]
    study.features = lambda bars: moves(bars)[:, None].repeat(
        1 + (bars["close"][-1] != last_price), 1
    )
    found = positions_proved(study, BARS, 1e-9, seed=1).findings[0]
    assert found.code == "causality.length"
    assert "their columns must not depend on bars" in found.detail


def test_an_error_of_ours_is_never_said_to_be_the_studys() -> None:
    with pytest.raises(DataError, match="no column of values"):
        positions_proved(Study(last, WALK), {"time_ns": ROW}, 1e-9, seed=1)

    def deaf(done: int, total: int) -> None:
        msg = f"{done} of {total}"
        raise OSError(msg)

    with pytest.raises(OSError, match="0 of 75"):
        positions_proved(Study(last, WALK), BARS, 1e-9, 1, deaf)


def ranges(bars: Any) -> np.ndarray:
    return np.log(bars["high"] / bars["low"])


class OfRanges(Study):
    """Holds by the range of a bar, which scaling leaves as it is."""

    def features(self, market: Any) -> np.ndarray:
        return ranges(market)[:, None]


def test_a_leak_that_scaling_does_not_show_is_refused() -> None:
    assert looks_ahead(positions_proved(OfRanges(LEAKS["next"], WALK), BARS, 1e-9, seed=1))


def test_positions_that_one_of_the_futures_does_not_move_have_been_asked() -> None:
    study: Any = Study(last, many(6))
    study.features = lambda bars: (bars["close"] > bars["open"]).astype(float)[:, None]
    assert isinstance(positions_proved(study, BARS, 1e-9, seed=1), Pass)


def ended(it: Asked, row: int) -> float:
    """Labels of the test that have ended at a row."""
    known = it.rows[it.labels.end[it.rows] <= row]
    return float(it.labels.value[known].sum())


def test_the_first_row_that_heeds_labels_is_asked_though_many_may() -> None:
    def early(it: Asked) -> np.ndarray:
        held = np.array([ended(it, row) if row >= it.rows[0] + 20 else 0.0 for row in it.rows])
        return held + np.where(it.rows == 206, it.labels.value[it.rows], it.x[it.rows])

    assert looks_ahead(proved(early))


def test_later_rows_that_heed_labels_are_asked_though_the_first_may() -> None:
    def late(it: Asked) -> np.ndarray:
        held = it.x[it.rows].copy()
        held[6] += ended(it, int(it.rows[6]))
        return held + np.where(it.rows == 247, it.labels.value[it.rows], 0.0)

    assert looks_ahead(proved(late))


def test_a_rare_row_that_heeds_only_how_long_its_label_is_is_found() -> None:
    def span(it: Asked) -> np.ndarray:
        long = (it.labels.end - it.labels.start)[it.rows]
        return np.where(it.rows == 233, long, it.x[it.rows])

    assert looks_ahead(proved(span))


class Strict(Study):
    """Its labels span five bars each, and it will have no others."""

    def labels(self, market: Any) -> Labelled:
        given = super().labels(market)
        return Labelled(given.value, given.start, given.start + 5)

    def positions(self, features: Any, labels: Any, folds: Any, seed: int) -> np.ndarray:
        if not (labels.end - labels.start == 5).all():
            msg = "every label of mine spans 5 bars"
            raise ValueError(msg)
        return super().positions(features, labels, folds, seed)


def test_a_study_is_handed_no_labels_but_such_as_it_makes_itself() -> None:
    folds = [(train[:-4], test) for train, test in WALK]
    assert isinstance(positions_proved(Strict(last, folds), BARS, 1e-9, seed=1), Pass)


class Scribbles(Study):
    """Writes into whatever it is handed."""

    def features(self, market: Any) -> np.ndarray:
        made = super().features(market)
        market["close"][:] = 1.0
        return made

    def labels(self, market: Any) -> Labelled:
        made = super().labels(market)
        market["close"][:] = 2.0
        return made

    def folds(self, labels: Labelled) -> list[Fold]:
        labels.value[:] = 0
        return [(train.copy(), test.copy()) for train, test in self.cut]

    def positions(self, features: Any, labels: Any, folds: Any, seed: int) -> np.ndarray:
        held = super().positions(features, labels, folds, seed)
        for train, test in folds:
            train[:], test[:] = 0, 0
        features[:], labels.value[:], labels.end[:] = 0.0, 0, 0
        return held


def test_what_a_study_writes_into_what_it_was_handed_changes_nothing() -> None:
    said = proved(last).findings
    assert positions_proved(Scribbles(last, WALK), BARS, 1e-9, seed=1).findings == said


def test_bars_that_are_known_at_one_instant_are_not_parted() -> None:
    known_ns = BARS["time_ns"][ROW // 4 * 4 + 3]
    bars = {k: v for k, v in BARS.items() if "label" not in k} | {"available_ns": known_ns}

    def together(it: Asked) -> np.ndarray:
        return it.x[(it.rows + 1) // 4 * 4 - 1]

    study = Study(together, [(ROW[: a - 4], ROW[a : a + 60]) for a in (200, 260, 320)])
    assert isinstance(positions_proved(study, bars, 1e-9, seed=1), Pass)


def known(
    late: Callable[[np.ndarray], np.ndarray], how: How, folds: list[Fold] | None = None
) -> Verdict:
    """Prove positions on bars of which each is known so many bars after its close."""
    at = np.minimum(ROW + late(ROW), 399)
    bars = {k: v for k, v in BARS.items() if "label" not in k}
    bars["available_ns"] = BARS["time_ns"][at]
    three = [(ROW[: a - 2], ROW[a : a + 60]) for a in (200, 260, 320)]
    return positions_proved(Study(how, folds or three), bars, 1e-9, seed=1)


LATE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "all by thirty": lambda row: np.full(row.size, 30),
    "all by one": lambda row: np.full(row.size, 1),
    "one in seven by three": lambda row: np.where(row % 7 == 0, 3, 0),
    "one in a hundred by one": lambda row: np.where(row % 100 == 41, 1, 0),
}


@pytest.mark.parametrize("name", LATE)
def test_a_position_by_a_bar_that_is_known_after_its_close_is_refused(name: str) -> None:
    verdict = known(LATE[name], last)
    assert looks_ahead(verdict)
    first = int(np.flatnonzero((LATE[name](ROW) > 0) & (ROW >= 200))[0])
    minutes = int(LATE[name](ROW)[first])
    assert verdict.findings[0].detail.endswith(
        f"; the bar of row {first} is known 0:{minutes:02d}:00 after the close that its "
        "position is taken at (available_ns): hold by bars that were known by then"
    )


@pytest.mark.parametrize("name", LATE)
def test_positions_by_bars_that_were_known_pass_though_others_are_late(name: str) -> None:
    at = ROW + LATE[name](ROW)
    both = np.maximum(at, np.roll(at, 1))  # a move needs the close before it too
    heard = [np.flatnonzero(both[: row + 1] <= row) for row in ROW]
    latest = np.array([rows[-1] if rows.size else 0 for rows in heard])
    assert isinstance(known(LATE[name], lambda it: it.x[latest[it.rows]]), Pass)


def now_and_then(row: np.ndarray) -> np.ndarray:
    return np.where(row % 40 == 7, 2, 0)


def test_of_many_tests_of_one_row_those_of_late_bars_are_asked_too() -> None:
    def before(it: Asked) -> np.ndarray:
        waits = (now_and_then(it.rows) > 0) | (now_and_then(it.rows - 1) > 0)
        return np.where(waits, it.x[it.rows - 3], it.x[it.rows])

    assert looks_ahead(known(now_and_then, last, ONE_ROW))
    honest = known(now_and_then, before, ONE_ROW)
    assert isinstance(honest, Pass), honest.findings[0].detail
    assert "of 15 of 199 tests" in honest.findings[0].detail


def test_a_future_is_late_by_its_own_bar_alone() -> None:
    verdict = known(LATE["all by one"], lambda it: it.x[it.rows])
    assert verdict.findings[0].value == 1.0


def test_rounding_by_what_other_tests_hold_is_no_foresight() -> None:
    def rounded(study: Any, *given: Any) -> np.ndarray:
        held = Study.positions(study, *given)
        held[320:380] *= 1e7
        usual = np.nanmean(np.abs(held[320:380]))
        held[200:260] = (held[200:260] + usual) - usual
        return held

    assert isinstance(asked_all(rounded), Pass)


def test_a_study_that_draws_afresh_is_refused_as_that() -> None:
    rng = np.random.default_rng(1)
    verdict = proved(lambda it: rng.random(it.rows.size))
    assert verdict.findings[0].code == "causality.not_repeatable"
