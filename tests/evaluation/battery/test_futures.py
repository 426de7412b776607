from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.battery.futures import Foresight, foresight, turned
from stairway.evaluation.battery.study import BatteryRules, Labelled
from stairway.testing.studies import Leak, MovesStudy, garch_moves, study

RULES = BatteryRules()


def seen(given: MovesStudy, n: int = 600) -> Foresight:
    return foresight(given, garch_moves(n, 1), RULES, 1, lambda: None)


@dataclass(frozen=True, slots=True)
class Altered(MovesStudy):
    """The honest study with other features or labels."""

    ahead_rows: int = 0
    size_only: bool = False
    declared_rows: int = 5
    hole: bool = False
    level: float = 0.0
    share: float = 1.0
    spike: float = 0.0

    def features(self, market: np.ndarray) -> np.ndarray:
        if self.size_only:
            return (np.abs(market) / np.abs(market).mean())[:, None]
        shifted = np.roll(market, -self.ahead_rows)
        if self.hole:
            shifted = np.where(shifted > 0.0, np.nan, 1.0)
        shifted = self.level + self.share * shifted
        shifted[3] += self.spike
        return shifted[:, None]

    def labels(self, market: np.ndarray) -> Labelled:
        made = MovesStudy.labels(self, market)
        return replace(made, end=made.start + self.declared_rows)


def test_an_honest_study_is_the_same_under_every_future() -> None:
    found = seen(study())

    assert isinstance(found.features, Pass)
    assert isinstance(found.spans, Pass)


def test_every_cut_is_heard_once() -> None:
    heard: list[None] = []
    foresight(study(), garch_moves(600, 1), RULES, 1, lambda: heard.append(None))

    assert len(heard) == RULES.cuts


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_a_feature_that_looks_ahead_is_named_with_row_and_cut(rows: int) -> None:
    found = seen(Altered(ahead_rows=rows))

    assert isinstance(found.features, Refuse)
    assert found.features.findings[0].code == "leak.causality"
    assert (
        "column features[0] moves when only its future does: features[0] of row"
        in found.features.findings[0].detail
    )
    assert found.features.findings[0].value is not None
    assert 1 <= found.features.findings[0].value <= 600


def test_a_number_that_appears_or_disappears_has_moved_too() -> None:
    assert isinstance(seen(Altered(ahead_rows=1, hole=True)).features, Refuse)
    assert isinstance(seen(Altered(hole=True)).features, Pass)


@pytest.mark.parametrize("level", [0.0, 1e6, -1e10])
@pytest.mark.parametrize("share", [1.0, 1e-6])
def test_no_level_and_no_smallness_hides_a_look_ahead(level: float, share: float) -> None:
    if abs(level) * 1e-13 < share:
        found = seen(Altered(ahead_rows=1, level=level, share=share))
        assert isinstance(found.features, Refuse)
    honest = seen(Altered(level=level, share=share))
    assert isinstance(honest.features, Pass)


def test_rounding_is_no_look_ahead() -> None:
    @dataclass(frozen=True, slots=True)
    class Rounded(MovesStudy):
        def features(self, market: np.ndarray) -> np.ndarray:
            x = np.cumsum(market)
            smooth = np.fft.irfft(np.fft.rfft(x, 2_048) * np.fft.rfft(np.ones(9), 2_048))
            return smooth[: x.size, None]

    assert isinstance(seen(Rounded()).features, Pass)


def test_what_only_a_huge_value_would_round_leaves_the_question_open() -> None:
    found = seen(Altered(ahead_rows=1, spike=1e14)).features
    assert isinstance(found, Inconclusive)
    assert found.findings[0].code == "causality.coarse"
    assert isinstance(seen(Altered(spike=1e14)).features, Pass)


def test_whole_numbers_are_taken_as_features() -> None:
    @dataclass(frozen=True, slots=True)
    class Signs(MovesStudy):
        def features(self, market: np.ndarray) -> np.ndarray:
            return np.sign(market).astype(np.int8)[:, None]

    assert isinstance(seen(Signs()).features, Pass)


def test_what_uses_only_the_size_of_moves_is_left_to_the_prover() -> None:
    assert isinstance(seen(Altered(size_only=True)).features, Pass)


@pytest.mark.parametrize("declared", [0, 1, 3])
def test_a_span_that_is_declared_too_short_is_found(declared: int) -> None:
    found = seen(Altered(declared_rows=declared))

    assert isinstance(found.spans, Refuse)
    assert found.spans.findings[0].code == "leak.purge"
    assert "declare the whole span" in found.spans.findings[0].detail


def test_a_span_that_is_declared_too_long_harms_nobody() -> None:
    assert isinstance(seen(Altered(declared_rows=9)).spans, Pass)


@pytest.mark.parametrize(
    "leak", [Leak.LOOK_AHEAD, Leak.CENTRED, Leak.WHOLE_SERIES, Leak.TARGET_ENCODED]
)
def test_the_planted_features_are_all_seen(leak: Leak) -> None:
    assert isinstance(seen(study(leak)).features, Refuse)


def test_two_rows_are_too_few() -> None:
    found = seen(study(), n=2)

    assert isinstance(found.features, Inconclusive)
    assert found.features.findings[0].detail == "2 of 3 rows needed"


def test_features_of_another_length_are_refused() -> None:
    @dataclass(frozen=True, slots=True)
    class Short(MovesStudy):
        def features(self, market: np.ndarray) -> np.ndarray:
            return market[1:, None]

    with pytest.raises(DataError, match="give a row for each of 600 labels"):
        seen(Short())


def test_the_first_move_of_the_future_is_always_turned() -> None:
    for seed in range(20):
        signs = turned(50, 7, np.random.default_rng(seed))
        assert signs[:7].tolist() == [1] * 7
        assert signs[7] == -1
        assert set(signs.tolist()) == {-1, 1}
