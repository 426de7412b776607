"""What the gate holds telemetry against: ``[quality_gate]`` of a policy."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from stairway.app.settings import shipped
from stairway.app.tables import numbers, read
from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.base.hashing import content_hash
from stairway.supervision.quality_gate import QualityRules

DEFAULT = "intraday"
"""The shipped policy for streams of minutes; ``daily`` wants a month of answers."""

SECTION = "quality_gate"


class GatePolicy(Config, frozen=True):
    """Bounds, and where they come from.

    Attributes
    ----------
    name, digest
        As it was asked for, and the SHA-256 of the bounds themselves.
    """

    name: str
    digest: str
    rules: QualityRules


def policy(name: str = DEFAULT) -> GatePolicy:
    """Read the bounds from a shipped policy, or from a TOML file with ``[quality_gate]``.

    Raises
    ------
    ConfigError
        If there is no such policy, or a bound is missing, unknown or out of range.

    Examples
    --------
    >>> policy().rules.min_events, policy("daily").rules.min_span_hours
    (200, 720.0)
    """
    tables = read("policy", name, shipped())
    section: Any = tables.get(SECTION)
    if section is None:
        msg = f"policy {name!r} has no [{SECTION}]; copy that section from a shipped policy"
        raise ConfigError(msg)
    for key, number in numbers(section, SECTION):
        if not math.isfinite(number):
            msg = f"policy {name!r}: {key} is {number}; every bound is a finite number"
            raise ConfigError(msg)
    try:
        rules = msgspec.convert(section, QualityRules)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        place = where.rstrip("`")
        msg = (
            f"policy {name!r}: {what[:1].lower()}{what[1:]} in {SECTION}{place}; the shipped "
            "policies have every bound with its unit"
        )
        raise ConfigError(msg) from error
    return GatePolicy(name, content_hash(msgspec.to_builtins(rules)), rules)
