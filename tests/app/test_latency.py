"""Latencies are kept with their tail, and figures that cannot be are refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stairway.app.latency import Latencies, Manifest
from stairway.base.errors import InvariantError

MINUTE_NS = 60_000_000_000
NS = st.integers(1, MINUTE_NS)


def kept(values: list[int], stage: str = "decide") -> Latencies:
    latencies = Latencies()
    for value in values:
        latencies.record({stage: value})
    return latencies


@hypothesis_settings(max_examples=25)
@given(st.lists(NS, min_size=1, max_size=60))
def test_percentiles_are_exact_to_three_digits(values: list[int]) -> None:
    stage = kept(values).manifest().stages["decide"]
    ranked = sorted(values)
    assert stage.n == len(values)
    for figure, share in ((stage.p50_us, 0.5), (stage.p99_us, 0.99), (stage.p999_us, 0.999)):
        rank = min(len(ranked) - 1, max(0, -int(-share * len(ranked) // 1) - 1))
        assert figure * 1e3 == pytest.approx(ranked[rank], rel=2e-3, abs=1)
    assert stage.max_us * 1e3 == pytest.approx(ranked[-1], rel=2e-3, abs=1)


def test_one_slow_answer_in_a_thousand_is_seen() -> None:
    stage = kept([1_000] * 998 + [5_000_000] * 2).manifest().stages["decide"]
    assert stage.p99_us == pytest.approx(1.0, rel=2e-3)
    assert stage.p999_us == pytest.approx(5_000.0, rel=2e-3)


@pytest.mark.parametrize(("given_ns", "kept_us"), [(0, 0.001), (-5, 0.001), (10**15, 6e7)])
def test_what_is_out_of_range_is_kept_at_its_edge(given_ns: int, kept_us: float) -> None:
    stage = kept([given_ns]).manifest().stages["decide"]
    assert stage.max_us == pytest.approx(kept_us, rel=2e-3)


@hypothesis_settings(max_examples=25)
@given(st.lists(st.tuples(NS, NS), min_size=1, max_size=40))
def test_a_part_never_exceeds_the_whole_it_was_added_to(parts: list[tuple[int, int]]) -> None:
    latencies = Latencies()
    for one, two in parts:
        latencies.record({"observe": one, "answer": two, "decision": one + two})
    stages = latencies.manifest().stages
    assert list(stages) == ["answer", "decision", "observe"]
    for name in ("observe", "answer"):
        assert stages[name].p50_us <= stages["decision"].p50_us


def test_a_stage_that_takes_longer_than_the_whole_is_refused() -> None:
    latencies = kept([1_000], "decision")
    latencies.record({"observe": 2_000})
    with pytest.raises(InvariantError, match="latency of observe exceeds the whole decision"):
        latencies.manifest()


def test_nothing_measured_is_nothing_claimed() -> None:
    manifest = Latencies().manifest()
    assert manifest.stages == {}
    assert manifest.peak_memory_mib > 1.0


def test_a_manifest_names_the_machine_and_survives_json() -> None:
    manifest = kept([5, 7]).manifest()
    assert manifest.machine.python
    assert msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest) == manifest


def test_stages_are_kept_apart() -> None:
    latencies = Latencies()
    latencies.record({"observe": 1_000, "decision": 9_000})
    latencies.record({"decision": 9_000})
    stages = latencies.manifest().stages
    assert (stages["observe"].n, stages["decision"].n) == (1, 2)
    assert stages["observe"].max_us == pytest.approx(1.0, rel=2e-3)


def test_summing_up_does_not_change_what_was_measured() -> None:
    latencies = kept([5, 7, 9])
    assert latencies.manifest().stages == latencies.manifest().stages
    latencies.record({"decide": 11})
    assert latencies.manifest().stages["decide"].n == 4


def test_recording_nothing_records_nothing() -> None:
    latencies = Latencies()
    latencies.record({})
    assert latencies.manifest().stages == {}


@hypothesis_settings(max_examples=30)
@given(st.lists(NS, min_size=2, max_size=40), st.randoms(use_true_random=False))
def test_the_order_in_which_they_came_changes_nothing(
    values: list[int], random: object
) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert kept(values).manifest().stages == kept(shuffled).manifest().stages
