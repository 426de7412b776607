"""What was recorded once stays readable: the form of every fact, and its stream."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec import inspect

from stairway.app import catalog
from stairway.app.catalog import CODEC, Fact, stream_of, streams
from stairway.base.errors import DataError, InvariantError
from stairway.base.units import Lots, Micros, Ticks, UtcNs
from stairway.base.verdict import Finding, Pass
from stairway.evaluation.significance.deflated import Trials
from stairway.evaluation.skill import Skill
from stairway.events.streams import MEASURED, TELEMETRY, is_durable
from stairway.execution.facts import VenueSaid
from stairway.execution.orders import Accepted, Filled
from stairway.lifecycle.facts import ModelMoved
from stairway.lifecycle.stage import Stage
from stairway.market.instrument import Instrument
from stairway.testing.bars import INSTRUMENTS

GOLDEN = Path(__file__).parents[1] / "golden"
FACTS: tuple[type[msgspec.Struct], ...] = get_args(Fact)
INT64 = st.integers(-(2**63), 2**63 - 1)
WORDS = st.text(max_size=12)
PLAIN = st.none() | st.booleans() | INT64 | st.floats(allow_nan=False) | WORDS


SIMPLE: dict[type[inspect.Type], st.SearchStrategy[Any]] = {
    inspect.BytesType: st.binary(max_size=9),
    inspect.NoneType: st.none(),
    inspect.BoolType: st.booleans(),
    inspect.IntType: INT64,
    inspect.StrType: WORDS,
    inspect.AnyType: PLAIN
    | st.lists(PLAIN, max_size=2)
    | st.dictionaries(WORDS, PLAIN, max_size=2),
}


def made(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Any value of a type that a fact is made of."""
    match kind:
        case inspect.EnumType(cls):
            return st.sampled_from(list(cls))
        case inspect.LiteralType(values):
            return st.sampled_from(values)
        case inspect.UnionType(types):
            return st.one_of(*map(made, types))
        case inspect.StructType(cls):
            return struct(cls)
        case inspect.FloatType(ge=least, le=most):
            return st.floats(least, most, allow_nan=False)
        case _:
            return SIMPLE[type(kind)] if type(kind) in SIMPLE else compound(kind)


