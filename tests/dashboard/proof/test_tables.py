from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.verdict import Pass
from stairway.dashboard.proof import tables
from stairway.evaluation.battery.study import BatteryReport, FoldTouch
from stairway.evaluation.proof_of_returns import Figures, proof_of_returns
from stairway.evaluation.sceptic.record import Record
from stairway.evaluation.sceptic.rivals import Standing
from stairway.testing.sceptic import evidence_rules, proof_rules

N = 300


@pytest.fixture(scope="module")
def found() -> Figures:
    rng = np.random.default_rng(0)
    net = rng.normal(0.001, 0.01, (N, 2))
    net[1:] += 0.5 * net[:-1]  # so that the two intervals part
    record = Record(
        net=net,
        names=("a", "b"),
        chosen=0,
        n_trials=7,
        periods_per_year=252.0,
        gross=net[:, 0] + 1e-3,
    )
    rules = (evidence_rules(), proof_rules(pbo_blocks=4, resamples=99))
    return proof_of_returns(record, None, rules, rng).figures


@given(st.integers(1, 99_999))
def test_a_level_of_confidence_is_written_with_every_digit(ten_thousandths: int) -> None:
    level = ten_thousandths / 100_000
    said = tables.confidence(level)
    assert Decimal(said.removesuffix(" %")) == Decimal(ten_thousandths) / 1000
    assert "E" not in said


def test_near_certainty_is_never_written_as_certainty() -> None:
    said = [tables.confidence(level) for level in (0.9, 0.975, 0.999, 0.99999)]
    assert said == ["90 %", "97.5 %", "99.9 %", "99.999 %"]


def test_the_interval_as_if_bars_were_independent_stands_beside_the_robust_one(
    found: Figures,
) -> None:
    before, after = tables.account_rows(found)
    ratio = found.net.sharpe
    assert ratio is not None
    assert (before.who, after.who) == ("before costs", "after costs")
    assert after.robust != after.iid
    for said, ends in (
        (after.robust, (ratio.low, ratio.high)),
        (after.iid, (ratio.low_iid, ratio.high_iid)),
    ):
        low, high = (float(end.replace("\N{MINUS SIGN}", "-")) for end in said.split(" to "))
        assert (low, high) == pytest.approx(ends, abs=0.005)
    assert before.sharpe != after.sharpe


def test_without_a_ratio_the_account_is_undefined_and_not_0(found: Figures) -> None:
    flat = msgspec.structs.replace(found.net, sharpe=None)
    (row,) = tables.account_rows(msgspec.structs.replace(found, net=flat, gross=None))
    assert (row.sharpe, row.robust, row.iid) == ("undefined", "", "")


def test_too_near_are_the_rows_in_the_gap_and_those_in_the_embargo() -> None:
    folds = (
        FoldTouch(n_train=1_090, n_test=9, overlapping=1, in_gap=2, in_embargo=5, in_both=11),
        FoldTouch(n_train=1, n_test=1, overlapping=0, in_gap=0, in_embargo=0, in_both=0),
    )
    stages = dict.fromkeys(("causality", "purge", "surrogates", "sentinel", "verdict"), Pass())
    first, second = tables.fold_rows(BatteryReport(**stages, fired=(), folds=folds))
    assert (first.number, first.n_train, first.n_test) == (1, "1,090", "9")
    assert (first.overlapping, first.near, first.in_both) == (1, 7, 11)
    assert (second.number, second.near) == (2, 0)


def test_who_is_in_the_set_cannot_be_told_from_the_best(found: Figures) -> None:
    place = Standing(names=("a", "b", "c"), p_values=(0.01, 1.0, 0.4), members=("b", "c"))
    rows = tables.standing_rows(msgspec.structs.replace(found, standing=place))
    assert [(row.who, row.inside, row.own) for row in rows] == [
        ("b", True, False),
        ("c", True, False),
        ("a", False, True),
    ]


def test_of_many_the_best_are_shown_and_the_own_one_wherever_it_stands(found: Figures) -> None:
    names = tuple(f"n{k:02}" for k in range(30))
    p_values = tuple(1.0 - k / 100 for k in range(30))
    place = Standing(names=(*names, "a"), p_values=(*p_values, 0.0), members=names)
    rows = tables.standing_rows(msgspec.structs.replace(found, standing=place))
    assert [row.who for row in rows] == [*names[:12], "a"]
    assert tables.standing_rows(msgspec.structs.replace(found, standing=None)) == ()


def test_beside_the_verdict_stand_the_ratio_the_tries_and_the_fall(found: Figures) -> None:
    ratio, luck, fall = tables.aside(found)
    assert found.net.sharpe is not None
    assert ratio.note.count(" to ") == 1
    assert luck.what == "more than the best of 7 tries"
    assert fall.what == "deepest fall"
    bare = msgspec.structs.replace(found, deflated=None)
    assert [one.what for one in tables.aside(bare)] == [ratio.what, fall.what]
