"""How a file of text is cut into values, and how to notice that it is cut elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import DataError

_SEPARATORS = ("\t", ";", "|")
_UNNAMED = re.compile(r"#\d+")
_BESIDE = re.compile(rb"\}[ \t]*\r\s*\{")
_SHOWN = 1 << 16


class Opening(Config, frozen=True):
    """Settings under ``[source]``: how a file of text is cut into values.

    Attributes
    ----------
    header
        True where the first line names the columns.
    separator
        The one character between two values. Left out, it is a tab in a file that is called
        ``.tsv``, and a comma in any other.
    """

    header: bool = True
    separator: Annotated[str, Meta(min_length=1, max_length=1)] | None = None

    def between(self, name: str) -> str:
        r"""Return the character between two values of a file of that name.

        Examples
        --------
        >>> Opening().between("bot.tsv.gz"), Opening(separator=";").between("bot.csv")
        ('\t', ';')
        """
        plain = name.lower().removesuffix(".gz").removesuffix(".zst")
        return self.separator or ("\t" if plain.endswith(".tsv") else ",")


def parted(found: Sequence[str], known: Mapping[str, Sequence[str]]) -> str:
    """Say that a header was taken for one name and how a map cuts it; nothing where it was not.

    Parameters
    ----------
    found
        Names of the fields, those that the header lacks by their numbers.
    known
        Names that each field may have, to write the map down as far as it is plain.

    Examples
    --------
    >>> parted(["ts;symbol"], {"time": ("ts",)}).partition(" is one field")[0]
    "'ts;symbol'"
    >>> parted(["ts", "symbol"], {"time": ("ts",)})
    ''
    """
    if not found or any(not _UNNAMED.fullmatch(name) for name in found[1:]):
        return ""
    separator = next((one for one in _SEPARATORS if one in found[0]), "")
    if not separator:
        return ""
    there = set(found[0].split(separator))
    fields = " ".join(
        f'{ours} = "{next((name for name in theirs if name in there), "...")}"'
        for ours, theirs in known.items()
    )
    said = "\\t" if separator == "\t" else separator
    return (
        f'{found[0]!r} is one field, as values are cut now. Where "{said}" stands between '
        f'them, write [source] separator = "{said}" and [fields] {fields} in a field map, and '
        "give it with --field-map FILE"
    )


def require_one_a_line(text: str | bytes, place: str) -> None:
    """Refuse a first line that is whole and yet no record: JSON of another layout.

    Raises
    ------
    DataError
        If it is; it says which, and how it becomes one object a line.

    Examples
    --------
    >>> require_one_a_line('{"ts": 1}', "line 1")
    >>> require_one_a_line('[{"ts": 1}]', "line 1")
    Traceback (most recent call last):
    stairway.base.errors.DataError: line 1 begins a JSON array, and each line is to hold ...
    """
    first = text[:_SHOWN]
    first = (first.encode() if isinstance(first, str) else first).strip()
    if first.startswith(b"["):
        what, how = "begins a JSON array", "jq -c '.[]' FILE"
    elif first == b"{":
        what, how = "begins an object that goes on in the next", "jq -c . FILE"
    elif _BESIDE.search(first):
        what, how = "holds several objects, with CR alone between them", r"tr '\r' '\n' < FILE"
    else:
        return
    msg = f"{place} {what}, and each line is to hold one object: {how} > bot.jsonl"
    raise DataError(msg)
