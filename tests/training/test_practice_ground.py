"""Sessions are divided in time, and nothing of the later ones is known to the earlier."""

from __future__ import annotations

from dataclasses import replace as replaced
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stairway.base.errors import ConfigError, DataError
from stairway.market.bars import PairBars
from stairway.models.observation import FEATURES
from stairway.simulation.scenarios import Scenario
from stairway.testing.bars import random_walk
from stairway.testing.cycles import made_ground, minutes, practice_rules
from stairway.testing.practice import watch_rules
from stairway.training.cycle_rules import SplitShares
from stairway.training.practice_ground import divided, prepare, quiet

RULES = practice_rules()


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def ground(bars: PairBars, rules=RULES, seed: int = 7):
    return prepare(bars, watch_rules(60), rules, rng(seed))


def shaken(bars: PairBars, start: int) -> PairBars:
    """The same bars, with other prices and volumes from ``start`` on."""
    factor = np.where(np.arange(len(bars)) < start, 1.0, 1.03)[:, None]
    scaled = {n: getattr(bars, n) * factor for n in ("open", "high", "low", "close", "volume")}
    return replaced(bars, **scaled)


# -- the split -----------------------------------------------------------------------------


def test_parts_are_whole_sessions_in_the_order_of_time() -> None:
    made = made_ground()
    assert [(s.name, s.sessions) for s in made.spans] == [
        ("training", 10), ("validation", 2), ("held_out", 2),
    ]  # fmt: skip
    assert sum(s.bars for s in made.spans) == len(minutes())
    for span, part in zip(
        made.spans, (made.training, made.validation, made.held_out), strict=True
    ):
        assert (span.first_ns, span.last_ns) == (part.time_ns[0], part.time_ns[-1])
    for before, after in ((0, 1), (1, 2)):
        assert made.spans[before].last_ns < made.spans[after].first_ns
    assert made.spans[1].fingerprint == made.validation.fingerprint
    assert made.validation.first == made.held_out.first == 0


@given(st.integers(3, 60), st.floats(0.01, 0.98), st.floats(0.01, 0.98))
def test_every_part_gets_a_session(n: int, train: float, validation: float) -> None:
    if not train + validation < 1.0:
        with pytest.raises(ConfigError, match="no session to hold out"):
            SplitShares(train_frac=train, validation_frac=validation)
        return
    bars = random_walk(n, seed=1)
    first, second = divided(bars, SplitShares(train_frac=train, validation_frac=validation))
    assert 0 < first < second < n


def test_bars_that_begin_in_the_middle_of_the_count_are_divided_alike() -> None:
    later = minutes().part(4 * 390, 14 * 390)
    assert divided(later, RULES.split) == (7 * 390, 8 * 390)


@pytest.mark.parametrize("sessions", [1, 2])
def test_too_few_sessions_are_refused(sessions: int) -> None:
    with pytest.raises(
        DataError, match=f"{sessions} sessions cannot be divided .*; give bars of at least 3"
    ):
        ground(minutes().part(0, sessions * 390))


