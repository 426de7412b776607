"""How long answers stretch is decided by all of them, and by no single stamp."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.units import NS_PER_HOUR
from stairway.supervision import kernels
from stairway.supervision.answers import columns
from stairway.supervision.counts import rows_of
from stairway.supervision.extent import Extent

START_NS = 1_772_442_010 * 10**9


def chunk(times: np.ndarray, model: int = 0):
    n = len(times)
    return columns(
        time_ns=times, model=[model] * n, symbol=[0] * n, action=[2] * n, confidence=[0.6] * n
    )


def span(times: np.ndarray, most: int = 2**16, cuts: tuple[int, ...] = ()) -> int:
    extent = Extent(most)
    for part in np.split(times, cuts):
        extent.add(chunk(part), np.ones(len(part), np.uint8))
    return extent.span_ns(0, 1, int(times.min()), int(times.max()))


@given(n=st.integers(100, 900), hours=st.integers(1, 200))
def test_answers_that_come_evenly_stretch_from_first_to_last(n: int, hours: int) -> None:
    times = START_NS + np.linspace(0, hours * NS_PER_HOUR, n).astype(np.int64)
    assert span(times) == times[-1] - times[0]


@pytest.mark.parametrize("off_ns", [-(10**18), 7_900 * 10**9, 10**17])
def test_one_stamp_that_is_far_off_adds_nothing(off_ns: int) -> None:
    times = START_NS + np.arange(999) * 10**8
    odd = np.append(times, START_NS + off_ns)
    assert span(odd) < NS_PER_HOUR / 10


@given(cut=st.integers(0, 500), most=st.sampled_from([16, 64, 2**16]))
def test_no_cut_of_a_stream_changes_it(cut: int, most: int) -> None:
    times = START_NS + np.random.default_rng(3).integers(0, 10**15, 500)
    whole = span(times, most)
    assert span(times, most, (cut,)) == whole


@pytest.mark.parametrize("mark", [1, 3, 5])
def test_answers_that_contradict_one_before_are_counted_like_others(mark: int) -> None:
    times = START_NS + np.arange(3) * 60 * 10**9
    extent = Extent()
    extent.add(chunk(times), np.array([1, mark, mark], np.uint8))
    assert extent._often.tolist() == [1, 1, 1]


def test_repeats_faults_and_other_models_are_not_counted() -> None:
    extent = Extent()
    extent.add(chunk(np.array([START_NS])), np.full(1, 2, np.uint8))
    extent.add(chunk(np.array([START_NS]), model=1), np.ones(1, np.uint8))
    assert extent.span_ns(0, 1, START_NS, START_NS + 1) == 0


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 3)), max_size=50),
    st.integers(1, 3),
)
def test_runs_add_up_to_the_answers_of_each_minute_however_they_alternate(said, width) -> None:
    minute, model, stage = (np.array([one[i] for one in said], int) for i in range(3))
    answers = replace(
        chunk(START_NS + minute * 60 * 10**9),
        model=model.astype(np.int32),
        stage=stage.astype(np.int8),
    )
    keys, often = np.zeros(50, np.int64), np.zeros(50, np.int64)
    rows = rows_of(answers, np.ones(len(said), np.uint8))
    runs = kernels.count_minutes(rows, width, keys, often)
    found = Counter()
    for key, n in zip(keys[:runs].tolist(), often[:runs].tolist(), strict=True):
        found[key] += n
    first = START_NS // (60 * 10**9)
    assert found == Counter(
        (first + m) // width * kernels.WHO + 4 * who + at for m, who, at in said
    )


def test_an_answer_at_fault_is_not_counted() -> None:
    good = chunk(np.full(5, START_NS))
    bad = replace(
        good,
        confidence=np.array([0.5, np.nan, 1.5, 0.5, 0.5]),
        action=np.array([0, 0, 0, 3, 0], np.int8),
        symbol=np.array([0, 0, 0, 0, -1], np.int32),
    )
    extent = Extent()
    extent.add(bad, np.ones(5, np.uint8))
    assert extent._often.tolist() == [1]
