from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stairway.app.folder import RunFolder
from stairway.base.errors import ConfigError
from stairway.base.verdict import Finding, Pass, Refuse, refuse
from stairway.dashboard import report
from stairway.dashboard.stairs import stairs
from stairway.dashboard.views import RunView, view

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MEGABYTE = 1_000_000


class Page(HTMLParser):
    """What a browser would find: elements, words, and figures by the place they go to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.figures: dict[str, Any] = {}
        self._inside = ""
        self._place: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside, self._place = tag, dict(attrs).get("data-for")

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._inside, self._place = "", None

    def handle_data(self, data: str) -> None:
        if self._place is not None:
            self.figures[self._place] = msgspec.json.decode(data)
        elif self._inside not in {"script", "style"}:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def rendered(folder: RunFolder, *notes: str) -> str:
    seen = view(folder.root)
    return report.page(folder, seen, stairs(seen), notes)


@pytest.fixture(scope="module")
def html(told: RunFolder) -> str:
    return rendered(told, "undisturbed run: same hash")


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_loads_nothing_from_anywhere(page: Page) -> None:
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), f"<{tag} {name}={value[:60]}>"


def test_the_page_forbids_itself_to_load_anything(page: Page) -> None:
    policies = [a["content"] for t, a in page.elements if t == "meta" and "http-equiv" in a]

    assert len(policies) == 1
    assert (policies[0] or "").startswith("default-src 'none'; ")
    assert "http:" not in (policies[0] or "")


def test_styles_load_nothing_either(html: str) -> None:
    style = html[html.index("<style>") : html.index("</style>")]

    assert "url(" not in style
    assert "@import" not in style


def test_the_verdict_is_the_first_thing_said(page: Page) -> None:
    text = page.text

    assert text.index("No model may touch money.") < text.index("The stairs")
    assert text.index("The stairs") < text.index("What the gates said")


def test_a_drill_is_called_a_drill_before_any_figure(page: Page) -> None:
    assert page.text.index("This is a drill.") < page.text.index("After costs")


def test_a_real_run_is_not_called_a_drill(teller: Any, tmp_path: Path) -> None:
    folder = teller.marks("capital", [1.0] * 60).finish().write(tmp_path / "run")

    assert "drill" not in Page(rendered(folder)).text


def test_every_model_stands_on_the_stairs_with_its_reason(page: Page) -> None:
    classes = [a.get("class") or "" for t, a in page.elements if t == "div"]

    assert sum(c.startswith("person") for c in classes) == 3
    assert "lightgbm, once" in page.text
    assert "e_detector rang after 10 recent trades" in page.text


def test_a_gate_says_which_end_of_an_interval_it_held_against_its_bound(page: Page) -> None:
    gates = page.text.partition("What the gates said")[2]

    assert "no skill low end -0.03 against 0, n 298" in gates


def test_a_refused_candidate_shows_the_column_that_gave_it_away(page: Page) -> None:
    assert page.text.count("SP500.momentum_short") >= 3


def test_every_verdict_of_every_gate_appears(page: Page, story: RunView) -> None:
    for gate in story.gates:
        assert gate.gate in page.text
        for finding in gate.verdict.findings[:1]:
            last = [g for g in story.gates if (g.gate, g.digest) == (gate.gate, gate.digest)][
                -1
            ]
            if gate is last:
                assert finding.detail.lower() in page.text.lower()
    rects = [a.get("class") for t, a in page.elements if t == "rect" and "x" in a]
    assert rects == ["inconclusive", "pass", "refuse"]


def test_a_verdict_has_a_sign_as_well_as_a_colour(page: Page) -> None:
    labels = {a.get("aria-label") for t, a in page.elements if t == "svg"}

    assert {"pass", "refuse", "inconclusive"} <= labels


def test_every_figure_has_a_place_and_a_description(page: Page) -> None:
    places = {a["id"]: a for t, a in page.elements if a.get("class") == "plot"}

    assert set(page.figures) == set(places)
    assert {"money", "timeline", "holdings", "reliability-1-1", "reliability-1-2"} == set(
        places
    )
    assert all(place.get("aria-label") for place in places.values())


def test_dropped_rows_are_told_with_their_reasons(page: Page) -> None:
    assert "2 duplicate, 1 no partner" in page.text
    assert "80 common bars" in page.text


def test_what_the_clamp_did_is_told(page: Page) -> None:
    assert "nothing: the wish fitted" in page.text
    assert "the feed stood still" in page.text
    assert "The limits met 3 wanted trades" in page.text


def test_misfortunes_are_told_with_what_became_of_them(page: Page) -> None:
    assert "2 bars later lightgbm fell from champion to shadow" in page.text
    assert "undisturbed run: same hash" in page.text.lower()


def test_a_reader_can_repeat_and_check_the_run(page: Page, told: RunFolder) -> None:
    assert f"stairway replay {told.root}" in page.text
    assert "stairway run --source sample --policy daily --seed 7 --drill" in page.text
    assert view(told.root).run_hash in page.text


def test_nothing_is_promised(page: Page) -> None:
    text = page.text.lower()

    assert "nothing here promises a profit" in text
    assert text.count("profit") == 1
    assert "loses money for most" in text


def test_the_file_stays_small(html: str) -> None:
    assert len(html.encode()) < 8 * MEGABYTE


def test_the_same_record_gives_the_same_page(told: RunFolder, html: str) -> None:
    assert rendered(told, "undisturbed run: same hash") == html


EVIL = "</script><script>alert(1)</script><img src=http://x onerror=alert(2)>&{{7*7}}"


def test_an_evil_name_is_a_name_and_nothing_else(
    teller: Any, tell_whole_story: Any, training: Any, tmp_path: Path
) -> None:
    harmless = rendered(
        tell_whole_story(type(teller)()).write(tmp_path / "good", training(), drill=True)
    )
    evil = rendered(
        tell_whole_story(teller, EVIL).write(tmp_path / "evil", training(EVIL), drill=True)
    )

    tags = [tag for tag, _ in Page(harmless).elements]
    assert [tag for tag, _ in Page(evil).elements] == tags
    assert EVIL in Page(evil).text
    assert "alert(1)</script>" not in evil
    assert "{{7*7}}" in evil


def test_a_figure_cannot_end_the_script_it_stands_in() -> None:
    figure = {"layout": {"title": "</script><script>alert(1)</script>&lt;"}}

    text = report._plot(figure)

    assert "<" not in text
    assert "&" not in text
    assert msgspec.json.decode(text.encode()) == figure


def test_those_in_charge_are_named_and_not_argued_with(teller: Any, tmp_path: Path) -> None:
    teller.model().move(40, "canary", "champion", "promotion.champion").ramp(40, 0.25)
    teller.weigh(40, lightgbm=1.0).marks("capital", [1.0] * 60).finish()
    text = Page(rendered(teller.write(tmp_path / "run"))).text

    assert "lightgbm may trade the capital. lightgbm may trade 25 % of full size since" in text
    assert "The static rule stands by, should every model fall." in text


def test_a_quarantined_model_is_drawn_off_the_stairs(teller: Any, tmp_path: Path) -> None:
    teller.model().move(30, "shadow", "quarantined", "gate.refused", refuse("c", "it leaks"))
    page = Page(rendered(teller.marks("capital", [1.0] * 60).write(tmp_path / "run")))

    classes = [a.get("class") or "" for t, a in page.elements if t == "div"]
    assert "tread quarantined" in classes
    assert "It leaks" in page.text


def test_a_run_of_minutes_is_drawn_as_well(minutes: Any, tmp_path: Path) -> None:
    minutes.model().move(30, "candidate", "shadow", "promotion.shadow")
    page = Page(rendered(minutes.marks("capital", [1.0] * 60).write(tmp_path / "run")))

    assert len(page.figures["money"]["data"][0]["x"][0]) == len("2015-01-05T09:31:00")
    assert "candidate → shadow" in page.text


def test_gaps_and_short_sessions_are_told(teller: Any, tmp_path: Path) -> None:
    holed = msgspec.structs.replace(teller.report, gaps=3, cut_short=1)
    teller.facts[teller.facts.index(teller.report)] = holed
    text = Page(rendered(teller.marks("capital", [1.0] * 60).write(tmp_path / "run"))).text

    assert "3 gaps inside a session." in text
    assert "1 session cut short." in text


def test_a_long_pass_is_folded_and_a_refusal_never_is(teller: Any, tmp_path: Path) -> None:
    many = tuple(Finding(f"gate.{k}", f"check number {k}", k, 9) for k in range(6))
    teller.model().gate("quality_gate", Pass(many)).gate("promotion.canary", Refuse(many))
    folder = teller.marks("capital", [1.0] * 60).write(tmp_path / "run")
    text = Page(rendered(folder)).text

    assert text.count("6 findings, all within their bounds") == 1
    assert text.count("Check number 5") == 2


def test_the_page_is_light_and_dark(html: str) -> None:
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html


def test_every_colour_a_figure_names_is_a_colour_of_both_themes(html: str, page: Page) -> None:
    named = set(re.findall(r'"(--[a-z0-9-]+)"', msgspec.json.encode(page.figures).decode()))
    style = html[html.index("<style>") : html.index("</style>")]
    light, _, dark = style.partition("prefers-color-scheme: dark")

    assert named
    assert all(f"{name}:" in light for name in named)
    assert all(f"{name}:" in dark[: dark.index("* {")] for name in named)


def test_an_unfinished_run_says_how_to_finish_it(teller: Any, tmp_path: Path) -> None:
    folder = teller.marks("capital", [1.0] * 60).write(tmp_path / "run")
    text = Page(rendered(folder)).text

    assert "not finished" in text
    assert f"stairway run --resume {folder.root}" in text


def test_a_run_without_models_still_has_a_page(teller: Any, tmp_path: Path) -> None:
    folder = teller.marks("capital", [1.0] * 60).finish().write(tmp_path / "run")
    page = Page(rendered(folder))

    assert "No gate spoke: no model was offered." in page.text
    assert "Nobody moved." in page.text
    assert "No training belongs to this run" in page.text
    assert "the static rule decided alone" in page.text
    assert set(page.figures) == {"money", "holdings"}


def test_latencies_are_told_where_they_were_measured(told: RunFolder, tmp_path: Path) -> None:
    root = tmp_path / "run"
    shutil.copytree(told.root, root)
    stages = {
        "decide": {"p50_us": 258.7, "p95_us": 735.0, "p99_us": 8880.1, "p999_us": 16875.5}
    }
    (root / "perf.json").write_bytes(msgspec.json.encode({"stages": stages}))

    assert "How long a decision took" in Page(rendered(RunFolder(root))).text
    (root / "perf.json").write_bytes(b"half a fi")
    assert "How long a decision took" not in Page(rendered(RunFolder(root))).text


def test_the_command_names_given_models(teller: Any) -> None:
    ask = msgspec.structs.replace(teller.ask(), models="my models", source="a.toml")

    assert report.again(ask) == (
        "stairway run --source a.toml --policy daily --seed 7 "
        "--models 'my models' --trust PUBLIC_KEY"
    )


def test_the_stairs_are_drawn_with_the_steps_that_somebody_fell_off(story: RunView) -> None:
    drawn = report.treads(stairs(story))

    assert [tread.stage for tread in drawn] == [
        "refused",
        "retired",
        "candidate",
        "shadow",
        "canary",
        "champion",
    ]
    assert [tread.height for tread in drawn] == [0, 0, 1, 2, 3, 4]
    assert [step.model for step in drawn[-1].once] == ["lightgbm"]
    assert [step.model for step in drawn[3].here] == ["lightgbm"]


def test_having_been_a_candidate_is_no_achievement(story: RunView) -> None:
    assert report.treads(stairs(story))[2].once == ()


def test_writing_replaces_the_file_whole(told: RunFolder, tmp_path: Path) -> None:
    root = tmp_path / "run"
    shutil.copytree(told.root, root)
    folder, seen = RunFolder(root), view(root)
    folder.report.write_text("an older one")

    report.write_report(folder, seen, stairs(seen))

    assert folder.report.read_text("utf-8").startswith("<!doctype html>")
    assert not list(root.glob(".report*"))


def test_without_plotly_the_report_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report, "find_spec", lambda _: None)

    with pytest.raises(ConfigError, match="pip install"):
        report.plotly_script()


def test_a_page_never_imports_plotly_itself() -> None:
    code = "import sys, stairway.dashboard.report; print('plotly' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "False"


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_draws_every_figure_without_a_complaint(html: str, tmp_path: Path) -> None:
    probe = (
        "<script>document.title = 'drawn ' + [...document.querySelectorAll('.plot')]"
        ".filter((place) => place.querySelector('.main-svg')).length</script></body>"
    )
    path = tmp_path / "report.html"
    path.write_text(html.replace("</body>", probe), "utf-8")
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [
                str(CHROMIUM),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--enable-logging=stderr",
                "--virtual-time-budget=6000",
                f"--user-data-dir={profile}",
                "--dump-dom",
                path.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )

    drawn = re.search(r"<title>(.*?)</title>", done.stdout)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert drawn is not None
    assert drawn[1] == f"drawn {len(Page(html).figures)}"
    assert complaints == []
