from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from stairway.base.errors import ConfigError
from stairway.base.verdict import refuse
from stairway.dashboard.practice.account import LEGEND, STEPS
from stairway.dashboard.practice.page import again, page, write_page
from stairway.testing.journal import practice_result
from stairway.training.journal import CycleReport
from msgspec.structs import replace

ROOT = Path("runs/rl/x")


def text(result) -> str:
    whole = page(result, ROOT)
    readable = re.sub(r"<(style|script)\b.*?</\1>", "", whole, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", readable))


def test_the_verdict_comes_first() -> None:
    said = text(practice_result(accepted=False))

    assert said.index("No policy was accepted") < said.index("What the seeds learned")
    assert "Seed 1, the median one, missed:" in said
    assert "Return \N{MINUS SIGN}1.0 %, must be at least +1 %" in said


def test_the_words_of_the_verdict_are_explained() -> None:
    said = text(practice_result())

    for word, meaning in (STEPS, *LEGEND):
        assert f"{word} {meaning}" in said.replace("&#39;", "'")


def test_what_the_median_and_the_worst_seed_missed_is_told_of_each_cycle() -> None:
    said = text(practice_result(accepted=False))

    assert said.count("median seed 1: 2 of 3 bounds missed") == 2
    assert said.count("worst seed 2: 2 of 3 bounds missed") == 2


def test_a_seed_that_was_the_median_and_the_worst_is_told_of_once() -> None:
    result = practice_result(accepted=False)
    cycles = tuple(replace(cycle, worst_seed=1) for cycle in result.cycles)
    said = text(replace(result, cycles=cycles))

    assert said.count("median and worst seed 1: 2 of 3 bounds missed") == 2
    assert "worst seed 2" not in said
    assert "median seed 1" not in said


def test_a_seed_that_went_back_in_a_kept_cycle_is_not_shown_as_it_was_refused() -> None:
    result = practice_result()
    back = tuple(replace(c, rolled_back=True) if c.seed == 2 else c for c in result.seed_cycles)
    said = text(replace(result, seed_cycles=back))

    assert said.count("seed 2, back at the reference") == 3
    assert "In practice, median of 1 seed " in said
    assert "near, went back" in said


def test_a_seed_that_strayed_is_told_with_how_far() -> None:
    result = practice_result(accepted=False)
    far = refuse("practice.divergence", "drift is 0.2123", 0.2123, 0.15)
    strayed = tuple(
        replace(c, divergence=replace(c.divergence, verdict=far)) for c in result.seed_cycles
    )

    assert "drift is 0.212" in text(replace(result, seed_cycles=strayed))


def test_one_thing_has_one_name() -> None:
    said = text(practice_result())

    assert "per session" not in said
    assert "trades a day" in said


def test_held_out_days_stand_apart_from_those_that_decided() -> None:
    said = text(practice_result())

    assert "Validation days, which decided care and the gate" in said
    assert "Held-out days, which decided nothing" in said


def test_a_run_that_has_only_begun_still_makes_a_page() -> None:
    begun = practice_result(
        accepted=False, finished=False, gold=None, rollouts=(), seed_cycles=(), cycles=(),
        held_out=(), spans=(),
    )  # fmt: skip

    said = text(begun)

    assert "Training is not finished" in said
    assert "No cycle was judged" in said


def test_the_page_loads_nothing_from_anywhere() -> None:
    whole = page(practice_result(), ROOT)

    assert "default-src 'none'" in whole
    assert not re.findall(r"""(?:src|href)=["']https?:""", whole.split("<script>")[0])


def test_a_hostile_name_is_text_and_never_markup() -> None:
    bad = "<img src=x onerror=alert(1)>"
    result = practice_result(symbols=(bad, "MSFT"), source=bad)
    cycles: tuple[CycleReport, ...] = tuple(
        replace(c, reason=bad, gate=refuse("practice.return", bad, 0.0, 1.0, 1))
        for c in result.cycles
    )

    whole = page(replace(result, cycles=cycles), ROOT)

    assert "<img" not in whole.split("<script>")[0]
    assert "onerror" in whole


def test_the_command_repeats_the_run() -> None:
    assert again(practice_result()) == (
        "stairway train rl --source my.toml --policy intraday --seeds 2"
    )
    other = msgspec.structs.replace(practice_result(), seeds=(4, 5))
    assert again(other, "mine.toml").endswith(
        "--policy intraday --seeds 2 --practice mine.toml --seed 4"
    )


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ConfigError, match="file"):
        write_page(tmp_path / "file" / "train.html", practice_result())


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    write_page(tmp_path / "train.html", practice_result())

    assert (tmp_path / "train.html").read_text().rstrip().endswith("</html>")
    assert [p.name for p in tmp_path.iterdir()] == ["train.html"]
