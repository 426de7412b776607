"""How a person finds the answers that are shown as examples, and what stands there."""

from __future__ import annotations

from collections.abc import Iterable

from stairway.supervision.faults import Example
from stairway.supervision.pages import Page


class Shown:
    """What was looked up of each example, by the number of its record.

    Attributes
    ----------
    places
        How a person finds the record.
    quoted, stamps
        What stands there for a confidence or a time, and is none.
    """

    def __init__(self) -> None:
        self.places: dict[int, str] = {}
        self.quoted: dict[int, str] = {}
        self.stamps: dict[int, str] = {}

    def add(self, examples: Iterable[Example], page: Page) -> None:
        """Look up those that are new, which lie on this page."""
        for one in examples:
            if one.place < 0 or one.place in self.places:
                continue
            self.places[one.place] = page.where(one.place)
            if (said := page.confidence(one.place)) is not None:
                self.quoted[one.place] = said
            if (stamp := page.time(one.place)) is not None:
                self.stamps[one.place] = stamp
