"""``stairway run``: what it prints, and one sentence for everything that cannot be."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from stairway.adapters.artifacts.directory import new_key, public_bytes
from stairway.app.folder import RunFolder
from stairway.base.errors import StairwayError, TwiceError
from stairway.cli import run as command
from stairway.dashboard import conclude as concluding
from stairway.testing.bars import random_walk
from stairway.testing.runs import csv_rows, write_source

HEADER = "time,open,high,low,close,volume"
N = 1_050


@pytest.fixture(scope="module")
def rows() -> list[str]:
    """One good table, as lines."""
    return csv_rows(random_walk(N, seed=3), 0)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source that is good."""
    return write_source(tmp_path_factory.mktemp("good"), random_walk(N, seed=3)).parent


@pytest.fixture
def source(template: Path, tmp_path: Path) -> Callable[[list[str]], Path]:
    """A source whose first table has these lines."""

    def make(lines: list[str]) -> Path:
        folder = tmp_path / "bad"
        shutil.copytree(template, folder)
        (folder / "ALPHA.csv").write_text("\n".join(lines) + "\n" if lines else "", "utf-8")
        toml = folder / "walk.toml"
        toml.write_text(toml.read_text("utf-8").replace(str(template), str(folder)), "utf-8")
        return toml

    return make


def cell(row: str, column: str, value: str) -> str:
    cells = row.split(",")
    cells[HEADER.split(",").index(column)] = value
    return ",".join(cells)


def changed(rows: list[str], column: str, value: str, at: int = 500) -> list[str]:
    return [HEADER, *rows[:at], cell(rows[at], column, value), *rows[at + 1 :]]


BAD_TABLES: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "empty file": (lambda _: [], "empty"),
    "a header and nothing else": (lambda _: [HEADER], "no rows|no bars|empty|0 "),
    "one bar": (lambda rows: [HEADER, rows[0]], "1 |one"),
    "an unknown column": (
        lambda rows: [HEADER.replace("close", "last"), *rows],
        "close.*last|last.*close",
    ),
    "a row twice": (lambda rows: [HEADER, *rows[:9], *rows[8:]], "duplicate"),
    "a row that goes back": (
        lambda rows: [HEADER, *rows[:8], rows[9], rows[8], *rows[10:]],
        "backward|order",
    ),
    "NaN": (lambda rows: changed(rows, "close", "nan"), "finite|NaN|missing"),
    "an empty cell": (lambda rows: changed(rows, "close", ""), "finite|NaN|missing"),
    "infinity": (lambda rows: changed(rows, "open", "inf"), "finite|inf"),
    "a negative price": (lambda rows: changed(rows, "low", "-1.0"), "positive|price"),
    "a price of zero": (lambda rows: changed(rows, "low", "0.0"), "positive|price"),
    "high below low": (lambda rows: changed(rows, "high", "0.01"), "high"),
    "a word for a price": (lambda rows: changed(rows, "close", "much"), "close|number|finite"),
    "a word for a time": (lambda rows: changed(rows, "time", "monday"), "time|stamp"),
    "a price ten times too high": (
        lambda rows: changed(changed(rows, "high", "9999")[1:], "close", "9998"),
        "jump|collar",
    ),
    "no bar in common": (
        lambda rows: [
            HEADER,
            *(cell(row, "time", str(int(row.split(",")[0]) + 3_600 * 10**9)) for row in rows),
        ],
        "common",
    ),
}


@pytest.mark.parametrize("what", BAD_TABLES)
def test_a_bad_table_is_refused_and_nothing_is_left(
    what: str,
    rows: list[str],
    source: Callable[[list[str]], Path],
    refused: Callable[..., str],
    tmp_path: Path,
) -> None:
    make, words = BAD_TABLES[what]
    out = tmp_path / "out"
    sentence = refused("run", "--source", source(make(rows)), "--out", out)
    assert re.search(words, sentence), sentence
    assert re.search(r"ALPHA|both|common", sentence), "it says which file or table"
    assert re.search(r";|:|,", sentence), "it says what to do"
    assert not out.exists()


