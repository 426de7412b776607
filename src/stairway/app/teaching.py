"""Policies among the candidates of a run: who teaches them, and what was taught already.

A lesson is decided by its bars and settings alone, so one that was given is kept and not
given again. What is kept is inert and is believed only as far as it can be checked: it is
what was written, it is sound, and it still says what its trainer said. Whatever is not is
taught anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from stairway.app.folder import write_whole
from stairway.app.plain_file import read_plain
from stairway.app.practised import TeachingAsked
from stairway.app.rl import rules as rl_rules
from stairway.base.errors import ConfigError
from stairway.base.hashing import content_hash, digest
from stairway.base.verdict import Pass, Refuse
from stairway.features.pipeline import PipelineRules
from stairway.market.bars import PairBars
from stairway.market.calendar import SessionRules
from stairway.models import policy_form
from stairway.models.bodies.policy import parity_from_bytes, parity_to_bytes, replayed
from stairway.models.families import KINDS
from stairway.models.manifest import Family
from stairway.models.policy_form import Written
from stairway.training.policy_craft import Taught, Teach
from stairway.training.pupil_rules import PupilRules
from stairway.training.quick_rules import QuickRules


@dataclass(frozen=True, slots=True)
class TeachingInputs:
    """What a lesson is given on: bars, how they are read, and from which seed.

    ``origin`` names the code and the libraries that teach.
    """

    bars: PairBars
    pipeline: PipelineRules
    session: SessionRules
    seed: int
    origin: str


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One lesson as a file: what decided it, three inert forms, and the hash of them all."""

    name: str
    tensors: bytes
    architecture: bytes
    parity: bytes
    sha256: str


def teacher(asked: TeachingAsked, ground: TeachingInputs) -> Teach:
    """Give the teacher of a run's policies. Imports the training library.

    Raises
    ------
    ConfigError
        If a table is missing, or says something that is not allowed.
    """
    from stairway.training.quick import Quick  # noqa: PLC0415 - PyTorch, for those who train

    practice = rl_rules.decode(asked.tables, ground.session.kind, asked.name)
    rules = quick_rules(asked.tables, asked.name)
    lessons = practice.lessons
    teach: Teach = Quick(
        ground.bars, ground.pipeline, ground.session, lessons, rules, ground.seed
    )
    if asked.kept is None:
        return teach
    return remembered(teach, Path(asked.kept), identity(ground, lessons, rules))


def quick_rules(tables: Mapping[str, Any], origin: str) -> QuickRules:
    """Read ``[quick]`` of a practice file.

    Raises
    ------
    ConfigError
        If it is missing, or says something that is not allowed.

    Examples
    --------
    >>> quick_rules({"quick": {"steps": 24000}}, "practice").steps
    24000
    """
    if "quick" not in tables:
        msg = f"practice file {origin!r} lacks [quick]; copy it from the shipped one"
        raise ConfigError(msg)
    return rl_rules.converted(tables["quick"], QuickRules, f"practice file {origin!r}", "quick")


def identity(
    ground: TeachingInputs, lessons: PupilRules, rules: QuickRules
) -> Callable[[int], str]:
    """Name a lesson on the first so many bars by all that decides it."""

    def of(count: int) -> str:
        seen = ground.bars.part(0, count).fingerprint
        read = (ground.pipeline.features, ground.pipeline.regime, ground.session)
        told = (lessons.env, lessons.controller, lessons.health, lessons.learner, rules)
        return content_hash((seen, read, told, ground.seed, ground.origin))

    return of


def remembered(teach: Teach, folder: Path, name: Callable[[int], str]) -> Teach:
    """Teach what was not taught yet, and read the rest from ``folder``."""

    def taught(count: int) -> Taught:
        called = name(count)
        path = folder / f"{called}.taught"
        known = _read(path, called)
        if known is not None:
            return known
        fresh = teach(count)
        # A lesson that cannot be kept is given again the next time, and nothing else is lost.
        with suppress(ConfigError):
            write_whole(path, to_bytes(fresh, called), shared=True)
        return fresh

    return taught


def to_bytes(taught: Taught, name: str) -> bytes:
    """Write a lesson as one file, with what decided it. Equal lessons give equal bytes."""
    tensors, architecture = policy_form.to_bytes(taught.actor)
    parity = parity_to_bytes(taught.parity)
    parts = (tensors, architecture, parity)
    sha256 = content_hash([name, *(digest(part) for part in parts)])
    return msgspec.msgpack.encode(_Kept(name, *parts, sha256))


def from_bytes(content: bytes, name: str) -> Taught | None:
    """Read a lesson, if it is the one named, whole, and still says what its trainer said.

    Another lesson under this name would have seen other bars, and what it says about them
    would be taken for out of fold.

    Examples
    --------
    >>> from_bytes(b"", "x") is None
    True
    """
    try:
        kept = msgspec.msgpack.decode(content, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    parts = (kept.tensors, kept.architecture, kept.parity)
    if kept.name != name:
        return None
    if content_hash([name, *(digest(part) for part in parts)]) != kept.sha256:
        return None
    actor = policy_form.from_bytes(Written(kept.tensors, kept.architecture))
    parity = parity_from_bytes(kept.parity)
    if isinstance(actor, Refuse) or isinstance(parity, Refuse):
        return None
    still = replayed(actor, parity, KINDS[Family.POLICY].tolerance)
    return Taught(actor, parity) if isinstance(still, Pass) else None


def _read(path: Path, name: str) -> Taught | None:
    try:
        return from_bytes(read_plain(path), name)
    except OSError:
        return None
