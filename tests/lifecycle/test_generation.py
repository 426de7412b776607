"""A generation is believed when a trusted key signed exactly these words, and not otherwise."""

from __future__ import annotations

import msgspec
import pytest

from stairway.base.verdict import Refuse
from stairway.events.envelope import GENESIS
from stairway.lifecycle.generation import (
    SignedGeneration,
    after,
    key_id,
    mark,
    opened,
    sign,
)
from stairway.lifecycle.stage import Stage
from stairway.testing.policy import (
    KEY,
    OTHER_KEY,
    SPOILT,
    TRUSTED,
    generation,
    public,
    signed,
    spoilt,
)


def code(answer):
    assert isinstance(answer, Refuse)
    return answer.findings[0].code


def test_what_was_signed_is_what_is_opened():
    assert opened(signed(3), TRUSTED) == generation(3)


@pytest.mark.parametrize("how", SPOILT)
def test_what_was_spoilt_is_refused(how):
    assert code(opened(spoilt(signed(2), how), TRUSTED)).startswith("policy.")


def test_every_bit_counts():
    whole = signed(2)
    for place in range(0, 8 * len(whole.body), 7):
        body = bytearray(whole.body)
        body[place // 8] ^= 1 << place % 8
        changed = msgspec.structs.replace(whole, body=bytes(body))
        assert code(opened(changed, TRUSTED)) == "policy.signature"


def test_a_key_that_is_no_longer_trusted_signed_in_vain():
    trusted = {key_id(public(OTHER_KEY)): public(OTHER_KEY)}
    assert code(opened(signed(1), trusted)) == "policy.key"
    assert code(opened(signed(1), {signed(1).key_id: b"short"})) == "policy.signature"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"number":1}', "policy.form"),
        (
            msgspec.json.format(msgspec.json.encode(generation(2), order="sorted")),
            "policy.form",
        ),
        (msgspec.json.encode(generation(2, parent=GENESIS), order="sorted"), "policy.parent"),
        (msgspec.json.encode(generation(1, parent="ab" * 32), order="sorted"), "policy.parent"),
        (msgspec.json.encode(generation(2, origin=GENESIS), order="sorted"), "policy.parent"),
        (msgspec.json.encode(generation(1, origin="ab" * 32), order="sorted"), "policy.parent"),
        (b"[" * 100_000, "policy.form"),
        (b"\xff", "policy.form"),
    ],
)
def test_signed_nonsense_is_nonsense(body, said):
    assert (
        code(opened(SignedGeneration(body, signed(1).key_id, KEY.sign(body)), TRUSTED)) == said
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"why": "x" * 1001},
        {"policy": "x"},
        {"champions": {"../x": "ab" * 32}},
        {"champions": {"a": "b"}},
    ],
)
def test_what_may_not_be_said_is_not_signed(wrong):
    with pytest.raises(msgspec.ValidationError):
        sign(generation(2, **wrong), KEY)


def test_each_generation_follows_the_one_before():
    first = after(None, "ab" * 32, Stage.SHADOW, {}, 5, "begin")
    assert (first.number, first.parent) == (1, GENESIS)
    assert first.origin == GENESIS
    begun = sign(first, KEY)
    second = after((first, begun), "cd" * 32, Stage.CANARY, {"a": "ef" * 32}, 4, "on")
    assert (second.number, second.parent, second.origin) == (2, begun.identity, mark(begun))
    on = sign(second, OTHER_KEY)
    third = after((second, on), "cd" * 32, Stage.CANARY, {}, 4, "on")
    assert (third.number, third.parent, third.origin) == (3, on.identity, mark(begun))


def test_a_first_generation_that_was_signed_before_stores_had_a_mark_is_still_believed():
    plain = {
        "champions": {}, "issued_ns": 5, "number": 1, "parent": GENESIS, "policy": "ab" * 32,
        "stage": "shadow", "why": "begin",
    }  # fmt: skip
    body = msgspec.json.encode(plain, order="sorted")
    first = after(None, "ab" * 32, Stage.SHADOW, {}, 5, "begin")
    assert sign(first, KEY).body == body
    assert opened(SignedGeneration(body, signed(1).key_id, KEY.sign(body)), TRUSTED) == first
