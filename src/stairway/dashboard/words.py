"""Figures, names and causes in words, the same in the terminal and on the page."""

from __future__ import annotations

import math
import re
from collections.abc import Container

import numpy as np

from stairway.base.verdict import Finding, Inconclusive, Pass, Refuse, Verdict

MINUS = "\N{MINUS SIGN}"
"""As wide as a plus, so that columns of figures line up."""

_SHORT = 8
_HEX_DIGEST = 64
_THOUSAND, _HUNDRED = 1000.0, 100.0
_TINY = 1e-4
_DIGITS, _ALL_DIGITS, _NINES = 3, 18, 0.99
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
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w]|\.\d)")
_FILE = re.compile(r"\w\.[a-z]")
_COUNT = re.compile(
    r"(?<![\w.,-])\d{4,}(?= of \d| outcomes| answers|(?:\.\d+)? hours)"
    r"|(?<=\d of )\d{4,}(?![\w./-])"
)
_ENDS = {
    "evidence.skill": "low end",
    "evidence.too_good_to_be_true": "low end",
    "evidence.harm": "high end",
}
_LONGEST_DECIMALS = 4
_SAME = 1e-4


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

    What is less than one stays less, since a probability of 1 is another thing.

    >>> figure(0.9994), figure(0.9995), figure(0.99996)
    ('0.9994', '0.9995', '0.99996')
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
    least = _DIGITS if not _NINES <= size < 1.0 else _DIGITS + 1
    texts = (f"{value:.{digits}g}" for digits in range(least, _ALL_DIGITS))
    return next(text for text in texts if (abs(float(text)) < 1.0) == (size < 1.0))


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


def share(fraction: float) -> str:
    """Write a share as whole per cent.

    Examples
    --------
    >>> share(0.5512)
    '55 %'
    """
    return percent(fraction, 0, signed=False)


def trades(a_day: float) -> str:
    """Write trades a day, which are many on minutes and next to none on days.

    Examples
    --------
    >>> trades(17.24), trades(0.046), trades(0.00796), trades(0.0)
    ('17.2', '0.046', '0.0080', '0')
    """
    if not abs(a_day) >= _TINY:
        return figure(a_day)
    return f"{a_day:.{decimals(a_day)}f}" if math.isfinite(a_day) else figure(a_day)


def decimals(value: float) -> int:
    """Count the digits after the point that a figure needs: most often one.

    None from a hundred on; below one as many as leave two that are not nought.

    Examples
    --------
    >>> decimals(817.4), decimals(17.24), decimals(0.13), decimals(0.046), decimals(0.0)
    (0, 1, 2, 3, 1)
    """
    size = abs(value)
    if 0.0 < size < 1.0:
        return 1 - math.floor(math.log10(size))
    return 0 if size >= _HUNDRED else 1


def ratio(value: float | None) -> str:
    """Write a ratio, such as Sharpe's, to two digits; where there is none, say so.

    Examples
    --------
    >>> ratio(0.136), ratio(-2.877) == f"{MINUS}2.88", ratio(None)
    ('0.14', True, 'undefined')
    """
    if value is None:
        return "undefined"
    return f"{value:.2f}".replace("-", MINUS) if math.isfinite(value) else figure(value)


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
    >>> capital("own.py:make makes each"), capital("said.csv: row 1"), capital("first: none")
    ('own.py:make makes each', 'said.csv: row 1', 'First: none')
    """
    first = text.partition(" ")[0]
    name = first in named or "_" in first or ":" in first.rstrip(":") or _FILE.search(first)
    return text if name else text[:1].upper() + text[1:]


def plain(text: str) -> str:
    """Shorten the numbers of a sentence to digits that anybody reads; part its counts.

    Examples
    --------
    >>> plain("drawdown is 0.130721, allowed is at most 0.1"), plain("in 9 of 1200")
    ('drawdown is 0.131, allowed is at most 0.1', 'in 9 of 1,200')

    Two numbers that would come out the same stay as they are.

    >>> plain("it is 0.05002, and at most 0.05 is allowed")
    'it is 0.05002, and at most 0.05 is allowed'
    """
    written: list[str] = _NUMBER.findall(text)
    told: dict[str, set[float]] = {}
    for number in written:
        told.setdefault(_shortened(number), set()).add(float(number))

    def shortened(found: re.Match[str]) -> str:
        number = found.group()
        short = _shortened(number)
        return short if len(told[short]) == 1 else number

    return _COUNT.sub(lambda found: count(int(found.group())), _NUMBER.sub(shortened, text))


def _shortened(number: str) -> str:
    decimals = len(number.partition(".")[2])
    return figure(float(number)) if decimals >= _LONGEST_DECIMALS else number


def says(text: str, value: float) -> bool:
    """Tell whether a sentence states this number itself.

    Examples
    --------
    >>> says("drawdown is 0.130721", 0.1307212), says("drawdown is too deep", 0.13)
    (True, False)
    """
    stated = (float(found.group()) for found in _NUMBER.finditer(text))
    return any(math.isclose(number, value, rel_tol=_SAME) for number in stated)


def beside(value: float | None, bound: float | None) -> tuple[str, str]:
    """Write a figure and its bound, with as many digits as tell them apart.

    Examples
    --------
    >>> beside(0.52, 0.5), beside(0.50004, 0.5), beside(0.5, 0.5), beside(0.13, None)
    (('0.52', '0.5'), ('0.50004', '0.5'), ('0.5', '0.5'), ('0.13', ''))
    """
    texts = figure(value), figure(bound)
    if value is None or bound is None or value == bound or len(set(texts)) > 1:
        return texts
    pairs = ((f"{value:.{n}g}", f"{bound:.{n}g}") for n in range(_DIGITS + 1, _ALL_DIGITS))
    return next((pair for pair in pairs if len(set(pair)) > 1), texts)


def end_of(code: str) -> str:
    """Say which end of an interval a finding holds against its bound; nothing for others.

    Examples
    --------
    >>> end_of("evidence.harm"), end_of("gate.std")
    ('high end', '')
    """
    return _ENDS.get(code, "")


def sentence(finding: Finding) -> str:
    """Put a finding in words, with those of its figures that it does not state itself.

    Examples
    --------
    >>> sentence(Finding("gate.std", "confidence hardly moves", 0.01, 0.05, 300))
    'confidence hardly moves (0.01 against 0.05, n 300)'
    >>> sentence(Finding("practice.drawdown", "drawdown is 0.130721", 0.1307212, 0.1, 753))
    'drawdown is 0.131 (at a bound of 0.1, n 753)'
    """
    figures: list[str] = []
    detail, value, bound = finding.detail, finding.value, finding.bound
    end = end_of(finding.code)
    if value is not None and not says(detail, value):
        shown, against = beside(value, bound)
        said = f"{end} {shown}".lstrip()
        figures.append(f"{said} against {against}" if against else said)
    elif value is not None and bound is not None and not says(detail, bound):
        figures.append(f"{end} at a bound of {figure(bound)}".lstrip())
    if finding.n is not None:
        figures.append(f"n {count(finding.n)}")
    return f"{plain(detail)} ({', '.join(figures)})" if figures else plain(detail)


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
