"""The reader takes what safetensors writes, and nothing else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load, save

from stairway.base.verdict import Refuse
from stairway.models.tensors import MAX_HEADER_BYTES, Shape, parse

LAYOUT = {"table": Shape("F64", 2), "ids": Shape("I32", 1)}
GOOD = {"table": np.arange(6.0).reshape(2, 3), "ids": np.array([3, 1], np.int32)}


def written(header: object, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def entry(dtype: str, shape: list[int], start: int, stop: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def code(content: bytes) -> str:
    answer = parse(content, LAYOUT)
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


@given(
    arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(0, 5))),
    arrays(np.int32, st.integers(0, 5)),
)
def test_what_safetensors_wrote_is_read_as_safetensors_reads_it(
    table: np.ndarray, ids: np.ndarray
) -> None:
    content = save({"table": table, "ids": ids})
    read, oracle = parse(content, LAYOUT), load(content)
    assert not isinstance(read, Refuse)
    for name, array in read.items():
        np.testing.assert_array_equal(array, oracle[name])
        assert array.dtype == oracle[name].dtype


def test_what_was_read_is_aligned_and_shares_no_memory_with_the_file() -> None:
    content = bytearray(save(GOOD))
    read = parse(bytes(content), LAYOUT)
    assert not isinstance(read, Refuse)
    assert read["table"].flags.aligned
    assert read["table"].flags.c_contiguous
    read["table"][0, 0] = 99.0
    again = parse(bytes(content), LAYOUT)
    assert not isinstance(again, Refuse)
    assert again["table"][0, 0] == 0.0


@given(st.binary(max_size=200))
def test_noise_is_refused_and_never_raises(content: bytes) -> None:
    assert isinstance(parse(content, LAYOUT), Refuse)


@given(st.data())
def test_a_cut_file_is_refused_wherever_it_is_cut(data: st.DataObject) -> None:
    content = save(GOOD)
    cut = data.draw(st.integers(0, len(content) - 1))
    assert isinstance(parse(content[:cut], LAYOUT), Refuse)


@given(st.binary(min_size=1, max_size=9))
def test_a_file_with_something_behind_its_end_is_refused(tail: bytes) -> None:
    assert code(save(GOOD) + tail) == "tensors.length"


@given(st.data())
def test_a_changed_byte_gives_another_array_or_a_refusal_but_no_error(
    data: st.DataObject,
) -> None:
    content = bytearray(save(GOOD))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    read = parse(bytes(content), LAYOUT)
    if not isinstance(read, Refuse):
        assert {name: array.shape for name, array in read.items()}.keys() == LAYOUT.keys()


@pytest.mark.parametrize(
    "tensors",
    [
        {"table": GOOD["table"]},
        {**GOOD, "code": np.zeros(1)},
        {"table": GOOD["table"], "IDS": GOOD["ids"]},
        {},
    ],
)
def test_exactly_the_named_tensors_are_allowed(tensors: dict[str, np.ndarray]) -> None:
    assert code(save(tensors)) == "tensors.names"


@pytest.mark.parametrize(
    "tensors",
    [
        {**GOOD, "table": GOOD["table"].astype(np.float32)},
        {**GOOD, "ids": GOOD["ids"].astype(np.int64)},
        {**GOOD, "table": GOOD["table"].ravel()},
        {**GOOD, "ids": GOOD["ids"][None]},
    ],
)
def test_another_dtype_or_rank_is_refused(tensors: dict[str, np.ndarray]) -> None:
    assert code(save(tensors)) == "tensors.layout"


@pytest.mark.parametrize(
    "header",
    [
        {"table": entry("F64", [1, 1], 0, 8), "ids": entry("I32", [2], 0, 8)},  # overlap
        {"table": entry("F64", [1, 1], 0, 8), "ids": entry("I32", [1], 12, 16)},  # gap
        {"table": entry("F64", [1, 1], 0, 8), "ids": entry("I32", [1], 8, 16)},  # too long
        {"table": entry("F64", [-1, -1], 0, 8), "ids": entry("I32", [2], 8, 16)},
        {"table": entry("F64", [2**40, 2**40], 0, 8), "ids": entry("I32", [2], 8, 16)},
        {"table": entry("F64", [1, 1], 8, 0), "ids": entry("I32", [2], 8, 16)},
    ],
)
def test_offsets_that_do_not_tile_the_file_are_refused(header: dict[str, object]) -> None:
    assert code(written(header, bytes(16))) == "tensors.layout"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 7,
        (2**63).to_bytes(8, "little") + b"{}",
        (3).to_bytes(8, "little") + b"{}",
        written([]),
        written({"table": {"dtype": "F64", "shape": [1, 1]}}),
        written({"table": {**entry("F64", [1, 1], 0, 8), "extra": 1}}),
        written({"__metadata__": {"format": "pt"}}),
        written("x" * (MAX_HEADER_BYTES + 1)),
        (4).to_bytes(8, "little") + b"\xff\xfe{}",
    ],
)
def test_a_header_that_is_not_one_is_refused(content: bytes) -> None:
    assert code(content) == "tensors.header"


def test_a_name_given_twice_is_refused() -> None:
    one = json.dumps(entry("F64", [1, 1], 0, 8))
    two = json.dumps(entry("F64", [1, 1], 8, 16))
    ids = json.dumps(entry("I32", [2], 16, 24))
    text = f'{{"table": {one}, "table": {two}, "ids": {ids}}}'.encode()
    assert code(len(text).to_bytes(8, "little") + text + bytes(24)) == "tensors.layout"


@given(arrays(np.float32, (3, 2), elements=st.floats(width=32, allow_nan=False)))
def test_float32_is_read_to_the_bit_and_not_taken_for_float64(table: np.ndarray) -> None:
    content = save({"table": table})
    read = parse(content, {"table": Shape("F32", 2)})
    assert not isinstance(read, Refuse)
    assert read["table"].dtype == np.float32
    np.testing.assert_array_equal(read["table"], table)
    wrong = parse(content, {"table": Shape("F64", 2)})
    assert isinstance(wrong, Refuse)
    assert wrong.findings[0].code == "tensors.layout"
