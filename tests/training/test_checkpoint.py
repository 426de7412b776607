"""A checkpoint comes back to the bit, or is refused with a sentence that names what differs."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.hashing import content_hash
from stairway.base.verdict import Refuse
from stairway.training.checkpoint import LAYOUT, Checkpoint, Encoded, Mark, decode, encode
from stairway.training.journal import Frozen

IDENTITY = Frozen("d" * 64, "s" * 64, "e" * 64, "a" * 64, "g" * 64, "t" * 64)


def checkpoint(**tensors: np.ndarray) -> Checkpoint:
    made = tensors or {
        "weights": np.arange(6, dtype=np.float32).reshape(2, 3),
        "moments": np.array([np.pi, -0.0, 1e-310]),
        "chance": np.array([2**63, 1], np.uint64),
        "steps": np.array([-5], np.int64),
        "dones": np.array([True, False]),
        "empty": np.zeros((0, 4), np.float32),
    }
    notes = {"controller": {"integral": 0.1 + 0.2, "n": 3}, "curve": [[1, 2.5], ["x", None]]}
    return Checkpoint(Mark(7, 2, 3, 421_600), IDENTITY, made, notes)


MADE = encode(checkpoint())


def code(found) -> str:
    assert isinstance(found, Refuse), found
    return found.findings[0].code


# -- there and back ------------------------------------------------------------------------


def test_everything_comes_back_to_the_bit() -> None:
    back = decode(MADE, IDENTITY)
    assert not isinstance(back, Refuse)
    before = checkpoint()
    assert back.mark == before.mark
    assert back.notes == before.notes
    assert set(back.tensors) == set(before.tensors)
    for name, tensor in before.tensors.items():
        again = back.tensors[name]
        assert (again.dtype, again.shape) == (tensor.dtype, tensor.shape)
        assert again.tobytes() == tensor.tobytes()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5))
def test_floats_among_the_notes_come_back_to_the_bit(numbers: list[float]) -> None:
    made = encode(checkpoint()._replace(notes={"x": numbers}))
    back = decode(made, IDENTITY)
    assert not isinstance(back, Refuse)
    assert [n.hex() for n in back.notes["x"]] == [n.hex() for n in numbers]


def test_equal_checkpoints_give_equal_bytes_in_whatever_order() -> None:
    turned = checkpoint()._replace(tensors=dict(reversed(checkpoint().tensors.items())))
    assert encode(turned) == MADE


def test_arrays_that_are_not_contiguous_are_written_as_they_read() -> None:
    across = np.arange(12.0).reshape(3, 4).T[::2]
    back = decode(encode(checkpoint(x=across)), IDENTITY)
    assert not isinstance(back, Refuse)
    assert np.array_equal(back.tensors["x"], across)


def test_arrays_that_come_back_may_be_written_to() -> None:
    back = decode(MADE, IDENTITY)
    assert not isinstance(back, Refuse)
    back.tensors["weights"][0, 0] = 9.0


# -- another identity ----------------------------------------------------------------------


@pytest.mark.parametrize("name", Frozen.__struct_fields__)
def test_a_checkpoint_of_something_else_is_refused_by_name(name: str) -> None:
    other = msgspec.structs.replace(IDENTITY, **{name: "0" * 64})
    found = decode(MADE, other)
    assert code(found) == f"checkpoint.{name}"
    detail = found.findings[0].detail
    assert f"its {name} hash is" in detail
    assert "this run's is 000000000000" in detail


def test_of_several_differences_the_architecture_is_named_first() -> None:
    found = decode(MADE, Frozen(*"012345"))
    assert code(found) == "checkpoint.architecture"


def test_another_layout_is_refused() -> None:
    record = msgspec.json.decode(MADE.record) | {"layout": LAYOUT + 1}
    found = decode(MADE._replace(record=msgspec.json.encode(record)), IDENTITY)
    assert code(found) == "checkpoint.layout"


# -- damage --------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 1, 7, 100, -1])
def test_a_record_that_was_cut_off_is_refused(keep: int) -> None:
    found = decode(MADE._replace(record=MADE.record[:keep]), IDENTITY)
    assert code(found) == "checkpoint.truncated"


@pytest.mark.parametrize("keep", [0, 1, 8, 100, -1])
def test_arrays_that_were_cut_off_are_refused(keep: int) -> None:
    found = decode(MADE._replace(tensors=MADE.tensors[:keep]), IDENTITY)
    assert code(found) == "checkpoint.truncated"
    assert found.findings[0].bound == len(MADE.tensors)


def test_any_single_bit_that_flips_in_the_arrays_is_seen() -> None:
    rng = np.random.default_rng(3)
    for place in rng.choice(len(MADE.tensors), 60, replace=False).tolist():
        damaged = bytearray(MADE.tensors)
        damaged[place] ^= 1 << int(rng.integers(8))
        assert (
            code(decode(MADE._replace(tensors=bytes(damaged)), IDENTITY))
            == "checkpoint.tampered"
        )


def test_bytes_that_were_added_are_seen() -> None:
    assert (
        code(decode(MADE._replace(tensors=MADE.tensors + b"\0"), IDENTITY))
        == "checkpoint.tampered"
    )
    more = MADE._replace(record=MADE.record + b"{}")
    assert code(decode(more, IDENTITY)) in {"checkpoint.truncated", "checkpoint.tampered"}


def test_no_single_byte_of_the_record_can_change_unseen() -> None:
    for place in range(len(MADE.record)):
        damaged = bytearray(MADE.record)
        damaged[place] ^= 0x01
        found = decode(MADE._replace(record=bytes(damaged)), IDENTITY)
        # The last digit of a number may change without changing the number.
        if not isinstance(found, Refuse):
            assert (found.mark, found.notes) == (checkpoint().mark, checkpoint().notes)


@pytest.mark.parametrize(
    "change",
    [
        {"mark": {"seed": 7, "cycle": 9, "rollout": 3, "steps": 421_600}},
        {"notes": {}},
        {"tensors_sha256": "0" * 64},
        {"seal": ""},
    ],
)
def test_a_record_that_was_edited_by_hand_is_refused(change: dict) -> None:
    edited = msgspec.json.encode(msgspec.json.decode(MADE.record) | change)
    assert code(decode(MADE._replace(record=edited), IDENTITY)) == "checkpoint.tampered"


@pytest.mark.parametrize("change", [{"extra": 1}, {"mark": 5}, {"identity": {}}, {"notes": []}])
def test_a_record_of_another_shape_is_refused(change: dict) -> None:
    edited = msgspec.json.encode(msgspec.json.decode(MADE.record) | change)
    assert code(decode(MADE._replace(record=edited), IDENTITY)) == "checkpoint.tampered"


@pytest.mark.parametrize("content", [b"[]", b"null", b"3", b'"x"', b"\xff\xfe", b"[" * 5_000])
def test_what_is_no_record_at_all_is_refused(content: bytes) -> None:
    assert code(decode(MADE._replace(record=content), IDENTITY)).startswith("checkpoint.")


def test_arrays_of_one_checkpoint_do_not_fit_the_record_of_another() -> None:
    other = encode(checkpoint(weights=np.ones((2, 3), np.float32)))
    for arrays, record in itertools.permutations((MADE, other), 2):
        mixed = Encoded(arrays.tensors, record.record)
        assert code(decode(mixed, IDENTITY)) in {"checkpoint.tampered", "checkpoint.truncated"}


def test_the_seal_is_over_what_is_read() -> None:
    record = msgspec.json.decode(MADE.record)
    assert record["seal"] != ""
    assert record["seal"] != content_hash(record)
    assert record["layout"] == LAYOUT
