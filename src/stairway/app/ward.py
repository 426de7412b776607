"""A process that must not outlive the one that started it: ``python -m stairway.app.ward``.

``... ward trainer JOB.json``, ``... ward climber RUN``, ``... ward rl FOLDER`` and ``... ward
request JSON`` do the work of these modules, with three things around it.

1. Standard input is a pipe that nobody writes to. It ends when the process that holds its
   other end dies, by whatever means, and then this process ends too, at once: an orphan
   that goes on writing into a run's folder would meet the run that resumes it there.
2. A training library that is not installed is said in one sentence.
3. So is a fault of our own: the process that listens says it to the person.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import cast

from stairway.app.lines import last_words, say_error
from stairway.base.errors import ConfigError, InvariantError

WORK = {
    "climber": "climber",
    "request": "rl.request",
    "rl": "rl.train",
    "trainer": "trainer",
}
"""Each work, and the module of ``stairway.app`` that does it."""
ORPHANED = 3
"""Exit code of a process whose parent has died. Nobody is left to read it."""

_STDIN = 0


def main(arguments: Sequence[str]) -> int:
    """Do one of the works named above; the first argument says which."""
    name, *rest = arguments
    if name not in WORK:
        say_error(InvariantError(f"no work named {name!r}; there is {', '.join(WORK)}"))
        return 1
    cast("TextIOWrapper", sys.stdout).reconfigure(encoding="utf-8")
    threading.Thread(target=end_with_parent, args=(_STDIN,), daemon=True).start()
    try:
        module = import_module(f"stairway.app.{WORK[name]}")
        return int(module.main(rest))
    except ModuleNotFoundError as error:
        say_error(_not_installed(error))
    except Exception as error:  # noqa: BLE001 - said by the listener, in one sentence
        say_error(InvariantError(last_words(error)))
    return 1


def end_with_parent(pipe: int) -> None:
    """Wait for the end of ``pipe``, then end this process without another instruction."""
    while os.read(pipe, 1):
        pass
    os._exit(ORPHANED)


def _not_installed(error: ModuleNotFoundError) -> ConfigError:
    msg = (
        f"training needs {error.name}, which is not installed: pip install 'stairway[train]', "
        "or run models that were sealed before with --models and --trust"
    )
    return ConfigError(msg)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
