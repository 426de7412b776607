"""A policy that practised may be a member only where nothing it saw is judged on."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from stairway.app.accepted import Accepted, first_judged, found, opened, require_member
from stairway.app.progress import Silent
from stairway.app.rl.left import ARCHITECTURE, FILES, ONNX, TENSORS
from stairway.app.rl.ask import RlRequest
from stairway.app.rl.request import prepare
from stairway.app.rl.train import train
from stairway.app.settings import Settings, load
from stairway.base.errors import ConfigError, DataError, StairwayError
from stairway.evaluation.splits import PurgedWalkForward, SplitRules
from stairway.market.bars import PairBars
from stairway.models.actor import Actor
from stairway.models.normaliser import Normaliser
from stairway.models.policy import Policy
from stairway.models.policy_form import to_bytes
from stairway.testing import planted
from stairway.testing.cycles import MINUTES, as_toml, minutes, quick_rules
from stairway.testing.ears import Deaf
from stairway.testing.runs import write_source
from stairway.training.policy_onnx import to_onnx

SETTINGS = load("intraday", planted.SETTINGS)
N = int(SETTINGS.run.train_frac * len(planted.planted()))


@pytest.fixture
def copy(accepted_run: Path, tmp_path: Path) -> Path:
    """A copy of the training run, to be spoilt."""
    shutil.copytree(accepted_run, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="session")
def refused_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run that is finished, and whose gate accepted nothing."""
    home = tmp_path_factory.mktemp("refused")
    (home / "practice.toml").write_text(as_toml(quick_rules()), "utf-8")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in MINUTES.items():
            environment.setenv(name, value)
        asked = RlRequest(
            source=str(write_source(home / "bars", minutes())),
            policy="intraday",
            practice=str(home / "practice.toml"),
            seeds=(3,),
            out=home / "run",
            gold=home / "gold",
        )
        assert not train(prepare(asked, Silent()).root, Deaf()).accepted
    return home / "run"


def seen_by_training() -> PairBars:
    return planted.planted().part(0, N)


def said(error: pytest.ExceptionInfo[StairwayError]) -> str:
    sentence = str(error.value)
    assert "\n" not in sentence
    return sentence


# -- whether there is one --------------------------------------------------------------


def test_an_accepted_policy_is_read_with_what_it_was_accepted_for(accepted_run: Path) -> None:
    policy = opened(accepted_run)
    assert to_bytes(policy.actor) == policy.written
    assert policy.cycle.median_seed == policy.result.chosen_seed == 1
    assert policy.run.root == str(accepted_run)
    assert found(policy.run).run == policy.run


def test_it_has_seen_what_it_was_validated_on_and_no_held_out_day(accepted_run: Path) -> None:
    policy = opened(accepted_run)
    spans = {span.name: span for span in policy.result.spans}
    assert policy.seen_ns == spans["validation"].last_ns
    assert spans["training"].last_ns < policy.seen_ns < spans["held_out"].first_ns


def test_what_its_gate_did_not_accept_is_refused_with_the_reason(refused_run: Path) -> None:
    with pytest.raises(ConfigError, match="did not accept its policy") as error:
        opened(refused_run)
    assert re.search(r"allowed is .*leave out --practised", said(error))


def test_what_is_not_finished_is_refused_with_the_command_that_finishes_it(copy: Path) -> None:
    (copy / "result.json").unlink()
    with pytest.raises(ConfigError, match=f"stairway train rl --resume {copy}"):
        opened(copy)


def test_a_folder_that_is_no_training_run_is_refused(
    finished_run: Path, tmp_path: Path
) -> None:
    for root in (tmp_path, tmp_path / "nothing", finished_run):
        with pytest.raises(ConfigError, match="no training run"):
            opened(root)


@pytest.mark.parametrize("name", ["policy.safetensors", "architecture.json"])
@pytest.mark.parametrize("content", [None, b"", b"\x00" * 64])
def test_a_policy_that_is_gone_or_damaged_is_refused(
    copy: Path, name: str, content: bytes | None
) -> None:
    path = copy / "policy" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"^{path} .*; restore it"):
        opened(copy)


@pytest.mark.parametrize("name", FILES)
def test_the_policy_of_another_accepted_run_is_refused_by_its_file(
    accepted_run: Path, copy: Path, name: str
) -> None:
    """As sound as the one that lay there, and accepted too: but not by this verdict."""
    other = opened(accepted_run).actor
    weights = tuple(weight * np.float32(0.5) for weight in other.policy.weights)
    swapped_in = Actor(
        Policy(weights, other.policy.biases),
        Normaliser(other.normaliser.mean * 2.0, other.normaliser.deviation, 4.0),
    )
    tensors, architecture = to_bytes(swapped_in)
    content = {TENSORS: tensors, ARCHITECTURE: architecture, ONNX: to_onnx(swapped_in)}[name]
    (copy / "policy" / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"^{copy}/policy/{name} is not the file that this"):
        opened(copy)


def test_a_stranger_among_the_files_of_a_policy_is_refused(copy: Path) -> None:
    (copy / "policy" / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match=rf"^{copy}/policy/manifest.json was not left by this"):
        opened(copy)


