from __future__ import annotations

import msgspec
import pytest

from stairway.dashboard.accounts import Account
from stairway.dashboard.honesty import Honesty
from stairway.dashboard.policy import PolicyInForce, in_force
from stairway.dashboard.result import Result, Stopped
from stairway.dashboard.stairs import Step


@pytest.fixture
def result() -> Result:
    step = Step("m", "v", "d", "shadow", "pass", ("why",), "2015-07-17", "shadow", 0.0, 3, 0.1)
    account = Account("capital", "capital (paper)", 20, 79, 0.1, -0.2, 3)
    return Result(
        run="runs/x",
        run_hash="h",
        headline="Nobody.",
        drill=False,
        finished=True,
        bars=80,
        first_index=20,
        first_day="2015-01-01",
        last_day="2016-01-01",
        steps=(step,),
        accounts=(account,),
        honesty=(
            Honesty("m", "d", "trend", 9, None, None, None, None, None, None, "pass", "why"),
        ),
        moves=0,
        policy=in_force(()),
        notes=(),
        replay="stairway replay runs/x",
        report="runs/x/report.html",
    )


def test_a_result_survives_being_written_and_read(result: Result) -> None:
    assert msgspec.json.decode(msgspec.json.encode(result), type=Result) == result


def test_every_field_of_a_result_is_documented() -> None:
    for kind in (Result, Step, Account, PolicyInForce, Honesty):
        for name in kind.__struct_fields__:
            assert name in (kind.__doc__ or ""), f"{kind.__name__}.{name}"


def test_a_result_cannot_be_changed(result: Result) -> None:
    with pytest.raises(AttributeError):
        result.moves = 1  # type: ignore[misc]


def test_a_stopped_run_is_another_type_than_one_that_ran() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(Stopped("runs/x", ("stopped",))), Result)
