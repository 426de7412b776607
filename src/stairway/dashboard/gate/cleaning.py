"""Names as somebody else wrote them, made safe to be printed, in a terminal or into a file."""

from __future__ import annotations

import unicodedata
from typing import Any, cast

import msgspec

from stairway.app.gate.report import GateReport

_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp"})


def visible(text: str) -> str:
    r"""Write control characters out: a name must not move the cursor or take a colour.

    Examples
    --------
    >>> print(visible(chr(27) + "[31mred"))
    \x1b[31mred
    """
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _HIDDEN else c
        for c in text
    )


def clean(report: GateReport) -> GateReport:
    """Return the same report with every text made visible."""
    plain = msgspec.to_builtins(report)
    return msgspec.convert(_cleaned(plain), GateReport)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        named = cast("dict[Any, Any]", value)
        return {_cleaned(key): _cleaned(one) for key, one in named.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in cast("list[Any]", value)]
    return value
