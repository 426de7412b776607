"""What a model was taught and judged by, as one hash: it may climb nowhere else.

Every section of the policy that made the model or its evidence, both instruments in their
order, and whether the bars were those of a drill. A model taught or judged by anything
else is refused when it is opened, so no evidence is taken for another's, and a pass that
was earned under a lax policy is not honoured under a strict one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stairway.base.hashing import content_hash
from stairway.market.instrument import Instrument

TAUGHT_BY = (
    "session",
    "features",
    "regime",
    "labels",
    "splits",
    "boosting",
    "calibration",
    "evidence",
    "proof",
    "battery",
    "costs",
    "sizing",
    "ensemble",
    "prover",
    "paper",
    "execution",
    "account",
    "run",
)
"""Sections that made the model, or the figures that it was judged by.

``limits`` is none of them: whoever climbs may be held tighter than whoever was judged.
"""


def terms_hash(
    policy: Mapping[str, Any], pair: tuple[Instrument, Instrument], *, planted: bool
) -> str:
    """Hash of everything that training and climbing must agree on.

    ``policy`` is plain data, as it is put on record; ``planted`` is true for the bars of a
    drill, into which an edge was put.
    """
    taught = {name: policy.get(name) for name in TAUGHT_BY}
    return content_hash((taught, list(pair), planted))
