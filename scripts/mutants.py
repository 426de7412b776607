"""Plant known bugs one at a time, and see that a test goes red for each.

    .venv/bin/python scripts/mutants.py                    # all of them: hours of one core
    .venv/bin/python scripts/mutants.py splits journal     # those in files that are called so
    .venv/bin/python scripts/mutants.py --sample 20 --seed 3   # twenty of them by lot

The bugs stand in ``tests/mutants``: what to replace by what in which file, and the test files
of which one must go red. Work is done in a copy. A bug that no test notices is named, and the
exit code is 2; so it is where tests are red without any. What was found is written to
``build/mutants.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
LIST, SOURCE = ROOT / "tests" / "mutants", Path("src") / "stairway"
RESULT = ROOT / "build" / "mutants.json"
LONGEST_S = 600.0
ALIVE = 2


@dataclass(frozen=True)
class Mutant:
    """One bug: ``old`` stands once in ``file``, and one of ``red`` must notice ``new``."""

    file: str
    old: str
    new: str
    red: tuple[str, ...]

    @property
    def said(self) -> str:
        """Say in one line what is planted."""
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.file}: {old[:60]} -> {new[:60] or '(left out)'}"


@dataclass(frozen=True)
class Found:
    """What became of a bug: the test that went red first, or nothing.

    ``before`` is a test that was red without any bug: then nothing was found out.
    """

    mutant: Mutant
    red: str | None = None
    before: str | None = None
    seconds: float = 0.0

    @property
    def word(self) -> str:
        """Say in a word what became of it."""
        return "?" if self.before else "LIVES" if self.red is None else "red"


def listed() -> list[Mutant]:
    """Read the list."""
    return [
        Mutant(one["file"], one["old"], one["new"], tuple(one["red"]))
        for path in sorted(LIST.glob("*.toml"))
        for one in tomllib.loads(path.read_text())["mutant"]
    ]


def chosen(words: list[str], sample: int | None, seed: int) -> list[Mutant]:
    """Those in files that are called so, or some of them by lot."""
    there = [one for one in listed() if not words or any(word in one.file for word in words)]
    if sample is None or sample >= len(there):
        return there
    drawn = np.random.default_rng(seed).permutation(len(there))  # noqa: TID251 - it decides nothing
    return [there[k] for k in sorted(drawn[:sample])]


def copied(target: Path) -> None:
    """Copy all that git knows or would know."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],  # noqa: S607 - git of the path
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def first_red(copy: Path, files: tuple[str, ...]) -> str | None:
    """Run test files until one goes red; give its name, or what happened instead."""
    command = ["-m", "pytest", "-xq", "-n", "0", "-p", "no:cacheprovider", "-m", "not long"]
    own = {
        "STAIRWAY_DATA": str(ROOT.parent / "shared" / "data"),
        **os.environ,  # noqa: TID251 - handed on as it is
        "PYTHONPATH": str(copy / "src"),
        "NUMBA_CACHE_DIR": str(copy / "build" / "numba"),
    }
    try:
        ran = subprocess.run(  # noqa: S603 - our own tests
            [sys.executable, *command, *files],
            cwd=copy,
            env=own,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "(did not end)"
    if ran.returncode == 0:
        return None
    said = (line.split() for line in ran.stdout.splitlines())
    told = [words[1] for words in said if words[:1] in (["FAILED"], ["ERROR"])]
    return told[0] if told else f"(ended with {ran.returncode})"


def tried(mutant: Mutant, copy: Path) -> Found:
    """Plant a bug, run its tests, and take it out again."""
    path = copy / SOURCE / mutant.file
    whole = path.read_text()
    begun = time.monotonic()
    path.write_text(whole.replace(mutant.old, mutant.new))
    try:
        red = first_red(copy, mutant.red)
    finally:
        path.write_text(whole)
    return Found(mutant, red, seconds=round(time.monotonic() - begun, 1))


def planted(mutants: list[Mutant], copy: Path) -> list[Found]:
    """Try them one after another, and write down what was found after each."""
    found: list[Found] = []
    clean: dict[tuple[str, ...], str | None] = {}
    RESULT.parent.mkdir(exist_ok=True)
    for number, mutant in enumerate(mutants, 1):
        if mutant.red not in clean:
            clean[mutant.red] = first_red(copy, mutant.red)
        before = clean[mutant.red]
        one = tried(mutant, copy) if before is None else Found(mutant, before=before)
        found.append(one)
        print(f"{number:>4} of {len(mutants)}  {one.word:<6}{mutant.said}", flush=True)
        RESULT.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    return found


def main() -> int:
    """Try them and say what lives."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("words", nargs="*", help="parts of the names of files")
    options.add_argument("--sample", type=int, help="so many of them, drawn by lot")
    options.add_argument("--seed", type=int, default=0, help="of the lot")
    asked = options.parse_args()
    mutants = chosen(asked.words, asked.sample, asked.seed)
    if not mutants:
        print(f"no mutant is in a file called {' or '.join(asked.words)}; see tests/mutants")
        return 1
    with tempfile.TemporaryDirectory(prefix="stairway-mutants-") as folder:
        copied(Path(folder))
        found = planted(mutants, Path(folder))
    for one in found:
        if one.word == "LIVES":
            print(f"no test noticed {one.mutant.said}")
    for test in sorted({one.before for one in found if one.before}):
        print(f"red without any bug, so mend it first: {test}")
    noticed = sum(one.word == "red" for one in found)
    print(f"{noticed} of {len(found)} were noticed; see {RESULT.relative_to(ROOT)}")
    return 0 if noticed == len(found) else ALIVE


if __name__ == "__main__":
    sys.exit(main())
