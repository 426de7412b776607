"""Which field of a record means what: as somebody wrote down, or as one of our layouts.

1. A field map in TOML names fields, or numbers columns from 1, and says what counts as
   which action. With a map nothing is recognised: what it says is what is read.
2. Without one, three layouts are known: ``payload`` (events with ``event_type`` and a
   ``payload`` that holds a ``model_breakdown``), ``stairway`` (our own record) and ``flat``
   (one row for one answer, under the names in ``FLAT``).
3. Anything else is refused, with the fields that there are and how a map begins.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
import polars as pl
from msgspec import Meta

from stairway.base.config import Config
from stairway.base.errors import ConfigError
from stairway.supervision.answers import BUY, HOLD, MISSING, SELL, UNKNOWN, Stage
from stairway.supervision.instants import Unit
from stairway.supervision.opening import Opening, parted


class Said(Config, frozen=True):
    """A value that holds for every record, since no field holds it."""

    value: str


Number = Annotated[int, Meta(ge=1, le=10_000)]
Field: TypeAlias = str | Number | Said
"""A name (dots step into what a field holds), the number of a column, or a value."""

_LISTED = 60
_STAGES = {s.name.lower(): s for s in Stage}


class Voice(Config, frozen=True):
    """Where one model's answer lies in a row that holds those of several.

    Attributes
    ----------
    action, confidence, reason
        Its fields.
    stage
        Where on its way the answer was heard.
    """

    action: Field | None = None
    confidence: Field | None = None
    reason: Field | None = None
    stage: Literal["raw", "calibrated", "ensemble", "intent"] = "calibrated"

    @property
    def code(self) -> Stage:
        """The stage as it is counted."""
        return _STAGES[self.stage]


class Fields(Config, frozen=True):
    """Settings under ``[fields]``.

    Attributes
    ----------
    time, symbol, event_id, regime
        Of the event.
    unit, tz
        What numbers in ``time`` count since 1970, and the zone of stamps without an offset.
    model, action, confidence, reason
        Of the answer, where a row holds one. A row that holds several has ``[models.NAME]``.
    scale
        What a confidence is divided by: 100 where it is a percentage.
    """

    time: Field
    symbol: Field
    unit: Unit | None = None
    tz: str | None = None
    event_id: Field | None = None
    regime: Field | None = None
    model: Field | None = None
    action: Field | None = None
    confidence: Field | None = None
    reason: Field | None = None
    scale: Annotated[float, Meta(gt=0)] = 1.0


class Actions(Config, frozen=True):
    """Settings under ``[actions]``: the words, or numbers, that mean each action."""

    buy: tuple[str | int, ...] = ()
    hold: tuple[str | int, ...] = ()
    sell: tuple[str | int, ...] = ()


class FieldMap(Config, frozen=True):
    """A field map, as it is written in TOML."""

    fields: Fields
    models: dict[str, Voice] = msgspec.field(default_factory=dict[str, Voice])
    actions: Actions = Actions()
    only: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict[str, tuple[str, ...]])
    source: Opening = Opening()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.models or self.fields.model):
            msg = (
                "this field map names no model: write model = under [fields] (a field, or "
                '{ value = "bot" }), or [models.NAME] where a row holds several answers'
            )
            raise ConfigError(msg)
        if why := next(self._contradictions(), None):
            raise ConfigError(why)

    def _contradictions(self) -> Iterator[str]:
        own, words = self.fields, msgspec.structs.asdict(self.actions)
        shared = [pair for voice in self.voices.values() for pair in _shared(own, voice)]
        for field, first, second in shared[:1]:
            yield (
                f"{field!r} is both {first} and {second}: each needs a field of its own, or "
                'a value that holds everywhere, as in symbol = { value = "BTC" }'
            )
        for (one, ours), (other, theirs) in combinations(words.items(), 2):
            for word in sorted({*map(str, ours)} & {*map(str, theirs)}):
                yield (
                    f"{word!r} stands under {one} and under {other} in [actions]: each word "
                    "means one action"
                )
        if own.tz is not None and not _is_zone(own.tz):
            yield f"no time zone is called {own.tz!r}: write one such as Europe/Berlin or UTC"

    @property
    def voices(self) -> dict[str | None, Voice]:
        """Answers of one row, by model; ``None`` where a field names the model."""
        own = self.fields
        one = Voice(action=own.action, confidence=own.confidence, reason=own.reason)
        return {**self.models} or {None: one}

    def named(self) -> Iterator[str | int]:
        """Yield every field that is named."""
        own = self.fields
        yield from _places(own.time, own.symbol, own.event_id, own.regime, own.model)
        for voice in self.voices.values():
            yield from _places(voice.action, voice.confidence, voice.reason)
        yield from self.only

    @property
    def by_number(self) -> bool:
        """True where no column is named: such a map does not need the header."""
        return all(isinstance(place, int) for place in self.named())


def _shared(own: Fields, voice: Voice) -> Iterator[tuple[str | int, str, str]]:
    """Yield fields that would mean two things of one answer."""
    meanings = {
        "time": own.time,
        "symbol": own.symbol,
        "model": own.model,
        "action": voice.action,
        "confidence": voice.confidence,
    }
    for (first, one), (second, other) in combinations(meanings.items(), 2):
        if isinstance(one, str | int) and one == other:
            yield one, first, second


def _is_zone(name: str) -> bool:
    """Ask those who will read the stamps."""
    try:
        pl.Series([0]).cast(pl.Datetime("us")).dt.replace_time_zone(name)
    except pl.exceptions.ComputeError:
        return False
    return bool(name)


def _places(*fields: Field | None) -> Iterator[str | int]:
    yield from (field for field in fields if isinstance(field, str | int))


def read_map(text: str, name: str) -> FieldMap:
    """Read a field map.

    Raises
    ------
    ConfigError
        If it is no TOML, or says what no field map says.

    Examples
    --------
    >>> read_map('''
    ... [fields]
    ... time = "at"
    ... symbol = "market"
    ... model = {value = "bot"}
    ... action = 5
    ... ''', "map.toml").fields.action
    5
    """
    try:
        return msgspec.convert(tomllib.loads(text), FieldMap)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ConfigError) as error:
        allowed = _allowed(str(error))
        msg = f"the field map {name} cannot be used: {error}{allowed}"
        raise ConfigError(msg) from error


def _allowed(error: str) -> str:
    """Say which keys there are, where one was met that is none."""
    if "unknown field" not in error:
        return ""
    _, _, path = error.partition(" - at `$")
    table = path.rstrip("`").strip(".").partition(".")[0].partition("[")[0]
    kinds: dict[str, type[Any]] = {
        "": FieldMap, "source": Opening, "fields": Fields, "actions": Actions, "models": Voice,
    }  # fmt: skip
    kind = kinds.get(table)
    if kind is None:
        return ""
    where = f"[{table}{'.NAME' if table == 'models' else ''}]" if table else "a field map"
    keys = ", ".join(f"[{key}]" if kind is FieldMap else key for key in _keys(kind))
    return f"; {where} has {keys}"


def _keys(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.encode_name for field in msgspec.structs.fields(kind))


PAYLOAD, STAIRWAY, FLAT_ROWS, MAPPED = "payload", "stairway", "flat", "map"

FLAT = MappingProxyType(
    {
        "time": ("ts", "timestamp", "time", "time_ns", "as_of_ns"),
        "symbol": ("symbol",),
        "model": ("model",),
        "action": ("action",),
        "confidence": ("confidence",),
        "event_id": ("event_id",),
        "regime": ("regime",),
        "reason": ("reason", "reason_code"),
    }
)
"""Names under which flat rows are known with no map; the first five must be there."""

_UNNAMED = re.compile(r"#\d+")
_NEEDED = ("time", "symbol", "model", "action", "confidence")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the records of one source are read.

    Attributes
    ----------
    name
        ``"payload"``, ``"stairway"``, ``"flat"`` or ``"map"``.
    map
        Fields, of flat rows and where there is a map.
    """

    name: str
    map: FieldMap | None = None

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Columns that are read, where each is named plainly; else ``None``, for all."""
        named = () if self.map is None else tuple(self.map.named())
        if not named or any(isinstance(n, int) or "." in n for n in named):
            return None
        return tuple(dict.fromkeys(str(n) for n in named))


def recognise(found: Sequence[str], mapped: FieldMap | None = None) -> Layout:
    """Say how records with these fields are read.

    Parameters
    ----------
    found
        Fields of the first records, in order.
    mapped
        What somebody wrote down, which always wins.

    Raises
    ------
    ConfigError
        If a field that a map names is not there, or no layout has these fields.

    Examples
    --------
    >>> recognise(["ts", "symbol", "model", "action", "confidence"]).name
    'flat'
    >>> recognise(["event_type", "payload"]).name
    'payload'
    """
    if mapped is not None:
        _require_there(mapped, found)
        return Layout(MAPPED, mapped)
    there = set(found)
    if {"event_type", "payload"} <= there or {"model_breakdown"} <= there:
        return Layout(PAYLOAD)
    if {"type", "as_of_ns", "raw"} <= there or {"kind", "fact", "stream"} <= there:
        return Layout(STAIRWAY)
    names = {ours: _first(theirs, there) for ours, theirs in FLAT.items()}
    if all(names[needed] for needed in _NEEDED):
        fields = {ours: name for ours, name in names.items() if name}
        if fields["time"] in {"time_ns", "as_of_ns"}:
            fields["unit"] = "ns"
        return Layout(FLAT_ROWS, msgspec.convert({"fields": fields}, FieldMap))
    if why := parted(found, {needed: FLAT[needed] for needed in _NEEDED}):
        raise ConfigError(why)
    if extra := [name for name in found if _UNNAMED.fullmatch(name)]:
        msg = (
            f"the rows are ragged: the header names {len(found) - len(extra)} fields and there "
            f"are rows of {len(found)} values; where all are of one width, a field map that "
            "names every column by its number is understood"
        )
        raise ConfigError(msg)
    raise ConfigError(_unknown(found, names))


def _first(names: Sequence[str], there: set[str]) -> str | None:
    return next((name for name in names if name in there), None)


def _unknown(found: Sequence[str], names: dict[str, str | None]) -> str:
    missing = [needed for needed in _NEEDED if not names[needed]]
    return (
        f"no layout is known with the fields {_listed(found)}: there is none for "
        f"{', '.join(missing)}. Say which field means what in a field map, beginning with "
        '[fields] time = "..." symbol = "..." model = "..." action = "..." confidence = "...", '
        "and give it with --field-map FILE"
    )


def _require_there(mapped: FieldMap, found: Sequence[str]) -> None:
    missing: list[str] = []
    for place in mapped.named():
        if isinstance(place, int):
            there = place <= len(found)
        else:
            there = place in found or place.partition(".")[0] in found
        if not there:
            missing.append(str(place))
    if missing and (why := parted(found, {needed: FLAT[needed] for needed in _NEEDED})):
        raise ConfigError(why)
    if missing:
        msg = (
            f"the field map names {_listed(missing)}, which the records do not have; they "
            f"have {len(found)} fields: {_listed(found)}"
        )
        raise ConfigError(msg)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_LISTED])
    return shown + (", ..." if len(names) > _LISTED else "") or "none"


_KNOWN_WORDS = {"buy": BUY, "hold": HOLD, "sell": SELL}
_NO_WORDS = frozenset({"", "nan", "none", "null"})


_OUR_WORDS = Actions()


def action_code(label: Any, actions: Actions = _OUR_WORDS) -> int:
    """Return the code of a label: BUY, HOLD and SELL in any case, or as a map says.

    With words of its own, a map's are the only ones.

    Examples
    --------
    >>> action_code("buy"), action_code("LONG"), action_code(None)
    (2, 3, 4)
    >>> action_code(1, Actions(buy=(1,))), action_code("BUY", Actions(buy=("long",)))
    (2, 3)
    """
    word = "" if label is None else str(label).strip()
    if word.lower() in _NO_WORDS:
        return MISSING
    named = {BUY: actions.buy, HOLD: actions.hold, SELL: actions.sell}
    if not any(named.values()):
        return _KNOWN_WORDS.get(word.lower(), UNKNOWN)
    word = word.removesuffix(".0")
    found = [code for code, words in named.items() if word in map(str, words)]
    return found[0] if len(found) == 1 else UNKNOWN
