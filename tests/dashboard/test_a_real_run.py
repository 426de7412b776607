"""A small run, from bars in a file to the page, as a user makes one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from stairway.app.progress import Silent
from stairway.app.replay import replay
from stairway.app.request import Request
from stairway.app.run import run
from stairway.app.validate.asked import Asked
from stairway.app.validate.report import Report
from stairway.app.validate.validated import validated
from stairway.base.errors import ConfigError
from stairway.dashboard.conclude import Conclusion, conclude
from stairway.dashboard.result import Result
from stairway.testing.runs import quickly, write_source


@pytest.fixture(scope="module")
def concluded(tmp_path_factory: pytest.TempPathFactory) -> Conclusion:
    folder = tmp_path_factory.mktemp("real")
    with quickly():
        outcome = run(
            Request(source=str(write_source(folder / "bars")), out=folder / "run"), Silent()
        )
        return conclude(outcome, Silent())


def test_it_ends_with_a_verdict_about_every_model(concluded: Conclusion) -> None:
    assert isinstance(concluded.result, Result)
    models = {step.model for step in concluded.result.steps}

    assert models == {"lightgbm", "policy", "xgboost", "baseline"}
    assert all(step.why for step in concluded.result.steps)


def test_the_hash_on_the_page_is_the_one_that_a_replay_finds(concluded: Conclusion) -> None:
    assert isinstance(concluded.result, Result)
    replayed = replay(Path(concluded.result.run), Silent())

    assert replayed.run_hash == concluded.result.run_hash
    assert replayed.run_hash in Path(concluded.result.report).read_text("utf-8")


def test_the_books_agree_with_the_record(concluded: Conclusion) -> None:
    assert concluded.seen is not None
    assert isinstance(concluded.result, Result)
    capital = concluded.result.accounts[0]
    last = concluded.seen.marks["capital"][-1].equity_micros
    start = concluded.seen.started.settings["account"]["equity_usd"] * 1e6

    # Nobody was promoted on a random walk, so all real money is in one book.
    assert not concluded.seen.funded
    assert capital.total_return == pytest.approx(last / start - 1.0)
    assert capital.trades == sum(t.book == "capital" for t in concluded.seen.trades)


def test_its_result_can_be_read_back(concluded: Conclusion) -> None:
    assert isinstance(concluded.result, Result)
    written = (Path(concluded.result.run) / "result.json").read_bytes()

    assert msgspec.json.decode(written, type=Result) == concluded.result


@pytest.fixture(scope="module")
def proved(concluded: Conclusion) -> Report:
    assert isinstance(concluded.result, Result)
    return validated(Asked(target=Path(concluded.result.run)), Silent())


def test_every_candidate_of_it_can_be_validated_and_a_random_walk_proves_nobody(
    proved: Report,
) -> None:
    assert proved.exit_code == 2
    shown = {one.name: one for one in proved.proofs}
    assert {"lightgbm", "xgboost"} <= set(shown)
    for one in shown.values():
        assert len(one.answers) == 8
        assert one.figures is None or one.figures.trials.n >= len(one.figures.names)


def test_one_candidate_is_validated_as_it_is_among_the_others(proved: Report) -> None:
    alone = validated(Asked(target=Path(proved.subject), model="xgboost"), Silent())
    among = next(one for one in proved.proofs if one.name == "xgboost")
    assert alone.proofs == (among,)


def test_before_costs_a_candidate_of_it_made_more(proved: Report) -> None:
    for one in proved.proofs:
        found = one.figures
        if found is not None and found.gross is not None and found.net.sharpe is not None:
            assert found.gross.total_return_frac > found.net.total_return_frac


def test_a_candidate_that_it_has_not_is_a_sentence(proved: Report) -> None:
    with pytest.raises(ConfigError, match="no candidate 'nobody'; it has: lightgbm"):
        validated(Asked(target=Path(proved.subject), model="nobody"), Silent())
