"""Figures, names and causes in words, the same in the terminal and on the page."""

from __future__ import annotations

import math
from collections.abc import Container

import numpy as np

from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse, Verdict

MINUS = "\N{MINUS SIGN}"
"""As wide as a plus, so that columns of figures line up."""

_SHORT = 8
_HEX_DIGEST = 64
_THOUSAND = 1000.0
_TINY = 1e-4
_LONGEST_LIST = 3
_DAY_NS = 86_400_000_000_000

_CAUSES = {
    "promotion.shadow": "its evidence passed; it may answer, on virtual money",
    "promotion.canary": "no worse than the incumbent on virtual money; a little of the capital",
    "promotion.champion": "no worse than the incumbent on its share; it votes on the capital",
    "rollback.breaker": "the probation breaker tripped",
    "rollback.drift": "its trades turned for the worse",
    "rollback.guardrail": "a guardrail of live money was hit",
    "rollback.restored": "put back in charge after its successor fell",
    "gate.refused": "a gate refused it",
    "operator": "moved by hand",
    "superseded": "a better one took its place",
}
_BOOKS = frozenset({"shadow", "canary", "twin"})


def short(digest: str) -> str:
    """Cut a digest to what tells models apart.

    Examples
    --------
    >>> short("31963c0d90f0abfc"), short("")
    ('31963c0d', '')
    """
    return digest[:_SHORT]


def book_label(book: str, names: dict[str, str]) -> str:
    """Call a book as people do; ``names`` gives the model of a digest.

    Examples
    --------
    >>> book_label("shadow:31963c0d90f0", {"31963c0d90f0": "lightgbm"})
    'lightgbm 31963c0d, shadow'
    >>> book_label("twin:baseline", {}), book_label("capital", {})
    ("the static rule's twin", 'capital (paper)')
    """
    if book == "capital":
        return "capital (paper)"
    if book == "twin:baseline":
        return "the static rule's twin"
    kind, _, digest = book.partition(":")
    if kind not in _BOOKS:
        return book
    return f"{names.get(digest, 'model')} {short(digest)}, {kind}"


def cause(code: str) -> str:
    """Say why a model moved; an unknown code speaks for itself.

    Examples
    --------
    >>> cause("rollback.drift")
    'its trades turned for the worse'
    """
    return _CAUSES.get(code, code)


def figure(value: float | None) -> str:
    """Write a number of unknown size, short enough to read; nothing for ``None``.

    Examples
    --------
    >>> [figure(v) for v in (None, 0.0, 200.0, 1408.22, 0.022079, 1e-9, float("nan"))]
    ['', '0', '200', '1,408', '0.0221', '1e-9', 'not a number']
    """
    if value is None:
        return ""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    size = abs(value)
    if size >= _THOUSAND or value == int(value):
        return f"{value:,.0f}"
    if size < _TINY:
        digits, _, power = f"{value:.1e}".partition("e")
        return f"{digits.removesuffix('.0')}e{int(power)}"
    return f"{value:.3g}"


def count(number: int | None) -> str:
    """Part the thousands of a count; nothing for ``None``.

    Examples
    --------
    >>> count(12078), count(None)
    ('12,078', '')
    """
    return "" if number is None else f"{number:,}"


def counted(number: int, noun: str) -> str:
    """Say a count and what it counts.

    Examples
    --------
    >>> counted(1, "trade"), counted(1181, "trade")
    ('1 trade', '1,181 trades')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(fraction: float, digits: int = 1, *, signed: bool = True) -> str:
    """Write a fraction as percent.

    Examples
    --------
    >>> percent(0.599), percent(-0.0228) == f"{MINUS}2.3 %", percent(0.05, 0, signed=False)
    ('+59.9 %', True, '5 %')
    """
    if not math.isfinite(fraction):
        return "not a number"
    text = f"{100.0 * fraction:+.{digits}f}" if signed else f"{100.0 * fraction:.{digits}f}"
    return f"{text.replace('-', MINUS)} %"


def r_multiple(value: float | None) -> str:
    """Write profit in units of what was risked; nothing for ``None``.

    Examples
    --------
    >>> r_multiple(0.3775), r_multiple(None)
    ('+0.38 R', '')
    """
    return "" if value is None else f"{value:+.2f} R".replace("-", MINUS)


def day(time_ns: int) -> str:
    """Give the date (UTC) of an instant.

    Examples
    --------
    >>> day(1437163200000000000)
    '2015-07-17'
    """
    return str(np.datetime64(time_ns, "ns").astype("datetime64[D]"))


def instant(time_ns: int, bar_seconds: int) -> str:
    """Give the date, and the minute (UTC) where bars are shorter than a day.

    Examples
    --------
    >>> instant(1437163200000000000, 86400), instant(1437163200000000000, 60)
    ('2015-07-17', '2015-07-17 20:00')
    """
    if bar_seconds * 1_000_000_000 >= _DAY_NS:
        return day(time_ns)
    return str(np.datetime64(time_ns, "ns").astype("datetime64[m]")).replace("T", " ")


def listed(names: list[str]) -> str:
    """List names as one says them; a long list is cut and counted.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"]), listed(list("abcde"))
    ('a', 'a, b and c', 'a, b, c and 2 more')
    """
    if len(names) > _LONGEST_LIST:
        rest = len(names) - _LONGEST_LIST
        return f"{', '.join(names[:_LONGEST_LIST])} and {rest} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def capital(text: str, named: Container[str] = ()) -> str:
    """Begin a sentence with a large letter, unless it begins with a name.

    Examples
    --------
    >>> capital("one value in 156"), capital("e_detector rang"), capital("ann fell", {"ann"})
    ('One value in 156', 'e_detector rang', 'ann fell')
    """
    first = text.partition(" ")[0]
    return text if first in named or "_" in first else text[:1].upper() + text[1:]


def sentence(finding: Finding) -> str:
    """Put a finding in words, with its figures.

    Examples
    --------
    >>> sentence(Finding("gate.std", "confidence hardly moves", 0.01, 0.05, 300))
    'confidence hardly moves (0.01 against 0.05, n 300)'
    """
    figures: list[str] = []
    if finding.value is not None:
        figures.append(figure(finding.value))
        if finding.bound is not None:
            figures[-1] += f" against {figure(finding.bound)}"
    if finding.n is not None:
        figures.append(f"n {count(finding.n)}")
    return f"{finding.detail} ({', '.join(figures)})" if figures else finding.detail


def word(verdict: Verdict) -> str:
    """Give one word for a verdict.

    Examples
    --------
    >>> word(Pass())
    'pass'
    """
    match verdict:
        case Pass():
            return "pass"
        case Refuse():
            return "refuse"
        case Inconclusive():
            return "inconclusive"


def with_names(text: str, names: dict[str, str]) -> str:
    """Put a model's name beside a short digest wherever a whole one stands.

    Examples
    --------
    >>> with_names("beaten by " + "ab" * 32, {"ab" * 32: "lightgbm"})
    'beaten by lightgbm abababab'
    """
    for digest, name in names.items():
        if len(digest) == _HEX_DIGEST:
            text = text.replace(digest, f"{name} {short(digest)}")
    return text
