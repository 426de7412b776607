"""Content, and nothing else, decides a hash."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stairway.base.hashing import array_hash, content_hash, digest, keyed_uniform

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), plain, min_size=2, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert content_hash(value) == content_hash(dict(reversed(value.items())))


@given(plain, plain)
def test_different_content_has_different_hashes(one: object, other: object) -> None:
    if repr(one) != repr(other):
        assert content_hash([one]) != content_hash([other]) or one == other


def test_the_digest_is_sha256_as_everybody_computes_it() -> None:
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    "other",
    [
        np.arange(6.0).reshape(3, 2),
        np.arange(6.0).astype(np.float32),
        np.arange(6),
        np.array([0.0, 1, 2, 3, 4, np.nextafter(5.0, 6.0)]),
    ],
)
def test_shape_type_and_every_bit_count(other: np.ndarray) -> None:
    assert array_hash(np.arange(6.0)) != array_hash(other)


def test_a_strided_view_hashes_as_its_copy() -> None:
    table = np.arange(12.0).reshape(6, 2)
    assert array_hash(table[:, 1]) == array_hash(table[:, 1].copy())


def test_two_arrays_are_not_their_concatenation() -> None:
    assert array_hash(np.zeros(2), np.zeros(3)) != array_hash(np.zeros(3), np.zeros(2))


@given(st.integers(0, 2**32), st.text(), st.integers(0, 10**9))
def test_a_draw_depends_on_its_key_alone(seed: int, name: str, index: int) -> None:
    draw = keyed_uniform(seed, name, index)
    assert 0.0 <= draw < 1.0
    assert draw == keyed_uniform(seed, name, index)
    assert draw != keyed_uniform(seed + 1, name, index)
    assert draw != keyed_uniform(seed, name, index + 1)


def test_draws_are_uniform() -> None:
    draws = np.array([keyed_uniform(7, "u", i) for i in range(20_000)])
    counts, _ = np.histogram(draws, bins=20, range=(0.0, 1.0))
    chi2 = ((counts - 1000.0) ** 2 / 1000.0).sum()
    assert chi2 < 43.8  # 99.9 % of chi-squared with 19 degrees of freedom


def test_neighbouring_keys_are_not_correlated() -> None:
    draws = np.array([keyed_uniform(7, "u", i) for i in range(20_000)])
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.025
