"""Words for actions that nobody explained: how to say in a field map what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from stairway.supervision.field_map import FLAT_ROWS, PAYLOAD, Fields, Layout

WAY_OUT = (
    "say what its words mean in a field map (--field-map; docs/gate.md), as "
    '[actions] buy = ["LONG"] hold = ["FLAT"] sell = ["SHORT"]'
)
_FIELDS = (
    "time", "unit", "symbol", "model", "action", "confidence", "event_id", "regime", "reason",
)  # fmt: skip
_EVENT = (
    "[fields]",
    'time = "{0}ts"',
    'symbol = "{0}symbol"',
    '# event_id = "{0}event_id", if there is one',
    "",
    "[models.NAME]  # one for each name in model_breakdown",
    'action = "{0}model_breakdown.NAME.action"',
    'confidence = "{0}model_breakdown.NAME.confidence"',
)


def taught(words: Sequence[str], layout: Layout, found: Sequence[str]) -> Iterator[str]:
    """Write the field map that is to be filled in, a line each; nothing without words.

    Parameters
    ----------
    words
        What was said for an action and is none.
    found
        Fields of the first records.

    Examples
    --------
    >>> from stairway.supervision.field_map import recognise
    >>> found = ["ts", "symbol", "model", "action", "confidence"]
    >>> print(*[*taught(["LONG"], recognise(found), found)][-4:], sep=chr(10))
    [actions]  # put each word where it belongs: "LONG"
    buy = []
    hold = []
    sell = []
    """
    if not words:
        return
    if layout.name == PAYLOAD:
        inside = "payload." if "payload" in found else ""
        yield from (line.format(inside) for line in _EVENT)
        yield ""
    elif layout.name == FLAT_ROWS and layout.map is not None:
        yield from ("[fields]", *_named(layout.map.fields), "")
    yield f"[actions]  # put each word where it belongs: {', '.join(map(_quoted, words))}"
    yield from ("buy = []", "hold = []", "sell = []")


def _named(fields: Fields) -> Iterator[str]:
    """Write down what was understood of flat rows without a map."""
    for name in _FIELDS:
        field = getattr(fields, name)
        if isinstance(field, str):
            yield f"{name} = {_quoted(field)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
