"""Pictures in docs/images are those of the runs whose output stands beside them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("pictures", ROOT / "scripts" / "pictures.py")
assert _SPEC is not None
assert _SPEC.loader is not None
pictures = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(pictures)
PICTURE = (ROOT / "docs/images/report.png").read_bytes()
README = (ROOT / "README.md").read_text("utf-8")
AGAIN = "run scripts/examples.sh, or scripts/pictures.py on the drill of docs/examples"


def test_the_picture_is_of_the_drill_whose_output_stands_above_it() -> None:
    drill = (ROOT / "docs/examples/drill.txt").read_text("utf-8")
    (shown,) = re.findall(r"^hash +([0-9a-f]{64})$", drill, re.MULTILINE)
    assert pictures.run_of(PICTURE) == shown, AGAIN
    below = README.split("<!-- docs/examples/drill.txt -->")[1].split("```\n")[2]
    assert below.lstrip().startswith("![The report of a drill](docs/images/report.png)")


def test_the_picture_is_as_wide_as_the_script_makes_it() -> None:
    width, height = pictures.size_of(PICTURE)
    assert width == pictures.WIDTH == 1200
    assert height > 1200


def test_a_picture_names_the_run_that_it_was_taken_of() -> None:
    plain = pictures.named(PICTURE, "ab" * 32)
    assert pictures.run_of(plain) == "ab" * 32
    assert pictures.size_of(plain) == pictures.size_of(PICTURE)


def test_a_picture_that_names_no_run_is_nobodys() -> None:
    before, _, behind = PICTURE.partition(b"tEXtrun\0")
    nameless = before[:-4] + behind[64 + 4 :]
    assert pictures.run_of(nameless) is None
    assert pictures.size_of(nameless) == pictures.size_of(PICTURE)


def test_the_examples_take_the_picture_of_the_run_that_they_replay() -> None:
    examples = (ROOT / "scripts/examples.sh").read_text("utf-8")
    (taken,) = re.findall(r'scripts/pictures\.py" (\S+)', examples)
    assert f"replay {taken}\n" in examples
    assert examples.index(" run --drill >") < examples.index("scripts/pictures.py")


def test_every_picture_is_made_by_a_script() -> None:
    scripts = "".join(path.read_text("utf-8") for path in (ROOT / "scripts").glob("*.py"))
    named = {path.name for path in (ROOT / "docs/images").iterdir()}
    assert [name for name in named if f'"{name}"' not in scripts] == []
