"""A disk that can be watched and made to fail.

``watched_disk`` puts an SQLite file system of our own under every database that is opened
inside it, and listens to the few calls by which the high-water mark reaches the disk.
Each is told to ``tell`` before it happens; if ``tell`` raises, it does not happen.

``figures(row, fault, **numbers)`` writes down what a test of RELIABILITY.md's row has
counted; call it last, so that only what held is quoted. A planted bug is a fault whose
name begins with "planted: ", and its figures say how often it was noticed.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

_SERIAL = itertools.count()
FIGURES = Path(__file__).parents[2] / "build" / "faults"
"""One file for each row; ``scripts/faults.py`` gathers them for the docs."""


class Op(NamedTuple):
    """One thing that was asked of the disk."""

    kind: str  # write, truncate, sync, delete, rename, sync_folder, read
    name: str
    offset: int = 0
    data: bytes = b""


class _File(apsw.VFSFile):
    tell = None

    def __init__(self, filename, flags):
        full = filename.filename() if isinstance(filename, apsw.URIFilename) else filename
        self.name = Path(full).name if full else "temporary"
        super().__init__("unix", filename, flags)

    def xRead(self, amount, offset):  # noqa: N802 -- the name apsw calls
        _File.tell(Op("read", self.name, offset))
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):  # noqa: N802 -- the name apsw calls
        _File.tell(Op("write", self.name, offset, bytes(data)))
        return super().xWrite(data, offset)

    def xTruncate(self, size):  # noqa: N802 -- the name apsw calls
        _File.tell(Op("truncate", self.name, size))
        return super().xTruncate(size)

    def xSync(self, flags):  # noqa: N802 -- the name apsw calls
        _File.tell(Op("sync", self.name))
        return super().xSync(flags)

    def xDeviceCharacteristics(self):  # noqa: N802 -- the name apsw calls
        return 0

    def xSectorSize(self):  # noqa: N802 -- the name apsw calls
        return 512


class _Disk(apsw.VFS):
    def __init__(self):
        super().__init__(f"watched-{next(_SERIAL)}", "unix", makedefault=True)

    def xOpen(self, name, flags):  # noqa: N802 -- the name apsw calls
        return _File(name, flags)

    def xDelete(self, name, sync_folder):  # noqa: N802 -- the name apsw calls
        _File.tell(Op("delete", Path(name).name, int(sync_folder)))
        return super().xDelete(name, sync_folder)


def _name(fd):
    return Path(f"/proc/self/fd/{fd}").readlink().name


def _listen(patch, tell):
    write, pwrite, fsync, fdatasync = os.write, os.pwrite, os.fsync, os.fdatasync
    rename = Path.replace

    def on_write(fd, data):
        if ".mark" in _name(fd):
            tell(Op("write", _name(fd), os.lseek(fd, 0, os.SEEK_CUR), bytes(data)))
        return write(fd, data)

    def on_pwrite(fd, data, offset):
        if ".mark" in _name(fd):
            tell(Op("write", _name(fd), offset, bytes(data)))
        return pwrite(fd, data, offset)

    def on_sync(real, fd):
        is_folder = Path(f"/proc/self/fd/{fd}").is_dir()
        tell(Op("sync_folder" if is_folder else "sync", _name(fd)))
        return real(fd)

    def on_rename(path, target):
        tell(Op("rename", path.name, 0, Path(target).name.encode()))
        return rename(path, target)

    patch.setattr(os, "write", on_write)
    patch.setattr(os, "pwrite", on_pwrite)
    patch.setattr(os, "fsync", lambda fd: on_sync(fsync, fd))
    patch.setattr(os, "fdatasync", lambda fd: on_sync(fdatasync, fd))
    patch.setattr(Path, "replace", on_rename)


@contextmanager
def _watched(tell):
    _File.tell = staticmethod(tell)
    disk = _Disk()
    # Without shared memory of its own, a database in WAL mode must be held exclusively.
    hook = lambda c: c.execute("pragma locking_mode = exclusive").fetchall()  # noqa: E731
    apsw.connection_hooks.append(hook)
    try:
        with pytest.MonkeyPatch.context() as patch:
            _listen(patch, tell)
            yield
    finally:
        apsw.connection_hooks.remove(hook)
        disk.unregister()


@pytest.fixture
def watched_disk():
    return _watched


@pytest.fixture
def ram(tmp_path_factory):
    """A folder without a disk behind it, for tests that make thousands of files."""
    shared = Path("/dev/shm")  # noqa: S108 -- only looked at; mkdtemp makes the folder
    if not os.access(shared, os.W_OK):
        yield tmp_path_factory.mktemp("ram")
        return
    folder = Path(tempfile.mkdtemp(prefix="stairway-", dir=shared))
    yield folder
    shutil.rmtree(folder)


def write_down(row, fault, profile, test, numbers, folder=FIGURES):
    """Put the figures of one fault among those of its row."""
    assert all(type(n) in {int, float, str} for n in numbers.values()), numbers
    path = folder / f"{row}.json"
    folder.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:  # another worker may have the same row
        fcntl.flock(lock, fcntl.LOCK_EX)
        faults = json.loads(path.read_text("utf-8"))["faults"] if path.exists() else {}
        faults.setdefault(fault, {})[profile] = {"test": test, "figures": numbers}
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_text(json.dumps({"row": row, "faults": faults}, indent=2) + "\n", "utf-8")
        fresh.replace(path)


@pytest.fixture
def figures(request):
    is_long = (
        request.node.get_closest_marker("long") is not None
        or os.environ.get("STAIRWAY_PROFILE") == "long"
    )

    def keep(row, fault, **numbers):
        profile = "long" if is_long else "short"
        write_down(row, fault, profile, request.node.nodeid, numbers)

    return keep


def _append_unchecked(client, keys, values, *, identities=lambda identity: identity):
    """A relay's append as it is usually written: what Redis refuses was there already."""
    pipe = client.pipeline(transaction=False)
    for n in range(2, len(values), 5):
        identity, position, recorded_ns, digest, payload = values[n : n + 5]
        fields = {
            "payload": payload, "hash": digest, "position": position, "recorded_ns": recorded_ns
        }  # fmt: skip
        pipe.xadd(keys[0], fields, id=identities(identity))
    pipe.execute(raise_on_error=False)
    return b"ok", values[-5].encode()


@pytest.fixture
def append_unchecked():
    """The planted bug: explicit ids without compare-and-set."""
    return _append_unchecked
