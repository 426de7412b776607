"""What Redis says is passing or lasting; what nobody has heard of is lasting."""

from __future__ import annotations

import pytest
import redis
from redis import exceptions as said

from stairway.adapters.outbox.failures import Meaning, code_of, meaning

PASSING = [
    redis.ConnectionError("refused"),
    redis.TimeoutError("too late"),
    said.BusyLoadingError("Redis is loading the dataset in memory"),
    said.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
    said.ReadOnlyError("You can't write against a read only replica."),
    said.TryAgainError("Multiple keys request during rehashing of slot"),
    said.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
    said.ResponseError("BUSY Redis is busy running a script."),
    said.ResponseError("OOM command not allowed. script: 1, on @user_script:5."),
    OSError(104, "reset"),
]
LASTING = {
    "AUTH": said.AuthenticationError("invalid username-password pair or user is disabled."),
    "NOPERM": said.NoPermissionError("this user has no permissions to run 'xadd'"),
    "WRONGTYPE": said.ResponseError("WRONGTYPE Operation against a key"),
    "ERR": said.ResponseError("ERR something new"),
}


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_what_passes_is_tried_again(error):
    assert meaning(error) is Meaning.AGAIN


@pytest.mark.parametrize("code", LASTING)
def test_what_lasts_stops_under_its_code(code):
    assert meaning(LASTING[code]) is Meaning.STOP
    assert code_of(LASTING[code]) == code


def test_a_script_that_may_not_is_a_missing_permission():
    error = said.ResponseError("The user executing the script can't run this command")
    assert (meaning(error), code_of(error)) == (Meaning.STOP, "NOPERM")
