"""How far a policy has gone from the one it started from, measured on copies.

``||theta - reference||_2 / ||reference||_2`` over the parameters that decide what the policy
does, over all of them, and over each tensor; and the mean KL(reference, policy) over a fixed
set of probes: a norm is blind to what a parameter does, and KL to what no probe meets.

The limit is held against the actor's share (:class:`Part`). The value net learns what steps
are paid, and under a controller that is another sum in every roll-out: it has to move, by a
fifth and more in a healthy cycle, while nothing that the policy does has changed. Its drift
is reported beside the other.

The tensors that a training library hands out are the ones it trains: a reference that is
not a copy follows the policy, and the drift reads 0 for ever. :func:`copied` is therefore
the only way to make the :class:`Parameters` that are compared here. For the same reason a
rollback is believed only once the vector was compared afterwards (:func:`rolled_back`).

An error in the check counts as divergence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from stairway.base.arrays import FloatArray
from stairway.base.config import Config
from stairway.base.errors import ConfigError, DataError
from stairway.base.hashing import array_hash, content_hash
from stairway.base.verdict import Verdict, passed, refuse
from stairway.training.measured import DivergenceLevel, DivergenceReport
from stairway.training.ppo.layout import ACTOR

_CODE = "practice.divergence"


class Part(StrEnum):
    """Which parameters the limit is held against."""

    ACTOR = "actor"
    """Those that decide what the policy does."""

    WHOLE = "whole"
    """The value net's as well."""


_Level = Annotated[float, Meta(gt=0.0, le=10.0)]


