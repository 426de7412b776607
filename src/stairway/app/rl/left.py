"""The policy that a training run leaves: its files, and their hashes in the sealed result.

``policy/`` is what ``stairway run --practised`` takes and what other programs copy. So each
file is bound to the verdict that was given for it: one that was exchanged, edited, removed
or added is refused by name whenever the result is read, and whoever goes on with the
content is handed the very bytes that were looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from stairway.app.folder import write_whole
from stairway.app.plain_file import read_plain
from stairway.app.rl.folder import RlFolder
from stairway.base.errors import DataError
from stairway.base.hashing import digest
from stairway.training.journal import LeftFile, PracticeResult

TENSORS, ARCHITECTURE, ONNX = "policy.safetensors", "architecture.json", "policy.onnx"
FILES = (TENSORS, ARCHITECTURE, ONNX)

_SHOWN = 12
"""Digits of a hash in a sentence."""


def leave(folder: RlFolder, at: Path, content: Mapping[str, bytes]) -> tuple[LeftFile, ...]:
    """Write the files of a policy, and return what binds them.

    Parameters
    ----------
    at
        ``policy/`` or ``unaccepted/`` of the folder.
    content
        Bytes of each of :data:`FILES`.

    Raises
    ------
    ConfigError
        If there is no room or no permission.
    """
    for name in FILES:
        write_whole(at / name, content[name])
    return tuple(LeftFile(_told(folder, at / n), digest(content[n])) for n in FILES)


def read_left(folder: RlFolder, result: PracticeResult) -> dict[str, bytes]:
    """Read the files of the policy that a result speaks of, and no others.

    Returns
    -------
    dict
        Bytes by name, as :data:`FILES` has them; empty where no policy was left.

    Raises
    ------
    DataError
        Naming the first file that is missing, is not the one that was left, or was added.
    """
    at = folder.policy if result.accepted else folder.unaccepted
    wanted = [] if result.chosen_seed is None else [_told(folder, at / n) for n in FILES]
    if [file.name for file in result.files] != wanted:
        named = ", ".join(file.name for file in result.files) or "no file"
        msg = (
            f"{folder.result} binds {named}, where a run that came to this leaves "
            f"{', '.join(wanted) or 'none'}; {_again(folder)}"
        )
        raise DataError(msg)
    for path in sorted(_there(folder, at if wanted else None)):
        if _told(folder, path) not in wanted:
            msg = (
                f"{path} was not left by this training run, and lies where the files of its "
                "policy belong; take it out of there, then give the command again"
            )
            raise DataError(msg)
    return {Path(file.name).name: _bound(folder, file) for file in result.files}


def _there(folder: RlFolder, own: Path | None) -> Iterator[Path]:
    """Say what lies there; a folder where none was left counts, even if it is empty."""
    for at in (folder.policy, folder.unaccepted):
        inside = list(at.iterdir()) if at.is_dir() else []
        yield from inside
        if not inside and at != own and (at.exists() or at.is_symlink()):
            yield at


def _bound(folder: RlFolder, file: LeftFile) -> bytes:
    path = folder.root / file.name
    try:
        content = read_plain(path)
    except OSError as error:
        msg = (
            f"{path} cannot be read ({error.strerror}), and {folder.result.name} speaks of "
            f"it; restore it, or {_again(folder)}"
        )
        raise DataError(msg) from error
    found = digest(content)
    if found != file.sha256:
        msg = (
            f"{path} is not the file that this training run left: its SHA-256 begins with "
            f"{found[:_SHOWN]}, and {folder.result.name} was sealed over one that begins with "
            f"{file.sha256[:_SHOWN]}; restore it, or {_again(folder)}"
        )
        raise DataError(msg)
    return content


def _again(folder: RlFolder) -> str:
    return (
        f"remove {folder.result}, and stairway train rl --resume {folder.root} writes both "
        "again"
    )


def _told(folder: RlFolder, path: Path) -> str:
    return path.relative_to(folder.root).as_posix()
