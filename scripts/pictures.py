"""Take the picture of a drill's report that README.md shows, with a browser that has no screen.

``python scripts/pictures.py RUN``, where RUN is the folder of a finished run; ``examples.sh``
gives it the drill whose output it keeps. The picture is as wide as a window, goes from the
verdict to the curves of money, and names the run by its hash in a text chunk of the PNG: a
test holds that against ``docs/examples/drill.txt``. It needs Chromium.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "report.png"
WIDTH = 1200
_LAST, _MARGIN = "#money", 8
_RUN = b"run"
_BEGIN = b"\x89PNG\r\n\x1a\n"
_AROUND = 12  # length and name before a chunk, and a check sum behind it: bytes
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--virtual-time-budget=6000",
)
_MEASURE = (
    "<script>addEventListener('load', () => document.body.dataset.end = "
    f"Math.ceil(document.querySelector('{_LAST}').getBoundingClientRect().bottom))</script>"
    "</body>"
)


def picture(page: str) -> bytes:
    """Draw the top of a page, down to the end of its first figure."""
    name = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if name is None:
        sys.exit(f"pictures: none of {', '.join(_CHROMIUM)} was found; install chromium")
    with tempfile.TemporaryDirectory() as folder:
        copy, drawn = Path(folder, "page.html"), Path(folder, "page.png")
        copy.write_text(page.replace("</body>", _MEASURE), "utf-8")
        browser = (name, *_QUIET, f"--user-data-dir={folder}/profile")
        size = f"--window-size={WIDTH},"
        dom = _told((*browser, f"{size}900", "--dump-dom", copy.as_uri()))
        found = re.search(r'data-end="(\d+)"', dom)
        if found is None:
            sys.exit(f"pictures: the page has no {_LAST}; give the folder of a finished run")
        height = int(found[1]) + _MARGIN
        _told((*browser, f"{size}{height}", f"--screenshot={drawn}", copy.as_uri()))
        return drawn.read_bytes()


def named(png: bytes, run_hash: str) -> bytes:
    """Write the hash of a run into a picture, behind the header that every PNG begins with."""
    body = b"tEXt" + _RUN + b"\0" + run_hash.encode()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    (length,) = struct.unpack_from(">I", png, len(_BEGIN))
    behind = len(_BEGIN) + _AROUND + length
    return png[:behind] + chunk + png[behind:]


def run_of(png: bytes) -> str | None:
    """Read the hash of the run that a picture is of; None where it names none."""
    at = len(_BEGIN)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        key, _, text = png[at + 8 : at + 8 + length].partition(b"\0")
        if kind == b"tEXt" and key == _RUN:
            return text.decode()
        at += _AROUND + length
    return None


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height, in pixels."""
    width, height = struct.unpack_from(">II", png, len(_BEGIN) + 8)
    return width, height


def _told(command: tuple[str, ...]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return done.stdout


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the script and its one argument
        sys.exit("pictures: give the folder of one finished run")
    run = Path(sys.argv[1])
    run_hash = json.loads((run / "result.json").read_text("utf-8"))["run_hash"]
    page = (run / "report.html").read_text("utf-8")
    PICTURE.write_bytes(named(picture(page), run_hash))
    print(f"{PICTURE.relative_to(ROOT)} is of run {run_hash}")
