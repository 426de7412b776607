"""The body of the rule: the numbers of its formula, and what it said when it was sealed.

There is nothing to calibrate: the formula claims a probability itself. And there is no
tolerance: the same formula with the same numbers gives the same margins, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import msgspec

from stairway.base.verdict import Refuse, Verdict, refuse
from stairway.features.spec import FEATURE_NAMES
from stairway.models import baseline
from stairway.models import parity as parities
from stairway.models.baseline import BaselineRules
from stairway.models.manifest import Form, Passport
from stairway.models.parity import Holes, Parity


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``rule.json``: which formula, and its numbers."""

    formula: Literal["trend_v1"]
    rules: BaselineRules


@dataclass(frozen=True, slots=True, eq=False)
class RuleBody:
    """Everything that the blobs of a rule hold."""

    rules: BaselineRules
    parity: Parity

    def blobs(self) -> dict[Form, bytes]:
        """Write it down. Equal bodies give equal bytes."""
        return {
            Form.RULE: to_bytes(self.rules),
            Form.PARITY: parities.to_bytes(self.parity),
        }

    def replay(self, tolerance: float) -> Verdict:
        """Say whether the formula gives the margins that it gave when it was sealed."""
        return parities.replay(partial(baseline.margins, self.rules), self.parity, tolerance)


def to_bytes(rules: BaselineRules) -> bytes:
    """Write as canonical JSON: equal rules give equal bytes.

    Examples
    --------
    >>> to_bytes(BaselineRules(max_edge=0.1, scale_sigmas=2.0))
    b'{"formula":"trend_v1","rules":{"max_edge":0.1,"scale_sigmas":2.0}}'
    """
    return msgspec.json.encode(_Written("trend_v1", rules), order="sorted")


def from_bytes(content: bytes) -> BaselineRules | Refuse:
    """Read rules that are known and allowed, in the one way they can be written.

    Examples
    --------
    >>> from_bytes(b"{}").findings[0].code
    'rule.unreadable'
    """
    try:
        rules = msgspec.json.decode(content, type=_Written).rules
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return refuse("rule.unreadable", f"not a rule: {error}")
    if to_bytes(rules) != content:
        return refuse("rule.writing", "the rule is not in its canonical writing")
    return rules


def from_blobs(blobs: Mapping[Form, bytes], passport: Passport) -> RuleBody | Refuse:
    """Read and validate each blob; the first that is unsound is the reason to refuse."""
    if passport.feature_names != FEATURE_NAMES:
        return refuse("rule.features", "the rule reads other features than there are")
    rules = from_bytes(blobs[Form.RULE])
    if isinstance(rules, Refuse):
        return rules
    parity = parities.from_bytes(blobs[Form.PARITY], len(FEATURE_NAMES), Holes.SILENT)
    return parity if isinstance(parity, Refuse) else RuleBody(rules, parity)
