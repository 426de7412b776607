"""The body of boosted trees: a forest, its calibration, and what the library said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stairway.base.verdict import Refuse, Verdict
from stairway.models import calibration as calibrations
from stairway.models import forest as forests
from stairway.models import parity as parities
from stairway.models.calibration import Calibration
from stairway.models.forest import Forest
from stairway.models.manifest import Form, Passport
from stairway.models.parity import Holes, Parity


@dataclass(frozen=True, slots=True, eq=False)
class ForestBody:
    """Everything that the blobs of a forest hold."""

    forest: Forest
    calibration: Calibration
    parity: Parity

    def blobs(self) -> dict[Form, bytes]:
        """Write it down. Equal bodies give equal bytes."""
        return {
            Form.FOREST: forests.to_bytes(self.forest),
            Form.CALIBRATION: calibrations.to_bytes(self.calibration),
            Form.PARITY: parities.to_bytes(self.parity),
        }

    def replay(self, tolerance: float) -> Verdict:
        """Say whether the forest gives the margins that its library gave."""
        return parities.replay(self.forest.margins, self.parity, tolerance)


def from_blobs(blobs: Mapping[Form, bytes], passport: Passport) -> ForestBody | Refuse:
    """Read and validate each blob; the first that is unsound is the reason to refuse."""
    n_features = len(passport.feature_names)
    forest = forests.from_bytes(blobs[Form.FOREST], n_features)
    if isinstance(forest, Refuse):
        return forest
    calibration = calibrations.from_bytes(blobs[Form.CALIBRATION])
    if isinstance(calibration, Refuse):
        return calibration
    parity = parities.from_bytes(blobs[Form.PARITY], n_features, Holes.ANSWERED)
    if isinstance(parity, Refuse):
        return parity
    return ForestBody(forest, calibration, parity)
