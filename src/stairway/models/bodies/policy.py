"""The body of a policy: its layers, what it looks through, and what its trainer said.

The recorded vectors are raw rows with positions beside them, and the logits that the
training library itself gave. A replay walks the whole road: normaliser, layout of the
observation, layers. So a change in any of them is found when the model is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from stairway.base.arrays import Float32Array, FloatArray
from stairway.base.verdict import Refuse, Verdict, passed, refuse
from stairway.features.spec import FEATURE_NAMES
from stairway.models import calibration as calibrations
from stairway.models import policy_form, tensors
from stairway.models.actor import Actor
from stairway.models.calibration import Calibration
from stairway.models.manifest import Form, Passport
from stairway.models.observation import ACTIONS, FEATURES
from stairway.models.parity import MIN_ROWS
from stairway.models.policy import observations
from stairway.models.policy_form import Written

LAYOUT: dict[str, tensors.Shape] = {
    "rows": tensors.Shape("F64", 3),
    "positions": tensors.Shape("I32", 2),
    "logits": tensors.Shape("F32", 2),
}


@dataclass(frozen=True, slots=True, eq=False)
class PolicyParity:
    """What the policy must answer, to be the one that was trained.

    Attributes
    ----------
    rows : (n, 2, 12) float64
        At least 256; finite.
    positions : (n, 2) int32
        Of -1, 0, +1.
    logits : (n, 9) float32
        The training library's own.
    """

    rows: FloatArray
    positions: NDArray[np.int32]
    logits: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class PolicyBody:
    """Everything that the blobs of a policy hold."""

    actor: Actor
    calibration: Calibration
    parity: PolicyParity

    def blobs(self) -> dict[Form, bytes]:
        """Write it down. Equal bodies give equal bytes."""
        written = policy_form.to_bytes(self.actor)
        return {
            Form.POLICY: written.tensors,
            Form.ARCHITECTURE: written.architecture,
            Form.CALIBRATION: calibrations.to_bytes(self.calibration),
            Form.PARITY: parity_to_bytes(self.parity),
        }

    def replay(self, tolerance: float) -> Verdict:
        """Say whether the policy gives the logits that its trainer gave; NaN refuses."""
        return replayed(self.actor, self.parity, tolerance)


def replayed(actor: Actor, parity: PolicyParity, tolerance: float) -> Verdict:
    """Walk the whole road from rows to logits, and compare with what was recorded.

    Parameters
    ----------
    tolerance
        Largest difference of two logits that passes; NaN refuses.
    """
    n = len(parity.logits)
    shown = observations(parity.rows, parity.positions, actor.normaliser)
    worst = float(np.abs(actor.policy.logits(shown).astype(np.float64) - parity.logits).max())
    if not (n >= MIN_ROWS and worst <= tolerance):
        detail = "logits are not those of the library that trained the policy"
        return refuse("artifact.parity", detail, worst, tolerance, n)
    detail = "logits equal those of the library"
    return passed("artifact.parity", detail, worst, tolerance, n)


def parity_to_bytes(parity: PolicyParity) -> bytes:
    """Write vectors as safetensors. Equal ones give equal bytes."""
    return save({name: np.ascontiguousarray(getattr(parity, name)) for name in LAYOUT})


def parity_from_bytes(content: bytes) -> PolicyParity | Refuse:
    """Read vectors, and refuse those that would prove too little.

    Examples
    --------
    >>> parity_from_bytes(b"").findings[0].code
    'tensors.header'
    """
    read = tensors.parse(content, LAYOUT)
    if isinstance(read, Refuse):
        return read
    rows, positions, logits = (read[name] for name in LAYOUT)
    n = logits.shape[0]
    if not n >= MIN_ROWS:
        return refuse("parity.too_few", "too few rows to prove anything", n, MIN_ROWS)
    needed = ((n, 2, FEATURES), (n, 2), (n, ACTIONS))
    shapes = (rows.shape, positions.shape, logits.shape)
    if shapes != needed:
        return refuse("parity.shape", f"vectors are {shapes}, needed {needed}")
    if not (np.isfinite(rows).all() and np.isfinite(logits).all()):
        return refuse("parity.finite", "a row or a logit is not finite")
    if not np.isin(positions, (-1, 0, 1)).all():
        return refuse("parity.position", "a position is none of -1, 0 and 1")
    return PolicyParity(rows, positions, logits)


def from_blobs(blobs: Mapping[Form, bytes], passport: Passport) -> PolicyBody | Refuse:
    """Read and validate each blob; the first that is unsound is the reason to refuse."""
    if passport.feature_names != FEATURE_NAMES:
        return refuse("policy.features", "the policy reads other features than there are")
    actor = policy_form.from_bytes(Written(blobs[Form.POLICY], blobs[Form.ARCHITECTURE]))
    if isinstance(actor, Refuse):
        return actor
    calibration = calibrations.from_bytes(blobs[Form.CALIBRATION])
    if isinstance(calibration, Refuse):
        return calibration
    parity = parity_from_bytes(blobs[Form.PARITY])
    return parity if isinstance(parity, Refuse) else PolicyBody(actor, calibration, parity)