def policy(tmp_path: Path, change: Callable[[str], str]) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(
        change(files("stairway").joinpath("policies/daily.toml").read_text("utf-8"))
    )
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t.replace("[limits]", "[limits]\nmax_lotts = 1"),
            "max_lotts.*limits.*spelling",
        ),
        (lambda t: re.sub(r"(?m)^max_lots = .*$", "", t), "max_lots.*limits.*must be said"),
        (lambda t: t.replace("[limits]", "[limit]"), "limit"),
        (lambda t: re.sub(r"(?m)^max_lots = .*$", "max_lots = -5", t), "limits.max_lots"),
        (lambda t: re.sub(r"(?m)^max_leverage = .*$", "max_leverage = nan", t), "max_leverage"),
        (lambda t: re.sub(r"(?m)^max_lots = .*$", 'max_lots = "many"', t), "limits.max_lots"),
        (lambda t: t + "\n[", "TOML"),
        (lambda _: "", "account.*every limit must be said"),
    ],
)
def test_a_policy_must_say_everything_and_nothing_else(
    change: Callable[[str], str], words: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    sentence = refused("run", "--policy", policy(tmp_path, change), "--out", out)
    assert re.search(words, sentence), sentence
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--source", "yahoo"), "'yahoo'.*sample.*examples"),
        (("--source", "nowhere.toml"), "nowhere.toml.*examples"),
        (("--policy", "nowhere.toml"), "nowhere.toml.*daily, intraday, literal"),
        (("--policy", "weekly"), "weekly.*daily, intraday, literal"),
        (("--seed", "-1"), "--seed is -1.*0 or more"),
        (("--seed", "seven"), "--seed.*integer"),
        (("--trust", "key.pub"), "--trust goes with --models"),
        (("--models", "m"), "--models m needs --trust"),
        (("--models", "m", "--trust", "k", "--drill"), "--drill trains models of its own"),
        (("--resume", "nowhere"), "nowhere is no run folder"),
        (("--resume", "nowhere", "--seed", "7"), "--seed was settled"),
        (("--resume", "nowhere", "--drill"), "--drill was settled"),
        (("--out", "/dev/null/x"), "/dev/null/x.*choose another --out"),
        (("--out", "x" * 300), "choose another --out"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    arguments: tuple[str, ...], words: str, refused: Callable[..., str]
) -> None:
    assert re.search(words, refused("run", *arguments))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[source", "TOML"),
        ("\x00\x01", "TOML"),
        ("source = 3", "section"),
        ("[source]\ntz = 'UTC'", "kind"),
        ("[source]\nkind = 'excel'", "excel"),
        ("[source]\nkind = '../../etc'", "etc"),
        ("[source]\nkind = 'csv'", "files|missing"),
    ],
)
def test_a_source_file_that_cannot_be_used_is_refused(
    text: str, words: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text, "utf-8")
    assert re.search(words, refused("run", "--source", path))


