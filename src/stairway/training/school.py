"""All seeds of a run, side by side: does what the machine of the cycles asks for.

Computes and remembers, and touches no file: what must outlive the process is handed to a
:class:`Keeper` at the two kinds of places where a run can be taken up again, between two
roll-outs of a seed and between two cycles of all. What is computed depends on data,
settings and seeds alone, and not on how often it was taken up, nor on how many seeds run
at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock

from stairway.base.errors import DataError, InvariantError, NothingLearntError
from stairway.base.hashing import content_hash
from stairway.training import training_gate
from stairway.training.cycle import (
    Adjust,
    Adjusted,
    Command,
    Event,
    Gate,
    Gated,
    Settle,
    Settled,
    State,
    Stop,
    Train,
    Trained,
    Validate,
    Validated,
    on,
    pending,
    start,
)
from stairway.training.divergence import Parameters
from stairway.training.ear import Ear, Every
from stairway.training.gains import lane_errors
from stairway.training.gold import Gold
from stairway.training.journal import (
    CycleReport,
    Frozen,
    HeldOut,
    SeedCycle,
    is_accepted,
    last_kept,
)
from stairway.training.judging import Opinion, Practised, judge, reference_of, unseen
from stairway.training.keeping import (
    Keeper,
    Midway,
    Saved,
    ordered,
    require_midway,
    require_whole,
)
from stairway.training.measured import Rollout
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.practice_ground import PracticeGround
from stairway.training.practice_rules import PracticeRules
from stairway.training.pupil import Pupil
from stairway.training.pupil_state import Good, parameters_of


class School:
    """The seeds of one run.

    Parameters
    ----------
    gold
        What every seed starts from.
    settings
        Hash of everything that was asked for.
    """

    def __init__(
        self,
        ground: PracticeGround,
        rules: PracticeRules,
        gold: Gold,
        seeds: Sequence[int],
        settings: str,
    ) -> None:
        self.ground, self.rules, self.seeds = ground, rules, tuple(sorted(seeds))
        self._gold, self._settings = gold, settings
        self._pupils = {s: Pupil(ground.training, rules.lessons, s) for s in self.seeds}
        self._layout = self._pupils[self.seeds[0]].layout
        self._reference = reference_of(self._layout, gold.put_down.weights, ground)
        self._goods: dict[int, Good] = {}
        self._opinions: dict[int, Opinion] = {}
        self._failed: dict[int, NothingLearntError] = {}
        self._lock, self._done = Lock(), 0
        self.rollouts: list[Rollout] = []
        self.seed_cycles: list[SeedCycle] = []
        self.frozen = self._frozen()
        self._machine: State | None = None

    # -- beginning ---------------------------------------------------------------------

    def begin(self) -> Saved:
        """Start every seed from the reference, which is judged as cycle 0."""
        for seed, pupil in self._pupils.items():
            pupil.begin_from(self._gold.put_down)
            self._goods[seed] = pupil.good()
        first = self.rules.gold.seed
        made = Practised(self._reference_policy(), self._gold.last(self.rules.gold))
        opinion = self._judge(made, self._reference.parameters)
        self.seed_cycles = [opinion.seed_cycle(first, 0, self.rules.gold.steps)]
        self._machine = start([opinion.standing(first)]).state
        return self._saved()

    def resume(self, saved: Saved, midways: Mapping[int, Midway]) -> None:
        """Take a run up again.

        Parameters
        ----------
        midways
            Seeds that were further than the start of the cycle; of this very cycle.

        Raises
        ------
        DataError
            If what was kept is not of these seeds and settings.
        """
        require_whole(saved, self.seeds, self._per_cycle, self.rules.cycles.cycles)
        self._machine = saved.machine
        self.rollouts, self.seed_cycles = [*saved.rollouts], [*saved.seed_cycles]
        for seed, pupil in self._pupils.items():
            pupil.retune(saved.machine.gains)
            pupil.require_own(saved.pupils[seed])
            pupil.take_up(saved.pupils[seed])
            pupil.require_good(saved.goods[seed])
            self._goods[seed] = saved.goods[seed]
        for midway in midways.values():
            self.resume_seed(midway)

    def resume_seed(self, midway: Midway) -> None:
        """Take one seed up where it was inside of the cycle that the run was taken up in.

        Raises
        ------
        DataError
            If what was kept is not of this seed, this cycle and these settings.
        """
        require_midway(midway, self._now, self._per_cycle)
        pupil, steps = self._pupils[midway.seed], midway.rollouts[-1].steps
        pupil.require_own(midway.put_down)
        pupil.take_up(midway.put_down)
        if pupil.steps != steps:
            msg = f"its policy took {pupil.steps} steps, and its last roll-out ended at {steps}"
            raise DataError(msg)
        self.rollouts += midway.rollouts

    # -- the cycles --------------------------------------------------------------------

    def run(self, keeper: Keeper, ear: Ear, every: Every) -> State:
        """Do cycle after cycle until the machine stops; return it.

        Raises
        ------
        DataError
            If what was kept cannot be read. A policy that ceases to be numbers ends nothing:
            its seed has diverged in that cycle, and is rolled back.
        InvariantError
            If the reference, the environment or the gate changed while the run lasted.
        """
        command: Command = pending(self._now)
        while not isinstance(command, Stop):
            event = self._do(command, keeper, ear, every)
            self._machine, command = on(self._now, event, self.rules.cycles)
            if isinstance(event, Adjusted):
                ear.cycle(self._now.reports[-1])
                keeper.cycle(self._saved())
        return self._now

    def _do(self, command: Command, keeper: Keeper, ear: Ear, every: Every) -> Event:
        match command:
            case Train(cycle):
                return self._train(cycle, keeper, ear, every)
            case Validate(cycle):
                return self._validate(cycle, ear, every)
            case Gate(median_seed, worst_seed):
                return self._gate(median_seed, worst_seed)
            case Settle(accept, roll_back):
                return self._settle(accept, roll_back, ear)
            case Adjust(gains):
                for pupil in self._pupils.values():
                    pupil.retune(gains)
                return Adjusted()
            case Stop():
                msg = "a machine that stopped asks for nothing"
                raise InvariantError(msg)

    def _train(self, cycle: int, keeper: Keeper, ear: Ear, every: Every) -> Trained:
        per_seed = self._per_cycle
        self._failed = {}
        self._done = sum(r.cycle == cycle for r in self.rollouts)
        ear.begin(f"cycle {cycle} of {self.rules.cycles.cycles}", per_seed * len(self.seeds))
        ear.advance(self._done)

        def teach(seed: int) -> None:
            before = self._of(seed, cycle)
            self._teach(seed, cycle, before, per_seed - len(before), keeper, ear)

        every(teach, self.seeds)
        return Trained(
            tuple(
                lane_errors(seed, self._of(seed, cycle), self.rules.controller)
                for seed in self.seeds
            )
        )

    def _teach(
        self, seed: int, cycle: int, before: list[Rollout], left: int, keeper: Keeper, ear: Ear
    ) -> None:
        pupil, seen = self._pupils[seed], [*before]

        def ended(done: int, rollout: Rollout) -> None:
            seen.append(rollout)
            with self._lock:
                self.rollouts.append(rollout)
                self._done += 1
                ear.rollout(rollout)
                ear.advance(self._done)
            if done == left or len(seen) % self.rules.cycles.checkpoint_rollouts == 0:
                keeper.midway(Midway(seed, cycle, pupil.put_down(), tuple(seen)))

        if left > 0:
            try:
                pupil.practise(cycle, left, ended)
            except NothingLearntError as error:
                # Taken up again, it comes to the same error: nothing of it must be kept.
                self._failed[seed] = error

    def _validate(self, cycle: int, ear: Ear, every: Every) -> Validated:
        ear.begin(f"validation of cycle {cycle}", len(self.seeds))
        done = 0

        def look(seed: int) -> Opinion:
            nonlocal done
            accepted = parameters_of(self._layout, self._goods[seed].weights)
            policy, failed = self._pupils[seed].freeze(), self._failed.get(seed)
            found = self._judge(Practised(policy, self._of(seed, cycle), failed), accepted)
            with self._lock:
                done += 1
                ear.advance(done)
            return found

        found = every(look, self.seeds)
        self._opinions = dict(zip(self.seeds, found, strict=True))
        return Validated(tuple(o.standing(s) for s, o in self._opinions.items()))

    def _gate(self, median_seed: int, worst_seed: int) -> Gated:
        self._require_frozen()
        median, worst = self._opinions[median_seed], self._opinions[worst_seed]
        return Gated(
            training_gate.over_seeds(median.judged, worst.judged, median_seed, worst_seed)
        )

    def _settle(self, accept: tuple[int, ...], roll_back: tuple[int, ...], ear: Ear) -> Settled:
        for seed in accept:
            self._goods[seed] = self._pupils[seed].good()
        for seed in roll_back:
            self._pupils[seed].roll_back(self._goods[seed])
        cycle = self._now.cycle
        for seed in self.seeds:
            one = self._opinions[seed].seed_cycle(
                seed,
                cycle,
                self._pupils[seed].steps,
                self._of(seed, cycle),
                rolled_back=seed in roll_back,
            )
            self.seed_cycles.append(one)
            ear.seed_cycle(one)
        return Settled()

    # -- what came of it ---------------------------------------------------------------

    @property
    def reports(self) -> tuple[CycleReport, ...]:
        """Of the cycles that were judged."""
        return self._now.reports

    @property
    def last_kept(self) -> CycleReport | None:
        """The last cycle that was kept, if one was."""
        return last_kept(self.reports)

    @property
    def accepted(self) -> bool:
        """Whether the gate passed at the last kept cycle."""
        return is_accepted(self.reports)

    def good_policy(self, seed: int) -> FrozenPolicy:
        """Return the policy that a seed was last accepted with."""
        return FrozenPolicy(self._layout, self._goods[seed].weights)

    def digest(self, seed: int) -> str:
        """Hash of the parameters that a seed was last accepted with."""
        return parameters_of(self._layout, self._goods[seed].weights).digest

    def unseen(self, every: Every) -> tuple[HeldOut, ...]:
        """Walk the held-out days with the policy of each seed; the reference's comes first."""
        first = unseen(self._reference_policy(), self.ground, self.rules, self.rules.gold.seed)

        def look(seed: int) -> HeldOut:
            return unseen(self.good_policy(seed), self.ground, self.rules, seed)

        return (first, *every(look, self.seeds))

    # -- inside ------------------------------------------------------------------------

    @property
    def _per_cycle(self) -> int:
        """Roll-outs of a seed in a cycle."""
        steps = self.rules.cycles.steps_per_cycle
        return self.rules.learner.rollouts(steps, "[cycles] steps_per_cycle")

    @property
    def _now(self) -> State:
        if self._machine is None:
            msg = "a school begins or is resumed before anything else is asked of it"
            raise InvariantError(msg)
        return self._machine

    def _of(self, seed: int, cycle: int) -> list[Rollout]:
        with self._lock:
            return [r for r in self.rollouts if (r.seed, r.cycle) == (seed, cycle)]

    def _judge(self, one: Practised, accepted: Parameters) -> Opinion:
        return judge(one, accepted, self._reference, self.ground, self.rules)

    def _reference_policy(self) -> FrozenPolicy:
        return FrozenPolicy(self._layout, self._gold.put_down.weights)

    def _frozen(self) -> Frozen:
        gate = training_gate.fingerprint(self.rules.training_gate)
        accounts = sorted({pupil.environment for pupil in self._pupils.values()})
        return Frozen(
            data=self.ground.data,
            settings=content_hash((self._settings, self.rules.fingerprint, self.seeds)),
            environment=content_hash((self.ground.fingerprint, accounts)),
            architecture=self._reference.parameters.architecture,
            gold=self._reference.parameters.digest,
            gate=content_hash((gate, self.rules.divergence)),
        )

    def _require_frozen(self) -> None:
        now = self._frozen()
        for name in Frozen.__struct_fields__:
            if getattr(now, name) != getattr(self.frozen, name):
                msg = f"the {name} of the run changed while it lasted; start a new run"
                raise InvariantError(msg)

    def _saved(self) -> Saved:
        return Saved(
            machine=self._now,
            pupils={seed: pupil.put_down() for seed, pupil in self._pupils.items()},
            goods=dict(self._goods),
            rollouts=ordered(self.rollouts),
            seed_cycles=tuple(self.seed_cycles),
        )
