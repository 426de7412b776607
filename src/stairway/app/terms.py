"""What a model was taught, as one hash: it may climb nowhere else.

Features and their windows, the labels, both instruments in their order, and whether the
bars were those of a drill. A model taught on anything else is refused when it is opened,
so nobody's evidence is taken for another's.
"""

from __future__ import annotations

import msgspec

from stairway.base.hashing import content_hash
from stairway.features.labels import LabelRules
from stairway.features.spec import FeatureRules, schema_hash
from stairway.market.instrument import Instrument


def terms_hash(
    features: FeatureRules,
    labels: LabelRules,
    pair: tuple[Instrument, Instrument],
    *,
    planted: bool,
) -> str:
    """Hash of everything that training and climbing must agree on.

    ``planted`` is true for the bars of a drill, into which an edge was put.
    """
    symbols = [one.symbol for one in pair]
    taught = (schema_hash(features), msgspec.to_builtins(labels), symbols, planted)
    return content_hash(taught)
