"""A disk that can be watched and made to fail.

``watched_disk`` listens to SQLite's own file system under every database that is opened
inside it, and to the few calls by which folders and the high-water mark reach the disk.
Each is told to ``tell`` before it happens; if ``tell`` raises, it does not happen.

``figures(row, fault, **numbers)`` writes down what a test of RELIABILITY.md's row has
counted; call it last, so that only what held is quoted. A planted bug is a fault whose
name begins with "planted: ", and its figures say how often it was noticed. A test fails
that counted less than ``demanded.toml`` says; ``demanded(row, fault)`` tells it how much.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import runpy
import shutil
import tempfile
from contextlib import contextmanager
from ctypes import CFUNCTYPE, c_int, c_int64, c_void_p, cast
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from stairway.adapters.outbox import relay

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "build" / "faults"
"""One file for each row; ``scripts/faults.py`` gathers them for the docs."""

SCRIPT = runpy.run_path(str(ROOT / "scripts" / "faults.py"))


class Op(NamedTuple):
    """One thing that was asked of the disk."""

    kind: str  # write, truncate, sync, delete, rename, mkdir, sync_folder, read
    name: str
    offset: int = 0
    data: bytes = b""


_CALLS = (
    "Close", "Read", "Write", "Truncate", "Sync", "FileSize", "Lock", "Unlock",
    "CheckReservedLock", "FileControl", "SectorSize", "DeviceCharacteristics", "ShmMap",
    "ShmLock", "ShmBarrier", "ShmUnmap", "Fetch", "Unfetch",
)  # fmt: skip


class _Methods(ctypes.Structure):
    """SQLite's ``sqlite3_io_methods``, version 3: what can be asked of an open file."""

    _fields_ = (("version", c_int), *((name, c_void_p) for name in _CALLS))


class _Handle(ctypes.Structure):
    """The part of ``sqlite3_file`` that every file system has."""

    _fields_ = (("methods", c_void_p),)


class _FileSystem(ctypes.Structure):
    """The head of ``sqlite3_vfs``."""

    _fields_ = (
        ("version", c_int), ("file_bytes", c_int), ("longest", c_int), ("next", c_void_p),
        ("name", c_void_p), ("own", c_void_p), ("Open", c_void_p), ("Delete", c_void_p),
    )  # fmt: skip


_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_MOVE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_CUT = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_PLAIN = CFUNCTYPE(c_int, c_void_p)
_KEPT = []  # SQLite may call back as long as a connection is open.
_CODES = {apsw.FullError: apsw.SQLITE_FULL, apsw.CantOpenError: apsw.SQLITE_CANTOPEN}


