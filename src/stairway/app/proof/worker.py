"""The process in which somebody else's code runs: ``python -m stairway.app.proof.worker FD``.

1. One line on standard input is the job; then the pipe stays open as long as whoever asked
   lives, and this process ends with it.
2. Whatever is printed goes to standard error.
3. Lines are written to the pipe ``FD``, the answer last, as one whole line.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence

import msgspec

from stairway.app.lines import last_words
from stairway.app.proof.rebuild import rebuilt
from stairway.app.proof.told import Done, Failed, Job, Left, ProveJob, Result, Teller
from stairway.app.proof.trial import tried_out
from stairway.app.userfunc import apart
from stairway.app.ward import end_with_parent
from stairway.base.errors import StairwayError

_STDIN = 0
_READ: msgspec.json.Decoder[Job] = msgspec.json.Decoder(Job)


def main(arguments: Sequence[str]) -> int:
    """Do the one job."""
    teller = Teller(int(arguments[0]))
    os.set_inheritable(int(arguments[0]), False)  # noqa: FBT003 - it has no name
    job = _READ.decode(sys.stdin.buffer.readline())
    threading.Thread(target=end_with_parent, args=(_STDIN,), daemon=True).start()
    try:
        with apart():
            result = _done(job, teller)
        teller.say(Done(result))
    except StairwayError as error:
        teller.say(Failed(type(error).__name__, str(error)))
    except Exception as error:  # noqa: BLE001 - said by whoever asked, in one sentence
        teller.say(Failed("InvariantError", last_words(error)))
    except BaseException as error:  # noqa: BLE001 - what somebody else's code ends us with
        teller.say(Left(type(error).__name__))
    return 0


def _done(job: Job, teller: Teller) -> Result:
    return tried_out(job, teller) if isinstance(job, ProveJob) else rebuilt(job, teller)


if __name__ == "__main__":
    # Not sys.exit: what was left behind to run at the end is somebody else's.
    os._exit(main(sys.argv[1:]))
