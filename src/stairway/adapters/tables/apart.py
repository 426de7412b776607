"""A Parquet file, read by a process that may die of it.

A page of a Parquet file says of itself how many values it holds, and nothing protects that
number: one flipped bit asks for two exabytes, and a reader that gets no such memory does
not raise, it aborts the whole process. So the file is read apart, in a process with limits,
which hands the table back as an Arrow stream; if it dies, or is not done in time, the file
is damaged and we are not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import IO

import msgspec
import polars as pl

from stairway.adapters.tables.reader import DAMAGED, READY
from stairway.base.errors import ConfigError

_MAGIC = b"PAR1"


class Allowance(msgspec.Struct, frozen=True):
    """What the reader of one file may use: a floor, and more for a larger file.

    Attributes
    ----------
    floor_bytes, per_byte
        Address space, in all and for each byte of the file. Loading the library takes
        about one GiB of it; a file of repeated values may grow many times.
    floor_s, bytes_per_s
        Time, at least and by the size of the file.
    """

    floor_bytes: int
    per_byte: int
    floor_s: float
    bytes_per_s: int


GENEROUS = Allowance(floor_bytes=4 * 2**30, per_byte=32, floor_s=60.0, bytes_per_s=2**20)


def read_parquet(path: Path, allowance: Allowance = GENEROUS) -> pl.DataFrame:
    """Read ``path`` without trusting it.

    Raises
    ------
    polars.exceptions.NoDataError
        If there is nothing in it.
    polars.exceptions.ComputeError
        If it is damaged or no Parquet at all, or its reader died or was not done in time.
    OSError
        If it cannot be opened.
    ConfigError
        If no reader can be started here.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.parquet"
    ...     pl.DataFrame({"close": [1.5, 2.0]}).write_parquet(path)
    ...     read_parquet(path)["close"].to_list()
    [1.5, 2.0]
    """
    with path.open("rb") as file:
        size = _framed_size(file)
        return _handed_back(file, size, allowance)


def _framed_size(file: IO[bytes]) -> int:
    """Size of a file that begins and ends as Parquet does; no reader is started for others."""
    size = file.seek(0, 2)
    if not size:
        msg = "there is nothing in it"
        raise pl.exceptions.NoDataError(msg)
    ends: list[bytes] = []
    for place in (0, max(0, size - len(_MAGIC))):
        file.seek(place)
        ends.append(file.read(len(_MAGIC)))
    if ends != [_MAGIC, _MAGIC]:
        msg = f"it does not begin and end with {_MAGIC.decode()}"
        raise pl.exceptions.ComputeError(msg)
    file.seek(0)
    return size


def _handed_back(file: IO[bytes], size: int, allowance: Allowance) -> pl.DataFrame:
    memory_bytes = allowance.floor_bytes + allowance.per_byte * size
    seconds = allowance.floor_s + size / allowance.bytes_per_s
    try:
        reader = subprocess.run(  # noqa: S603 - our own module, no shell
            [*_COMMAND, str(memory_bytes), str(1 + int(seconds))],
            stdin=file,
            capture_output=True,
            timeout=seconds,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"its reader was not done after {seconds:g} s"
        raise pl.exceptions.ComputeError(msg) from error
    except OSError as error:
        raise _not_started(str(error)) from error
    before, ready, words = reader.stderr.decode(errors="replace").partition(f"{READY}\n")
    if not ready:
        raise _not_started(before.strip().rpartition("\n")[2])
    if reader.returncode == 0:
        return pl.read_ipc_stream(reader.stdout)
    raise pl.exceptions.ComputeError(_why(reader.returncode, words.strip().split("\n")))


_COMMAND = (sys.executable, "-s", "-P", "-m", "stairway.adapters.tables.reader")


def _environment() -> dict[str, str]:
    """Nothing but where to find the libraries, and one thread, which needs least memory."""
    return {"PYTHONPATH": ":".join(filter(None, sys.path)), "POLARS_MAX_THREADS": "1"}


def _why(code: int, said: list[str]) -> str:
    """Quote what polars or Python said at last, or Rust first before it went down."""
    if code == DAMAGED:
        return said[-1]
    if code < 0:
        return f"its reader died of it, signal {-code}: {said[0] or 'without a word'}"
    return f"its reader died of it, exit code {code}: {said[-1]}"


def _not_started(why: str) -> ConfigError:
    msg = (
        f"the process that reads Parquet files could not be started ({why}); free some memory, "
        f"or see what this says: {' '.join(_COMMAND)} {GENEROUS.floor_bytes} 60 </dev/null"
    )
    return ConfigError(msg)
