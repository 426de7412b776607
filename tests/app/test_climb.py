from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from stairway.events.fold import in_order
from stairway.adapters.logs.sqlite import open_log
from stairway.app import climb as climbing
from stairway.app.authority import Authority
from stairway.app.catalog import CODEC
from stairway.app.climb import Hand, announcements, climb, require_same_run, started
from stairway.app.drill import plan_of
from stairway.app.facts import RunFinished, RunStarted, Timing
from stairway.app.folder import RunFolder
from stairway.app.progress import Silent
from stairway.app.request import resumed
from stairway.app.run import Prepared, prepare, stock
from stairway.app.shelf import Shelf
from stairway.base.errors import (
    ConfigError,
    DamagedLogError,
    DataError,
    InvariantError,
    RecordError,
)
from stairway.base.units import UtcNs
from stairway.lifecycle.facts import ModelMoved, OperatorMoved
from stairway.lifecycle.stage import Stage
from stairway.market.calendar import utc_text
from stairway.testing.runs import MOVES

Ready = tuple[Prepared, Shelf]


@pytest.fixture
def ready(finished_run: Path, tmp_path: Path) -> Ready:
    """A run that is trained and has not climbed yet."""
    root = tmp_path / "run"
    shutil.copytree(finished_run, root)
    shutil.rmtree(root / "log")
    (root / "perf.json").unlink()
    asked = resumed(root)
    prepared = prepare(asked, Silent())
    shelf = stock(asked, prepared, Silent())
    assert shelf is not None
    return prepared, shelf


def go(ready: Ready, *hand: OperatorMoved):
    prepared, shelf = ready
    return climb(prepared.folder, prepared.ask, prepared.bars, shelf, hand, Silent())


def facts(folder: RunFolder, ready: Ready, stream: str | tuple[str, ...]) -> list[object]:
    log = open_log(folder.log, ready[0].settings.log, read_only=True)
    try:
        return [
            CODEC.decode(e.payload)
            for e in in_order(log, (stream,) if isinstance(stream, str) else stream)
        ]
    finally:
        log.close()


def order(ready: Ready, index: int, digest: str | None = None) -> OperatorMoved:
    prepared, shelf = ready
    time_ns = UtcNs(int(prepared.bars.time_ns[index]))
    who = shelf.sealed[0].digest if digest is None else digest
    return OperatorMoved(time_ns, who, Stage.CHAMPION, "ann", "a test")


def test_a_policy_store_that_cannot_be_let_go_of_keeps_no_log_open(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(Authority):
        def close(self) -> None:
            msg = "the store does not let go"
            raise RecordError(msg)

    monkeypatch.setattr(climbing, "asking", lambda *_: Stuck((), 0, None))
    with pytest.raises(RecordError, match="does not let go"):
        go(ready)
    open_log(ready[0].folder.log, ready[0].settings.log).close()


def test_a_climb_begins_with_a_start_and_ends_with_a_finish(ready: Ready) -> None:
    climbed = go(ready)
    told = facts(ready[0].folder, ready, "run")
    assert isinstance(told[0], RunStarted)
    assert told[1] == ready[0].ask.data_report
    assert isinstance(told[-1], RunFinished)
    assert told[-1].index == len(ready[0].bars) - 1
    assert climbed.checked == 0
    assert climbed.appended > len(ready[0].bars)
    assert ready[0].folder.perf.exists()


def test_every_step_is_said_as_it_is_taken(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(Silent, "note", lambda _, line: heard.append(line))
    go(ready)
    moves = [f for f in facts(ready[0].folder, ready, MOVES) if isinstance(f, ModelMoved)]
    assert moves
    said = [line for line in heard if " goes from " in line]
    assert said == [
        f"{utc_text(m.time_ns)} {m.model} {m.digest[:8]} goes from {m.before} to {m.after}"
        for m in moves
    ]


def test_climbing_again_over_a_record_compares_and_appends_nothing(ready: Ready) -> None:
    first = go(ready)
    ready[0].folder.perf.unlink()
    timings = len(facts(ready[0].folder, ready, "timing"))
    again = go(ready)
    assert (again.run_hash, again.appended) == (first.run_hash, 0)
    measured = [f for f in facts(ready[0].folder, ready, "timing") if isinstance(f, Timing)]
    assert again.checked == first.appended - len(measured)
    assert len(measured) == timings, "measured times are not taken down twice"


def test_a_climb_that_is_over_is_left_alone(ready: Ready) -> None:
    first = go(ready)
    perf = ready[0].folder.perf.read_bytes()
    again = go(ready)
    assert (again.run_hash, again.checked, again.appended) == (first.run_hash, 0, 0)
    assert ready[0].folder.perf.read_bytes() == perf


def test_a_climb_that_is_over_is_read_to_its_last_byte_all_the_same(ready: Ready) -> None:
    go(ready)
    telemetry = ready[0].folder.log / "telemetry.db"
    telemetry.write_bytes(telemetry.read_bytes().replace(b"market.bar", b"market.ba?"))
    with pytest.raises(DamagedLogError):
        go(ready)


def moved_in(ready: Ready, other: Path) -> None:
    """Put the telemetry of another run, whole with its mark, beside the durable file."""
    for name in ("telemetry.db", "telemetry.mark"):
        shutil.copy2(other / "log" / name, ready[0].folder.log / name)


def test_the_telemetry_of_another_run_is_not_taken_for_this_ones(
    ready: Ready, tmp_path: Path
) -> None:
    """It is whole, its chains and its mark fit, and its bars are the same ones."""
    go(ready)
    root = tmp_path / "other"
    shutil.copytree(ready[0].folder.root, root)
    shutil.rmtree(root / "log")
    (root / "perf.json").unlink()
    prepared, shelf = ready
    folder = RunFolder(root)
    lucky = msgspec.structs.replace(prepared.ask, seed=prepared.ask.seed + 1)
    climb(folder, lucky, prepared.bars, shelf, (), Silent())
    moved_in(ready, root)
    with pytest.raises(DamagedLogError, match=r"telemetry.db does not hold the bars, answers"):
        go(ready)


def test_the_same_telemetry_from_a_twin_is_the_same(ready: Ready, tmp_path: Path) -> None:
    first = go(ready)
    root = tmp_path / "twin"
    shutil.copytree(ready[0].folder.root, root)
    moved_in(ready, root)
    assert go(ready).run_hash == first.run_hash


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 8},
        {"bars_fingerprint": "0" * 64},
        {"instruments": ()},
        {"policy": {}},
        {"version": "0.0.0"},
    ],
)
def test_a_record_is_held_against_all_that_decides(
    ready: Ready, change: dict[str, object]
) -> None:
    prepared, shelf = ready
    go(ready)
    start = started(prepared.ask, prepared.bars, shelf)
    require_same_run(start, prepared.ask, prepared.folder)
    with pytest.raises(DataError, match=r"was not made by what .* asks for"):
        require_same_run(
            start, msgspec.structs.replace(prepared.ask, **change), prepared.folder
        )


