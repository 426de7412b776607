from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from stairway.app.progress import Silent
from stairway.app.validate.asked import Asked
from stairway.app.validate.report import QUESTIONS, Report, Sealed
from stairway.app.validate.validated import validated
from stairway.base.verdict import Pass, passed, refuse
from stairway.dashboard.proof.figures import halves
from stairway.dashboard.proof.page import page, write_proof
from stairway.dashboard.proof.tables import honest_table, standing_rows
from stairway.evaluation.battery.study import BatteryReport, FoldTouch, SurrogateFigures
from stairway.evaluation.sceptic.answer import UNJUDGED, Question, answer, of
from stairway.evaluation.sceptic.luck import Choice

N = 900
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("proof")
    rng = np.random.default_rng(0)
    said = rng.uniform(0.2, 0.8, N)
    net = rng.normal(0.002, 0.01, N)
    table = {
        "time": pl.date_range(pl.date(2020, 1, 1), pl.date(2030, 1, 1), eager=True)[:N],
        EVIL: net,
        "other": rng.normal(0.0, 0.01, N),
        "rule": rng.normal(0.0, 0.01, N),
        "gross": net + 1e-4,
    }
    pl.DataFrame(table).write_csv(folder / "returns.csv")
    forecasts = {
        "probability": said,
        "outcome": (rng.random(N) < said).astype(int),
        "regime": np.where(np.arange(N) < 600, "trend", "crisis"),
    }
    pl.DataFrame(forecasts).write_csv(folder / "said.csv")
    asked = Asked(
        target=folder / "returns.csv",
        periods_per_year=252.0,
        baseline="rule",
        champion="rule",
        gross="gross",
        probabilities=folder / "said.csv",
    )
    return validated(asked, Silent())


def figures(html: str) -> dict[str, dict]:
    found = re.findall(
        r'<script type="application/json" data-for="([^"]+)">(.*?)</script>', html
    )
    return {name: json.loads(text) for name, text in found}


def test_the_page_asks_every_question_in_order_and_loads_nothing(report: Report) -> None:
    html = page(report)
    places = [html.index(f"</span>{question}</h2>") for question in QUESTIONS.values()]
    assert places == sorted(places)
    assert "default-src 'none'" in html
    body = html.partition("<script>")[0]
    assert not re.findall(r'(?:src|href)="(?!#|data:)', body)


def test_names_of_columns_are_text_and_never_markup(report: Report) -> None:
    assert EVIL not in page(report)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page(report)


def test_every_id_is_there_once_and_every_figure_has_its_place(report: Report) -> None:
    html = page(report)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    drawn = figures(html)
    assert set(drawn) <= set(ids)
    assert {"equity-1", "timing-1-1", "tries-1", "halves-1", "parts-1"} <= set(drawn)
    assert {"reliability-1-1", "reliability-1-2", "reliability-1-3"} <= set(drawn)
    assert all(f'href="#ask-{one.value}-1"' in html for one in QUESTIONS)


def test_the_real_link_stands_outside_of_what_chance_shows(report: Report) -> None:
    found = report.proofs[0].figures
    assert found is not None
    drawn = figures(page(report))["timing-1-1"]
    assert drawn["layout"]["shapes"][0]["x0"] == found.shifts[0].link
    assert sum(drawn["data"][0]["y"]) == found.shifts[0].n_shifts
    low, high = drawn["layout"]["xaxis"]["range"]
    assert low < found.shifts[0].link < high


def test_the_curve_of_luck_rises_with_the_tries(report: Report) -> None:
    curve = figures(page(report))["tries-1"]["data"][0]
    assert curve["x"][0] == 1
    assert curve["y"][0] == 0.0
    assert curve["y"] == sorted(curve["y"])


def test_red_bars_are_choices_that_were_luck_and_the_median_is_one() -> None:
    found = Choice(
        n_configurations=3,
        n_splits=6,
        pbo=0.5,
        loss_frac=0.0,
        logits=(-1.0, 0.0, 1.0),
        counts=(1, 2, 3),
    )
    (bars,) = halves(found)["data"]
    assert bars["marker"]["color"] == ["--refuse", "--refuse", "--real"]
    assert bars["y"] == [1, 2, 3]


