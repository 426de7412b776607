"""A training run in its folder: begun, stopped anywhere, finished, and refused where it must be."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import msgspec
import numpy as np
import pytest

from stairway.app.rl import train as rl
from stairway.app.folder import RunFolder
from stairway.app.hold import held
from stairway.app.progress import Silent
from stairway.app.rl.train import make_gold, train
from stairway.app.rl.folder import RlFolder, newest
from stairway.app.rl.outcome import read_result, write_result
from stairway.app.rl.ask import RlRequest, open_practice, reference_steps
from stairway.app.rl.request import prepare, understood
from stairway.app.rules import watch_rules
from stairway.base.errors import ConfigError, DataError
from stairway.base.hashing import content_hash
from stairway.base.verdict import Refuse
from stairway.models.policy_form import Written, from_bytes
from stairway.testing.cycles import MINUTES, as_toml, gold_rules, minutes, quick_rules
from stairway.testing.runs import write_source
from stairway.testing.ears import Deaf
from stairway.training.journal import Outcome, PracticeResult
from stairway.training.policy_onnx import to_onnx
from stairway.training.school import School

SEEDS = (3, 5)
POLICY_FILES = ("policy.safetensors", "architecture.json", "policy.onnx")


def ask_for(home: Path, rules=None, seeds=SEEDS, out: str = "run") -> RlFolder:
    (home / "practice.toml").write_text(as_toml(rules or quick_rules()), "utf-8")
    source = write_source(home / "bars", minutes())
    with patch.dict("os.environ", MINUTES):
        return prepare(
            RlRequest(
                source=str(source),
                policy="intraday",
                practice=str(home / "practice.toml"),
                seeds=seeds,
                out=home / out,
                gold=home / "gold",
            ),
            Silent(),
        )


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was asked for and not begun. Copy it; never write to it."""
    home = tmp_path_factory.mktemp("asked")
    ask_for(home)
    return home


