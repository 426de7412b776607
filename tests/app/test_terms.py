"""A model climbs only where it was taught, and under the policy that judged it."""

from __future__ import annotations

from typing import Any

import pytest

from stairway.app.settings import load, plain
from stairway.app.terms import TAUGHT_BY, terms_hash
from stairway.testing.bars import random_walk

POLICY = plain(load("daily"))
PAIR = random_walk(2, seed=1).instruments


def changed(section: str) -> dict[str, Any]:
    return {**POLICY, section: {**POLICY[section], "another": 1}}


def test_the_same_terms_have_the_same_hash() -> None:
    again = plain(load("daily"))
    assert terms_hash(POLICY, PAIR, planted=False) == terms_hash(again, PAIR, planted=False)


@pytest.mark.parametrize("section", TAUGHT_BY)
def test_whatever_made_the_evidence_counts(section: str) -> None:
    assert section in POLICY
    other = terms_hash(changed(section), PAIR, planted=False)
    assert other != terms_hash(POLICY, PAIR, planted=False)


def test_what_only_supervises_may_change_afterwards() -> None:
    other = terms_hash(changed("probation"), PAIR, planted=False)
    assert other == terms_hash(POLICY, PAIR, planted=False)


def test_a_drill_and_the_order_of_instruments_count() -> None:
    first, second = PAIR
    hashes = {
        terms_hash(POLICY, PAIR, planted=False),
        terms_hash(POLICY, PAIR, planted=True),
        terms_hash(POLICY, (second, first), planted=False),
    }
    assert len(hashes) == 3
