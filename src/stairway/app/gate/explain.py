"""What was understood of the first records, before anybody relies on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice

from stairway.app.gate.asked import Asked
from stairway.app.gate.instants import said
from stairway.app.gate.listen import HEAD, field_map, fields, opened_as
from stairway.app.gate.source import kind
from stairway.app.gate.vocabulary import taught
from stairway.supervision.answers import NO_TIME, UNKNOWN, Answers, Names, Stage
from stairway.supervision.field_map import Field, Layout, Said, recognise
from stairway.supervision.reading import Reading
from stairway.supervision.twice import require_columns_once

_SHOWN = 6
_CLOCKS = {"": "not known yet", "iso": "text, ISO 8601"}
_WORDS = ("SELL", "HOLD", "BUY", "unknown action", "no action", "of no model")


def explained(asked: Asked) -> str:
    """Say how a source is understood, and read its first answers aloud.

    Raises
    ------
    ConfigError
        If it cannot be opened, no layout fits, or a column that is read is named twice.
    DataError
        If it is empty, or what is there is damaged.
    """
    with closing(opened_as(asked)) as feed:
        head = feed.head(HEAD)
        found = fields(head)
        layout = recognise(found, field_map(asked))
        require_columns_once(found, layout)
        reading = Reading(layout)
        answers = reading.read(head)
    unit, words = reading.clock.unit, reading.names.words.names
    lines = [
        f"{asked.shown}, read as {kind(asked.source)}",
        f"  layout  {layout.name}",
        f"  fields  {', '.join(found[:20])}{', ...' if len(found) > 20 else ''}",  # noqa: PLR2004
        *(f"  {line}" for line in _meanings(layout)),
        f"  times   {_CLOCKS.get(unit or '', f'numbers in {unit} since 1970')}",
        f"  first {len(head)} records hold {len(answers)} answers",
        *(f"    {line}" for line in islice(_aloud(answers, reading.names), _SHOWN)),
        *(f"  {line}" for line in reading.notes.sentences()),
        *(f"  {line}" for line in _untaught(words, layout, found)),
    ]
    return "\n".join(lines)


def _untaught(words: Sequence[str], layout: Layout, found: Sequence[str]) -> Iterator[str]:
    """Show the field map that says what unknown words mean, ready to be filled in."""
    lines = [*taught(words, layout, found)]
    if lines:
        yield "words that are no action: a field map (--field-map map.toml) says what they mean"
        yield from (f"  {line}".rstrip() for line in lines)


def _meanings(layout: Layout) -> list[str]:
    """Say what every field means, and what a map says beside."""
    if layout.map is None:
        return []
    mapped, own = layout.map, layout.map.fields
    named = {"time": own.time, "time zone": _fixed(own.tz), "symbol": own.symbol}
    named |= {"event id": own.event_id, "regime": own.regime, "model": own.model}
    named |= {"divided by": None if own.scale == 1 else f"{own.scale:g} (fixed)"}
    lines = _pointing({what: _shown(field) for what, field in named.items()})
    for name, voice in mapped.voices.items():
        said = {"action": voice.action, "confidence": voice.confidence, "reason": voice.reason}
        spoken = _pointing({what: _shown(field) for what, field in said.items()})
        if name is None:
            lines += spoken
        else:
            lines += [f"model {name}, {voice.stage}", *(f"  {line}" for line in spoken)]
    words = {
        "BUY": mapped.actions.buy,
        "HOLD": mapped.actions.hold,
        "SELL": mapped.actions.sell,
    }
    lines += _pointing({action: _quoted(said) for action, said in words.items()})
    only = {field: _quoted(values) for field, values in mapped.only.items()}
    return lines + [f"{'only where':<11} <- {field} is {said}" for field, said in only.items()]


def _shown(field: Field | None) -> str | None:
    match field:
        case Said(value=value):
            return f'"{value}" (fixed)'
        case int():
            return f"column {field}"
        case _:
            return field


def _fixed(value: str | None) -> Said | None:
    return None if value is None else Said(value)


def _quoted(words: Iterable[str | int]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _pointing(named: Mapping[str, str | None]) -> list[str]:
    return [f"{what:<11} <- {field}" for what, field in named.items() if field]


def _aloud(answers: Answers, names: Names) -> list[str]:
    lines: list[str] = []
    for row in range(min(len(answers), _SHOWN)):
        time_ns, symbol = int(answers.time_ns[row]), int(answers.symbol[row])
        parts = (
            "no time" if time_ns == NO_TIME else said(time_ns),
            names.models.names[int(answers.model[row])],
            Stage(int(answers.stage[row])).name.lower(),
            names.symbols.names[symbol] if symbol >= 0 else "no instrument",
            _action(answers, row, names),
            f"{float(answers.confidence[row]):g}",
        )
        lines.append("  ".join(parts))
    return lines


def _action(answers: Answers, row: int, names: Names) -> str:
    action, word = int(answers.action[row]), int(answers.word[row])
    said = f' "{names.words.names[word]}"' if action == UNKNOWN and word >= 0 else ""
    return _WORDS[action] + said
