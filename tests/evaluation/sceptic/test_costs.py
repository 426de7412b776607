from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.evaluation.evidence import EvidenceRules
from stairway.evaluation.moments import Undefined
from stairway.evaluation.sceptic.costs import account, after_costs
from stairway.evaluation.sceptic.record import Record

Made = Callable[..., Record]


def test_costs_that_are_not_shown_keep_it_open(record: Made, evidence: EvidenceRules) -> None:
    checks = after_costs(record(0.003), evidence)
    assert isinstance(checks["sharpe"], Pass)
    assert isinstance(checks["taken"], Inconclusive)


def test_costs_are_what_lies_between_gross_and_net(
    record: Made, evidence: EvidenceRules
) -> None:
    net = record(0.003).net
    said = after_costs(record(0.003, gross=net[:, 0] + 0.0001), evidence)["taken"]
    assert isinstance(said, Pass)
    assert said.findings[0].value == pytest.approx(0.0252)


def test_the_same_returns_twice_are_not_a_proof_of_costs(
    record: Made, evidence: EvidenceRules
) -> None:
    net = record(0.003).net
    said = after_costs(record(0.003, gross=net[:, 0].copy()), evidence)["taken"]
    assert isinstance(said, Inconclusive)
    swapped = after_costs(record(0.003, gross=net[:, 0] - 0.0001), evidence)["taken"]
    assert isinstance(swapped, Refuse)
    assert "wrong way round" in swapped.findings[0].detail


def test_an_account_without_a_ratio_has_its_return_and_its_fall_all_the_same() -> None:
    found = account(np.array([0.1, -0.5]), Undefined("two"))
    assert found.sharpe is None
    assert found.total_return_frac == pytest.approx(-0.45)
    assert found.max_drawdown_frac == pytest.approx(-0.5)
