"""What is written of a run is read back strictly, and a changed form does not pass for the old."""

from __future__ import annotations

import math

import msgspec
import pytest

from stairway.base.hashing import content_hash
from stairway.base.verdict import Inconclusive, Pass, Refuse
from stairway.testing.cycles import near, scenario_reports, gate_rules, walked
from stairway.testing.journal import practice_result, rollout
from stairway.training.journal import (
    LAYOUT,
    LeftFile,
    Decision,
    Outcome,
    PracticeResult,
    is_accepted,
    last_kept,
    seal_of,
    sealed,
)
from stairway.models.observation import ACTIONS
from stairway.training.measured import Rollout, Walked

FORMS = {1: "058b77a2", 2: "d816994f", 3: "3d4c7d2f"}
"""First digits of the hash of the form, by layout: a new form needs a new layout."""


def bare(schema):
    """A schema without what is said about it."""
    if isinstance(schema, dict):
        return {k: bare(v) for k, v in schema.items() if k != "description"}
    return [bare(v) for v in schema] if isinstance(schema, list) else schema


def form() -> str:
    return content_hash(bare(msgspec.json.schema(PracticeResult)))[:8]


def test_a_result_comes_back_as_it_was() -> None:
    result = practice_result()
    written = msgspec.json.encode(result)
    assert msgspec.json.decode(written, type=PracticeResult) == result
    again = msgspec.json.decode(written, type=PracticeResult)
    assert msgspec.json.encode(again) == written


@pytest.mark.parametrize("accepted", [True, False])
def test_verdicts_keep_their_kind(accepted) -> None:
    result = practice_result(accepted=accepted)
    back = msgspec.json.decode(msgspec.json.encode(result), type=PracticeResult)
    kinds = [type(report.gate) for report in result.cycles]
    assert [type(report.gate) for report in back.cycles] == kinds
    assert set(kinds) <= {Pass, Refuse, Inconclusive}


@pytest.mark.parametrize("place", [(), ("frozen",), ("gold",), ("rollouts", 0), ("cycles", 0)])
def test_a_field_that_nobody_knows_is_refused(place: tuple) -> None:
    plain = msgspec.json.decode(msgspec.json.encode(practice_result()))
    at = plain
    for step in place:
        at = at[step]
    at["stranger"] = 1
    with pytest.raises(msgspec.ValidationError, match="stranger"):
        msgspec.convert(plain, PracticeResult)


@pytest.mark.parametrize("name", PracticeResult.__struct_fields__)
def test_a_field_that_is_missing_is_refused(name: str) -> None:
    plain = msgspec.json.decode(msgspec.json.encode(practice_result()))
    del plain[name]
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert(plain, PracticeResult)


def test_what_could_not_be_measured_is_none_and_not_a_number() -> None:
    one = walked(sharpe=None, win_rate=None)
    assert msgspec.json.decode(msgspec.json.encode(one), type=Walked) == one
    # JSON has no NaN: one that slipped in does not come back as a figure.
    broken = msgspec.json.encode(walked(return_frac=math.nan))
    with pytest.raises(msgspec.ValidationError, match="return_frac"):
        msgspec.json.decode(broken, type=Walked)


def test_a_roll_out_has_a_share_for_each_action() -> None:
    one = rollout(1, 0)
    assert len(one.action_share) == ACTIONS
    assert msgspec.json.decode(msgspec.json.encode(one), type=Rollout) == one


def test_no_duration_and_no_clock_is_in_it() -> None:
    schema = msgspec.json.encode(msgspec.json.schema(PracticeResult)).decode()
    for word in ("elapsed", "seconds", "duration", "started", "wall", "host", "pid"):
        assert f'"{word}' not in schema


def test_reports_of_scenarios_and_divergence_come_back() -> None:
    for one in (*scenario_reports(gate_rules()), near()):
        assert msgspec.json.decode(msgspec.json.encode(one), type=type(one)) == one


@pytest.mark.parametrize("name", sorted(set(PracticeResult.__struct_fields__) - {"seal"}))
def test_a_seal_is_over_every_field(name: str) -> None:
    whole = sealed(practice_result())
    other = practice_result(accepted=False, seeds=(3,), cycles_planned=9, steps_per_cycle=7)
    wrong = {
        "layout": 7, "version": "x", "finished": False, "symbols": ("A", "B"), "source": "x",
        "policy_name": "x", "spans": (), "gold": None, "gold_rollouts": (), "rollouts": (),
        "held_out": (), "outcome": Outcome.EARLY_STOP,
        "frozen": msgspec.structs.replace(whole.frozen, gate="x"),
        "files": (LeftFile("policy/policy.onnx", 64 * "0"),),
    }  # fmt: skip
    changed = msgspec.structs.replace(whole, **{name: wrong.get(name, getattr(other, name))})
    assert seal_of(whole) == whole.seal
    assert seal_of(changed) != changed.seal


def test_what_is_accepted_is_the_last_cycle_that_was_kept() -> None:
    first, second = practice_result(accepted=True).cycles
    revert = msgspec.structs.replace(second, decision=Decision.REVERT)
    refused = msgspec.structs.replace(
        second, gate=practice_result(accepted=False).cycles[0].gate
    )
    kept = msgspec.structs.replace(refused, decision=Decision.KEEP)
    assert last_kept([]) is None
    assert last_kept([revert]) is None
    assert not is_accepted([revert])
    passing = msgspec.structs.replace(first, decision=Decision.KEEP)
    assert last_kept([passing, revert]) == passing
    assert is_accepted([passing, revert])
    assert not is_accepted([passing, kept])


def test_a_new_form_needs_a_new_layout() -> None:
    assert FORMS.get(LAYOUT) == form(), (
        f"the form of result.json changed: it is {form()} now; raise LAYOUT in "
        "training/journal.py if a version with the old one was released, and note it here"
    )
