"""The page on practice reports fresh seeds, and says what is met and what is not."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/practice.md").read_text("utf-8")
RESULTS = ROOT / "benchmarks/results"
BENCH = (ROOT / "benchmarks/bench_closed_loop.py").read_text("utf-8")
REAL = (ROOT / "tests/training/test_practice_on_real_minutes.py").read_text("utf-8")


@pytest.fixture(scope="module")
def scripts() -> Any:
    """The scripts that write the page; they import each other as files of one folder."""
    names = ("closed_loop_picture", "closed_loop_words", "practice_costs")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        yield {name: _module(name) for name in names}
        for name in names:
            sys.modules.pop(name, None)


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module
    return module


@pytest.fixture(scope="module")
def words(scripts: Any) -> Any:
    return scripts["closed_loop_words"]


@pytest.fixture(scope="module")
def costs(scripts: Any) -> Any:
    return scripts["practice_costs"]


@pytest.fixture
def result() -> dict[str, Any]:
    return json.loads((RESULTS / "closed_loop.json").read_text("utf-8"))


def measured(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


# -- seeds -----------------------------------------------------------------------------


def spans(text: str) -> list[set[int]]:
    """Every range of seeds that is written out in ``text``."""
    found = re.findall(r"range\((\d[\d_]*), (\d[\d_]*)\)", text)
    return [set(range(int(low), int(high))) for low, high in found]


def test_the_seeds_that_are_reported_are_none_that_anybody_looked_at() -> None:
    line = next(one for one in BENCH.splitlines() if one.startswith("SEEDS = "))
    (reported,) = spans(line)
    looked_at = spans(BENCH.partition("LOOKED_AT = {")[2].partition("}")[0])
    assert len(reported) == 10
    assert {min(one) for one in looked_at} == {1, 1001, 2001, 9001}
    assert not any(reported & one for one in (*looked_at, *spans(REAL)))


def test_the_seeds_of_the_tests_count_as_looked_at() -> None:
    looked_at = spans(BENCH.partition("LOOKED_AT = {")[2].partition("}")[0])
    (tested,) = spans(REAL.partition("TEN = ")[2].splitlines()[0].rpartition("tuple(")[2])
    assert tested in looked_at


def test_the_page_shows_the_seeds_that_the_benchmark_names(result: dict[str, Any]) -> None:
    line = next(one for one in BENCH.splitlines() if one.startswith("SEEDS = "))
    (reported,) = spans(line)
    again = "run benchmarks/bench_closed_loop.py, then scripts/closed_loop.py"
    for name, case in result["cases"].items():
        assert {row["seed"] for row in case["each"]} == reported, f"{name}: {again}"
    assert f"seeds ({min(reported)} to {max(reported)})" in PAGE, again


# -- words -----------------------------------------------------------------------------


def test_what_is_met_is_said_of_the_run_and_of_the_loop_alone(
    words: Any, result: dict[str, Any]
) -> None:
    for name in ("as run", "regulated"):
        case = result["cases"][name]
        case["practice"] |= {"hold_near_055": 9, "fills_in_band": 8}
        for one in case["drawdown_against_fixed"].values():
            one["mean_frac"] = 0.01
    said = words.met(result)
    assert "**As run**, all three met." in said
    assert "**The loop alone**, all three met." in said
    assert "worse than that bound is none." in said
    assert "not met" not in said


@pytest.mark.parametrize("name", ["as run", "regulated"])
@pytest.mark.parametrize(
    ("figure", "what"),
    [("hold_near_055", "hold rate"), ("fills_in_band", "fills a day"), (None, "drawdown")],
    ids=["hold", "fills", "drawdown"],
)
def test_one_seed_too_few_or_a_hair_too_deep_is_said_to_be_not_met(
    words: Any, result: dict[str, Any], name: str, figure: str | None, what: str
) -> None:
    for case in result["cases"].values():
        case["practice"] |= {"hold_near_055": 9, "fills_in_band": 8}
        case["drawdown_against_fixed"]["practice"]["mean_frac"] = 0.0
    case = result["cases"][name]
    if figure is None:
        case["drawdown_against_fixed"]["practice"]["mean_frac"] = 0.010_01
    else:
        case["practice"][figure] -= 1
    run, loop = words.met(result).splitlines()[:2]
    missed, other = (run, loop) if name == "as run" else (loop, run)
    assert "1 of the three **not met**" in missed
    assert re.search(rf"{what}[^;]*, \*\*not met\*\*", missed, re.IGNORECASE)
    assert "all three met" in other


def test_a_figure_that_is_no_number_is_not_met(words: Any, result: dict[str, Any]) -> None:
    worse = result["cases"]["as run"]["drawdown_against_fixed"]
    worse["practice"]["mean_frac"] = float("nan")
    assert not words.drawdowns(result["cases"]["as run"], result)[0].met


def test_a_drawdown_beside_them_that_is_over_is_named_whoever_is_over(
    words: Any, result: dict[str, Any]
) -> None:
    for case in result["cases"].values():
        for one in case["drawdown_against_fixed"].values():
            one["mean_frac"] = 0.0
    result["cases"]["regulated"]["drawdown_against_fixed"]["validation"]["mean_frac"] = 0.0103
    last = words.met(result).splitlines()[-1]
    assert last.endswith(
        "the loop alone, drawdown against fixed terms, validation days, +1.03 points."
    )


def test_held_out_days_are_counted_near_055_and_near_the_own_target(
    words: Any, result: dict[str, Any]
) -> None:
    there = result["cases"]["as run"]["walked"]["held_out"]
    there |= {
        "hold_near_055": 7,
        "hold_near_target": 2,
        "fills_in_band": 8,
        "target_hold": 0.61,
    }
    line = next(x for x in words.later(result).splitlines() if "Held-out days, as run" in x)
    assert "within 0.05 of 0.55 on 7 of 10 seeds and of its own target of 0.61 on 2" in line
    assert "**one is reached**" in line
    there["hold_near_055"] = 9
    assert "both are reached" in words.later(result).splitlines()[2]


def test_a_cycle_that_was_undone_and_gains_that_moved_are_said(
    words: Any, result: dict[str, Any]
) -> None:
    changed = copy.deepcopy(result)
    changed["cycles"][2] |= {"decision": "revert", "gains": [1.25, 1.0]}
    said = words.decided(changed)
    assert f"{len(changed['cycles']) - 1} kept" in said
    assert "gains were others after cycle 3" in said
    changed["cases"]["as run"]["practice"]["hold_rate"] = 0.7
    assert "The run came to hold rate 0.70" in words.decided(changed)


# -- costs -----------------------------------------------------------------------------


def test_every_line_of_costs_links_to_the_file_it_is_from() -> None:
    part = PAGE.partition("## What it costs")[2]
    for name in ("practice_env", "ppo", "controller", "features", "metrics", "train_rl"):
        assert f"[{name}.json](../benchmarks/results/{name}.json)" in part, name


def test_a_bound_that_is_missed_is_said_so_and_in_words(
    costs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = measured("controller")
    slow["regime"]["streamed"]["p50_us"] = 1.0001
    fast = measured("ppo")
    fast["against_stock"][0]["times_stock"] = 12.0
    own = {"controller": slow, "ppo": fast}
    monkeypatch.setattr(costs, "read", lambda name: own.get(name) or measured(name))
    found = {one.what: one for one in costs.costs()}
    assert not found["regime, streamed from Python, p50, a step"].met
    assert found["PPO, 64 accounts, batch 64, against stock SB3"].met
    assert "regime, streamed from Python, p50, a step, 1.000 us" in costs.costs_words()


def test_the_slowest_of_many_accounts_is_held_against_the_bound(
    costs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = measured("practice_env")
    env["ours"]["kernel_1024"]["median"] = 9_999_999
    env["ours"]["kernel_64"]["median"] = 1
    monkeypatch.setattr(
        costs, "read", lambda name: env if name == "practice_env" else measured(name)
    )
    kernel = costs.costs()[0]
    assert "(1,024)" in kernel.what
    assert not kernel.met


def test_a_peer_that_was_not_measured_meets_nothing(
    costs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = measured("practice_env") | {"peers": {}, "kernel_256_over_peer": {}}
    monkeypatch.setattr(
        costs, "read", lambda name: env if name == "practice_env" else measured(name)
    )
    against = [one for one in costs.costs() if "against gym" in one.what]
    assert [(one.measured, one.met) for one in against] == [("not measured", False)] * 2


def test_memory_is_counted_in_both_ways_and_by_a_million_bytes(
    costs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {"seconds": 10.0, "peak_rss_mib": 954, "peak_pss_mib": 953, "peaks_rss_mib": {"a": 9}}
    run = dict.fromkeys(costs.RUNS, one)
    monkeypatch.setattr(costs, "read", lambda name: run if name == "train_rl" else None)
    said = costs.memory_words()
    assert "summed RSS is **over it** in 2 of 2, 1,000 MB at most" in said
    assert "summed PSS is within it in every run, 999 MB at most" in said
    assert "Runs on minutes were not measured" in said
    assert "| **no** | yes |" in costs.memory_table()
