"""Keep what was found: a folder per verdict, which nobody has to remember to make.

``reports/safety/20260302T133000Z-refuse-1f0c9a52/`` holds the report in every form. What
was read, by its mark or hash, the bounds, the version and the statement that nothing was
trained, activated or written are inside each.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stairway.app.folder import write_whole
from stairway.app.gate.report import GateReport
from stairway.base.errors import ConfigError
from stairway.base.hashing import digest

FOLDER = Path("reports") / "safety"
_SHORT = 8


def keep(report: GateReport, forms: Mapping[str, str], root: Path = FOLDER) -> Path:
    """Write every form of a report into a folder of its own; return the folder.

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
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = (
            f"{folder} cannot be made ({error.strerror}), and a verdict that is not kept is "
            "no audit trail; give another folder with --reports"
        )
        raise ConfigError(msg) from error
    for name, text in forms.items():
        write_whole(folder / name, text.encode())
    return folder
