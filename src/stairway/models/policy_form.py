"""How a policy is written down: its numbers, and beside them what they are.

``policy.safetensors`` holds float32 tensors under exact names (``hidden.0.weight``, ...,
``action.bias``). ``architecture.json`` says how many layers of which width there are, and
holds the normaliser that the policy was trained behind: neither is of use without the
other. Reading is strict: another name, shape, type or size is refused by name, and so is
a writing of the same things that is not the canonical one.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from safetensors.numpy import save

from stairway.base.verdict import Pass, Refuse, refuse
from stairway.models import normaliser as normalisers
from stairway.models import tensors
from stairway.models.actor import Actor
from stairway.models.normaliser import NormaliserForm
from stairway.models.policy import MAX_LAYERS, MAX_WIDTH, Policy, layer_names, validate

MAX_BYTES = 64 * 1024 * 1024
"""No file of a policy is larger; nothing larger is read."""

Width = Annotated[int, Meta(ge=1, le=MAX_WIDTH)]


class Architecture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the numbers of a policy are.

    Attributes
    ----------
    form
        Fully connected layers; there is no other form.
    observation, actions
        Numbers shown to it, and actions that it chooses from.
    hidden
        Widths of the hidden layers, in order.
    activation
        What each hidden layer ends in.
    normaliser
        Through which the features are shown to it.
    """

    form: Literal["mlp"]
    observation: Literal[26]
    hidden: Annotated[tuple[Width, ...], Meta(max_length=MAX_LAYERS - 1)]
    activation: Literal["tanh"]
    actions: Literal[9]
    normaliser: NormaliserForm


class Written(NamedTuple):
    """Both files of a policy."""

    tensors: bytes
    architecture: bytes


def to_bytes(actor: Actor) -> Written:
    """Write a policy down. Equal ones give equal bytes.

    Examples
    --------
    >>> from stairway.models.normaliser import Normaliser
    >>> head = Policy((np.zeros((9, 26), np.float32),), (np.zeros(9, np.float32),))
    >>> actor = Actor(head, Normaliser(np.zeros(24), np.ones(24), 5.0))
    >>> isinstance(from_bytes(to_bytes(actor)), Actor)
    True
    """
    policy = actor.policy
    named: dict[str, np.ndarray] = {}
    layers = zip(layer_names(len(policy.weights)), policy.weights, policy.biases, strict=True)
    for name, weight, bias in layers:
        named[f"{name}.weight"] = np.ascontiguousarray(weight)
        named[f"{name}.bias"] = np.ascontiguousarray(bias)
    architecture = Architecture(
        form="mlp",
        observation=26,
        hidden=policy.hidden,
        activation="tanh",
        actions=9,
        normaliser=normalisers.to_form(actor.normaliser),
    )
    return Written(save(named), _canonical(architecture))


def from_bytes(written: Written) -> Actor | Refuse:
    """Read and validate a policy; anything but a sound one is refused, never repaired.

    Examples
    --------
    >>> from_bytes(Written(b"", b"{}")).findings[0].code
    'policy.architecture'
    """
    for name, content in zip(Written._fields, written, strict=True):
        if len(content) > MAX_BYTES:
            detail = f"{name} of a policy is larger than allowed"
            return refuse("policy.size", detail, len(content), MAX_BYTES)
    architecture = read_architecture(written.architecture)
    if isinstance(architecture, Refuse):
        return architecture
    normaliser = normalisers.from_form(architecture.normaliser)
    if isinstance(normaliser, Refuse):
        return normaliser
    policy = _read_layers(written.tensors, architecture)
    return policy if isinstance(policy, Refuse) else Actor(policy, normaliser)


def read_architecture(content: bytes) -> Architecture | Refuse:
    """Decode ``architecture.json`` strictly.

    Examples
    --------
    >>> read_architecture(b'{"form": "lstm"}').findings[0].code
    'policy.architecture'
    """
    try:
        architecture = msgspec.json.decode(content, type=Architecture)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return refuse("policy.architecture", f"no architecture of a policy: {error}")
    if _canonical(architecture) != content:
        return refuse("policy.architecture", "the architecture is not in its canonical writing")
    return architecture


def _read_layers(content: bytes, architecture: Architecture) -> Policy | Refuse:
    names = layer_names(len(architecture.hidden) + 1)
    layout: dict[str, tensors.Shape] = {}
    for name in names:
        layout[f"{name}.weight"] = tensors.Shape("F32", 2)
        layout[f"{name}.bias"] = tensors.Shape("F32", 1)
    read = tensors.parse(content, layout)
    if isinstance(read, Refuse):
        return read
    weights = tuple(read[f"{name}.weight"] for name in names)
    biases = tuple(read[f"{name}.bias"] for name in names)
    verdict = validate(weights, biases)
    if not isinstance(verdict, Pass):
        return Refuse(verdict.findings)
    widths = tuple(bias.size for bias in biases[:-1])
    if widths != architecture.hidden:
        detail = f"the numbers are of {widths} units, the architecture of {architecture.hidden}"
        return refuse("policy.architecture", detail)
    return Policy(weights, biases)


def _canonical(architecture: Architecture) -> bytes:
    return msgspec.json.encode(architecture, order="sorted")