class DivergenceRules(Config, frozen=True, kw_only=True):
    """Levels of the drift, as shares of the reference's norm.

    Attributes
    ----------
    over
        Which parameters they are held against.
    moved_frac, far_frac
        Over these the drift is reported as moved, and as far.
    diverged_frac
        Over this the policy is refused and rolled back.
    probes
        Observations in the probe set.
    """

    over: Part
    moved_frac: _Level
    far_frac: _Level
    diverged_frac: _Level
    probes: Annotated[int, Meta(ge=1, le=100_000)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.moved_frac < self.far_frac < self.diverged_frac:
            msg = (
                f"[divergence] needs moved_frac under far_frac under diverged_frac, got "
                f"{self.moved_frac:g}, {self.far_frac:g} and {self.diverged_frac:g}"
            )
            raise ConfigError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """A policy's tensors as they were at one instant. Make it with :func:`copied`."""

    tensors: Mapping[str, NDArray[Any]]

    @property
    def digest(self) -> str:
        """SHA-256 of names, dtypes, shapes and numbers."""
        names = sorted(self.tensors)
        return content_hash((names, array_hash(*(self.tensors[name] for name in names))))

    @property
    def architecture(self) -> str:
        """SHA-256 of names, dtypes and shapes, numbers left out."""
        return content_hash({n: (t.dtype.str, t.shape) for n, t in self.tensors.items()})

    def part(self, over: Part) -> Parameters:
        """Leave out what does not count; where nothing is named as an actor's, all counts."""
        actor = {n: t for n, t in self.tensors.items() if n.startswith(ACTOR)}
        return self if over is Part.WHOLE or not actor else Parameters(actor)


def copied(tensors: Mapping[str, NDArray[Any]]) -> Parameters:
    """Copy tensors into memory of their own, which nobody can write to.

    Raises
    ------
    DataError
        If there are none.

    Examples
    --------
    >>> live = np.ones(2)
    >>> before = copied({"weight": live})
    >>> live += 1.0
    >>> before.tensors["weight"]
    array([1., 1.])
    """
    if not tensors:
        msg = "a policy without parameters cannot be compared; give its tensors by name"
        raise DataError(msg)
    made = {name: np.array(tensors[name], copy=True) for name in sorted(tensors)}
    for tensor in made.values():
        tensor.flags.writeable = False
    return Parameters(made)


def drift(now: Parameters, reference: Parameters) -> tuple[float, dict[str, float | None]]:
    """Relative distance over all tensors, and over each of them.

    A tensor of the reference that is all zeros has no distance of its own, moved or not:
    ``None``. It counts over all tensors like any other.

    Raises
    ------
    DataError
        If the tensors are not the same ones, a number is not finite, or the reference is
        all zeros.

    Examples
    --------
    >>> drift(copied({"w": np.array([3.0, 4.5])}), copied({"w": np.array([3.0, 4.0])}))
    (0.1, {'w': 0.1})
    """
    _require_same(now, reference)
    moved = {n: _norm(now.tensors[n].astype(np.float64) - t) for n, t in _wide(reference)}
    size = {name: _norm(tensor) for name, tensor in _wide(reference)}
    total, whole = _norm(np.array([*moved.values()])), _norm(np.array([*size.values()]))
    if not (math.isfinite(total) and 0.0 < whole < math.inf):
        msg = f"the drift is {total} against a reference of size {whole}; neither can be used"
        raise DataError(msg)
    layers = {name: _ratio(moved[name], size[name]) for name in moved}
    return total / whole, layers


def mean_kl(reference_logits: FloatArray, logits: FloatArray) -> float:
    """Mean of KL(reference, policy) over probes, nats.

    Parameters
    ----------
    reference_logits, logits : (n_probes, n_actions) float
        Unnormalised log-probabilities of both policies at the same observations.

    Raises
    ------
    DataError
        If the shapes differ, there is no probe, or a logit is not finite.

    Examples
    --------
    >>> mean_kl(np.log([[0.5, 0.5]]), np.log([[0.5, 0.5]]))
    0.0
    """
    good = reference_logits.shape == logits.shape and logits.ndim == 2 and logits.size > 0  # noqa: PLR2004 - rows and actions
    if not (good and np.isfinite(logits).all() and np.isfinite(reference_logits).all()):
        msg = (
            f"logits are {logits.shape} and {reference_logits.shape}; both must be of the same "
            "probes and actions, and finite"
        )
        raise DataError(msg)
    p, q = _log_softmax(reference_logits), _log_softmax(logits)
    apart: FloatArray = np.exp(p) * (p - q)
    return float(apart.sum()) / len(apart)


def check(
    now: Callable[[], Parameters],
    reference: Parameters,
    accepted: Parameters,
    logits: Callable[[], tuple[FloatArray, FloatArray]],
    rules: DivergenceRules,
) -> DivergenceReport:
    """Measure a policy against its reference; whatever goes wrong counts as divergence.

    Parameters
    ----------
    now
        Copies the policy's tensors.
    reference, accepted
        Where the run started, and what was last accepted.
    logits
        Of the reference and of the policy at the probes.
    """
    try:
        parameters = now()
        whole, layers = drift(parameters, reference)
        total, _ = drift(parameters.part(rules.over), reference.part(rules.over))
        since, _ = drift(parameters.part(rules.over), accepted.part(rules.over))
        at_reference, at_now = logits()
        kl = mean_kl(at_reference, at_now)
    except Exception as error:  # noqa: BLE001 - whatever PyTorch raises too: an error is divergence
        why = str(error) or type(error).__name__
        detail = f"the check failed, which counts as divergence: {why}"
        return DivergenceReport(
            norm_frac=None,
            whole_frac=None,
            level=DivergenceLevel.DIVERGED,
            since_accepted_frac=None,
            layers={},
            kl=None,
            probes=0,
            verdict=refuse(_CODE, detail, None, rules.diverged_frac),
        )
    return DivergenceReport(
        norm_frac=total,
        whole_frac=whole,
        level=level_of(total, rules),
        since_accepted_frac=since,
        layers=layers,
        kl=kl,
        probes=int(at_now.shape[0]),
        verdict=_answer(total, rules),
    )


def level_of(norm_frac: float, rules: DivergenceRules) -> DivergenceLevel:
    """Name a drift; exactly at a bound it is still below it. NaN has diverged."""
    if norm_frac <= rules.moved_frac:
        return DivergenceLevel.NEAR
    if norm_frac <= rules.far_frac:
        return DivergenceLevel.MOVED
    if norm_frac <= rules.diverged_frac:
        return DivergenceLevel.FAR
    return DivergenceLevel.DIVERGED


def rolled_back(now: Parameters, wanted: Parameters) -> Verdict:
    """Pass only where every tensor is, to the bit, the one that was to be restored.

    Examples
    --------
    >>> rolled_back(copied({"w": np.ones(2)}), copied({"w": np.ones(2)})).findings[0].code
    'practice.rollback'
    """
    code = "practice.rollback"
    if now.digest == wanted.digest:
        return passed(code, f"the parameters are those of {wanted.digest[:12]} again")
    detail = (
        f"after the rollback the parameters are {now.digest[:12]}, not {wanted.digest[:12]}: "
        "nothing was put back; do not train on from here"
    )
    return refuse(code, detail)


def _answer(total: float, rules: DivergenceRules) -> Verdict:
    bound = rules.diverged_frac
    if total <= bound:
        return passed(_CODE, f"drift from the reference is {total:.4f}", total, bound)
    detail = f"drift from the reference is {total:.4f}, allowed is at most {bound:g}"
    return refuse(_CODE, detail, total, bound)


def _require_same(now: Parameters, reference: Parameters) -> None:
    shapes = [{n: t.shape for n, t in p.tensors.items()} for p in (now, reference)]
    if shapes[0] != shapes[1]:
        odd = sorted(set(shapes[0].items()) ^ set(shapes[1].items()), key=str)
        msg = (
            "the policy and its reference are of different architectures; they differ in "
            f"{', '.join(f'{name} {shape}' for name, shape in odd)}"
        )
        raise DataError(msg)
    for name, tensor in now.tensors.items():
        if not np.isfinite(tensor).all():
            msg = f"parameter {name} holds a number that is not finite"
            raise DataError(msg)


def _wide(parameters: Parameters) -> list[tuple[str, FloatArray]]:
    return [(n, t.astype(np.float64)) for n, t in parameters.tensors.items()]


def _norm(tensor: NDArray[Any]) -> float:
    return float(np.sqrt(np.sum(np.square(tensor, dtype=np.float64))))


def _ratio(moved: float, size: float) -> float | None:
    return moved / size if size > 0.0 else None


def _log_softmax(logits: FloatArray) -> FloatArray:
    wide = logits.astype(np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
