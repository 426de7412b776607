"""How long work says how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Stages(Protocol):
    """A listener to stages. ``total`` is in whatever unit ``advance`` counts."""

    def begin(self, label: str, total: int) -> None:
        """Start a stage; the one before it is done."""
        ...

    def advance(self, done: int) -> None:
        """Say how much of the stage is done so far."""
        ...


class Progress(Stages, Protocol):
    """A listener to stages and to single lines."""

    def note(self, line: str) -> None:
        """Say one line that stays."""
        ...


class Silent:
    """Listens and says nothing."""

    def begin(self, label: str, total: int) -> None:
        """Ignore it."""

    def advance(self, done: int) -> None:
        """Ignore it."""

    def note(self, line: str) -> None:
        """Ignore it."""