def test_a_result_that_is_a_folder_is_said_to_be_none(copy: Path) -> None:
    (copy / "result.json").unlink()
    (copy / "result.json").mkdir()
    with pytest.raises(DataError, match=r"result.json cannot be read .*no regular file"):
        opened(copy)


def test_no_verdict_that_was_written_in_by_hand_is_believed(
    refused_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(refused_run, tmp_path / "run")
    (tmp_path / "run" / "unaccepted").rename(tmp_path / "run" / "policy")
    path = tmp_path / "run" / "result.json"
    path.write_text(path.read_text().replace('"accepted": false', '"accepted": true'))
    with pytest.raises(StairwayError):
        opened(tmp_path / "run")


# -- whether it is still the one -------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["practice.json", "result.json", "policy/policy.safetensors", "policy/architecture.json"],
)
def test_a_training_run_that_changed_since_it_was_asked_for_is_refused(
    copy: Path, name: str
) -> None:
    asked = opened(copy).run
    path = copy / name
    # As sound as before, and yet not what it was.
    path.write_bytes(
        swapped(path.read_bytes()) if name.startswith("policy/") else path.read_bytes() + b"\n"
    )
    with pytest.raises(
        DataError, match=r"not what it was when this run was asked for|is not the file that"
    ):
        found(asked)


def swapped(content: bytes) -> bytes:
    """The same length, another number in it."""
    return content[:-1] + bytes([content[-1] ^ 1]) if content[-1:] != b"}" else content + b" "


def test_where_a_training_run_lies_does_not_enter_its_hash(
    accepted_run: Path, copy: Path
) -> None:
    assert opened(accepted_run).run.sha256 == opened(copy).run.sha256


# -- whether it may be a member here ---------------------------------------------------


def test_it_may_be_a_member_on_later_bars_of_its_pair(accepted_run: Path) -> None:
    policy, bars = opened(accepted_run), seen_by_training()
    first = require_member(policy, SETTINGS, bars)
    left_out = PurgedWalkForward(SETTINGS.splits, np.arange(N)).left_out_rows
    assert bars.time_ns[first - left_out - 1] == policy.seen_ns
    assert left_out >= SETTINGS.splits.gap_bars > 0


def test_bars_that_it_has_seen_are_not_judged_on(accepted_run: Path) -> None:
    """The very bars of its training: only its held-out days are new, and too few."""
    policy, bars = opened(accepted_run), planted.early()
    with pytest.raises(ConfigError, match="507 bars of evidence, and 1000 are needed") as error:
        require_member(policy, SETTINGS, bars)
    times = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d UTC", said(error))
    assert times == [stamp(policy.seen_ns), stamp(int(bars.time_ns[-1]))]


def stamp(time_ns: int) -> str:
    return f"{np.datetime64(time_ns, 'ns').astype('datetime64[s]')} UTC"


def changed(section: str, **values: Any) -> Settings:
    return msgspec.structs.replace(
        SETTINGS,
        **{section: msgspec.structs.replace(getattr(SETTINGS, section), **values)},
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (load("daily"), "it practised on intraday bars, and this run has daily ones"),
        (changed("features", rsi_bars=15), r"\[features\] rsi_bars was 14 and is 15 here"),
        (changed("session", periods_per_year=9e4), r"\[session\] periods_per_year was 98280.0"),
    ],
)
def test_what_its_observation_is_made_by_must_be_the_same(
    accepted_run: Path, settings: Settings, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        require_member(opened(accepted_run), settings, seen_by_training())


def renamed(bars: PairBars, **values: Any) -> PairBars:
    first, second = bars.instruments
    return replace(bars, instruments=(msgspec.structs.replace(first, **values), second))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"symbol": "GAMMA"}, "practised on ALPHA and BETA, and this run is on GAMMA and BETA"),
        ({"tick_usd": 0.05}, "the same in other ticks or lots"),
    ],
)
def test_a_policy_of_another_pair_is_refused(
    accepted_run: Path, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        require_member(opened(accepted_run), SETTINGS, renamed(seen_by_training(), **values))


RULES = st.builds(
    SplitRules,
    n_blocks=st.integers(2, 6),
    first_train_frac=st.floats(0.05, 0.85),
    gap_bars=st.integers(0, 30),
    embargo_frac=st.floats(0.0, 0.1),
)


@given(RULES, st.integers(50, 400), st.integers(-9, 405), st.integers(1, 99))
def test_no_bar_that_it_saw_is_ever_judged_on(
    rules: SplitRules, n: int, seen: int, least: int
) -> None:
    """``seen`` bars of this run are among those that it practised on."""
    time_ns = np.arange(1, n + 1, dtype=np.int64) * 60_000_000_000
    policy = cast(
        "Accepted",
        SimpleNamespace(seen_ns=seen * 60_000_000_000, folder=SimpleNamespace(root="here")),
    )
    walk = PurgedWalkForward(rules, np.arange(n))
    needed = max(int(walk.blocks()[0][0]), max(seen, 0) + walk.left_out_rows)
    if sum(map(len, np.array_split(np.arange(needed, n), rules.n_blocks)[1:])) < least:
        with pytest.raises(ConfigError, match="bars of gap and embargo"):
            first_judged(policy, time_ns, rules, least)
        return
    first = first_judged(policy, time_ns, rules, least)
    assert first == needed
    assert (time_ns[first:] > policy.seen_ns).all()
