"""The climb of a run, in a process of its own: ``python -m stairway.app.ward climber RUN``.

A drill has one such process to kill, and one to run undisturbed beside it. At the end
``climbed.json`` holds the hash of the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stairway.app.lines import Lines, say_error
from stairway.base.errors import ConfigError, StairwayError

CLIMBED = "climbed.json"


def main(arguments: Sequence[str]) -> int:
    """Climb in the folder named; 0 when the record is finished, 2 where a gate refused."""
    try:
        if len(arguments) != 1:
            msg = f"the climber takes one run folder; got {len(arguments)} arguments"
            raise ConfigError(msg)
        return climb_in(Path(arguments[0]))
    except StairwayError as error:
        say_error(error)
        return 1


def climb_in(root: Path) -> int:
    """Finish the run in ``root`` and leave its hash."""
    from stairway.app.folder import write_json  # noqa: PLC0415 - only where it climbs
    from stairway.app.request import resumed  # noqa: PLC0415 - as above
    from stairway.app.run import finish, prepare  # noqa: PLC0415 - as above

    request, lines = resumed(root), Lines()
    outcome = finish(prepare(request, lines), request, lines)
    if outcome.run_hash is not None:
        write_json(root / CLIMBED, {"run_hash": outcome.run_hash})
    return outcome.exit_code
