"""Which families there are, what each is made of, and who serves it: one entry each.

A family that has no entry cannot be sealed, and is refused when it is opened. To add one:
a file in ``bodies``, a file in ``adapters/runtimes``, and an entry below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from stairway.base.verdict import Refuse, Verdict
from stairway.models.bodies import forest, policy, rule
from stairway.models.manifest import Family, Form, Passport


class Body(Protocol):
    """What a model is made of, once it has been read.

    Promises
    --------
    - ``blobs`` gives exactly the forms of its family; equal bodies give equal bytes.
    - ``replay`` passes only if the margins recorded in the body are given again.
    """

    def blobs(self) -> dict[Form, bytes]:
        """Write it down."""
        ...

    def replay(self, tolerance: float) -> Verdict:
        """Say whether it still does what it did when it was made; NaN refuses."""
        ...


Read: TypeAlias = Callable[[Mapping[Form, bytes], Passport], Body | Refuse]
"""Reads and validates blobs whose hashes are good. It never raises and never repairs."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the models of a family have in common.

    Attributes
    ----------
    forms
        The blobs that each must have: these, and no others.
    read
        Makes a body of them.
    tolerance
        How far a replayed margin may lie from the recorded one.
    runtime
        File in ``adapters/runtimes`` that serves it.
    """

    forms: tuple[Form, ...]
    read: Read
    tolerance: float
    runtime: str


_TREES = (Form.FOREST, Form.CALIBRATION, Form.PARITY)

KINDS: Mapping[Family, Kind] = {
    Family.LIGHTGBM: Kind(_TREES, forest.from_blobs, tolerance=0.0, runtime="forest"),
    # XGBoost adds up in 32 bits
    Family.XGBOOST: Kind(_TREES, forest.from_blobs, tolerance=1e-5, runtime="forest"),
    # A rule claims a probability itself: there is nothing to calibrate
    Family.RULE: Kind((Form.RULE, Form.PARITY), rule.from_blobs, tolerance=0.0, runtime="rule"),
    # PyTorch adds up in 32 bits too, in an order of its own
    Family.POLICY: Kind(
        (Form.POLICY, Form.ARCHITECTURE, Form.CALIBRATION, Form.PARITY),
        policy.from_blobs,
        tolerance=1e-5,
        runtime="policy",
    ),
}
"""Every family that can be sealed and opened."""
