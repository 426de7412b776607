"""A replay equals its record tick for tick, or the first tick that does not is named."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.units import Micros, UtcNs
from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse, Verdict
from stairway.evaluation.replay import (
    PPM,
    Link,
    ReplayRules,
    Tick,
    chained,
    compare,
    is_whole,
)

RULES = ReplayRules(
    min_ticks=10,
    max_profit_difference_ppm=1_000,
    profit_floor_ppm=100,
    max_drawdown_ppm=20_000,
)
FIRST = 60
MILLION = 1_000_000 * PPM
PARTS = ("inputs", "predictions", "decision", "orders")
N = 50


def tick(k: int, **changes: Any) -> Tick:
    values: dict[str, Any] = {
        "index": FIRST + k,
        "time_ns": UtcNs(60_000_000_000 * (k + 1)),
        "inputs": f"bar{k}",
        "predictions": f"answer{k}",
        "decision": f"wish{k}",
        "orders": f"order{k}",
        "value_micros": Micros(MILLION + 1_000 * PPM * k // (N - 1)),
        "turnover_micros": Micros(10_000 * PPM * k),
    }
    return Tick(**(values | changes))


def ticks(n: int = N, **at: dict[str, Any]) -> list[Tick]:
    """``n`` ticks; ``k7={...}`` changes the eighth."""
    return [tick(k, **at.get(f"k{k}", {})) for k in range(n)]


def replayed(made: list[Tick], recorded: list[Tick] | None = None) -> Verdict:
    return compare(chained(recorded or ticks()), chained(made), RULES)


def refusal(verdict: Verdict) -> Finding:
    assert isinstance(verdict, Refuse), verdict
    return verdict.findings[0]


# -- equal -----------------------------------------------------------------------------


def test_an_equal_replay_passes_and_says_what_was_looked_at() -> None:
    verdict = replayed(ticks())
    assert isinstance(verdict, Pass)
    assert [finding.code for finding in verdict.findings] == [
        "replay.identical",
        "replay.profit",
        "replay.drawdown",
    ]
    assert verdict.findings[0].value == N
    assert verdict.findings[0].detail == f"all hashes of {N} ticks are equal"
    assert verdict.findings[1].value == 0.0


def test_equal_ticks_make_equal_chains_and_any_change_another() -> None:
    assert chained(ticks()) == chained(ticks())
    before = chained(ticks())
    for part, chain in zip(PARTS, ("ticks", "ticks", "decisions", "orders"), strict=True):
        after = chained(ticks(k20={part: "other"}))
        for name in ("ticks", "decisions", "orders"):
            same = getattr(before[-1], name) == getattr(after[-1], name)
            assert same == (name != chain)
        assert [a == b for a, b in zip(before, after, strict=True)].count(True) == 20


def test_worth_is_in_no_hash_since_costs_may_be_computed_again() -> None:
    other = ticks(k20={"value_micros": 5, "turnover_micros": 7})
    assert [link.hashes for link in chained(other)] == [
        link.hashes for link in chained(ticks())
    ]


def test_nothing_compared_with_nothing_proves_nothing() -> None:
    assert isinstance(compare((), (), RULES), Inconclusive)


@pytest.mark.parametrize(("n", "kind"), [(9, Inconclusive), (10, Pass)])
def test_too_few_ticks_prove_nothing(n: int, kind: type) -> None:
    assert isinstance(replayed(ticks(n), ticks(n)), kind)


# -- where they part -------------------------------------------------------------------


@given(k=st.integers(0, N - 1), part=st.sampled_from(PARTS), later=st.integers(0, N - 1))
def test_the_first_tick_that_differs_is_named_with_what_differs(
    k: int, part: str, later: int
) -> None:
    changes: dict[str, dict[str, Any]] = {f"k{max(k, later)}": {"inputs": "late"}}
    changes[f"k{k}"] = {part: "something else"}
    finding = refusal(replayed(ticks(**changes)))
    assert finding.code == "replay.diverged"
    assert finding.value == FIRST + k
    assert f"tick {FIRST + k} (1970-01-01T" in finding.detail
    assert f"{part} differ" in finding.detail
    assert "replayed something el" in finding.detail


def test_what_came_in_is_named_before_what_was_made_of_it() -> None:
    every = dict.fromkeys(PARTS, "x")
    assert "inputs differ" in refusal(replayed(ticks(k3=every))).detail
    every.pop("inputs")
    assert "predictions differ" in refusal(replayed(ticks(k3=every))).detail
    every.pop("predictions")
    assert "decision differs" in refusal(replayed(ticks(k3=every))).detail


def test_a_replay_of_other_bars_is_named_by_the_first() -> None:
    finding = refusal(replayed([tick(k) for k in range(1, N + 1)]))
    assert finding.value == FIRST
    assert (
        f"tick {FIRST} (1970-01-01T00:01:00Z): the replay has tick {FIRST + 1}"
        in finding.detail
    )


@pytest.mark.parametrize("k", [0, 17, N - 1])
def test_a_truncated_replay_names_the_first_tick_that_is_missing(k: int) -> None:
    if k < RULES.min_ticks:
        verdict = compare(chained(ticks()), chained(ticks(k)), RULES)
        assert isinstance(verdict, Refuse)
    finding = refusal(compare(chained(ticks()), chained(ticks(k)), RULES))
    assert (finding.code, finding.value) == ("replay.truncated", FIRST + k)
    assert finding.detail.endswith(f"the replay ends before it, after {k} ticks")


def test_a_replay_that_goes_on_is_no_equal_one() -> None:
    finding = refusal(replayed(ticks(N + 1)))
    assert (finding.code, finding.value) == ("replay.truncated", FIRST + N)
    assert "the record ends before it" in finding.detail


@pytest.mark.parametrize("side", ["record", "replay"])
@pytest.mark.parametrize("k", [0, 1, 20, N - 2])
def test_a_dropped_tick_is_named(k: int, side: str) -> None:
    short = ticks()
    del short[k]
    pair = (short, ticks()) if side == "replay" else (ticks(), short)
    finding = refusal(replayed(*pair))
    assert f"tick {FIRST + k}" in finding.detail
    if k > 0:
        assert finding.code == "replay.chain"
        assert finding.detail.endswith(f"tick {FIRST + k} is missing")
        assert finding.detail.startswith(side)


@pytest.mark.parametrize("k", [0, 20, N - 2])
def test_two_ticks_in_the_wrong_order_are_named(k: int) -> None:
    mixed = ticks()
    mixed[k], mixed[k + 1] = mixed[k + 1], mixed[k]
    finding = refusal(replayed(mixed))
    assert finding.code == "replay.chain"
    wrong = {0: FIRST, 20: FIRST + 21, N - 2: FIRST + N - 1}[k]
    assert f"comes tick {wrong}" in finding.detail


def test_a_tick_that_comes_twice_or_no_later_is_named() -> None:
    twice = [*ticks(20), tick(19), *ticks()[20:]]
    assert f"after tick {FIRST + 19} comes tick {FIRST + 19}" in refusal(replayed(twice)).detail
    still = ticks(k20={"time_ns": tick(19).time_ns})
    assert "which is no later" in refusal(replayed(still)).detail
    assert refusal(replayed(ticks(), still)).detail.startswith("record: ")


@pytest.mark.parametrize("name", ["ticks", "decisions", "orders"])
def test_a_hash_that_does_not_follow_is_named(name: str) -> None:
    links = list(chained(ticks()))
    links[30] = msgspec.structs.replace(links[30], **{name: "0" * 64})
    finding = refusal(compare(chained(ticks()), links, RULES))
    assert finding.code == "replay.chain"
    assert finding.detail == f"replay: tick {FIRST + 30} does not follow from the one before it"


@pytest.mark.parametrize("part", PARTS)
def test_content_changed_behind_its_hash_is_named(part: str) -> None:
    links = list(chained(ticks()))
    forged = msgspec.structs.replace(links[30].tick, **{part: "forged"})
    links[30] = msgspec.structs.replace(links[30], tick=forged)
    finding = refusal(compare(links, chained(ticks()), RULES))
    assert finding.detail == f"record: tick {FIRST + 30} does not follow from the one before it"


@given(cut=st.integers(1, N - 1))
def test_the_beginning_of_a_chain_is_whole_and_its_end_alone_is_not(cut: int) -> None:
    links = chained(ticks())
    assert isinstance(is_whole(links[:cut], "x"), Pass)
    assert isinstance(is_whole(links[cut:], "x"), Refuse)


@pytest.mark.parametrize("name", ["index", "time_ns", "value_micros", "turnover_micros"])
@pytest.mark.parametrize("value", [math.nan, math.inf, None, "7", 7.0])
@pytest.mark.parametrize("k", [0, 20, N - 1])
def test_what_is_no_whole_number_is_refused(name: str, value: object, k: int) -> None:
    broken = ticks(**{f"k{k}": {name: value}})
    for verdict in (replayed(broken), replayed(ticks(), broken), replayed(broken, broken)):
        assert isinstance(verdict, Refuse)
    if name != "index":
        detail = refusal(replayed(broken)).detail
        assert f"{name} of tick {FIRST + k} is {value!r}, no whole number" in detail


# -- what it was worth -----------------------------------------------------------------


def worth(last: int, first: int = MILLION, turnover: int = 0) -> list[Tick]:
    """Twenty ticks that begin and end with stated money, in micros."""
    made = [tick(k, value_micros=first, turnover_micros=0) for k in range(20)]
    made[-1] = tick(19, value_micros=last, turnover_micros=turnover)
    return made


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("off", "kind"), [(1_000, Pass), (1_001, Refuse)])
def test_exactly_a_thousandth_of_the_profit_may_be_off(off: int, kind: type, sign: int) -> None:
    recorded = worth(MILLION + 1_000_000)
    verdict = replayed(worth(MILLION + 1_000_000 + sign * off), recorded)
    assert isinstance(verdict, kind)
    finding = verdict.findings[1 if kind is Pass else 0]
    assert finding.code == "replay.profit"
    assert finding.value == pytest.approx(off / 1e6)
    assert finding.bound == 0.001


@pytest.mark.parametrize(("off", "kind"), [(1_000, Pass), (1_001, Refuse)])
def test_the_same_holds_of_a_loss(off: int, kind: type) -> None:
    recorded = worth(MILLION - 1_000_000)
    assert isinstance(replayed(worth(MILLION - 1_000_000 - off), recorded), kind)


@given(profit=st.integers(-(10**15), 10**15), turnover=st.integers(0, 10**17))
def test_the_bound_is_exact_at_any_size(profit: int, turnover: int) -> None:
    first = 10**18
    base = max(abs(profit) * PPM, RULES.profit_floor_ppm * turnover)
    most = RULES.max_profit_difference_ppm * base // PPM**2
    recorded = worth(first + profit, first, turnover)

    def code(off: int) -> str:
        verdict = replayed(worth(first + profit + off, first, turnover), recorded)
        return verdict.findings[0].code if isinstance(verdict, Refuse) else "pass"

    assert code(most) == code(-most) == "pass"
    assert code(most + 1) == code(-most - 1) == "replay.profit"


def test_near_zero_the_floor_on_the_turnover_decides() -> None:
    turnover = 1_000_000 * PPM  # floor: 100 USD, a thousandth of which are ten cents
    recorded = worth(MILLION + 1, turnover=turnover)
    assert isinstance(replayed(worth(MILLION + 1 + 100_000, turnover=turnover), recorded), Pass)
    finding = refusal(replayed(worth(MILLION + 1 + 100_001, turnover=turnover), recorded))
    assert finding.code == "replay.profit"


def test_where_nothing_was_traded_nothing_may_be_off() -> None:
    assert isinstance(replayed(worth(MILLION), worth(MILLION)), Pass)
    assert refusal(replayed(worth(MILLION + 1), worth(MILLION))).code == "replay.profit"


def test_accounts_that_begin_with_different_money_are_not_compared() -> None:
    finding = refusal(replayed(worth(MILLION, first=MILLION - 1), worth(MILLION)))
    assert finding.code == "replay.opening"


def path(*values: int) -> list[Tick]:
    whole = [*values, *[values[-1]] * (20 - len(values))]
    return [tick(k, value_micros=v, turnover_micros=0) for k, v in enumerate(whole)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((100_000, 98_000, 100_000), Pass),
        ((100_000, 97_999, 100_000), Refuse),
        ((100_000, 200_000, 196_000, 200_000), Pass),
        ((100_000, 200_000, 195_999, 200_000), Refuse),
        ((100_000, 99_000, 98_000, 98_500), Pass),
        ((100_000, 0), Refuse),
        ((0, 0), Refuse),
        ((-5, -5), Refuse),
    ],
)
def test_exactly_two_per_cent_from_the_peak_may_be_lost(
    values: tuple[int, ...], kind: type
) -> None:
    verdict = replayed(path(*values), path(*values))
    assert isinstance(verdict, kind)
    if kind is Refuse:
        assert refusal(verdict).code == "replay.drawdown"
        assert refusal(verdict).bound == 0.02


def test_the_deepest_fall_is_measured_and_placed() -> None:
    verdict = replayed(
        path(100_000, 99_500, 98_500, 99_000), path(100_000, 99_500, 98_500, 99_000)
    )
    finding = verdict.findings[-1]
    assert finding.value == pytest.approx(0.015)
    assert finding.detail.startswith(f"tick {FIRST + 2} ")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    made = path(100_000, 90_000)
    made[5] = msgspec.structs.replace(made[5], orders="other")
    verdict = replayed(made, path(100_000, 100_000))
    assert isinstance(verdict, Refuse)
    codes = [finding.code for finding in verdict.findings]
    assert codes == ["replay.diverged", "replay.profit", "replay.drawdown"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_ticks", 0),
        ("max_profit_difference_ppm", -1),
        ("max_profit_difference_ppm", 1_000_001),
        ("max_drawdown_ppm", 0.02),
        ("profit_floor_ppm", None),
    ],
)
def test_bounds_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.structs.replace(RULES, **{name: value})


def test_a_link_can_be_written_down_and_read() -> None:
    link = chained(ticks())[3]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(link), type=Link) == link
