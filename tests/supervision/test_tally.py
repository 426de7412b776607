"""However a stream is cut, what is counted is what plain Python counts."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.errors import DataError, InvariantError
from stairway.base.units import UtcNs
from stairway.supervision import kernels
from stairway.supervision.answers import (
    ACTIONS,
    BUY,
    NO_TIME,
    UNKNOWN,
    Answers,
    Stage,
    columns,
)
from stairway.supervision.kernels import BUCKETS, PPM, bucket_of
from stairway.supervision.quality_gate import Sample, measure
from stairway.supervision.repeated import Repeats
from stairway.supervision.tally import EXAMPLES, FAULTS, Tally, Told
from stairway.testing.answers import (
    MODELS,
    REASONS,
    SYMBOLS,
    Lately,
    lively,
    names,
    tallied,
)

MINUTE_NS = 60 * 10**9
WINDOW = 4


class Row(NamedTuple):
    time_ns: int
    event: int
    model: int
    symbol: int
    action: int
    confidence: float
    stage: int = 1
    reason: int = -1
    place: int = -1


def chunk(rows: Sequence[Row]) -> Answers:
    return columns(**{name: [getattr(r, name) for r in rows] for name in Row._fields})


CONFIDENCES = [0.0, 0.25, 0.5, 0.500001, 0.5000004, 0.75, 1.0, 1.05, -0.1, math.nan, math.inf]
MANY = st.lists(
    st.builds(
        Row,
        time_ns=st.one_of(st.integers(0, 5).map(lambda m: m * MINUTE_NS), st.just(NO_TIME)),
        event=st.integers(0, 5),
        model=st.integers(0, 2),
        symbol=st.sampled_from([0, 0, 1, 2, -1]),
        action=st.sampled_from([0, 0, 1, 1, 2, 2, 3, 4]),
        confidence=st.sampled_from(CONFIDENCES),
        stage=st.sampled_from([1, 1, 1, 0, 2, 3]),
        reason=st.integers(-1, 1),
        place=st.integers(0, 99),
    ),
    max_size=60,
)
"""Few of everything, so that all of it meets and repeats."""

WHO = [(model, stage) for model in range(3) for stage in range(4)]


# -- the oracle ----------------------------------------------------------------------------


def fault(row: Row) -> str | None:
    if row.action == 4 or math.isnan(row.confidence) or row.symbol < 0:
        return "absent"
    if row.time_ns == NO_TIME:
        return "absent"
    if row.action == 3:
        return "strange"
    return None if 0 <= row.confidence <= 1 else "outside"


def marks(rows: Sequence[Row]) -> list[int]:
    """1 for a new answer, 2 for a repeat, 3 or 5 where it contradicts one: no id, an id."""
    seen = Lately(WINDOW)
    found = []
    for row in rows:
        key: tuple[object, ...] = (row.event, row.model, row.stage)
        nobody = row.time_ns == NO_TIME or row.symbol < 0
        if row.event == 0:
            key = () if nobody else ("no id", row.time_ns, row.symbol, *key)
        answer = (row.action, repr(row.confidence), row.time_ns, row.symbol)
        found.append(mark(seen, key, answer, named=row.event != 0) if key else 1)
    return found


def mark(seen: Lately, key: tuple[object, ...], answer: object, *, named: bool) -> int:
    """Under an id the first answer is kept with it; others are, and all without one, beside."""
    said = (*key, answer)
    if named and key not in seen:
        seen.add(key, answer)
        return 1
    if said in seen or (named and seen[key] == answer):
        return 2
    seen.add(said)
    if named:
        return 5
    known = key in seen
    seen.add(key)
    return 3 if known else 1


def repeated(rows: Sequence[Row]) -> list[bool]:
    return [mark == 2 for mark in marks(rows)]


def kept(rows: Sequence[Row], model: int, stage: int) -> list[Row]:
    new = [r for r, again in zip(rows, repeated(rows), strict=True) if not again]
    return [r for r in new if fault(r) is None and (r.model, r.stage) == (model, stage)]


def even(answers: Counter[int]) -> int:
    """Instruments with a tenth of an even share at least."""
    return sum(10 * len(answers) * n >= answers.total() for n in answers.values())


def slow(rows: Sequence[Row], model: int, stage: int) -> dict[str, Any]:
    again = repeated(rows)
    mine = [i for i, r in enumerate(rows) if (r.model, r.stage) == (model, stage)]
    kinds = Counter(fault(rows[i]) for i in mine if not again[i])
    good = kept(rows, model, stage)
    samples = [
        Sample(UtcNs(r.time_ns), str(r.symbol), ACTIONS[r.action], round(r.confidence * PPM))
        for r in good
    ]
    times = [r.time_ns for r in good]
    counted = {f: getattr(measure(samples), f) for f in measure([]).__struct_fields__}
    faults = {name: kinds[name] for name in FAULTS}
    return (
        counted
        | faults
        | {
            "span_ns": max(times) - min(times) if times else 0,
            "symbols": even(Counter(r.symbol for r in good)),
            "violations": sum(faults.values()),
            "repeats": sum(again[i] for i in mine),
            "opposed": sum(
                mark == 3 and fault(rows[i]) is None and i in mine
                for i, mark in enumerate(marks(rows))
            ),
            "reused": sum(mark == 5 and i in mine for i, mark in enumerate(marks(rows))),
        }
    )


def measured(tally: Tally, model: int, stage: int) -> dict[str, Any]:
    found = tally.measured(MODELS[model], Stage(stage))
    return {f: getattr(found, f) for f in found.__struct_fields__}


def everything(tally: Tally) -> dict[str, Any]:
    """All that a tally says, to compare with ``==``."""
    found: dict[str, Any] = {
        "heard": tally.heard(),
        "examples": [repr(e) for e in tally.examples],
        "rows": tally.events.rows,
        "events": [part.tolist() for part in tally.events._pace[1:4]],
        "hard": tally.events.votes[1],
        "pace": tally.events._pace.counters.tolist(),
        "votes": tally.events.votes[0].tolist(),
    }
    for model, stage in tally.heard():
        told = [tally.told(model, ppm, stage) for ppm in (0, 250_000, 500_000, 750_000)]
        found[model, stage] = (
            tally.measured(model, stage),
            tally.moved(model, stage).tolist(),
            tally.acted(model, stage).tolist(),
            tally.heard_between(model, stage),
            tally.spoke_between(model, stage),
            told,
        )
    return found


def counted(*chunks: Sequence[Row]) -> Tally:
    tally = Tally(names(), repeats=Repeats(WINDOW))
    for rows in chunks:
        tally.add(chunk(rows))
    return tally


def cut(rows: Sequence[Row], at: Sequence[int]) -> list[Sequence[Row]]:
    ends = [0, *sorted(a % (len(rows) + 1) for a in at), len(rows)]
    return [rows[a:b] for a, b in itertools.pairwise(ends)]


# -- counting ------------------------------------------------------------------------------


@given(MANY)
def test_every_counter_is_what_plain_python_counts(rows: list[Row]) -> None:
    tally = counted(rows)
    for model, stage in WHO:
        assert measured(tally, model, stage) == slow(rows, model, stage)


@given(MANY)
def test_steps_and_shares_are_counted_within_an_instrument(rows: list[Row]) -> None:
    tally = counted(rows)
    for model, stage in WHO:
        steps, acted = np.zeros((3, 3), int), np.zeros((3, 3), int)
        last: dict[int, int] = {}
        for r in kept(rows, model, stage):
            acted[r.symbol, r.action] += 1
            if r.symbol in last:
                steps[last[r.symbol], r.action] += 1
            last[r.symbol] = r.action
        assert tally.moved(MODELS[model], Stage(stage)).tolist() == steps.tolist()
        assert tally.acted(MODELS[model], Stage(stage)).tolist() == acted.tolist()


@given(MANY, st.lists(st.integers(0, 60), max_size=5))
def test_no_cut_of_the_stream_changes_the_tally(rows: list[Row], at: list[int]) -> None:
    assert everything(counted(*cut(rows, at))) == everything(counted(rows))


@given(MANY)
def test_first_faults_are_kept_as_they_were_said(rows: list[Row]) -> None:
    tally = counted(rows)
    new = [(r, mark) for r, mark in zip(rows, marks(rows), strict=True) if mark != 2]
    for kind, (model, stage) in itertools.product(FAULTS, WHO):
        said = [
            (r.place, r.action, repr(r.confidence))
            for r, mark in new
            if (r.model, r.stage) == (model, stage)
            and (mark == 5 if kind == "reused" else fault(r) == kind)
        ]
        got = [
            e
            for e in tally.examples
            if (e.fault, e.model, e.stage) == (kind, MODELS[model], stage)
        ]
        assert [(e.place, e.action, repr(e.confidence)) for e in got] == said[:EXAMPLES]


def test_a_confidence_is_rounded_to_millionths_as_in_a_run() -> None:
    said = [0.5000005, 0.5000015, 0.1234565]
    tally = counted([Row(i, 0, 0, 0, 2, c) for i, c in enumerate(said)])
    assert tally.spread("forest").ppm.tolist() == sorted({round(c * PPM) for c in said})


def test_more_than_a_half_word_of_one_value_is_counted_on() -> None:
    n = 200_001
    said = {"time_ns": np.arange(n), "model": np.zeros(n), "symbol": np.zeros(n)}
    tally = tallied(said | {"action": np.full(n, BUY), "confidence": np.full(n, 0.65)})
    assert tally.spread("forest").count.tolist() == [n]
    assert tally.measured("forest").commonest == n
    tally.add(columns(**said, action=np.full(n, BUY), confidence=np.full(n, 0.75)))
    assert tally.spread("forest").count.tolist() == [n, n]


def test_what_was_asked_before_is_not_what_is_told_after_more_was_said() -> None:
    tally = counted([Row(1, 0, 0, 0, 2, 0.5)])
    assert tally.spread("forest").count.tolist() == [1]
    tally.add(chunk([Row(2, 0, 0, 0, 2, 0.5)]))
    assert tally.spread("forest").count.tolist() == [2]


def test_sums_are_exact_beyond_sixty_four_bits() -> None:
    n = 3_000_000
    said = {"time_ns": np.arange(n), "model": np.zeros(n), "symbol": np.zeros(n)}
    ones = tallied(said | {"action": np.full(n, BUY), "confidence": np.arange(n) % 2 / 1.0})
    assert ones.measured("forest").spread == (n * n // 2 - (n // 2) ** 2) * PPM**2


def test_there_is_room_for_more_models_and_instruments_than_expected() -> None:
    known = names()
    models = known.models.codes([f"m{i}" for i in range(100)])
    symbols = known.symbols.codes([f"s{i}" for i in range(300)])
    tally = Tally(known)
    for half in range(2):
        n = 300
        tally.add(
            columns(
                time_ns=np.arange(n) + half * n,
                model=np.resize(models, n),
                symbol=symbols,
                action=np.full(n, BUY),
                confidence=np.resize(np.linspace(0, 1, 100), n),
            )
        )
    assert [tally.measured(f"m{i}").events for i in range(100)] == [6] * 100
    assert [tally.spread(f"m{i}").ppm[0] for i in (0, 99)] == [0, PPM]
    assert tally.measured("m7").symbols == 3
    assert tally.moved("m7")[2, 2] == 3


def test_who_was_never_heard_counts_nothing() -> None:
    nobody = tallied(lively(2, np.random.default_rng(1))).measured("nobody")
    assert (nobody.events, nobody.violations, nobody.effective) == (0, 0, 0)


def test_a_code_without_a_name_is_our_own_fault() -> None:
    good = {"time_ns": [1], "model": [0], "symbol": [0], "action": [2], "confidence": [0.5]}
    for wrong in (
        {"model": [5]},
        {"model": [-1]},
        {"symbol": [3]},
        {"stage": [4]},
        {"reason": [2]},
    ):
        with pytest.raises(InvariantError, match="no name"):
            tallied(good | wrong)


def test_a_stream_longer_than_can_be_counted_is_refused() -> None:
    tally = tallied(lively(2, np.random.default_rng(1)))
    tally.events.rows = 2**32 - 3
    with pytest.raises(DataError, match="gate a part"):
        tally.add(columns(**lively(2, np.random.default_rng(1))))


def test_what_was_measured_is_measured_anew_once_more_was_said() -> None:
    said = lively(20, np.random.default_rng(1))
    tally = tallied(said)
    assert tally.measured("mlp").events == 20
    tally.add(columns(**said | {"event": said["event"] + np.uint64(1_000)}))
    assert tally.measured("mlp").events == 40


# -- repeats -------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 40), max_size=300), st.sampled_from([1, 2, 3, 8, 16]))
def test_a_repeat_is_known_within_the_window_and_forgotten_after(events, window) -> None:
    rows = [Row(0, e, 0, 0, 2, 0.5) for e in events]
    seen, last = Lately(window), list[int]()
    for row, take in zip(rows, Repeats(window).mark(chunk(rows)), strict=True):
        assert (take == 2) == (row.event in seen)
        assert take == 2 or row.event not in last[-window:]
        if row.event not in seen:
            seen.add(row.event)
            last.append(row.event)


def test_an_event_sent_twice_counts_once() -> None:
    said = lively(150, np.random.default_rng(1))
    twice = {name: np.concatenate([column, column]) for name, column in said.items()}
    once, both = tallied(said), tallied(twice)
    assert both.measured("mlp").repeats == 150
    assert both.measured("mlp").events == once.measured("mlp").events == 150
    assert both.events.count == once.events.count


# -- what is told of a value ---------------------------------------------------------------


def test_a_value_with_some_mass_is_remembered_from_its_first_time() -> None:
    said = lively(4_000, np.random.default_rng(3))
    late = (np.arange(12_000) > 6_000) & (np.random.default_rng(4).random(12_000) < 0.05)
    said["confidence"][late], said["reason"][late] = 0.5, REASONS.index("fallback")
    tally = tallied(said)
    for model in range(3):
        mine = late & (said["model"] == model)
        told = tally.told(MODELS[model], 500_000)
        assert told is not None
        assert told.witnessed == mine.sum()
        assert (told.since_ns, told.until_ns) == (
            said["time_ns"][mine].min(),
            said["time_ns"][mine].max(),
        )
        assert told.reasons == {"fallback": mine.sum()}
        per = Counter(SYMBOLS[s] for s in said["symbol"][mine])
        assert told.symbols == dict(per.most_common())


def test_a_rare_value_gives_way_to_one_that_is_commoner() -> None:
    rival = next(p for p in range(PPM) if p != 500_000 and bucket_of(p) == bucket_of(500_000))
    values = [rival] * 3 + [500_000] * 50 + [rival]
    tally = counted([Row(i, 0, 0, 0, 2, v / PPM) for i, v in enumerate(values)])
    told = tally.told("forest", 500_000)
    assert told is not None
    assert (told.witnessed, told.since_ns, told.until_ns) == (48, 5, 52)
    assert tally.told("forest", rival) is None


def one_off(codes: Sequence[int]) -> Told:
    """Let a model say one value for these reasons, chunk by chunk and at once alike."""
    known = names()
    reasons = np.array(known.reasons.codes([f"r{code}" for code in codes]))
    n = len(codes)
    said = lively(n, np.random.default_rng(1))
    said = {name: column[:n] for name, column in said.items()}
    said |= {
        "event": np.arange(1, n + 1),
        "model": np.zeros(n, np.int64),
        "confidence": np.full(n, 0.5),
        "reason": reasons,
    }
    whole, pieces = Tally(known), Tally(known)
    whole.add(columns(**said))
    for part in np.array_split(np.arange(n), 7):
        pieces.add(columns(**{name: column[part] for name, column in said.items()}))
    told = whole.told("forest", 500_000)
    assert told is not None
    assert pieces.told("forest", 500_000) == told
    return told


@pytest.mark.parametrize("order", ["last", "first", "mixed"])
def test_the_commonest_reason_is_told_first_however_many_have_one_alone(order: str) -> None:
    codes = [0] * 392 + list(range(1, 9))
    if order == "last":
        codes.reverse()
    elif order == "mixed":
        codes = np.random.default_rng(2).permutation(codes).tolist()
    told = one_off(codes)
    assert next(iter(told.reasons.items())) == ("r0", 392)
    assert (len(told.reasons), told.other_reasons, told.whole) == (6, 3, True)


def test_the_six_commonest_reasons_are_told_among_hundreds() -> None:
    """A log of signals: few reasons are common, and four hundred hold a number of their own."""
    rng = np.random.default_rng(6)
    often = {0: 996, 1: 463, 2: 450, 3: 355, 4: 343, 5: 198}
    codes = [code for code, n in often.items() for _ in range(n)]
    codes += rng.integers(6, 427, 2_600).tolist()
    told = one_off(rng.permutation(codes).tolist())
    assert list(told.reasons) == [f"r{code}" for code in often]
    for code, n in often.items():
        assert n - 85 <= told.reasons[f"r{code}"] <= n
    assert not told.whole


def test_no_reason_is_told_that_may_be_rarer_than_one_without_a_place() -> None:
    codes = [*range(200), 7, *range(200, 300)]
    told = one_off(codes)
    assert (told.reasons, told.other_reasons, told.whole) == ({}, 301, False)


@given(st.lists(st.integers(0, 150), min_size=1, max_size=300))
def test_what_is_told_of_a_reason_is_never_too_much_and_none_is_lost(codes: list[int]) -> None:
    told, truth = one_off(codes), Counter(f"r{code}" for code in codes)
    assert sum(told.reasons.values()) + told.other_reasons == told.witnessed == len(codes)
    assert all(0 < n <= truth[reason] for reason, n in told.reasons.items())
    assert list(told.reasons.values()) == sorted(told.reasons.values(), reverse=True)
    assert len(told.reasons) <= 6
    assert told.whole == (len(truth) <= 64)
    if told.whole:
        assert list(told.reasons.values()) == [n for _, n in truth.most_common(6)]
        assert all(truth[reason] == n for reason, n in told.reasons.items())


def test_round_values_do_not_share_a_bucket_more_than_others() -> None:
    used = Counter(bucket_of(v) for v in range(0, PPM + 1, 10_000))
    assert max(used.values()) <= 4
    assert 0 <= min(used) <= max(used) < BUCKETS


# -- the compiled loops --------------------------------------------------------------------


def test_no_time_is_the_same_in_the_loops() -> None:
    assert kernels.NO_TIME == NO_TIME
    assert kernels.CALIBRATED == Stage.CALIBRATED


def test_a_label_nobody_knows_is_no_action() -> None:
    tally = counted([Row(0, 0, 0, 0, UNKNOWN, 0.5)])
    assert tally.measured("forest").strange == 1
    assert tally.measured("forest").events == 0
