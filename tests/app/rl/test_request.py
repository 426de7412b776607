"""What a training run is asked for is checked and written down before anything is trained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from stairway.app import caches
from stairway.app.folder import RunFolder, load_bars
from stairway.app.progress import Silent
from stairway.app.rl.ask import RlRequest, open_practice
from stairway.app.rl.listen import passing, prepared
from stairway.app.rl.request import next_folder, prepare
from stairway.base.errors import ConfigError, DataError
from stairway.testing.cycles import MINUTES, as_toml, minutes, practice_rules
from stairway.testing.runs import write_source


@pytest.fixture
def request_for(tmp_path: Path):
    (tmp_path / "practice.toml").write_text(as_toml(practice_rules()), "utf-8")
    source = write_source(tmp_path / "bars", minutes(6))

    def made(**changes) -> RlRequest:
        usual = {
            "source": str(source),
            "policy": "intraday",
            "practice": str(tmp_path / "practice.toml"),
            "seeds": (9, 4),
            "out": tmp_path / "run",
            "gold": tmp_path / "gold",
        }
        return RlRequest(**(usual | changes))

    with patch.dict("os.environ", MINUTES):
        yield made


def test_what_was_asked_for_is_written_down_with_the_bars(request_for) -> None:
    request = request_for()
    folder = prepare(request, Silent())
    again, ask = open_practice(folder.root)
    assert again == folder
    assert ask.seeds == (4, 9)
    assert ask.practice["gold"]["seed"] == 99
    assert ask.policy["session"]["bars_per_session"] == 390
    assert Path(ask.gold).is_absolute()
    bars = load_bars(RunFolder(folder.root), minutes(6).instruments)
    assert bars.fingerprint == ask.bars_fingerprint == minutes(6).fingerprint


def test_a_process_of_its_own_makes_the_same_folder(request_for, tmp_path: Path) -> None:
    here, there = request_for(), request_for(out=tmp_path / "there")
    prepare(here, Silent())
    folder = prepared(there, Silent())
    assert folder.root == there.out
    for name in ("practice.json", "bars.npz"):
        assert (folder.root / name).read_bytes() == (here.out / name).read_bytes()


def test_what_is_wrong_there_is_said_in_its_own_words(request_for, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no source file .*nowhere\.toml"):
        prepared(request_for(source=str(tmp_path / "nowhere.toml")), Silent())
    with pytest.raises(ConfigError, match="already holds something"):
        prepared(request_for(out=tmp_path), Silent())


def test_a_folder_that_holds_something_is_left_alone(request_for) -> None:
    request = request_for()
    request.out.mkdir()
    (request.out / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="already holds something"):
        prepare(request, Silent())
    assert [p.name for p in request.out.iterdir()] == ["mine.txt"]


def test_settings_that_cannot_be_used_are_refused_before_a_folder_is_made(
    request_for, tmp_path: Path
) -> None:
    for change, error in (
        ({"practice": "none.toml"}, ConfigError),
        ({"policy": "weekly"}, ConfigError),
        ({"source": "nowhere"}, ConfigError),
    ):
        with pytest.raises(error):
            prepare(request_for(**change), Silent())
    assert not (tmp_path / "run").exists()


def test_bars_that_cannot_be_used_are_refused_before_a_folder_is_made(
    request_for, tmp_path: Path
) -> None:
    csv = next((tmp_path / "bars").glob("*.csv"))
    lines = csv.read_text("utf-8").splitlines()
    cells = lines[50].split(",")
    lines[50] = ",".join([*cells[:4], "nan", cells[5]])
    csv.write_text("\n".join(lines), "utf-8")
    with pytest.raises(DataError):
        prepare(request_for(), Silent())
    assert not (tmp_path / "run").exists()


def test_settings_that_would_stop_the_training_are_refused_before_a_folder_is_made(
    request_for, tmp_path: Path
) -> None:
    path = tmp_path / "absurd.toml"
    usual = as_toml(practice_rules())
    for more in ("telemetry = 5\n" + usual, usual + '[telemetry]\nkind = "telegraph"\n'):
        path.write_text(more, "utf-8")
        with pytest.raises(ConfigError, match="telemetry"):
            prepare(request_for(practice=str(path)), Silent())
    assert not (tmp_path / "run").exists()


def test_references_are_kept_with_the_person_unless_a_place_is_given(
    request_for, tmp_path: Path
) -> None:
    _, ask = open_practice(prepare(request_for(gold=None), Silent()).root)
    assert Path(ask.gold) == caches.golds()
    _, ask = open_practice(prepare(request_for(out=tmp_path / "b"), Silent()).root)
    assert Path(ask.gold) == tmp_path / "gold"


def test_a_passing_folder_is_gone_afterwards(request_for) -> None:
    with passing(request_for(out=None), Silent()) as folder:
        _, ask = open_practice(folder.root)
        assert ask.seeds == (4, 9)
    assert not folder.root.parent.exists()
    with (
        pytest.raises(ConfigError, match="--gold leaves none; leave --out away"),
        passing(request_for(), Silent()),
    ):
        pass


def test_one_file_for_both_instruments_is_refused(request_for, tmp_path: Path) -> None:
    first, second = sorted((tmp_path / "bars").glob("*.csv"))
    second.write_bytes(first.read_bytes())
    with pytest.raises(DataError, match="as if one file was given twice"):
        prepare(request_for(), Silent())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seeds", [(), (1, 1), (-1,), (2**31,), tuple(range(65))])
def test_seeds_that_are_none_are_refused(seeds: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="give 1 to 64 different whole numbers"):
        RlRequest(seeds=seeds)


def test_the_next_folder_is_the_first_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert next_folder("examples/pair.toml") == Path("runs/rl/pair-1")
    Path("runs/rl/pair-1").mkdir(parents=True)
    assert next_folder("examples/pair.toml") == Path("runs/rl/pair-2")
    assert next_folder("sample") == Path("runs/rl/sample-1")


@pytest.mark.parametrize("module", ["request", "rules", "folder", "ask"])
def test_asking_and_reading_need_no_training_library(module: str) -> None:
    script = (
        f"import sys, stairway.app.rl.{module}\n"
        "named = {'torch', 'stable_baselines3', 'gymnasium', 'arch', 'sklearn'}\n"
        "sys.exit(', '.join(named & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