def test_a_table_that_is_not_there_is_refused(
    template: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    toml = tmp_path / "walk.toml"
    text = (template / "walk.toml").read_text("utf-8")
    toml.write_text(text.replace(str(template), "/nowhere"), "utf-8")
    assert "/nowhere/ALPHA.csv" in refused("run", "--source", toml)


def test_daily_bars_under_a_policy_for_minutes_are_refused(
    template: Path, refused: Callable[..., str]
) -> None:
    sentence = refused("run", "--source", template / "walk.toml", "--policy", "intraday")
    assert "86400" in sentence
    assert "60" in sentence


def test_a_setting_from_the_environment_is_checked_too(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAIRWAY__LIMITS__MAX_LOTTS", "3")
    assert "STAIRWAY__LIMITS__MAX_LOTTS" in refused("run")


def test_a_folder_that_holds_something_is_not_written_to(
    template: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("five years", "utf-8")
    sentence = refused("run", "--source", template / "walk.toml", "--out", out)
    assert f"{out} already holds something" in sentence
    assert [p.name for p in out.iterdir()] == ["thesis.txt"]


def damaged_json(run: Path) -> None:
    (run / "run.json").write_bytes(b"{")


def other_layout(run: Path) -> None:
    ask = json.loads((run / "run.json").read_text("utf-8"))
    (run / "run.json").write_text(json.dumps(ask | {"layout": 99}), "utf-8")


def flipped(path: Path, at: float = 0.5) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 0x10
    path.write_bytes(bytes(content))


def rewritten(path: Path, words: bytes) -> None:
    """Change a byte of these words, in every copy that a database keeps of them."""
    path.write_bytes(path.read_bytes().replace(words, words[:-1] + b"?"))


def headless(run: Path) -> None:
    """Spoil the header of the record of a run that did not come to its end."""
    (run / "perf.json").unlink()
    flipped(run / "log" / "durable.db", 0.0)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damaged_json, "run.json cannot be read"),
        (other_layout, "layout 99.*this version reads"),
        (lambda run: flipped(run / "bars.npz"), "bars.npz cannot be read"),
        (lambda run: (run / "bars.npz").unlink(), "bars.npz cannot be read"),
        (lambda run: (run / "bars.npz").write_bytes(b"PK"), "bars.npz cannot be read"),
        (
            lambda run: (run / "training.json").write_bytes(b"[]"),
            "training.json cannot be read",
        ),
        (lambda run: flipped(run / "trust.pub"), "another key"),
        (lambda run: (run / "trust.pub").unlink(), "trust.pub"),
        (lambda run: flipped(next((run / "models").glob("*/manifest.json"))), "changed"),
        (lambda run: rewritten(run / "log" / "durable.db", b"run.started"), "durable"),
        (headless, "durable"),
        (lambda run: rewritten(run / "log" / "telemetry.db", b"market.bar"), "telemetry"),
        (lambda run: (run / "log" / "durable.db").unlink(), "durable"),
        (lambda run: (run / "log" / "durable.mark").write_bytes(b""), "durable.mark"),
    ],
)
def test_a_run_folder_that_was_tampered_with_is_not_resumed(
    spoil: Callable[[Path], object],
    words: str,
    finished_run: Path,
    refused: Callable[..., str],
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    spoil(run)
    sentence = refused("run", "--resume", run)
    assert re.search(words, sentence), sentence


@pytest.fixture
def sealed(finished_run: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Models and key of another run."""
    models = tmp_path / "models"
    shutil.copytree(finished_run / "models", models)
    return models, finished_run / "trust.pub"


@pytest.mark.parametrize(
    "name", ["manifest.json", "manifest.sig", "forest", "calibration", "rule.json"]
)
def test_one_changed_byte_of_an_artifact_is_found(
    name: str,
    sealed: tuple[Path, Path],
    walk_source: Path,
    refused: Callable[..., str],
    tmp_path: Path,
) -> None:
    models, trust = sealed
    out = tmp_path / "out"
    victim = next(models.glob(f"*/{name}*"))
    flipped(victim)
    arguments = ("--source", walk_source, "--models", models, "--trust", trust, "--out", out)
    sentence = refused("run", *arguments)
    assert victim.parent.name[:12] in sentence
    assert "nothing of it was loaded" in sentence
    assert not out.exists()


def test_only_the_key_that_is_trusted_is_believed(
    sealed: tuple[Path, Path], walk_source: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.pub"
    wrong.write_bytes(public_bytes(new_key()))
    arguments = ("run", "--source", walk_source, "--models", sealed[0], "--trust")
    assert "signed by another key" in refused(*arguments, wrong)
    wrong.write_bytes(b"short")
    assert "32 bytes" in refused(*arguments, wrong)
    assert "cannot be read" in refused(*arguments, tmp_path / "none.pub")


def test_a_folder_without_models_is_refused(
    walk_source: Path, sealed: tuple[Path, Path], refused: Callable[..., str], tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    arguments = ("--source", walk_source, "--models", empty, "--trust", sealed[1])
    assert "holds no sealed model" in refused("run", *arguments)


def test_models_without_their_rule_have_no_last_resort_and_are_refused(
    sealed: tuple[Path, Path], walk_source: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    models, trust = sealed
    out = tmp_path / "out"
    (rule,) = models.glob("*/rule.json")
    shutil.rmtree(rule.parent)
    arguments = ("--source", walk_source, "--models", models, "--trust", trust, "--out", out)
    sentence = refused("run", *arguments)
    assert f"{models} holds 0 sealed rules" in sentence
    assert "a run leaves its own in its models/ folder" in sentence
    assert not out.exists()


def test_models_do_not_climb_beside_another_rule_than_their_own(
    sealed: tuple[Path, Path],
    walk_source: Path,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STAIRWAY__BASELINE__MAX_EDGE", "0.3")
    models, trust = sealed
    arguments = ("--source", walk_source, "--models", models, "--trust", trust)
    assert "[baseline] of the policy asks for max_edge 0.3" in refused("run", *arguments)


def test_models_of_other_features_are_refused(
    sealed: tuple[Path, Path],
    walk_source: Path,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STAIRWAY__FEATURES__RSI_BARS", "15")
    models, trust = sealed
    arguments = ("--source", walk_source, "--models", models, "--trust", trust)
    assert "was taught on" in refused("run", *arguments)


def test_models_that_have_seen_every_bar_have_nothing_to_climb_on(
    sealed: tuple[Path, Path],
    refused: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STAIRWAY__BARS__MIN_BARS", "100")
    short = write_source(tmp_path / "short", random_walk(300, seed=3))
    arguments = ("--source", short, "--models", sealed[0], "--trust", sealed[1])
    assert "none after it to climb on" in refused("run", *arguments)


def test_models_must_be_given_again_to_finish_a_run_and_only_then(
    finished_run: Path,
    sealed: tuple[Path, Path],
    walk_source: Path,
    tmp_path: Path,
    stairway: Callable[..., Any],
    refused: Callable[..., str],
) -> None:
    models, trust = sealed
    given = ("--models", models, "--trust", trust)
    assert "trains models of its own" in refused("run", "--resume", finished_run, *given)
    out = tmp_path / "out"
    first = stairway("run", "--source", walk_source, "--out", out, "--json", *given)
    assert "say --models and --trust again" in refused("run", "--resume", out)
    again = stairway("run", "--resume", out, "--json", *given)
    assert (first.code, again.code) == (0, 0)
    assert json.loads(again.out)["run_hash"] == json.loads(first.out)["run_hash"]


def test_too_few_bars_to_prove_anything_on_are_a_gate_that_cannot_tell(
    stairway: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STAIRWAY__BARS__MIN_BARS", "100")
    short = write_source(tmp_path / "short", random_walk(150, seed=3))
    said = stairway("run", "--source", short, "--out", tmp_path / "out", "--json")
    assert said.code == 2
    assert json.loads(said.out)["notes"] == ["the causality prover stopped the run"]
    assert "90 bars of at least 200" in said.err


def test_too_little_to_judge_turns_candidates_away_and_the_run_goes_on(
    stairway: Callable[..., Any],
    walk_source: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("STAIRWAY__CALIBRATION__MIN_SAMPLES", "5000")
    said = stairway("run", "--source", walk_source, "--out", tmp_path / "out", "--json")
    assert said.code == 0
    learnt = [one for one in json.loads(said.out)["steps"] if one["model"] != "baseline"]
    assert {one["model"] for one in learnt} == {"lightgbm", "xgboost", "policy"}
    for one in learnt:
        assert (one["stage"], one["verdict"]) == ("refused", "inconclusive")
        assert "calibration needs 5000 independent samples" in one["why"][0]


def test_a_whole_run_prints_its_result_and_nothing_else(
    walk_source: Path, stairway: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = stairway("run", "--source", walk_source, "--out", out, "--json")
    assert said.code == 0
    result = json.loads(said.out)
    assert (result["run"], result["bars"]) == (str(out), 1_100)
    assert re.fullmatch("[0-9a-f]{64}", result["run_hash"])
    assert "1100 bars of both instruments" in said.err
    assert "ALPHA: 1100 rows, left out: none" in said.err
    assert "climbing ..." in said.err
    assert RunFolder(out).report.stat().st_size > 10_000

    shown = stairway("run", "--resume", out)
    assert shown.code == 0
    assert "promises a profit" in shown.out
    assert f"stairway replay {out}" in shown.out
    assert result["run_hash"] in shown.out


def test_resuming_a_finished_run_changes_nothing(
    finished_run: Path, stairway: Callable[..., Any], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    stairway("run", "--resume", run)
    before = content(run)
    said = stairway("run", "--resume", run)
    assert said.code == 0
    assert content(run) == before


def content(run: Path) -> dict[str, bytes]:
    """Every file but the picture and SQLite's own shared memory."""
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and path.suffix != ".html" and not path.name.endswith("-shm")
    }


def test_without_out_the_next_free_folder_of_runs_is_taken(
    sealed: tuple[Path, Path], walk_source: Path, stairway: Callable[..., Any]
) -> None:
    given = ("--models", sealed[0], "--trust", sealed[1], "--source", walk_source, "--json")
    names = [json.loads(stairway("run", *given).out)["run"] for _ in range(2)]
    assert names == ["runs/walk-1", "runs/walk-2"]


def test_ctrl_c_says_how_to_go_on(
    finished_run: Path,
    stairway: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(concluding, "conclude", interrupted)
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    said = stairway("run", "--resume", run)
    assert (said.code, said.out) == (command.STOPPED, "")
    assert said.sentence.endswith(f"finish it with: stairway run --resume {run}")


def test_every_kind_of_error_of_ours_ends_with_1(
    stairway: Callable[..., Any], finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [StairwayError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    assert len(kinds) > 6
    for kind in kinds:

        def failing(*_: object, kind: type[StairwayError] = kind) -> None:
            raise kind(kind.__name__, "key") if kind is TwiceError else kind(kind.__name__)

        monkeypatch.setattr(concluding, "conclude", failing)
        said = stairway("run", "--resume", finished_run)
        assert said.code == 1
        assert said.sentence.startswith(kind.__name__)