def test_training_without_a_row_of_features_is_refused() -> None:
    short = replace(RULES, split=SplitShares(train_frac=0.01, validation_frac=0.5))
    bars = random_walk(80, seed=7)
    with pytest.raises(DataError, match=r"all features are known from bar .* raise \[split\]"):
        prepare(replaced(bars, session=np.arange(80) // 2), watch_rules(), short, rng())


def test_bars_too_few_to_draw_markets_from_are_refused() -> None:
    with pytest.raises(DataError, match="no made-up markets to be judged in") as refused:
        ground(minutes().part(0, 6 * 390))
    asked = RULES.scenarios.min_windows * RULES.scenarios.spell_sessions
    said = str(refused.value)
    assert f"min_windows asks for {RULES.scenarios.min_windows}: {asked} sessions are" in said
    assert "training has 1560 of 2340 bars ([split] train_frac): give more bars, or s" in said


def test_bars_that_fill_no_window_are_refused_with_both_numbers() -> None:
    needed = watch_rules().features.warm_up_bars
    with pytest.raises(
        DataError, match=f"there are {needed - 1} bars, and .* only after {needed}, the longest"
    ):
        prepare(random_walk(needed - 1, seed=7), watch_rules(), RULES, rng())


def test_how_far_it_is_is_told_stage_by_stage() -> None:
    class Ear:
        told: ClassVar[list[tuple[str, int]]] = []

        def begin(self, label: str, total: int) -> None:
            self.told.append((label, total))

        def advance(self, done: int) -> None:
            self.told.append(("done", done))

    prepare(minutes(), watch_rules(60), RULES, rng(), Ear())
    drawn = 5 * RULES.scenarios.draws
    assert Ear.told == [
        ("computing features", 1),
        ("done", 1),
        ("fitting scenarios", 1),
        ("done", 1),
        ("drawing scenarios", drawn),
        *(("done", n + 1) for n in range(drawn)),
    ]


# -- nothing looks ahead -------------------------------------------------------------------


def test_what_comes_after_training_changes_nothing_that_training_sees() -> None:
    bars = minutes()
    cut = 10 * 390
    one, other = made_ground(), ground(shaken(bars, cut))
    assert one.training.fingerprint == other.training.fingerprint
    assert one.normaliser.fingerprint == other.normaliser.fingerprint
    assert np.array_equal(one.probes, other.probes)
    for market, twin in zip(one.markets, other.markets, strict=True):
        assert market.provenance == twin.provenance
        assert market.batches[0].fingerprint == twin.batches[0].fingerprint
    assert one.validation.fingerprint != other.validation.fingerprint
    assert one.data != other.data


def test_what_comes_after_validation_changes_nothing_that_is_judged() -> None:
    one, other = made_ground(), ground(shaken(minutes(), 12 * 390))
    assert one.validation.fingerprint == other.validation.fingerprint
    assert one.held_out.fingerprint != other.held_out.fingerprint


def test_the_normaliser_is_fitted_on_training_rows_alone() -> None:
    made = made_ground()
    shown = made.training.features[made.training.first :].astype(float)
    inside = np.abs(shown).max(axis=0) < RULES.environment.feature_clip
    assert inside.sum() > 4
    assert np.allclose(shown[:, inside].mean(axis=0), 0.0, atol=1e-4)
    assert np.allclose(shown[:, inside].std(axis=0), 1.0, atol=1e-4)


# -- markets and probes --------------------------------------------------------------------


def test_there_is_a_market_for_each_scenario_with_all_of_its_episodes() -> None:
    made = made_ground()
    assert [m.name for m in made.markets] == [s.value for s in Scenario]
    for market in made.markets:
        assert sum(batch.n_envs for batch in market.batches) == 3
        assert market.name in market.provenance
        assert market.batches[0].rules == quiet(RULES.environment)


def test_episodes_are_spread_over_the_draws() -> None:
    more = replace(RULES, scenarios=replace(RULES.scenarios, draws=2))
    made = ground(minutes(), more)
    assert [[b.n_envs for b in m.batches] for m in made.markets] == [[2, 1]] * 5
    few = replace(more, cycles=replace(RULES.cycles, episodes_per_scenario=1))
    assert [[b.n_envs for b in m.batches] for m in ground(minutes(), few).markets] == [[1]] * 5


def test_no_two_episodes_that_are_judged_begin_by_the_same_draw() -> None:
    more = replace(RULES, scenarios=replace(RULES.scenarios, draws=2))
    batches = [batch for market in ground(minutes(), more).markets for batch in market.batches]
    keys = np.concatenate([batch.keys for batch in batches])
    assert np.unique(keys).size == keys.size == 15


def test_rows_that_are_cut_elsewhere_are_other_data() -> None:
    wide = replace(RULES, environment=replace(RULES.environment, feature_clip=9.0))
    other = ground(minutes(), wide)
    assert other.normaliser.fingerprint != made_ground().normaliser.fingerprint
    assert other.data != made_ground().data


def test_the_same_chance_makes_the_same_ground_and_another_another() -> None:
    assert ground(minutes()).fingerprint == made_ground().fingerprint
    other = ground(minutes(), seed=8)
    assert other.fingerprint != made_ground().fingerprint
    assert other.data == made_ground().data


def test_probes_are_training_observations_with_positions() -> None:
    made = made_ground()
    assert made.probes.shape == (64, 26)
    positions = made.probes[:, [FEATURES, -1]]
    assert set(np.unique(positions)) == {-1.0, 0.0, 1.0}
    rows = {r.tobytes() for r in made.training.features[made.training.first :]}
    features = np.delete(made.probes, [FEATURES, 25], axis=1)
    assert all(np.ascontiguousarray(f).tobytes() in rows for f in features)


def test_a_policy_is_judged_without_noise() -> None:
    assert RULES.environment.observation_noise > 0.0
    assert quiet(RULES.environment).observation_noise == 0.0
    assert replace(quiet(RULES.environment), observation_noise=0.5) == RULES.environment