class _Disk:
    """SQLite's own file system with a listener in it; shared memory goes past him.

    apsw's file systems in Python have no shared memory, without which a database in WAL mode
    can have one connection only. Files that are open already are not listened to.
    """

    def __init__(self, tell):
        self.tell, self.raised = tell, None
        self._names, self._tables = {}, {}
        pointer = c_void_p()
        connection = apsw.Connection(":memory:")
        connection.file_control(
            "main", apsw.SQLITE_FCNTL_VFS_POINTER, ctypes.addressof(pointer)
        )
        connection.close()
        self._vfs = _FileSystem.from_address(pointer.value)
        self._before = self._vfs.Open, self._vfs.Delete
        self._real = _OPEN(self._vfs.Open), _DELETE(self._vfs.Delete)
        self._ours = _OPEN(self._open), _DELETE(self._delete)
        self._vfs.Open, self._vfs.Delete = (cast(one, c_void_p).value for one in self._ours)
        _KEPT.append(self)

    def close(self):
        self._vfs.Open, self._vfs.Delete = self._before
        self.tell = lambda _op: None
        if self.raised is not None:
            raise self.raised

    def _ask(self, op, then, *args):
        try:
            self.tell(op)
        except apsw.Error as error:
            return _CODES.get(type(error), apsw.SQLITE_IOERR)
        except BaseException as error:  # noqa: BLE001 -- nothing may be raised into C
            self.raised = error
            return apsw.SQLITE_IOERR
        return then(*args)

    def _open(self, vfs, name, file, flags, out):
        code = self._real[0](vfs, name, file, flags, out)
        handle = _Handle.from_address(file)
        if code == apsw.SQLITE_OK and handle.methods:
            path = Path(ctypes.string_at(name).decode()) if name else Path("temporary")
            self._names[file] = path.name
            if handle.methods not in self._tables:
                self._tables[handle.methods] = self._listening(handle.methods)
            handle.methods = ctypes.addressof(self._tables[handle.methods][0])
        return code

    def _delete(self, vfs, name, sync_folder):
        op = Op("delete", Path(ctypes.string_at(name).decode()).name, sync_folder)
        return self._ask(op, self._real[1], vfs, name, sync_folder)

    def _listening(self, methods):
        """Copy a table of calls, with ours in place of those that are listened to."""
        table = _Methods.from_buffer_copy(ctypes.string_at(methods, ctypes.sizeof(_Methods)))
        ask, names = self._ask, self._names
        real_read, real_write = _MOVE(table.Read), _MOVE(table.Write)
        real_cut, real_sync = _CUT(table.Truncate), _SYNC(table.Sync)

        def read(file, data, size, offset):
            return ask(Op("read", names[file], offset), real_read, file, data, size, offset)

        def write(file, data, size, offset):
            op = Op("write", names[file], offset, ctypes.string_at(data, size))
            return ask(op, real_write, file, data, size, offset)

        def cut(file, size):
            return ask(Op("truncate", names[file], size), real_cut, file, size)

        def sync(file, flags):
            return ask(Op("sync", names[file]), real_sync, file, flags)

        ours = {
            "Read": _MOVE(read), "Write": _MOVE(write), "Truncate": _CUT(cut),
            "Sync": _SYNC(sync), "SectorSize": _PLAIN(lambda _file: 512),
            "DeviceCharacteristics": _PLAIN(lambda _file: 0),
        }  # fmt: skip
        for name, call in ours.items():
            setattr(table, name, cast(call, c_void_p).value)
        return table, ours, real_read, real_write, real_cut, real_sync


def _name(fd):
    return Path(f"/proc/self/fd/{fd}").readlink().name


def _listen(patch, tell):
    write, pwrite, fsync, fdatasync = os.write, os.pwrite, os.fsync, os.fdatasync
    rename, mkdir = Path.replace, os.mkdir

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

    def on_mkdir(path, mode=0o777):
        tell(Op("mkdir", Path(path).name, 0, Path(path).parent.name.encode()))
        return mkdir(path, mode)

    patch.setattr(os, "mkdir", on_mkdir)
    patch.setattr(os, "write", on_write)
    patch.setattr(os, "pwrite", on_pwrite)
    patch.setattr(os, "fsync", lambda fd: on_sync(fsync, fd))
    patch.setattr(os, "fdatasync", lambda fd: on_sync(fdatasync, fd))
    patch.setattr(Path, "replace", on_rename)


@contextmanager
def _watched(tell):
    disk = _Disk(tell)
    try:
        with pytest.MonkeyPatch.context() as patch:
            _listen(patch, tell)
            yield
    finally:
        disk.close()


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
def profile(request):
    is_long = request.node.get_closest_marker("long") is not None
    return "long" if is_long or os.environ.get("STAIRWAY_PROFILE") == "long" else "short"


@pytest.fixture
def demanded(profile):
    """How much a fault must have counted in this profile, by its row and its name."""
    return lambda row, fault: SCRIPT["DEMANDED"][str(row)][fault][profile]


@pytest.fixture
def figures(request, profile):
    def keep(row, fault, **numbers):
        wanted = SCRIPT["DEMANDED"][str(row)][fault]
        assert SCRIPT["held_against"](fault, numbers, wanted, profile) == []
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
def append_unchecked(monkeypatch):
    """The planted bug: explicit ids without compare-and-set, and nobody who counts."""
    monkeypatch.setattr(relay, "require_whole", lambda _shelf: None)
    return _append_unchecked