def test_a_figure_has_its_band_or_what_it_is_held_against_or_says_that_it_has_none(
    report: Report,
) -> None:
    found = report.proofs[0].figures
    assert found is not None
    table = honest_table(found.honesty)
    assert table.regimes == ("all regimes", "trend", "crisis")
    beside = {row.what: (row.meaning, row.cells[0]) for row in table.rows}
    without = [what for what, (_, (_, band)) in beside.items() if not band]
    assert without == ["miscalibration", "discrimination"]
    assert all("without bins or a band" in beside[what][0] for what in without)
    for what in ("Brier score", "log loss"):
        value, band = beside[what][1]
        low, high = map(float, band.split(" to "))
        assert low < float(value) < high
    assert "an honest forecaster under 0." in beside["calibration error"][1][1]


def test_forecasts_clipped_for_the_log_loss_are_counted_beside_its_band(report: Report) -> None:
    found = report.proofs[0].figures
    assert found is not None
    assert found.honesty[0].measures is not None
    measures = msgspec.structs.replace(found.honesty[0].measures, clipped=3)
    one = msgspec.structs.replace(found.honesty[0], measures=measures)
    cells = {row.what: row.cells[0] for row in honest_table([one]).rows}
    assert re.fullmatch(r"0\.\d{4} to 0\.\d{4}, 3 clipped", cells["log loss"][1])


def test_every_sentence_stands_once_under_its_question(report: Report) -> None:
    html = page(report)
    for one in QUESTIONS:
        part = html.partition(f'id="ask-{one.value}-1"')[2].partition("</ul>")[0]
        said = re.findall(r"<span>(.*?)</span>", part)
        assert said
        assert len(said) == len(set(said))
        assert not any(a != b and b.startswith(a) for a in said for b in said)


@pytest.mark.parametrize(
    ("probability", "said"),
    [(0.9995, "0.9995"), (0.999999, "over 0.9999"), (1e-9, "under 0.0001")],
)
def test_a_probability_is_the_same_wherever_it_stands_and_never_1(
    report: Report, probability: float, said: str
) -> None:
    found = report.proofs[0]
    assert found.figures is not None
    assert found.figures.deflated is not None
    deflated = msgspec.structs.replace(found.figures.deflated, probability=probability)
    figures = msgspec.structs.replace(found.figures, deflated=deflated)
    asked = answer(
        Question.TRIES, {"deflated": passed("x", f"a probability {of(probability)}")}
    )
    answers = tuple(asked if one.question is Question.TRIES else one for one in found.answers)
    other = msgspec.structs.replace(found, figures=figures, answers=answers)
    html = page(msgspec.structs.replace(report, proofs=(other,)))
    assert f"<b>{said}</b>" in html
    assert re.search(rf"[Aa] probability (of )?{said}<", html)


def test_a_battery_is_drawn_with_the_folds_that_touch(report: Report) -> None:
    fold = FoldTouch(n_train=90, n_test=9, overlapping=7, in_gap=0, in_embargo=0, in_both=0)
    earned = SurrogateFigures(
        t=(-1.0, 0.2, 3.0), mean_t=0.7, p_mean=0.2, beyond=0, beyond_bound=3, beyond_t=3.3
    )
    found = msgspec.structs.replace(
        report.proofs[0], battery=a_battery(folds=(fold,), surrogate_figures=earned)
    )
    html = page(msgspec.structs.replace(report, proofs=(found,)))
    assert '<td class="num missed">7</td>' in html
    assert "surrogates-1" in figures(html)


def test_several_models_are_told_one_by_one(report: Report) -> None:
    html = page(msgspec.structs.replace(report, proofs=(report.proofs[0],) * 2))
    assert "0 of 2 candidates proved." in html
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert "Open: the future, the splits" in html


def test_a_model_without_returns_has_a_page_all_the_same(report: Report) -> None:
    bare = msgspec.structs.replace(report.proofs[0], figures=None, curves={})
    assert "Could it see the future?" in page(msgspec.structs.replace(report, proofs=(bare,)))


