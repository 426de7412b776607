"""One-minute bars of NVDA and MSFT: the last decision of a session opens nothing."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from stairway.adapters.artifacts.directory import new_key, public_bytes, seal
from stairway.app.progress import Silent
from stairway.app.replay import replay
from stairway.app.request import Request
from stairway.app.run import run
from stairway.app.settings import load, plain
from stairway.dashboard.views import RunView, view
from stairway.app.environment import overrides
from stairway.app.terms import terms_hash
from stairway.market.instrument import Instrument
from stairway.testing.models import rule_under, toy_bundle, toy_passport
from stairway.testing.runs import quickly

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "nvda_msft_minutes.toml"
BARS = Path(os.environ.get("STAIRWAY_DATA", ROOT.parent / "shared" / "data"))
FOLDER = BARS / "stocks_1m_nvda_msft_2018"
SESSIONS, PER_SESSION = 6, 391

needs_bars = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no minutes in {FOLDER}")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the first sessions, with models that are not good enough to act."""
    home, key = tmp_path_factory.mktemp("minutes"), new_key()
    with quickly():
        settings = load("intraday", overrides())
    pair = tuple(Instrument(symbol=s, tick_usd=0.01, lot_units=1.0) for s in ("NVDA", "MSFT"))
    schema = terms_hash(plain(settings), pair, planted=False)
    seal(home / "models", toy_bundle(1, toy_passport("lightgbm", schema)), key)
    seal(home / "models", rule_under(settings.baseline, schema), key)
    (home / "trust.pub").write_bytes(public_bytes(key))
    source = EXAMPLE.read_text("utf-8")
    for path in FOLDER.glob("*.csv.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = [next(file) for _ in range(1 + SESSIONS * PER_SESSION)]
        short = home / path.name.removesuffix(".gz")
        short.write_text("".join(lines), "utf-8")
        named = f"../shared/data/{FOLDER.name}/{path.name}"
        assert named in source
        source = source.replace(named, str(short))
    (home / "minutes.toml").write_text(source, "utf-8")
    with quickly():
        run(
            Request(
                source=str(home / "minutes.toml"),
                policy="intraday",
                out=home / "run",
                models=home / "models",
                trust=home / "trust.pub",
            ),
            Silent(),
        )
    return home / "run"


@pytest.fixture(scope="module")
def seen(root: Path) -> RunView:
    return view(root)


@needs_bars
def test_every_session_is_whole_and_its_last_bar_is_known(seen: RunView) -> None:
    assert len(seen.bars) == SESSIONS * PER_SESSION
    last = [bar.index for bar in seen.bars if bar.last_of_session]
    assert last == [PER_SESSION * (s + 1) - 1 for s in range(SESSIONS)]


@needs_bars
def test_the_last_decision_of_a_session_is_refused(seen: RunView) -> None:
    codes = seen.refusals["capital"]
    assert codes["session.last_bar"] > 0
    assert codes["session.closing"] > 0, "and so is one that could not be led out in time"


@needs_bars
def test_nothing_is_held_over_night_in_any_book(seen: RunView) -> None:
    session = {bar.time_ns: bar.session for bar in seen.bars}
    assert len(seen.trades) > 100
    assert all(session[t.opened_ns] == session[t.closed_ns] for t in seen.trades)
    assert any(t.exit == "session" for t in seen.trades), "some were led out at the close"
    last = {bar.index for bar in seen.bars if bar.last_of_session}
    held = [
        m for marks in seen.marks.values() for m in marks if m.index in last and any(m.held)
    ]
    assert held == []


@needs_bars
def test_the_replay_of_minutes_is_identical(root: Path) -> None:
    answer = replay(root, Silent())
    assert (answer.identical, answer.finished) == (True, True)


def test_the_example_names_both_tables_and_what_a_stamp_means() -> None:
    text = EXAMPLE.read_text("utf-8")
    for words in (
        "NVDA",
        "MSFT",
        'tz = "America/New_York"',
        'stamp = "open"',
        "bar_seconds = 60",
    ):
        assert words in text
