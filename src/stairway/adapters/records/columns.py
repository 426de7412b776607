"""A Parquet file, decoded first by a process that may die of it.

A page of a Parquet file says of itself how many values it holds, and nothing protects that
number: one flipped bit, and the reader aborts the process it runs in. So a process with
limits, which knows neither path nor environment, decodes what is wanted before it is read
here: the same columns in the same way, and if it survives, so do we. To hand everything over
as Arrow was measured too: writing and reading that costs five times as much as decoding
twice does.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from stairway.adapters.records.decoding import BEGINS, READY, REFUSED, Wanted, batches
from stairway.base.errors import ConfigError

_COMMAND = (sys.executable, "-s", "-P", "-m", "stairway.adapters.records.decoding")
_MAGIC = b"PAR1"


class Allowance(msgspec.Struct, frozen=True):
    """What the decoder of one file may use: a floor, and more for a larger file.

    Attributes
    ----------
    floor_bytes, per_byte
        Address space, in all and for each byte of the file.
    floor_s, bytes_per_s
        Processor time, at least and by the size of the file.
    """

    floor_bytes: int
    per_byte: int
    floor_s: int
    bytes_per_s: int


GENEROUS = Allowance(floor_bytes=4 * 2**30, per_byte=8, floor_s=60, bytes_per_s=2**20)


class Examined:
    """One Parquet file; nothing of it is decoded here that was not decoded apart before.

    Raises
    ------
    polars.exceptions.ComputeError
        If it is no Parquet; later, if it is damaged, changed, or its decoder died of it.
    OSError
        If it cannot be opened.
    ConfigError
        If no decoder can be started here.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.parquet"
    ...     pl.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}).write_parquet(path)
    ...     file = Examined(path)
    ...     rows, first = file.head(1)
    ...     parts = [part["b"].to_list() for part in file.parts(2, ["b"])]
    ...     file.close()
    >>> rows, first.columns, parts
    (3, ['a', 'b'], [[4, 5], [6]])
    """

    def __init__(self, path: Path, allowance: Allowance = GENEROUS) -> None:
        self._path = path
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            self._state = (about.st_ino, about.st_size, about.st_mtime_ns)
            _require_framed(file)
        self._allowance = allowance
        # Started at once: it is ready by the time that it is asked.
        self._decoder: subprocess.Popen[bytes] | None = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._path.open("rb") as file:
            decoder = _started(file.fileno(), self._state[1], self._allowance)
        self._ends = weakref.finalize(self, _end, decoder)
        return decoder

    def head(self, rows: int) -> tuple[int, pl.DataFrame]:
        """Return how many rows there are, and the first of them."""
        return self._asked(Wanted(rows, is_head=True))

    def parts(self, rows: int, only: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        """Yield the rows in order, at most ``rows`` at a time, of the ``only`` columns."""
        columns = None if only is None else tuple(only)
        self._asked(Wanted(rows, columns))
        self.close()  # it takes room, and has done its work
        self._require_same()
        yield from batches(str(self._path), rows, columns)
        self._require_same()

    def _require_same(self) -> None:
        about = self._path.stat()
        if self._state != (about.st_ino, about.st_size, about.st_mtime_ns):
            msg = "it was written anew while it was read"
            raise pl.exceptions.ComputeError(msg)

    def _asked(self, wanted: Wanted) -> tuple[int, pl.DataFrame]:
        """Let the decoder do it; return rows of the file, and a table."""
        decoder = self._decoder = self._decoder or self._started()
        ask, answer = decoder.stdin, decoder.stdout
        assert ask is not None  # noqa: S101 - it was asked for
        assert answer is not None  # noqa: S101 - it was asked for
        try:
            ask.write(msgspec.json.encode(wanted) + b"\n")
            ask.flush()
        except BrokenPipeError:
            raise self._why(decoder) from None
        begun = answer.read(BEGINS.size)
        rows, size = BEGINS.unpack(begun) if len(begun) == BEGINS.size else (0, 1)
        table = answer.read(size)
        if len(table) < size:
            raise self._why(decoder)
        return rows, pl.read_ipc_stream(io.BytesIO(table)) if table else pl.DataFrame()

    def _why(self, decoder: subprocess.Popen[bytes]) -> Exception:
        """Say why the decoder ended."""
        self._decoder = None
        _, said = decoder.communicate()
        code, words = decoder.returncode, said.decode(errors="replace")
        before, ready, words = words.partition(f"{READY}\n")
        if not ready:
            return _not_started(before.strip().rpartition("\n")[2])
        lines = words.strip().split("\n")
        if code == REFUSED:
            return pl.exceptions.ComputeError(lines[-1])
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        words = lines[0] or "without a word"
        return pl.exceptions.ComputeError(f"its decoder died of it, {how}: {words}")

    def close(self) -> None:
        """End the decoder; it is started again if it is needed again."""
        self._decoder = None
        self._ends()


def _end(decoder: subprocess.Popen[bytes]) -> None:
    decoder.kill()
    decoder.communicate()


def _require_framed(file: Any) -> None:
    """Refuse what does not begin and end as Parquet does."""
    ends = [file.read(len(_MAGIC))]
    file.seek(-len(_MAGIC), 2)
    ends.append(file.read(len(_MAGIC)))
    if ends != [_MAGIC, _MAGIC]:
        msg = f"it does not begin and end with {_MAGIC.decode()}"
        raise pl.exceptions.ComputeError(msg)


def _started(number: int, size: int, allowance: Allowance) -> subprocess.Popen[bytes]:
    memory_bytes = allowance.floor_bytes + allowance.per_byte * size
    seconds = allowance.floor_s + size // allowance.bytes_per_s
    try:
        return subprocess.Popen(  # noqa: S603 - our own module, no shell
            [*_COMMAND, str(memory_bytes), str(seconds), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": ":".join(filter(None, sys.path)), "POLARS_MAX_THREADS": "2"},
            pass_fds=(number,),
            # A Ctrl-C in the terminal is for whoever asked, and that one ends the decoder.
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(str(error)) from error


def _not_started(why: str) -> ConfigError:
    msg = (
        f"the process that decodes Parquet files could not be started ({why}); free some "
        f"memory, or see what this says: {' '.join(_COMMAND)} {GENEROUS.floor_bytes} 60 0 "
        "</dev/null"
    )
    return ConfigError(msg)