def compound(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.VarTupleType(item_type=item):
            return st.lists(made(item), max_size=2).map(tuple)
        case inspect.ListType(item_type=item):
            return st.lists(made(item), max_size=2)
        case inspect.TupleType(items):
            return st.tuples(*map(made, items))
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(made(key), made(value), max_size=2)
        case _:
            raise AssertionError(kind)


@cache
def struct(cls: type) -> st.SearchStrategy[Any]:
    if cls is Instrument:
        return st.sampled_from(INSTRUMENTS)
    if cls is Trials:
        return st.builds(Trials, st.integers(1, 10**6), st.floats(0.0, 1e6))
    if cls is Skill:
        return skills()
    needs_a_reason = cls.__name__ in {"Refuse", "Inconclusive"}
    fields = {f.name: made(f.type) for f in inspect.type_info(cls).fields}  # type: ignore[attr-defined]
    if needs_a_reason:
        fields["findings"] = st.lists(struct(Finding), min_size=1, max_size=2).map(tuple)
    return st.fixed_dictionaries(fields).map(lambda values: cls(**values))


def skills() -> st.SearchStrategy[Skill]:
    """Skills with an interval, and such as had too few bars for one."""
    number, few = st.floats(-1e6, 1e6), st.integers(0, 50)
    figures = (st.integers(1, 10**6), number, number, number, number)
    return st.builds(Skill, *figures, number, number) | st.builds(
        Skill, *figures, st.none(), st.none(), few, st.integers(51, 100)
    )


def test_the_form_of_no_recorded_fact_has_changed() -> None:
    spec = spec_from_file_location("write_schema", GOLDEN / "write_schema.py")
    assert spec is not None
    assert spec.loader is not None
    writer = module_from_spec(spec)
    spec.loader.exec_module(writer)
    golden = json.loads((GOLDEN / "schema.json").read_text())
    now = writer.forms()
    changed = [
        n
        for n in golden["$defs"] | now["$defs"]
        if golden["$defs"].get(n) != now["$defs"].get(n)
    ]
    assert now == golden, (
        f"the recorded form of {changed} changed: can a record of the old form still be read? "
        "If so: .venv/bin/python tests/golden/write_schema.py"
    )


@pytest.mark.parametrize("cls", FACTS, ids=lambda cls: cls.__name__)
@hypothesis_settings(max_examples=20)
@given(data=st.data())
def test_every_fact_is_read_back_as_it_was_written(
    cls: type[msgspec.Struct], data: st.DataObject
) -> None:
    fact = data.draw(struct(cls))
    payload = CODEC.encode(fact)
    again = CODEC.decode(payload)
    assert type(again) is cls
    assert again == fact
    assert CODEC.encode(again) == payload


@pytest.mark.parametrize("cls", FACTS, ids=lambda cls: cls.__name__)
def test_every_fact_is_frozen_and_has_a_tag_of_its_own(cls: type[msgspec.Struct]) -> None:
    config = cls.__struct_config__
    assert config.frozen
    assert isinstance(config.tag, str)
    tags = [other.__struct_config__.tag for other in FACTS]
    assert tags.count(config.tag) == 1


@pytest.mark.parametrize("cls", FACTS, ids=lambda cls: cls.__name__)
def test_every_fact_has_a_stream(cls: type[msgspec.Struct]) -> None:
    several = catalog._BY_CONTENT.get(cls, (None, ()))[1]
    assert set(several or (catalog._STREAMS[cls],)) <= set(streams())


def test_every_stream_has_a_fact_and_a_fact_of_no_stream_is_none() -> None:
    assert {*catalog._STREAMS, *catalog._BY_CONTENT} == set(FACTS)
    assert not set(catalog._STREAMS) & set(catalog._BY_CONTENT)
    assert list(streams()) == sorted(set(streams()))


def test_streams_that_may_lose_their_last_moments_are_named_on_purpose() -> None:
    assert set(streams()) >= TELEMETRY
    assert MEASURED <= TELEMETRY
    for stream in (
        "order",
        "fill",
        "trade.intent",
        "trade.closed",
        "model.promoted",
        "model.rolled_back",
    ):
        assert is_durable(stream)


@pytest.mark.parametrize(
    ("cause", "stream"),
    [
        ("promotion.shadow", "model.promoted"),
        ("promotion.champion", "model.promoted"),
        ("rollback.breaker", "model.rolled_back"),
        ("rollback.restored", "model.rolled_back"),
        ("gate.refused", "model.moved"),
        ("operator", "model.moved"),
        ("superseded", "model.moved"),
    ],
)
def test_who_waits_for_promotions_or_rollbacks_reads_nothing_else(
    cause: str, stream: str
) -> None:
    move = ModelMoved(UtcNs(1), "m", "d", Stage.CANDIDATE, Stage.SHADOW, cause, Pass())
    assert stream_of(move) == stream
    assert stream in streams()


def test_fills_have_a_stream_of_their_own_and_other_answers_stay_with_their_orders() -> None:
    filled = Filled("o", "x1", UtcNs(1), Lots(1), Ticks(1), Micros(0))
    assert stream_of(VenueSaid(1, "capital", filled)) == "fill"
    assert stream_of(VenueSaid(1, "capital", Accepted("o", UtcNs(1)))) == "order"


@pytest.mark.parametrize("thing", [None, 3, "order", object()])
def test_what_is_no_fact_has_no_stream(thing: object) -> None:
    with pytest.raises(InvariantError, match=f"facts of type {type(thing).__name__}"):
        stream_of(thing)


@pytest.mark.parametrize("payload", [b"", b"\x80", b"\x81\xa4type\xa3odd", b"\xc1"])
def test_bytes_that_are_no_fact_are_refused(payload: bytes) -> None:
    with pytest.raises(DataError, match="is no fact that this version knows"):
        CODEC.decode(payload)
