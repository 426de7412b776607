from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from stairway.app.gate.report import GateReport
from stairway.dashboard.gate.markdown import draw as markdown
from stairway.dashboard.gate.page import page
from stairway.dashboard.gate.terminal import draw as terminal

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
Reports = Callable[[str], GateReport]


class Page(HTMLParser):
    """Elements and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_verdict_comes_first_then_why(report: Reports) -> None:
    text = Page(page(report("one_dead"))).text
    body = text[text.index("Telemetry gate on") :]
    places = [body.index(words) for words in (
        "Refused: mlp/mlp-v1.", "The output is constant", "What followed each action",
        "The same again", "Nothing was trained",
    )]  # fmt: skip
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["patched", "violation", "few_after"])
def test_the_page_is_one_small_file_without_a_script_that_loads_nothing(
    name: str, report: Reports
) -> None:
    html = page(report(name))
    found = Page(html)
    assert len(html) < 200_000
    assert "script" not in {tag for tag, _ in found.elements}
    for tag, attributes in found.elements:
        for key in ("src", "href", "action", "data", "srcset"):
            assert (attributes.get(key) or "#").startswith(("#", "data:")), tag
    assert "default-src 'none'" in html


def test_before_and_after_stand_side_by_side_with_the_spike_marked(report: Reports) -> None:
    html = page(report("patched"))
    text = Page(html).text
    assert html.count('class="sides both"') == 3
    assert html.count(">0.75: 73.0 %</span>") == 3
    assert "Confidence before 2026-03-02T11:00:00Z" in text
    assert "Cliff&#39;s delta" in html
    assert "different hours of the day" in text


def test_the_bad_answers_are_shown_as_they_were(report: Reports) -> None:
    assert "1.05" in Page(page(report("violation"))).text


def test_names_from_the_stream_are_only_text(report: Reports) -> None:
    bad = "<script>alert(1)</script>|`*"
    one = msgspec.structs.replace(report("one_dead").models[0], model=bad)
    hostile = msgspec.structs.replace(report("one_dead"), models=(one,), source=bad)
    assert "<script" not in page(hostile)
    assert "<script" not in re.sub(r"`[^`]*`", "", markdown(hostile).replace("\\<", ""))
    assert "alert" in terminal(hostile, 60)


@pytest.mark.parametrize("name", ["healthy", "few_after", "violation"])
def test_every_form_has_the_same_headline_and_the_command(name: str, report: Reports) -> None:
    told = report(name)
    headline = terminal(told, 110).splitlines()[0]
    assert headline in Page(page(told)).text
    assert markdown(told).startswith(f"# {headline}")
    for form in (terminal(told, 110), markdown(told)):
        assert told.command in form


@pytest.mark.skipif(CHROMIUM is None, reason="no browser here")
@pytest.mark.parametrize("width", [500, 1280])
def test_nothing_is_wider_than_the_screen(width: int, report: Reports, tmp_path: Path) -> None:
    html = page(report("patched")).replace(
        "default-src 'none';", "default-src 'unsafe-inline';"
    )
    probe = (
        "<script>document.title = 'wide ' + (document.documentElement.scrollWidth"
        " - document.documentElement.clientWidth)</script></body>"
    )
    path = tmp_path / "page.html"
    path.write_text(html.replace("</body>", probe))
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
               f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "<title>wide 0</title>" in done.stdout
