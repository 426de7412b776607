"""A training run at one instant, as bytes that can be checked: safetensors and JSON.

A checkpoint is two files. One holds every array (parameters, moments of the optimiser,
environment, generators) as safetensors; the other is JSON and holds everything else, the
SHA-256 and length of the first, and a seal over itself. Neither is executable, and both are
verified before a number in them is used.

Reading refuses, in this order and always naming what differs:

1. JSON that cannot be read, or whose seal does not fit: ``checkpoint.truncated`` or
   ``checkpoint.tampered``.
2. Another layout: ``checkpoint.layout``.
3. Another identity: ``checkpoint.architecture``, ``.data``, ``.environment``, ``.settings``,
   ``.gate`` or ``.gold``.
4. Arrays that are shorter than was written, or not the bytes that were written:
   ``checkpoint.truncated``, ``checkpoint.tampered``.

The seal finds damage and carelessness. It is no signature: who may write the folder may
write a checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from stairway.base.errors import InvariantError
from stairway.base.hashing import content_hash, digest
from stairway.base.verdict import Refuse, refuse
from stairway.training.journal import Frozen

LAYOUT = 1

_DIFFERENCES = {
    "architecture": "is of a policy with other layers",
    # Other data makes another environment too: the cause comes first.
    "data": "was made on other data, another split or another normaliser",
    "environment": "was made in an environment with other rules or bars",
    "settings": "was made under other settings",
    "gate": "was made under another gate",
    "gold": "was made from another reference",
}
"""What to say about each field of the identity, in the order in which it is looked at."""


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where in a run a checkpoint was made.

    Attributes
    ----------
    seed, cycle, rollout
        Whose, in which cycle, and after how many of its roll-outs.
    steps
        Environment steps of the policy so far.
    """

    seed: int
    cycle: int
    rollout: int
    steps: int


class Checkpoint(NamedTuple):
    """What is written and read back.

    Attributes
    ----------
    mark
        Where it was made.
    identity
        Hashes of all that it is only good for.
    tensors
        Arrays by name; dtypes and bits come back as they were.
    notes
        Everything else, as JSON can say it: tuples come back as lists, NaN as ``None``.
    """

    mark: Mark
    identity: Frozen
    tensors: Mapping[str, NDArray[Any]]
    notes: Mapping[str, Any]


class Encoded(NamedTuple):
    """Both files of a checkpoint. The JSON is written last: it makes the other one count."""

    tensors: bytes
    record: bytes


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a checkpoint.

    Attributes
    ----------
    layout
        Of this file.
    mark, identity, notes
        As of :class:`Checkpoint`.
    tensors_sha256, tensors_bytes
        Hash and length of the arrays beside it.
    seal
        Hash of all of this but the seal.
    """

    layout: int
    mark: Mark
    identity: Frozen
    tensors_sha256: str
    tensors_bytes: int
    notes: dict[str, Any]
    seal: str = ""


class _Layout(msgspec.Struct, frozen=True):
    layout: int


def encode(checkpoint: Checkpoint) -> Encoded:
    """Write a checkpoint down; equal ones give equal bytes.

    Examples
    --------
    >>> same = Frozen("d", "s", "e", "a", "g", "t")
    >>> made = encode(Checkpoint(Mark(1, 2, 3, 4), same, {"w": np.ones(2)}, {"a": 1}))
    >>> decode(made, same).tensors["w"]
    array([1., 1.])
    """
    tensors = save({n: np.ascontiguousarray(t) for n, t in sorted(checkpoint.tensors.items())})
    record = Record(
        layout=LAYOUT,
        mark=checkpoint.mark,
        identity=checkpoint.identity,
        tensors_sha256=digest(tensors),
        tensors_bytes=len(tensors),
        # As they will be read: the seal is over them.
        notes=msgspec.json.decode(msgspec.json.encode(checkpoint.notes)),
    )
    sealed = msgspec.structs.replace(record, seal=content_hash(record))
    return Encoded(tensors, msgspec.json.encode(sealed, order="deterministic"))


def decode(encoded: Encoded, expected: Frozen) -> Checkpoint | Refuse:
    """Read a checkpoint back, or refuse it with what is wrong.

    Parameters
    ----------
    expected
        Identity of the run that would go on from it.
    """
    record = read_record(encoded.record)
    if isinstance(record, Refuse):
        return record
    for name, difference in _DIFFERENCES.items():
        written, wanted = getattr(record.identity, name), getattr(expected, name)
        if written != wanted:
            detail = (
                f"the checkpoint {difference}: its {name} hash is {written[:12]}, this run's "
                f"is {wanted[:12]}"
            )
            return refuse(f"checkpoint.{name}", detail)
    tensors = _load(encoded.tensors, record)
    if isinstance(tensors, Refuse):
        return tensors
    return Checkpoint(record.mark, record.identity, tensors, record.notes)


def read_record(content: bytes) -> Record | Refuse:
    """Read the JSON of a checkpoint and check its seal; arrays are not looked at."""
    try:
        layout = msgspec.json.decode(content, type=_Layout).layout
        if layout != LAYOUT:
            detail = f"the checkpoint has layout {layout}, this version reads {LAYOUT}"
            return refuse("checkpoint.layout", detail, layout, LAYOUT)
        record = msgspec.json.decode(content, type=Record)
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        return refuse("checkpoint.tampered", f"the checkpoint is not one of ours: {error}")
    except msgspec.DecodeError as error:
        detail = f"the checkpoint's record ends or breaks off: {error}"
        return refuse("checkpoint.truncated", detail, len(content))
    if content_hash(msgspec.structs.replace(record, seal="")) != record.seal:
        detail = "the checkpoint's record was changed after it was written: its seal differs"
        return refuse("checkpoint.tampered", detail)
    return record


def _load(content: bytes, record: Record) -> dict[str, NDArray[Any]] | Refuse:
    if len(content) < record.tensors_bytes:
        detail = f"the checkpoint's arrays are cut off at {len(content)} bytes"
        return refuse("checkpoint.truncated", detail, len(content), record.tensors_bytes)
    if digest(content) != record.tensors_sha256:
        detail = "the checkpoint's arrays are not the ones that were written: SHA-256 differs"
        return refuse("checkpoint.tampered", detail)
    try:
        return load(content)
    except SafetensorError as error:
        # The hash fits, so this is what was written: we are wrong about ourselves.
        msg = f"a checkpoint of our own cannot be read: {error}"
        raise InvariantError(msg) from error
