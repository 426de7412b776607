"""All books by name, and which of them a change on the stairs opens, freezes or ends.

======================  ==================================================================
``capital``             real money: the ensemble of champions, else the baseline
``canary:<digest>``     real money: one model's vote alone, on its share of the capital
``shadow:<digest>``     virtual: one model's vote alone
``twin:<digest>``       virtual: what a champion would do alone, to compare others with
``twin:baseline``       virtual: what the static baseline does
======================  ==================================================================

A book is never thrown away: ids of its trades count on, and late fills find it.
"""

from __future__ import annotations

from collections import UserDict
from dataclasses import dataclass

from msgspec.structs import replace

from stairway.app.facts import Funded
from stairway.app.recorder import Recorder
from stairway.base.units import Micros
from stairway.lifecycle.registry import Entry, Registry
from stairway.lifecycle.stage import Stage
from stairway.market.bars import PairBar
from stairway.trader.book import Book, funded, open_book, renewed
from stairway.trader.facts import Marked

CAPITAL = "capital"
BASELINE_TWIN = "twin:baseline"
_KIND = {Stage.SHADOW: "shadow", Stage.CANARY: "canary", Stage.CHAMPION: "twin"}


@dataclass(frozen=True, slots=True)
class Money:
    """What the books are opened with: virtual ones with all of it."""

    equity_micros: Micros


def book_name(stage: Stage, digest: str) -> str:
    """Name of the book that a model on ``stage`` has to itself.

    Examples
    --------
    >>> book_name(Stage.SHADOW, "0123abcd")
    'shadow:0123abcd'
    """
    return f"{_KIND[stage]}:{digest}"


class Books(UserDict[str, Book]):
    """The books of a run."""

    def __init__(self, money: Money, session: int) -> None:
        super().__init__()
        self._money = money
        self._digests: dict[str, str] = {}
        self._marks: dict[str, Marked] = {}
        for name in (CAPITAL, BASELINE_TWIN):
            self[name] = open_book(name, money.equity_micros, session)

    @staticmethod
    def is_real(name: str) -> bool:
        """Return True where the money is real, so that orders wait for the disk."""
        return name == CAPITAL or name.startswith("canary:")

    def digest_of(self, name: str) -> str | None:
        """Model that decides alone in this book; ``None`` for capital and the baseline."""
        return self._digests.get(name)

    def note(self, mark: Marked) -> None:
        """Remember what a book was worth last."""
        self._marks[mark.book] = mark

    def pnl_micros(self, name: str, k: int) -> int:
        """Profit of a book in instrument ``k`` since it was opened, at its last mark."""
        mark = self._marks.get(name)
        return 0 if mark is None else mark.pnl_micros[k]

    def equity_micros(self, name: str) -> Micros:
        """Worth of a book at its last mark."""
        return self[name].account.equity_micros

    def drawdown_frac(self, name: str) -> float:
        """Loss since the book's peak; none where a book was ended and has no money."""
        book, account = self[name], self[name].account
        if book.entries_frozen or account.peak_micros <= 0:
            return 0.0
        return 1.0 - account.equity_micros / account.peak_micros

    def twin_of(self, entry: Entry | None) -> str:
        """Virtual book of an incumbent: a champion's own, else the baseline's."""
        if entry is None:
            return BASELINE_TWIN
        name = book_name(Stage.CHAMPION, entry.digest)
        return name if name in self else BASELINE_TWIN

    def follow(self, registry: Registry, bar: PairBar, recorder: Recorder) -> None:
        """Open, freeze and end books so that they fit who stands where."""
        wanted: dict[str, Entry] = {}
        for entry in registry.standing(Stage.SHADOW, Stage.CANARY, Stage.CHAMPION):
            wanted[book_name(entry.stage, entry.digest)] = entry
        for name, entry in wanted.items():
            self._open(name, entry, bar, recorder)
        for name in tuple(self._digests):
            if name not in wanted:
                self._end(name, bar, recorder)

    def _open(self, name: str, entry: Entry, bar: PairBar, recorder: Recorder) -> None:
        if name in self and not self[name].entries_frozen:
            return
        if name not in self:
            money = Micros(0) if self.is_real(name) else self._money.equity_micros
            self[name] = open_book(name, money, bar.session)
            self._digests[name] = entry.digest
        if self.is_real(name):
            share = round(entry.share * self[CAPITAL].account.equity_micros)
            kept = renewed(self[name]).account.equity_micros
            self._move(CAPITAL, name, Micros(share - kept), bar, recorder)
        self[name] = renewed(self[name])

    def _end(self, name: str, bar: PairBar, recorder: Recorder) -> None:
        """Freeze a book; once it is flat, real money goes home."""
        book = self[name] = replace(self[name], entries_frozen=True)
        if self.is_real(name) and book.is_flat and book.cash_micros != 0:
            self._move(name, CAPITAL, book.cash_micros, bar, recorder)

    def _move(
        self, source: str, target: str, money: Micros, bar: PairBar, recorder: Recorder
    ) -> None:
        self[source] = funded(self[source], Micros(-money))
        self[target] = funded(self[target], money)
        recorder.publish(Funded(bar.index, source, target, money))