@pytest.fixture(scope="session")
def done(asked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, finished. Look at it, or copy it."""
    root = tmp_path_factory.mktemp("done") / "run"
    shutil.copytree(asked / "run", root)
    train(root, Deaf())
    return root


@pytest.fixture
def fresh(asked: Path, tmp_path: Path) -> Path:
    shutil.copytree(asked / "run", tmp_path / "run")
    return tmp_path / "run"


def finished(root: Path) -> PracticeResult:
    return read_result(RlFolder(root))


class StopsAt(Deaf):
    """An ear that presses Ctrl-C at the n-th thing it hears."""

    def __init__(self, n: int) -> None:
        self.left = n

    def _heard(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def begin(self, *_) -> None:
        self._heard()

    rollout = seed_cycle = cycle = begin


# -- what comes of it ----------------------------------------------------------------------


def test_settings_are_those_that_bars_are_looked_at_by_and_the_seeds(done: Path) -> None:
    folder, ask = open_practice(done)
    asked = understood(folder, ask)
    looked_at = content_hash(watch_rules(asked.settings))
    wanted = content_hash((looked_at, asked.rules.fingerprint, SEEDS))
    assert finished(done).frozen.settings == wanted


def test_a_run_leaves_its_result_its_policy_and_a_picture(done: Path) -> None:
    result = finished(done)
    assert result.finished
    assert result.outcome is Outcome.FINISHED
    assert result.seeds == SEEDS
    assert len(result.rollouts) == 2 * 2 * 3
    assert [c.cycle for c in result.cycles] == [1, 2]
    assert [h.seed for h in result.held_out] == [*SEEDS]
    assert result.gold is not None
    assert result.gold.held_out is not None
    assert result.gold.digest == result.frozen.gold
    assert result.gold.steps == result.gold_rollouts[-1].steps == 1_200
    assert not result.accepted
    picture = msgspec.json.decode((done / "live.json").read_bytes(), type=PracticeResult)
    assert not picture.finished
    assert picture.held_out == ()


def test_the_policy_that_is_left_is_the_one_that_was_chosen(done: Path) -> None:
    result = finished(done)
    assert result.chosen_seed in SEEDS
    at = done / "unaccepted"
    parts = (at / n for n in ("policy.safetensors", "architecture.json"))
    actor = from_bytes(Written(*(part.read_bytes() for part in parts)))
    assert not isinstance(actor, Refuse)
    assert actor.policy.hidden == (8,)
    assert (at / "policy.onnx").read_bytes() == to_onnx(actor)


def test_a_policy_that_was_refused_is_not_where_an_accepted_one_lies(done: Path) -> None:
    assert not finished(done).accepted
    assert not RlFolder(done).policy.exists()


def test_a_policy_that_was_accepted_lies_under_its_name(
    fresh: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(School, "accepted", property(lambda _: True))
    assert train(fresh, Deaf()).accepted
    assert not RlFolder(fresh).unaccepted.exists()
    for name in POLICY_FILES:
        left = (fresh / "policy" / name).read_bytes()
        assert left == (done / "unaccepted" / name).read_bytes()


def test_a_run_that_another_version_began_is_refused_unless_it_is_finished(
    stopped: RlFolder, done: Path, tmp_path: Path
) -> None:
    change_ask(stopped, lambda a: a.update(version="0.0.1"))
    with pytest.raises(ConfigError, match="finish it with that version"):
        train(stopped.root, Deaf())
    old = RlFolder(tmp_path / "old")
    shutil.copytree(done, old.root)
    change_ask(old, lambda a: a.update(version="0.0.1"))
    before = write_result(old, msgspec.structs.replace(finished(done), version="0.0.1"))
    assert train(old.root, Deaf()) == before


def test_the_same_job_gives_the_same_bytes(done: Path, fresh: Path) -> None:
    train(fresh, Deaf())
    assert (fresh / "result.json").read_bytes() == (done / "result.json").read_bytes()
    for name in POLICY_FILES:
        left = (fresh / "unaccepted" / name).read_bytes()
        assert left == (done / "unaccepted" / name).read_bytes()


def test_roll_outs_are_told_in_an_order_that_no_thread_decides(done: Path) -> None:
    told = [(r.cycle, r.seed, r.steps) for r in finished(done).rollouts]
    assert told == sorted(told)


def test_a_run_that_is_finished_is_read_and_not_done_again(done: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in done.rglob("*") if p.is_file()}
    assert train(done, StopsAt(1)) == finished(done)
    assert {p: p.stat().st_mtime_ns for p in before if p.name != ".lock"} == {
        p: t for p, t in before.items() if p.name != ".lock"
    }


def test_only_the_newest_checkpoints_are_kept(done: Path) -> None:
    folder = RlFolder(done)
    assert [p.name for p in newest(folder.cycles, "")] == ["cycle-03", "cycle-02"]
    for seed in SEEDS:
        kept = [p.name for p in newest(folder.seed(seed), "")]
        assert kept == ["cycle-02-rollout-0003", "cycle-02-rollout-0002"]
    assert not [*done.rglob("*.new")]


# -- stopped -------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 3, 4, 5, 6, 8, 10, 13, 14, 15, 17, 19, 22, 25])
def test_stopped_anywhere_it_comes_to_the_same(n: int, fresh: Path, done: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(fresh, StopsAt(n))
    assert not (fresh / "result.json").exists()
    train(fresh, Deaf())
    assert (fresh / "result.json").read_bytes() == (done / "result.json").read_bytes()


def test_stopped_again_and_again_it_comes_to_the_same(fresh: Path, done: Path) -> None:
    stops = 0
    while not (fresh / "result.json").exists():
        try:
            train(fresh, StopsAt(10))
        except KeyboardInterrupt:
            stops += 1
            assert stops < 40
    assert stops > 2
    assert (fresh / "result.json").read_bytes() == (done / "result.json").read_bytes()


def test_an_error_in_one_seed_is_said_and_the_run_can_go_on(
    fresh: Path, done: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    midway = rl.Disk.midway

    def full(disk, kept) -> None:
        if kept.seed == 5:
            msg = "no room left"
            raise ConfigError(msg)
        midway(disk, kept)

    with monkeypatch.context() as patched:
        patched.setattr(rl.Disk, "midway", full)
        with pytest.raises(ConfigError, match="no room left"):
            train(fresh, Deaf())
    train(fresh, Deaf())
    assert (fresh / "result.json").read_bytes() == (done / "result.json").read_bytes()


def test_half_a_checkpoint_is_not_looked_at(fresh: Path, done: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(fresh, StopsAt(12))
    folder = RlFolder(fresh)
    for at in (folder.cycles, folder.seed(3)):
        at.mkdir(parents=True, exist_ok=True)
        (at / "cycle-09.safetensors").write_bytes(b"half")
        (at / ".cycle-09.json.new").write_bytes(b"half")
    train(fresh, Deaf())
    assert (fresh / "result.json").read_bytes() == (done / "result.json").read_bytes()


# -- refused -------------------------------------------------------------------------------


@pytest.fixture
def stopped(fresh: Path) -> RlFolder:
    """A run that was stopped in its second cycle."""
    with pytest.raises(KeyboardInterrupt):
        train(fresh, StopsAt(20))
    folder = RlFolder(fresh)
    assert len(newest(folder.cycles, "")) == 2
    return folder


@pytest.mark.parametrize(
    ("ending", "damage", "words"),
    [
        (".json", lambda b: b[:-9], "ends or breaks off"),
        (".json", lambda _: b"", "ends or breaks off"),
        (".json", lambda b: b.replace(b'"rollout":0', b'"rollout":1'), "its seal differs"),
        (".safetensors", lambda b: b[:-1], "arrays are cut off"),
        (".safetensors", lambda b: b[:-1] + bytes([b[-1] ^ 1]), "SHA-256 differs"),
    ],
)
def test_a_damaged_checkpoint_is_refused_and_the_last_good_one_named(
    ending: str, damage, words: str, stopped: RlFolder, done: Path
) -> None:
    path, older = newest(stopped.cycles, "")
    file = path.with_suffix(ending)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match=f"{path.name}.json: .*{words}") as refused:
        train(stopped.root, Deaf())
    assert f"the last good one is {older}.json: remove {path}.json" in str(refused.value)
    assert older.with_suffix(".safetensors").exists()
    path.with_suffix(".json").unlink()
    train(stopped.root, Deaf())
    assert stopped.result.read_bytes() == (done / "result.json").read_bytes()


def test_arrays_that_are_gone_are_missed_and_the_last_good_one_named(
    stopped: RlFolder, done: Path
) -> None:
    path, older = newest(stopped.cycles, "")
    path.with_suffix(".safetensors").unlink()
    with pytest.raises(
        DataError, match=f"cannot be read .*; the last good one is {older}.json"
    ):
        train(stopped.root, Deaf())
    path.with_suffix(".json").unlink()
    train(stopped.root, Deaf())
    assert stopped.result.read_bytes() == (done / "result.json").read_bytes()


def test_a_stray_file_among_the_checkpoints_is_left_alone(
    stopped: RlFolder, done: Path
) -> None:
    for at in (stopped.cycles, stopped.seed(3)):
        (at / "zz-99.json").write_text("mine")
    train(stopped.root, Deaf())
    assert stopped.result.read_bytes() == (done / "result.json").read_bytes()
    assert (stopped.cycles / "zz-99.json").read_text() == "mine"


def test_a_verdict_that_was_edited_is_refused_and_can_be_written_again(
    done: Path, tmp_path: Path
) -> None:
    shutil.copytree(done, tmp_path / "run")
    folder = RlFolder(tmp_path / "run")
    plain = msgspec.json.decode(folder.result.read_bytes())
    folder.result.write_bytes(msgspec.json.encode(plain | {"accepted": True}))
    with pytest.raises(DataError, match=r"result\.json was changed .* remove it, and stairway"):
        train(folder.root, Deaf())
    folder.result.unlink()
    train(folder.root, Deaf())
    assert folder.result.read_bytes() == (done / "result.json").read_bytes()


def test_a_picture_that_cannot_be_written_stops_nothing(fresh: Path, done: Path) -> None:
    class Noted(Deaf):
        said: ClassVar[list[str]] = []

        def note(self, line: str) -> None:
            self.said.append(line)

    RlFolder(fresh).live.mkdir()
    train(fresh, Noted())
    assert (fresh / "result.json").read_bytes() == (done / "result.json").read_bytes()
    (said,) = Noted.said
    assert said.startswith(f"{fresh / 'live.json'} cannot be written")


def test_a_damaged_checkpoint_of_a_seed_is_refused_too(stopped: RlFolder, done: Path) -> None:
    path, *_ = newest(stopped.seed(3), "")
    arrays = path.with_suffix(".safetensors")
    arrays.write_bytes(arrays.read_bytes()[:-4])
    with pytest.raises(DataError, match=f"{path.name}.json: .*cut off"):
        train(stopped.root, Deaf())
    path.with_suffix(".json").unlink()
    train(stopped.root, Deaf())
    assert stopped.result.read_bytes() == (done / "result.json").read_bytes()


def test_a_reference_that_is_missing_is_refused_once_the_run_began(stopped: RlFolder) -> None:
    stopped.gold.with_suffix(".json").unlink()
    with pytest.raises(DataError, match="the reference model that this run started from"):
        train(stopped.root, Deaf())
    assert len(newest(stopped.cycles, "")) == 2


def test_a_reference_that_was_tampered_with_is_refused(stopped: RlFolder) -> None:
    arrays = stopped.gold.with_suffix(".safetensors")
    content = bytearray(arrays.read_bytes())
    content[-3] ^= 4
    arrays.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"gold/state.json: .*SHA-256 differs"):
        train(stopped.root, Deaf())


def change_ask(folder: RlFolder, change) -> None:
    ask = msgspec.json.decode(folder.ask.read_bytes())
    change(ask)
    folder.ask.write_bytes(msgspec.json.encode(ask))


def lacking(name: str, *of: str):
    def change(ask) -> None:
        for step in of:
            ask = ask[step]
        del ask[name]

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update(seeds=[]),
        lambda a: a.update(seeds=[3, 3]),
        lambda a: a.update(seeds=[-1]),
        lambda a: a.update(seeds=[10**30]),
        lambda a: a.update(instruments=[]),
        lambda a: a.update(instruments=a["instruments"][:1]),
        lambda a: a.update(instruments=a["instruments"] * 2),
        lambda a: a["instruments"][0].update(tick_usd=-1),
        lambda a: a["instruments"][0].update(symbol=3),
        lambda a: a.update(policy={}),
        lambda a: a["policy"].update(session=5),
        lambda a: a["policy"]["session"].update(kind="weekly"),
        lambda a: a["policy"]["session"].update(tz="Nowhere/Else"),
        lambda a: a.update(practice={}),
        lambda a: a["practice"].update(telemetry=5),
        lambda a: a["practice"].update(learner=None),
        lambda a: a["practice"]["learner"].update(n_envs=10**9),
        lambda a: a["practice"]["scenarios"].update(methods="bootstrap"),
        lambda a: a.update(gold=""),
        lambda a: a.update(gold="/a\0b"),
        lambda a: a.update(bars_fingerprint=7),
        lacking("seeds"),
        lacking("gold"),
        lacking("learner", "practice"),
        lacking("gamma", "practice", "learner"),
        lacking("session", "policy"),
    ],
)
def test_an_ask_that_cannot_be_is_refused_by_its_file(change, fresh: Path) -> None:
    folder = RlFolder(fresh)
    change_ask(folder, change)
    with pytest.raises(
        DataError, match=r"practice\.json cannot be (read|used) \(.*\); rest"
    ) as it:
        train(fresh, Deaf())
    assert "\n" not in str(it.value)
    assert not folder.cycles.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.update(instruments=[]), "0 instruments, where there must be two"),
        (lambda a: a["policy"].pop("session"), r"\(.*session"),
    ],
)
def test_what_an_ask_lacks_is_said_in_words(change, words: str, fresh: Path) -> None:
    change_ask(RlFolder(fresh), change)
    folder, ask = open_practice(fresh)
    with pytest.raises(DataError, match=words) as refused:
        understood(folder, ask)
    assert "unpack" not in str(refused.value)


def test_an_ask_without_a_session_has_no_reference(fresh: Path) -> None:
    change_ask(RlFolder(fresh), lambda a: a.update(policy={}))
    folder, ask = open_practice(fresh)
    with pytest.raises(
        DataError, match=r"cannot be used \(there is no 'session'\); restore it"
    ):
        reference_steps(folder, ask)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda a: a["practice"]["learner"].update(gamma=0.8),
            r"learner\.gamma is 0\.8 and was",
        ),
        (
            lambda a: a["practice"]["controller"].update(downside=0.1),
            r"controller\.downside is",
        ),
        (
            lambda a: a["practice"]["learner"].update(hidden=[9]),
            r"hidden is \[9\] and was \[8\]",
        ),
        (lambda a: a["practice"]["environment"].update(stake_frac=0.4), "stake_frac is 0.4"),
        (lambda a: a["practice"]["split"].update(train_frac=0.75), "split.train_frac is 0.75"),
        (lambda a: a["practice"]["gold"].update(bonus=0.5), r"practice\.gold\.bonus is 0\.5"),
        (lambda a: a["practice"]["cycles"].update(cycles=3), r"cycles\.cycles is 3 and was 2"),
        (
            lambda a: a["policy"]["features"].update(rsi_bars=15),
            r"policy\.features\.rsi_bars is",
        ),
        (
            lambda a: a["instruments"][0].update(symbol="OTHER"),
            "instruments.0.symbol is 'OTHER' and was",
        ),
        (lambda a: a.update(seeds=[3, 5, 6]), r"seeds is \[3, 5, 6\] and was \[3, 5\]"),
        (lambda a: a.update(source="other"), "source is 'other' and was"),
        (lambda a: a.update(policy_name="other"), "policy_name is 'other' and was 'intraday'"),
    ],
)
def test_a_run_does_not_go_on_with_what_it_was_not_begun_with(
    change, words: str, stopped: RlFolder
) -> None:
    change_ask(stopped, change)
    path, *_ = newest(stopped.cycles, "")
    with pytest.raises(DataError, match=words) as refused:
        train(stopped.root, Deaf())
    begun = f"practice.json was changed since the run was begun, as {path}.json keeps it: "
    assert begun in str(refused.value)
    assert str(refused.value).endswith("; put it back, or start a new run")
    assert len(newest(stopped.cycles, "")) == 2


def test_what_decides_nothing_may_change_between_two_starts(
    stopped: RlFolder, done: Path
) -> None:
    change_ask(stopped, lambda a: a["practice"].update(telemetry={"kind": "silent"}))
    change_ask(stopped, lambda a: a.update(gold="/another/place"))
    train(stopped.root, Deaf())
    assert stopped.result.read_bytes() == (done / "result.json").read_bytes()


def test_other_bars_are_refused(stopped: RlFolder) -> None:
    with np.load(RunFolder(stopped.root).bars) as columns:
        changed = {name: columns[name] for name in columns}
    changed["close"] = changed["close"] * 1.001
    np.savez(RunFolder(stopped.root).bars, **changed)
    with pytest.raises(
        DataError, match=r"does not hold the bars that its practice\.json speaks of"
    ):
        train(stopped.root, Deaf())


def test_bars_too_few_for_a_session_each_are_refused(tmp_path: Path) -> None:
    (tmp_path / "practice.toml").write_text(as_toml(quick_rules()), "utf-8")
    source = write_source(tmp_path / "bars", minutes().part(0, 6 * 390))
    with patch.dict("os.environ", MINUTES):
        folder = prepare(
            RlRequest(
                source=str(source), policy="intraday", out=tmp_path / "run",
                practice=str(tmp_path / "practice.toml"),
            ),
            Silent(),
        )  # fmt: skip
    with pytest.raises(DataError, match="no made-up markets"):
        train(folder.root, Deaf())


def test_a_run_that_somebody_works_on_is_left_alone(fresh: Path) -> None:
    with held(RunFolder(fresh)), pytest.raises(ConfigError, match="worked on by another"):
        train(fresh, Deaf())


def test_a_reference_that_does_not_hold_is_not_kept(tmp_path: Path) -> None:
    folder = ask_for(tmp_path, quick_rules(gold=gold_rules(min_hold_rate=0.99)))
    with pytest.raises(DataError, match=r"must hold over 0\.99"):
        train(folder.root, Deaf())
    assert not (tmp_path / "gold").exists()
    assert not folder.gold.with_suffix(".json").exists()


# -- the reference -------------------------------------------------------------------------


GROUND = ("computing features", "fitting scenarios", "drawing scenarios")
"""Stages before anything is taught."""

ROUND = (("cycle", " of 2"), ("validation of cycle", ""))


class Labels(Deaf):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def begin(self, label: str, *_) -> None:
        self.heard.append(label)


def test_a_reference_is_made_once_for_its_data_and_settings(tmp_path: Path) -> None:
    first, second = ask_for(tmp_path, out="one"), ask_for(tmp_path, seeds=(9,), out="two")
    ear = Labels()
    make_gold(first.root, ear)
    assert ear.heard == [*GROUND, "making the reference"]
    make_gold(second.root, ear)
    make_gold(second.root, ear)
    assert ear.heard == [*GROUND, "making the reference", *GROUND, *GROUND]
    same = (".json", ".safetensors")
    one, two = ([f.gold.with_suffix(e).read_bytes() for e in same] for f in (first, second))
    assert one == two
    assert not (first.cycles).exists()


def test_whatever_takes_its_time_is_said_before_it_begins(fresh: Path) -> None:
    ear = Labels()
    train(fresh, ear)
    cycles = [f"{word} {n}{of}" for n in (1, 2) for word, of in ROUND]
    # The reference is there already where another test made it.
    assert [label for label in ear.heard if label != "making the reference"] == [
        *GROUND,
        "setting up the learners",
        "judging the reference",
        *cycles,
        "walking the held-out days",
    ]


def test_every_stage_is_told_to_its_end(fresh: Path) -> None:
    class Ends(Deaf):
        def __init__(self) -> None:
            self.left: dict[str, int] = {}

        def begin(self, label: str, total: int) -> None:
            assert total > 0
            self._label, self._total = label, total
            self.left[label] = total

        def advance(self, done: int) -> None:
            assert done <= self._total
            self.left[self._label] = self._total - done

    ear = Ends()
    train(fresh, ear)
    assert len(ear.left.keys() - {"making the reference"}) == 10
    assert set(ear.left.values()) == {0}


def test_a_reference_alone_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    folder = ask_for(tmp_path, out="one")
    (tmp_path / "gold").write_text("no folder")
    with pytest.raises(
        ConfigError, match=r"cannot be kept in .*gold-.*; make room there, or g"
    ):
        make_gold(folder.root, Deaf())
    (tmp_path / "gold").unlink()
    make_gold(folder.root, Deaf())
    assert len([*(tmp_path / "gold").glob("gold-*/state.json")]) == 1


def test_other_settings_make_another_reference(tmp_path: Path) -> None:
    ear = Labels()
    make_gold(ask_for(tmp_path, out="one").root, ear)
    make_gold(ask_for(tmp_path, quick_rules(gold=gold_rules(bonus=2.0)), out="two").root, ear)
    assert len([*(tmp_path / "gold").iterdir()]) == 2


def test_a_damaged_reference_in_the_cache_is_refused(tmp_path: Path) -> None:
    make_gold(ask_for(tmp_path, out="one").root, Deaf())
    (kept,) = (tmp_path / "gold").iterdir()
    (kept / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"cut off .*; remove .* to make it anew"):
        make_gold(ask_for(tmp_path, out="two").root, Deaf())
    shutil.rmtree(kept)
    make_gold(RlFolder(tmp_path / "two").root, Deaf())


def test_a_run_keeps_its_own_copy_of_the_reference(fresh: Path, done: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(fresh, StopsAt(9))
    for kept in done.parent.glob("gold/*"):
        shutil.rmtree(kept)
    shutil.rmtree(fresh.parent / "gold", ignore_errors=True)
    assert train(fresh, Deaf()) == finished(done)


# -- a process of its own ------------------------------------------------------------------


def test_the_process_says_everything_in_lines(
    fresh: Path, done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rl.main([str(fresh)]) == 0
    lines = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [next(iter(line)) for line in lines]
    assert kinds.count("rollout") == 12
    assert kinds.count("seed_cycle") == 4
    assert kinds.count("cycle") == 2
    assert {"label": "cycle 1 of 2", "done": 0, "total": 6} in lines
    result = finished(done)
    told = [line["cycle"] for line in lines if "cycle" in line]
    assert told == msgspec.json.decode(msgspec.json.encode(result.cycles))


def test_the_process_says_what_was_wrong(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert rl.main([str(tmp_path)]) == 1
    line = msgspec.json.decode(capsys.readouterr().out)
    assert line["error"]["kind"] == "ConfigError"
    assert "no training run" in line["error"]["message"]
    for wrong in ([], ["a", "b"], ["a", "gold", "c"]):
        assert rl.main(wrong) == 1
    assert "usage: ward rl FOLDER" in capsys.readouterr().out


def test_a_process_that_is_to_stop_waits_for_no_thread_of_its_own() -> None:
    code = (
        "import time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from stairway.app.rl import train as rl\n"
        "def work(root, ear):\n"
        "    with ThreadPoolExecutor(1) as pool:\n"
        "        judging = pool.submit(time.sleep, 600)\n"
        "        print('judging', flush=True)\n"
        "        judging.result()\n"
        "rl.train = work\n"
        "rl.main(['anywhere'])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"judging\n"
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(30) == 130
        finally:
            process.kill()


def test_ctrl_c_is_everybody_elses_again_afterwards(capsys, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert rl.main([str(tmp_path)]) == 1
    assert signal.getsignal(signal.SIGINT) is before
    assert "error" in capsys.readouterr().out


def test_the_process_makes_the_reference_alone(fresh: Path) -> None:
    assert rl.main([str(fresh), "gold"]) == 0
    assert RlFolder(fresh).gold.with_suffix(".json").exists()
    assert not RlFolder(fresh).result.exists()
