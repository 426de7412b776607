"""Facts of the lifecycle are told apart by their tags, in one union with all they hear."""

from __future__ import annotations

import msgspec
import pytest

from stairway.base.units import UtcNs
from stairway.base.verdict import Pass, refuse
from stairway.execution.facts import TradeClosed
from stairway.lifecycle.facts import (
    CanaryHealth,
    ClimbFact,
    ClimbInput,
    Clock,
    GateGiven,
    ModelMoved,
    ModelRegistered,
    OperatorMoved,
    ProbationChanged,
    RampChanged,
    TradePaired,
)
from stairway.lifecycle.probation import Probation
from stairway.lifecycle.stage import Stage
from stairway.supervision.facts import DriftDetected, DriftLevel
from stairway.testing.climbing import closed_trade

T = UtcNs(7)
HEARD = [
    ModelRegistered(T, "m", "v", "d", "parent", 3),
    GateGiven(T, "causality", "m", "d", refuse("causality.leak", "ahead", 1.0, 0.0, 9)),
    closed_trade("d", 1.0),
    TradePaired(T, "t", "d", "shadow", 1.0, 0.5),
    CanaryHealth(T, "d", 10, None, 1.0, None),
    DriftDetected(T, "m", "d", DriftLevel.DRIFT, "e_detector", 9.0, 8.0, 10, 0.3, -0.4),
    OperatorMoved(T, "d", Stage.CANARY, "ada", "why"),
    Clock(T),
]
SAID = [
    ModelMoved(T, "m", "d", Stage.SHADOW, Stage.CANARY, "promotion.canary", Pass(), "likely"),
    RampChanged(T, "m", "d", 0.05),
    GateGiven(T, "promotion.canary", "m", "d", Pass()),
    ProbationChanged(T, Probation("m", "d", None, T, T), 1.5),
]


@pytest.mark.parametrize("fact", HEARD, ids=lambda fact: type(fact).__name__)
def test_whatever_is_heard_can_be_written_down(fact: ClimbInput) -> None:
    packed = msgspec.msgpack.encode(fact)
    assert msgspec.msgpack.decode(packed, type=ClimbInput) == fact


@pytest.mark.parametrize("fact", SAID, ids=lambda fact: type(fact).__name__)
def test_whatever_is_said_can_be_written_down(fact: ClimbFact) -> None:
    packed = msgspec.msgpack.encode(fact)
    assert msgspec.msgpack.decode(packed, type=ClimbFact) == fact


def test_every_fact_has_a_name_of_its_own() -> None:
    tags = [type(fact).__struct_config__.tag for fact in (*HEARD, *SAID)]
    assert len(set(tags)) == len({type(fact) for fact in (*HEARD, *SAID)})
    assert all(isinstance(tag, str) and tag.islower() for tag in tags)


def test_facts_cannot_be_changed() -> None:
    for fact in (*HEARD, *SAID):
        name = msgspec.structs.fields(fact)[0].name
        with pytest.raises(AttributeError):
            setattr(fact, name, 0)


def test_a_closed_trade_is_heard_as_execution_wrote_it() -> None:
    packed = msgspec.msgpack.encode(closed_trade("d", -1.0))
    assert isinstance(msgspec.msgpack.decode(packed, type=ClimbInput), TradeClosed)
