"""Made-up markets: what they are called, where they come from, and the same again on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stairway.base.errors import InvariantError
from stairway.base.hashing import array_hash, content_hash
from stairway.base.verdict import Pass, Refuse, refuse
from stairway.market.align import align
from stairway.market.bars import PairBars
from stairway.market.calendar import place
from stairway.simulation import drawing
from stairway.simulation.conditions import can_be_traded
from stairway.simulation.drawing import Drawn, draw, draw_all, seed_of
from stairway.simulation.learning import Past, learn
from stairway.simulation.scenarios import Method, Scenario
from stairway.testing.bars import random_walk
from stairway.testing.practice import course_of
from stairway.testing.scenarios import made_past, scenario_rules
from stairway.testing.source import REFUSE, as_raw, intraday_session

PER_SESSION = 390
RULES = intraday_session()
EVERY = [(scenario, method) for scenario in Scenario for method in Method]


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def minutes(sessions: int, seed: int = 3) -> PairBars:
    """A walk with calm and wild days in it, as a market has them."""
    bars = random_walk(PER_SESSION * sessions, seed, bar_seconds=60)
    wild = np.exp(generator(seed).normal(0.0, 0.5, sessions))[bars.session][:, None]
    close = np.exp(
        np.log(bars.close[0])
        + np.cumsum(
            wild * np.diff(np.log(bars.close), axis=0, prepend=np.log(bars.close[:1])), axis=0
        )
    )
    columns = {
        name: close * (getattr(bars, name) / bars.close) ** wild
        for name in ("open", "high", "low")
    }
    return replace(bars, close=close, **columns)


@pytest.fixture(scope="module")
def past() -> Past:
    bars = minutes(15)
    found = learn(bars, PER_SESSION * 14, RULES, scenario_rules())
    assert isinstance(found, Past)
    return found


def drawn(past: Past, scenario: Scenario, method: Method, seed: int = 7) -> Drawn:
    found = draw(past, scenario, method, generator(seed))
    assert isinstance(found, Drawn), found
    return found


@pytest.fixture(scope="module")
def every(past: Past) -> Mapping[tuple[Scenario, Method], Drawn]:
    return {(s, m): drawn(past, s, m) for s, m in EVERY}


Every = Mapping[tuple[Scenario, Method], Drawn]


@pytest.mark.parametrize(("scenario", "method"), EVERY)
def test_each_is_what_it_is_called_and_says_by_how_much(
    scenario: Scenario, method: Method, every: Every
) -> None:
    one = every[scenario, method]
    assert isinstance(one.verdict, Pass)
    assert one.verdict.findings[0].code == f"scenario.{scenario}"
    assert one.verdict.findings[0].value is not None
    assert one.verdict.findings[-1].code == "scenario.bars"


@pytest.mark.parametrize(("scenario", "method"), EVERY)
def test_its_bars_pass_every_check_that_recorded_bars_must_pass(
    scenario: Scenario, method: Method, every: Every
) -> None:
    bars = every[scenario, method].bars
    assert len(bars) == 10 * PER_SESSION
    assert isinstance(can_be_traded(bars, 0.3), Pass)
    again, report = align(as_raw(bars), REFUSE, RULES)
    assert again.fingerprint == bars.fingerprint
    assert report.gaps == 0
    assert (place(bars.time_ns, RULES).last == bars.last_of_session).all()


@pytest.mark.parametrize("method", tuple(Method))
def test_storm_and_calm_differ_as_they_should(method: Method, every: Every) -> None:
    size = {
        s: float(np.diff(np.log(every[s, method].bars.close), axis=0).std())
        for s in (Scenario.HIGH_VOLATILITY, Scenario.LOW_VOLATILITY)
    }
    assert size[Scenario.HIGH_VOLATILITY] > 1.5 * size[Scenario.LOW_VOLATILITY]


@pytest.mark.parametrize("method", tuple(Method))
def test_what_tied_the_instruments_together_is_gone_in_a_breakdown_alone(
    method: Method, every: Every
) -> None:
    def correlation(scenario: Scenario) -> float:
        return float(
            np.corrcoef(np.diff(np.log(every[scenario, method].bars.close), axis=0).T)[0, 1]
        )

    assert abs(correlation(Scenario.CORRELATION_BREAKDOWN)) < 0.15
    assert correlation(Scenario.HIGH_VOLATILITY) > 0.4
    assert correlation(Scenario.LOW_VOLATILITY) > 0.4


def test_prices_go_on_from_the_last_recorded_ones(past: Past, every: Every) -> None:
    for one in every.values():
        jump = np.abs(np.log(one.bars.open[0] / past.bars.close[-1]))
        assert jump.max() < 0.05
        assert one.bars.time_ns[0] > past.bars.time_ns[-1]


@pytest.mark.parametrize("method", [Method.GARCH, Method.SWITCHING])
def test_after_a_miss_the_model_makes_another_quarry(
    method: Method, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut, judged, quarries, verdicts = drawing.cut, drawing._judged, [], []

    def watched(moves, *rest):
        quarries.append(array_hash(moves.table))
        return cut(moves, *rest)

    def missed_once(*given):
        verdicts.append(judged(*given))
        return refuse("scenario.missed", "as if") if len(verdicts) == 1 else verdicts[-1]

    monkeypatch.setattr(drawing, "cut", watched)
    monkeypatch.setattr(drawing, "_judged", missed_once)
    assert drawn(past, Scenario.HIGH_VOLATILITY, method).provenance.tries >= 2
    assert len(set(quarries)) == len(quarries) >= 2


# -- the same again --------------------------------------------------------------------


@pytest.mark.parametrize(("scenario", "method"), EVERY)
def test_the_same_seed_makes_the_same_bytes_and_another_one_others(
    scenario: Scenario, method: Method, past: Past, every: Every
) -> None:
    first = every[scenario, method]
    second = drawn(past, scenario, method)
    assert second.provenance == first.provenance
    assert second.bars.fingerprint == first.bars.fingerprint
    assert second.verdict == first.verdict
    other = drawn(past, scenario, method, seed=8)
    assert other.bars.fingerprint != first.bars.fingerprint
    assert other.provenance.blocks != first.provenance.blocks
    assert other.provenance.chance != first.provenance.chance


@hypothesis_settings(max_examples=5)
@given(seed=st.integers(0, 10**6), which=st.sampled_from(EVERY))
def test_no_bar_behind_the_stated_row_has_any_part_in_it(
    seed: int, which: tuple[Scenario, Method]
) -> None:
    bars, until = minutes(15), PER_SESSION * 12
    spoilt = {
        name: np.concatenate(
            (getattr(bars, name)[:until], generator(seed).random((len(bars) - until, 2)))
        )
        for name in ("open", "high", "low", "close", "volume")
    }
    found = []
    for given_bars in (bars, replace(bars, **spoilt)):
        past = learn(given_bars, until, RULES, scenario_rules())
        assert isinstance(past, Past)
        found.append(drawn(past, *which, seed=seed).provenance)
    assert found[0] == found[1]


@hypothesis_settings(max_examples=15)
@given(seed=st.integers(0, 10**6), scenario=st.sampled_from(tuple(Scenario)))
def test_a_bootstrap_holds_no_return_that_was_not_recorded(
    seed: int, scenario: Scenario
) -> None:
    past = made_past()
    found = draw(past, scenario, Method.BOOTSTRAP, generator(seed))
    if isinstance(found, Refuse):  # the walk's days are all alike
        return
    bars = found.bars
    for k in (0, 1):
        made = np.log(bars.close[1:, k] / bars.close[:-1, k])
        real = np.sort(np.log(past.bars.close[1:, k] / past.bars.close[:-1, k]))
        nearest = real[np.clip(np.searchsorted(real, made), 1, len(real) - 1)]
        below = real[np.clip(np.searchsorted(real, made), 1, len(real) - 1) - 1]
        assert np.minimum(np.abs(nearest - made), np.abs(below - made)).max() < 1e-12


def test_drawing_changes_nothing_that_was_learnt(past: Past) -> None:
    before = (past.bars.fingerprint, past.wardrobe.moves.table.tobytes())
    for scenario, method in EVERY:
        drawn(past, scenario, method)
    assert (past.bars.fingerprint, past.wardrobe.moves.table.tobytes()) == before


# -- where it comes from ---------------------------------------------------------------


def test_it_says_where_it_comes_from(past: Past, every: Every) -> None:
    for (scenario, method), one in every.items():
        told = one.provenance
        assert (told.scenario, told.method, told.seed) == (scenario, method, "7")
        assert (told.source, told.source_bars) == (past.bars.fingerprint, 14 * PER_SESSION)
        assert (told.first_ns, told.last_ns) == (past.bars.time_ns[0], past.bars.time_ns[-1])
        assert (told.bars, told.fingerprint) == (len(one.bars), one.bars.fingerprint)
        assert told.settings == content_hash(past.rules)
        assert told.tries >= 1
        assert bool(told.model) == (method is not Method.BOOTSTRAP)
    assert len({one.provenance.fingerprint for one in every.values()}) == len(EVERY)


def test_a_fitted_model_is_written_down_whole(past: Past, every: Every) -> None:
    told = every[Scenario.MIXED, Method.GARCH].provenance.model
    model = past.models[Method.GARCH]
    assert msgspec.convert(told, type(model)) == model


def test_a_spawned_generator_says_which_way_it_came() -> None:
    root = generator(7)
    children = root.spawn(2)
    assert [seed_of(child) for child in children] == ["7/0", "7/1"]
    assert seed_of(children[1].spawn(3)[2]) == "7/1/2"


# -- all of them -----------------------------------------------------------------------


def test_all_five_are_drawn_by_every_method_in_turn(past: Past) -> None:
    rules = msgspec.structs.replace(past.rules, draws=4)
    found = draw_all(replace(past, rules=rules), generator(1))
    assert isinstance(found, dict)
    assert list(found) == list(Scenario)
    for scenario, markets in found.items():
        assert [m.provenance.method for m in markets] == [*Method, Method.BOOTSTRAP]
        assert {m.provenance.scenario for m in markets} == {scenario}
        way = list(Scenario).index(scenario)
        assert [m.provenance.seed for m in markets] == [f"1/{way}/{n}" for n in range(4)]
    prints = {m.provenance.fingerprint for markets in found.values() for m in markets}
    assert len(prints) == 20


def test_a_market_does_not_depend_on_how_many_are_drawn_beside_it(past: Past) -> None:
    def prints(draws: int) -> dict[Scenario, list[str]]:
        rules = msgspec.structs.replace(past.rules, draws=draws)
        found = draw_all(replace(past, rules=rules), generator(1))
        assert isinstance(found, dict)
        return {s: [m.provenance.fingerprint for m in markets] for s, markets in found.items()}

    two, one = prints(2), prints(1)
    assert {s: p[:1] for s, p in two.items()} == one


def test_a_hundred_episodes_of_each_scenario_can_be_drawn(past: Past) -> None:
    """Each market has room for a thousand steps from more than a hundred places."""
    found = draw_all(past, generator(2))
    assert isinstance(found, dict)
    for markets in found.values():
        room = 0
        for market in markets:
            course = course_of(market.bars, bar_seconds=60)
            room += len(course) - course.first - 1_000
        assert room > 100


# -- refusals --------------------------------------------------------------------------


def test_a_storm_is_refused_where_it_cannot_be_made(past: Past) -> None:
    calm = replace(past.windows, volatility=past.windows.volatility * 10.0)
    answer = draw(
        replace(past, windows=calm), Scenario.HIGH_VOLATILITY, Method.BOOTSTRAP, generator(1)
    )
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "scenario.high_volatility"


def test_one_that_cannot_be_made_refuses_them_all(past: Past) -> None:
    apart = replace(past.windows, correlation=np.zeros(len(past.windows)))
    answer = draw_all(replace(past, windows=apart), generator(1))
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "scenario.no_correlation"


def test_bars_beyond_the_collar_are_refused(past: Past) -> None:
    rules = msgspec.structs.replace(past.rules, max_jump_frac=1e-5)
    answer = draw(replace(past, rules=rules), Scenario.MIXED, Method.BOOTSTRAP, generator(1))
    assert isinstance(answer, Refuse)
    assert answer.findings[-1].code == "scenario.faulty_bar"


@pytest.mark.parametrize(("bound", "wanted"), [(0.01, "first"), (1.6, "some"), (9.0, "never")])
def test_it_is_tried_as_often_as_the_rules_say_and_no_more(
    bound: float, wanted: str, past: Past
) -> None:
    harder = replace(past, windows=replace(past.windows, trend=np.full(14, bound)))
    found = [draw(harder, Scenario.TRENDING, Method.BOOTSTRAP, generator(s)) for s in range(12)]
    tries = {one.provenance.tries if isinstance(one, Drawn) else None for one in found}
    match wanted:
        case "first":
            assert tries == {1}
        case "some":
            assert len(tries) > 2
            assert tries <= {None, *range(1, past.rules.tries + 1)}
        case _:
            assert tries == {None}


def test_too_short_a_quarry_is_refused(past: Past) -> None:
    rules = msgspec.structs.replace(past.rules, model_sessions=3)
    answer = draw(replace(past, rules=rules), Scenario.MIXED, Method.GARCH, generator(1))
    assert isinstance(answer, Refuse)
    assert answer.findings[0].code == "scenario.blocks"


def test_a_model_that_was_never_fitted_is_a_fault_of_ours() -> None:
    with pytest.raises(InvariantError, match="no garch was fitted"):
        draw(made_past(), Scenario.MIXED, Method.GARCH, generator(1))