def test_an_order_is_carried_out_at_its_bar(ready: Ready) -> None:
    go(ready, order(ready, 700))
    told = facts(ready[0].folder, ready, "operator")
    assert told == [order(ready, 700)]
    moves = [f for f in facts(ready[0].folder, ready, MOVES) if isinstance(f, ModelMoved)]
    mine = [m for m in moves if m.cause == "operator"]
    assert {m.time_ns for m in mine} <= {order(ready, 700).time_ns}


@pytest.mark.parametrize("index", [0, 659])
def test_an_order_for_a_bar_before_the_climb_is_refused_and_not_forgotten(
    index: int, ready: Ready
) -> None:
    with pytest.raises(ConfigError, match=r"ann moves .* no bar of the climb closes"):
        go(ready, order(ready, index))


def test_an_order_between_two_bars_is_refused(ready: Ready) -> None:
    between = order(ready, 700)
    between = OperatorMoved(UtcNs(between.time_ns + 1), *_rest(between))
    with pytest.raises(ConfigError, match="no bar of the climb closes"):
        go(ready, between)


def _rest(order: OperatorMoved) -> tuple[str, Stage, str, str]:
    return order.digest, order.after, order.who, order.why


def test_an_order_that_comes_after_the_fact_is_refused(ready: Ready) -> None:
    first = go(ready)
    with pytest.raises(ConfigError, match=r"ann moves .*, and the record is finished"):
        go(ready, order(ready, 700))
    assert go(ready).run_hash == first.run_hash


def test_recorded_orders_are_repeated_without_being_given_again(ready: Ready) -> None:
    first = go(ready, order(ready, 700))
    ready[0].folder.perf.unlink()
    assert go(ready).run_hash == first.run_hash
    ready[0].folder.perf.unlink()
    again = go(ready, order(ready, 700))
    assert (again.run_hash, again.appended) == (first.run_hash, 0), "nor done twice"


def test_the_hand_gives_recorded_orders_first(ready: Ready) -> None:
    go(ready, order(ready, 700))
    later, other = order(ready, 701), order(ready, 700, "d2")
    log = open_log(ready[0].folder.log, ready[0].settings.log, read_only=True)
    try:
        hand = Hand(log, (other, later, order(ready, 700)))
        assert list(hand(ready[0].bars.at(700))) == [order(ready, 700), other]
        assert list(hand(ready[0].bars.at(701))) == [later]
        assert list(hand(ready[0].bars.at(702))) == []
    finally:
        log.close()


def test_another_seed_over_the_same_record_is_refused(ready: Ready) -> None:
    go(ready)
    ready[0].folder.perf.unlink()
    prepared, shelf = ready
    other = msgspec.structs.replace(prepared.ask, seed=8)
    with pytest.raises(InvariantError, match=r"part ways at run #1") as caught:
        climb(prepared.folder, other, prepared.bars, shelf, (), Silent())
    assert len(str(caught.value)) < 1_000, "a person can read it"


def test_every_misfortune_of_a_plan_is_announced(ready: Ready) -> None:
    assert announcements(None) == ()
    plan = plan_of(ready[0].settings, ready[0].bars)
    said = {fact.kind: fact.index for fact in announcements(plan)}
    assert said == {
        "leak": 0,
        "edge": 0,
        "edge_dies": plan.edge_dies_index,
        "collapse": plan.collapse_index,
        "freeze": plan.freeze_index,
        "kill": plan.kill_index,
    }
