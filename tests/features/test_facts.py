from __future__ import annotations

import msgspec
import pytest

from stairway.base.errors import DataError
from stairway.base.verdict import passed, refuse
from stairway.events.codec import Codec
from stairway.features.facts import Offence, Proof

OFFENCE = Offence("SPX.rsi", 41, 42, 1, "frozen", None)


@pytest.mark.parametrize(
    "proof",
    [
        Proof(passed("causality.clean", "fine", 0.0, 1e-9, 200), 30, 4_000, 200, 7),
        Proof(
            refuse("causality.looks_ahead", "column SPX.rsi", 1.0),
            30,
            4_000,
            200,
            7,
            (OFFENCE,),
        ),
    ],
)
def test_a_proof_comes_back_from_the_record_as_it_was(proof: Proof) -> None:
    codec = Codec[Proof](Proof)
    assert codec.decode(codec.encode(proof)) == proof
    assert msgspec.json.decode(msgspec.json.encode(proof), type=Proof) == proof


def test_a_proof_carries_its_own_name() -> None:
    payload = msgspec.json.encode(Proof(refuse("x", "y"), 0, 0, 0, 7))
    assert b'"type":"causality.proved"' in payload


def test_another_fact_is_no_proof() -> None:
    with pytest.raises(DataError):
        Codec[Proof](Proof).decode(msgspec.msgpack.encode({"type": "fill"}))


def test_a_proof_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        OFFENCE.row = 0  # pyright: ignore[reportAttributeAccessIssue]