def test_what_is_written_can_be_read_back(report: Report, tmp_path: Path) -> None:
    write_proof(tmp_path / "new", report)
    content = (tmp_path / "new" / "proof.json").read_bytes()
    assert msgspec.json.decode(content, type=Report) == report
    assert (tmp_path / "new" / "proof.html").read_text("utf-8") == page(report)


def a_battery(**more):
    known = dict.fromkeys(("causality", "purge", "surrogates", "sentinel", "verdict"), Pass())
    return BatteryReport(**(known | {"fired": ()} | more))


def test_what_was_not_judged_bears_no_tick(report: Report) -> None:
    rare = answer(
        Question.HONEST,
        {"skill": passed("x", "well"), "rare": passed(UNJUDGED, "in crisis: not judged")},
    )
    found = report.proofs[0]
    answers = tuple(rare if one.question is rare.question else one for one in found.answers)
    other = msgspec.structs.replace(found, answers=answers)
    html = page(msgspec.structs.replace(report, proofs=(other,)))
    part = html.partition('id="ask-honest-1"')[2].partition("</ul>")[0]
    marks = re.findall(r'class="badge (\w+)".*?<span>(.*?)</span></li>', part, re.DOTALL)
    assert marks[-2:] == [("pass", "Well"), ("unjudged", "In crisis: not judged")]


def test_what_was_sealed_is_among_what_was_not_passed(report: Report) -> None:
    bad = refuse("proof.entry", "forged")
    sealed = Sealed(sha256=None, trials=0, registered=3, checks={"entry": bad})
    found = msgspec.structs.replace(report.proofs[0], sealed=sealed, verdict=bad)
    html = page(msgspec.structs.replace(report, proofs=(found, report.proofs[0])))
    told = re.findall(r"Refused: ([^.<]*)\.", html)
    assert [one.endswith("what was sealed") for one in told][:1] == [True]
    assert sum("what was sealed" in one for one in told) == 1


def test_the_best_of_the_set_is_written_like_the_others(report: Report) -> None:
    found = report.proofs[0].figures
    assert found is not None
    told = [row.p_value for row in standing_rows(found)]
    assert told[0] == "1.0000"
    assert all(re.fullmatch(r"(under )?\d\.\d{4}", one) for one in told)


def test_a_skill_without_an_interval_is_shown_with_the_bars_it_needs(report: Report) -> None:
    every = report.proofs[0].figures.honesty[0]
    skill = msgspec.structs.replace(
        every.skill, low=None, high=None, n_bars=50, needed_bars=1_024
    )
    table = honest_table([msgspec.structs.replace(every, skill=skill)])
    (cell,) = (row.cells[0] for row in table.rows if row.what == "skill")
    assert cell[1] == "no interval: 1,024 bars are needed, 50 were judged"


@pytest.mark.parametrize(("level", "said"), [(0.975, "97.5 %"), (0.999, "99.9 %")])
def test_the_confidence_is_the_one_that_was_asked_for(
    report: Report, level: float, said: str
) -> None:
    html = page(msgspec.structs.replace(report, level=level))
    assert f"<dt>confidence</dt><dd>{said}</dd>" in html


def test_what_was_sealed_is_in_the_list_that_its_headline_counts(report: Report) -> None:
    bad = refuse("proof.entry", "forged by <somebody>")
    sealed = Sealed(sha256=None, trials=0, registered=3, checks={"entry": bad})
    found = msgspec.structs.replace(report.proofs[0], sealed=sealed)
    html = page(msgspec.structs.replace(report, proofs=(found,)))
    listed = html.partition('aria-label="Verdict"')[2].partition("</ul>")[0]
    words = re.findall(r'class="badge (\w+)"', listed)
    title = html.partition("<title>")[2].partition("<")[0]
    n_refused, n = map(int, re.findall(r"(\d+) of (\d+) refused", title)[0])
    assert (words.count("refuse"), len(words)) == (n_refused, n)
    assert '<a href="#sealed-1"><b>Sealed with it: nothing; registered: 3</b></a>' in listed
    assert "Forged by &lt;somebody&gt;" in listed
    assert 'id="sealed-1"' in html
