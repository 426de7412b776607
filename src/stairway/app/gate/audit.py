"""Keep what was found: a folder per verdict, which nobody has to remember to make.

``reports/safety/20260302T133000Z-refuse-1f0c9a52/`` holds the report in every form. What
was read, by its mark or hash, the bounds, the version and the statement that nothing was
trained, activated or written are inside each.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stairway.app.gate.report import GateReport
from stairway.base.errors import ConfigError
from stairway.base.hashing import digest

FOLDER = Path("reports") / "safety"
_SHORT, _BEGUN = 8, ".begun-"


def keep(report: GateReport, forms: Mapping[str, str], root: Path = FOLDER) -> Path:
    """Write every form of a report into a folder of its own; return the folder.

    The folder is filled beside its place and renamed into it, so one that is there is whole.
    The same report kept twice lies in one folder.

    Raises
    ------
    ConfigError
        If the folder cannot be written.
    """
    word = type(report.verdict).__name__.lower()
    when = report.at.replace("-", "").replace(":", "").partition(".")[0].removesuffix("Z")
    folder = root / f"{when}Z-{word}-{digest(report.as_json().encode())[:_SHORT]}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_BEGUN, dir=root) as beside:
            _fill(Path(beside) / folder.name, forms, folder)
    except OSError as error:
        msg = (
            f"{folder} cannot be written ({error.strerror}), and a verdict that is not kept is "
            "no audit trail; make room, or give another folder with --reports"
        )
        raise ConfigError(msg) from error
    return folder


def _fill(beside: Path, forms: Mapping[str, str], folder: Path) -> None:
    """Write the forms ``beside`` and put them in their place, unless the same lie there."""
    beside.mkdir()
    for name, text in forms.items():
        with (beside / name).open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    try:
        beside.rename(folder)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
