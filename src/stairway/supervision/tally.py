"""What is counted of a stream of answers, in memory that does not grow with the stream.

1. Repeats are marked first: the same answer under an id that is among the last 2^20 of its
   model and stage is counted as a repeat, and nowhere else. Another answer under such an id
   counts, and is counted as one that has it (sent again once the first one under that id is
   forgotten, it counts again). Where nobody gives an id, the same answer of the
   same model, stage, instant and instrument is a repeat among the last 2^19.
2. Each (model, stage) has a slot: counts, and a histogram over whole millionths of
   confidence, from which spread, quantiles, distinct values and the commonest are exact at
   a resolution of 1e-6. A slot takes 2 MB as a rule, and less where few values occur.
3. Of each value that has much of the mass, when it was said and with what: see
   :class:`Told`.

Everything is an integer and is carried from chunk to chunk: however a stream is cut, the
tally is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from stairway.base.arrays import BoolArray, IntArray
from stairway.base.errors import DataError, InvariantError
from stairway.supervision import counts
from stairway.supervision import kernels as k
from stairway.supervision.answers import ACTIONS, Answers, Names, Stage
from stairway.supervision.event_rate import Events
from stairway.supervision.extent import Extent
from stairway.supervision.faults import Example
from stairway.supervision.quality_gate import Counted, worth
from stairway.supervision.repeated import Repeats, Take
from stairway.supervision.strange import Strange

EXAMPLES = counts.EXAMPLES
"""Faults of each kind, of each model at each stage, of which the row is kept."""

FAULTS = counts.FAULTS
"""Names of the kinds of faults: see :class:`~stairway.supervision.quality_gate.Counted`."""

_SLOTS, _SYMBOLS, _MODELS = 64, 64, 256
_MOST_COUNTED = int(np.iinfo(np.uint32).max)

_Slots = dict[tuple[int, int], int]
_Examples = dict[tuple[int, int], list[Example]]
_Measured = dict[tuple[str, Stage], Counted]


@dataclass(frozen=True, slots=True)
class Told:
    """What is remembered of one value of one model.

    A value of which more than one answer in 500 consists is practically always remembered,
    though not always from its first time: ``witnessed`` of its ``count`` answers were seen,
    and if all of them, then the rest is exact. ``since_ns`` is otherwise a time at which it
    had begun.

    Attributes
    ----------
    symbols, reasons
        How many of the witnessed answers each of the six commonest had, the commonest first.
        Where there were more than 64, it is at least so many, and those of which it is not
        sure that they are the commonest are left out.
    other_symbols, other_reasons
        Witnessed answers that are counted under none of these.
    whole
        Whether there were no more than 64 of either, so that every count is exact.
    """

    witnessed: int
    since_ns: int
    until_ns: int
    symbols: dict[str, int]
    reasons: dict[str, int]
    other_symbols: int = 0
    other_reasons: int = 0
    whole: bool = True

    def is_all_of(self, count: int) -> bool:
        """Tell whether this covers each of so many answers, and every count is exact."""
        return self.witnessed == count and self.whole


@dataclass(frozen=True, slots=True)
class Spread:
    """The confidences that occurred, ascending, and how often. Both (n_values,) int64."""

    ppm: IntArray
    count: IntArray


@dataclass(slots=True)
class Tally:
    """Counts of everything that was said. ``add`` changes it in place.

    Examples
    --------
    >>> from stairway.supervision.answers import BUY, columns
    >>> names = Names()
    >>> tally = Tally(names)
    >>> tally.add(columns(time_ns=[1, 2], model=names.models.codes(["mlp", "mlp"]),
    ...                   symbol=names.symbols.codes(["A", "B"]), action=[BUY, BUY],
    ...                   confidence=[0.6, 0.4]))
    >>> tally.measured("mlp").actions
    {'BUY': 2, 'HOLD': 0, 'SELL': 0}
    """

    names: Names
    repeats: Repeats = field(default_factory=Repeats)
    events: Events = field(default_factory=Events)
    extent: Extent = field(default_factory=Extent)
    strange: Strange = field(default_factory=Strange)
    _examples: _Examples = field(init=False, default_factory=_Examples)
    _counts: k.Counts = field(init=False)
    _slots: _Slots = field(init=False, default_factory=_Slots)

    _spreads: dict[int, Spread] = field(init=False, default_factory=dict[int, Spread])
    _measured: _Measured = field(init=False, default_factory=_Measured)

    def __post_init__(self) -> None:
        self._counts = counts.nothing(_SLOTS, _SYMBOLS, np.full((_MODELS, 4), -1, np.int16))

    def add(self, answers: Answers, take: Take | None = None) -> None:
        """Count a chunk.

        Parameters
        ----------
        take : (n,) uint8
            0 for rows to leave out, 2 for repeats; odd ones count, 3 and 5 as
            :meth:`~.repeated.Repeats.mark` says. By default what this tally's own
            ``repeats`` says.

        Raises
        ------
        InvariantError
            If a code stands for no name.
        """
        self._check(answers)
        self._spreads.clear()
        self._measured.clear()
        self._make_room(len(self.names.symbols))
        marked = self.repeats.mark(answers) if take is None else take
        rows = counts.rows_of(answers, marked)
        already = self._counts.examples[:, :, 0].copy()
        at = k.count_answers(rows, self._counts, 0, EXAMPLES)
        while at < len(answers):
            self._open(int(answers.model[at]), int(answers.stage[at]))
            at = k.count_answers(rows, self._counts, at, EXAMPLES)
        self._keep_examples(answers, already)
        self.events.add(rows)
        self.extent.add(answers, marked)
        self.strange.add(answers, marked)

    @property
    def examples(self) -> list[Example]:
        """The first faults of each kind of everybody, in the order in which they were heard."""
        return [example for slot in sorted(self._examples) for example in self._examples[slot]]

    @property
    def repeats_heard(self) -> int:
        """How many answers, of all models at all stages, were repeats."""
        return int(self._counts.counters[:, k.REPEATS].sum())

    def answering(self) -> list[tuple[str, Stage]]:
        """Return who is heard, a raw score only where it is all that a model says."""
        who = self.heard()
        spoken = {model for model, stage in who if stage is not Stage.RAW}
        return [one for one in who if one[1] is not Stage.RAW or one[0] not in spoken]

    def heard(self) -> list[tuple[str, Stage]]:
        """Return who answered at which stage, in order of stage and first answer."""
        order = sorted(self._slots, key=lambda who: (who[1], who[0]))
        return [(self.names.models.names[model], Stage(stage)) for model, stage in order]

    def measured(self, model: str, stage: Stage = Stage.CALIBRATED) -> Counted:
        """Return what the quality gate judges of one model at one stage.

        Actions are counted over all instruments; how sticky they are inside each.
        """
        known = self._measured.get((model, stage))
        if known is None:
            known = self._measured[model, stage] = self._measure(model, stage)
        return known

    def _measure(self, model: str, stage: Stage) -> Counted:
        mine = self._mine(model, stage)
        values = self.spread(model, stage)
        n, actions = int(mine[k.EVENTS]), mine[k.ACTED : k.ACTED + 3].tolist()
        moved = mine[k.MOVED : k.MOVED + 9].reshape(3, 3)
        absent, strange, outside = mine[k.FAULTS : k.FAULTS + 3].tolist()
        total, squares = counts.sums(values.ppm, values.count)
        return Counted(
            events=n,
            violations=absent + strange + outside,
            effective=worth(actions, int(moved.trace()), int(moved.sum())) if n else 0,
            span_ns=self._span_ns(model, stage),
            symbols=counts.heard_of(self.acted(model, stage).sum(axis=1)),
            actions={ACTIONS[i].value: actions[i] for i in (2, 1, 0)},
            spread=n * squares - total**2,
            p10_ppm=quantile(values, 10),
            p90_ppm=quantile(values, 90),
            distinct=len(values.ppm),
            commonest=int(values.count.max(initial=0)),
            absent=absent,
            strange=strange,
            outside=outside,
            repeats=int(mine[k.REPEATS]),
            opposed=int(mine[k.OPPOSED]),
            reused=int(mine[k.OTHERS]),
        )

    def spread(self, model: str, stage: Stage = Stage.CALIBRATED) -> Spread:
        """Return the confidences of one model at one stage, in millionths."""
        slot = self._slot(model, stage)
        if slot < 0:
            return Spread(np.zeros(0, np.int64), np.zeros(0, np.int64))
        if slot not in self._spreads:
            self._spreads[slot] = Spread(*counts.bins(self._counts, slot))
        return self._spreads[slot]

    def acted(self, model: str, stage: Stage = Stage.CALIBRATED) -> IntArray:
        """Return how often each action was chosen, (n_symbols, 3): SELL, HOLD, BUY."""
        slot, n = self._slot(model, stage), len(self.names.symbols)
        if slot < 0:
            return np.zeros((n, 3), np.int64)
        return self._counts.acted[slot, :n].copy()

    def moved(self, model: str, stage: Stage = Stage.CALIBRATED) -> IntArray:
        """Return how often each action (row) was followed by each, within an instrument."""
        return self._mine(model, stage)[k.MOVED : k.MOVED + 9].reshape(3, 3).copy()

    def heard_between(self, model: str, stage: Stage = Stage.CALIBRATED) -> tuple[int, int]:
        """Return the times of the earliest and latest answer that kept the contract."""
        mine = self._mine(model, stage)
        return int(mine[k.FIRST_NS]), int(mine[k.LAST_NS])

    def spoke_between(
        self, model: str, stage: Stage = Stage.CALIBRATED
    ) -> tuple[int, int] | None:
        """Return the times of the first and last answer of any kind; ``None`` without any."""
        mine = self._mine(model, stage)
        bounds = (
            (mine[k.EVENTS], mine[k.FIRST_NS], mine[k.LAST_NS]),
            (mine[k.FAULTY], mine[k.FAULTY_FIRST_NS], mine[k.FAULTY_LAST_NS]),
        )
        there = [(int(first), int(last)) for n, first, last in bounds if n > 0]
        if not there:
            return None
        return min(first for first, _ in there), max(last for _, last in there)

    def _span_ns(self, model: str, stage: Stage) -> int:
        if self._slot(model, stage) < 0:
            return 0
        code = self.names.models.names.index(model)
        return self.extent.span_ns(code, int(stage), *self.heard_between(model, stage))

    def told(self, model: str, ppm: int, stage: Stage = Stage.CALIBRATED) -> Told | None:
        """Return what is remembered of a value; ``None`` where others have its place."""
        slot = self._slot(model, stage)
        memory = self._counts.memory[slot, k.bucket_of(ppm)]
        if slot < 0 or int(memory[k.VALUE]) != ppm + 1:
            return None
        symbols, reasons = (
            counts.listed(memory, first, codes)
            for first, codes in (
                (k.SYMBOLS, self.names.symbols),
                (k.REASONS, self.names.reasons),
            )
        )
        return Told(
            witnessed=int(memory[k.SEEN]),
            since_ns=int(memory[k.SINCE]),
            until_ns=int(memory[k.UNTIL]),
            symbols=symbols.told,
            reasons=reasons.told,
            other_symbols=symbols.others,
            other_reasons=reasons.others,
            whole=symbols.whole and reasons.whole,
        )

    def _check(self, answers: Answers) -> None:
        names, n = self.names, len(answers)
        if n == 0:
            return
        for what, column, least, most in (
            ("model", answers.model, 0, min(len(names.models), _MODELS)),
            ("symbol", answers.symbol, -1, len(names.symbols)),
            ("stage", answers.stage, 0, len(Stage)),
            ("reason", answers.reason, -1, len(names.reasons)),
            ("regime", answers.regime, -1, len(names.regimes)),
        ):
            if not (column.min() >= least and column.max() < most):
                msg = f"a {what} has a code for which there is no name (there are {most})"
                raise InvariantError(msg)
        if self.events.rows + n > _MOST_COUNTED:
            msg = f"more than {_MOST_COUNTED:,} answers: gate a part, with --after"
            raise DataError(msg)

    def _slot(self, model: str, stage: Stage) -> int:
        try:
            return self._slots.get((self.names.models.names.index(model), int(stage)), -1)
        except ValueError:
            return -1

    def _mine(self, model: str, stage: Stage) -> IntArray:
        slot = self._slot(model, stage)
        return self._counts.counters[slot] if slot >= 0 else np.zeros(k.COUNTERS, np.int64)

    def _open(self, model: int, stage: int) -> int:
        known = self._slots.get((model, stage))
        if known is not None:
            return known
        slot = self._slots[model, stage] = len(self._slots)
        if slot >= len(self._counts.counters):
            self._counts = counts.grown(self._counts, 2 * slot, self._counts.acted.shape[1])
        self._counts.slot[model, stage] = slot
        return slot

    def _make_room(self, symbols: int) -> None:
        slots, there = self._counts.acted.shape[:2]
        if symbols > there:
            self._counts = counts.grown(self._counts, slots, max(symbols, 2 * there))

    def _keep_examples(self, answers: Answers, already: IntArray) -> None:
        now = self._counts.examples
        had = np.zeros(now.shape[:2], np.int64)
        had[: len(already)] = already
        for slot, kind in np.argwhere(now[:, :, 0] > had).tolist():
            rows = now[slot, kind, 1 + had[slot, kind] : 1 + now[slot, kind, 0]]
            kept = self._examples.setdefault((slot, kind), [])
            kept.extend(self._example(answers, int(row), FAULTS[kind]) for row in rows)

    def _example(self, answers: Answers, row: int, fault: str) -> Example:
        return Example(
            fault=fault,
            model=self.names.models.names[int(answers.model[row])],
            stage=Stage(int(answers.stage[row])),
            place=int(answers.place[row]),
            time_ns=int(answers.time_ns[row]),
            action=int(answers.action[row]),
            confidence=float(answers.confidence[row]),
        )


def quantile(values: Spread, percent: int) -> int:
    """Return the nearest-rank quantile of confidence in millionths; 0 where there is none.

    Examples
    --------
    >>> quantile(Spread(np.array([300_000, 700_000]), np.array([1, 9])), 10)
    300000
    """
    if len(values.ppm) == 0:
        return 0
    up_to = np.cumsum(values.count)
    rank = -(-percent * int(up_to[-1]) // 100)
    return int(values.ppm[np.searchsorted(up_to, rank)])


def after(answers: Answers, cutover_ns: int) -> BoolArray:
    """Tell which answers belong to *after*: those at the instant too, and those of no time.

    Examples
    --------
    >>> from stairway.supervision.answers import NO_TIME, columns
    >>> chunk = columns(time_ns=[9, 10, NO_TIME], model=[0] * 3, symbol=[0] * 3,
    ...                 action=[2] * 3, confidence=[0.6] * 3)
    >>> after(chunk, 10).tolist()
    [False, True, True]
    """
    return (answers.time_ns >= cutover_ns) | (answers.time_ns == k.NO_TIME)
