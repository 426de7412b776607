"""One seed at practice: a policy, its accounts, and the controller that pays them.

A roll-out is walked and learnt from; then what it did is measured, the controller takes it
in, and the next is paid by the terms that come of it. Everything that moves can be put
down between two roll-outs (:meth:`Pupil.put_down`) and taken up again (:meth:`Pupil.take_up`)
as if it had never stopped: parameters, moments of the optimiser, generator, accounts,
controller and what its health is judged by.

Going back to the last accepted policy (:meth:`Pupil.roll_back`) is something else: policy,
optimiser and controller are what they were then, but chance, accounts and the count of
steps go on. The same bars would otherwise be walked by the same draws to the same end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from stairway.base.arrays import FloatArray, IntArray
from stairway.base.errors import DataError, InvariantError
from stairway.base.verdict import Pass, Refuse
from stairway.models.observation import HOLD_BOTH
from stairway.simulation import controller as controllers
from stairway.simulation import kernels as market_kernels
from stairway.simulation.controller import Law, State
from stairway.simulation.controller_state import as_arrays, from_arrays, retuned
from stairway.simulation.course import Course
from stairway.simulation.health import Health, Reading, health
from stairway.simulation.lanes import Lanes
from stairway.simulation.targets import risk_factors, targets_at
from stairway.simulation.terms import TERMS, Terms
from stairway.training.divergence import copied, rolled_back
from stairway.training.journal import Gains
from stairway.training.measured import Learner, Rollout
from stairway.training.ppo.fast import FastPPO, run_rollouts
from stairway.training.ppo.frozen import FrozenPolicy
from stairway.training.ppo.layout import Layout
from stairway.training.ppo.state import export_state, import_state
from stairway.training.ppo.vecenv import PairVecEnv
from stairway.training.ppo.watch import Watch
from stairway.training.ppo.weights import layout_of, weights
from stairway.training.pupil_rules import PupilRules
from stairway.training.pupil_state import (
    ENV,
    MODEL,
    STEER,
    Good,
    PutDown,
    prefixed,
    without,
)

_MOVES_ON = ("last_obs", "last_starts", "episodes")
"""Arrays of a model that belong to its accounts and not to its policy."""

_LOGGED = {
    "policy_loss": "train/policy_gradient_loss",
    "value_loss": "train/value_loss",
    "entropy": "train/entropy_loss",
    "kl": "train/approx_kl",
    "clip_frac": "train/clip_fraction",
    "explained_variance": "train/explained_variance",
}


class Pupil:
    """One seed's policy at practice.

    Parameters
    ----------
    seed
        Of first weights, actions, order of minibatches, and where episodes start.
    """

    def __init__(self, course: Course, lessons: PupilRules, seed: int) -> None:
        self.seed, self.course, self.lessons = seed, course, lessons
        learner = lessons.learner
        self._env = PairVecEnv(course, lessons.env, learner.n_envs, seed)
        self._model = FastPPO(
            "MlpPolicy",
            self._env,
            n_steps=learner.n_steps,
            batch_size=learner.batch_size,
            n_epochs=learner.n_epochs,
            learning_rate=learner.learning_rate,
            gamma=learner.gamma,
            gae_lambda=learner.gae_lambda,
            clip_range=learner.clip_range,
            ent_coef=learner.ent_coef,
            vf_coef=learner.vf_coef,
            max_grad_norm=learner.max_grad_norm,
            policy_kwargs={"net_arch": {"pi": [*learner.hidden], "vf": [*learner.hidden]}},
            seed=seed,
            device="cpu",
        )
        self._rules = lessons.controller
        self._env.batch.set_risk(risk_factors(course.score, self._rules.targets))
        self._steer: State = controllers.start(self._rules, learner.n_envs)
        self._readings: list[Reading] = []
        self._pay(controllers.terms_of(self._steer, self._rules))

    @property
    def steps(self) -> int:
        """Environment steps of this policy so far, its reference's included."""
        return int(self._model.num_timesteps)

    @property
    def environment(self) -> str:
        """Identity of the accounts' rules and course."""
        return self._env.fingerprint

    # -- practice ----------------------------------------------------------------------

    def practise(
        self, cycle: int, rollouts: int, on_rollout: Callable[[int, Rollout], None]
    ) -> None:
        """Do ``rollouts`` roll-outs; tell how many are done, and of the last, after each.

        Raises
        ------
        NothingLearntError
            If the environment or the weights ceased to be numbers; the policy is as it was
            before that roll-out, and is not to be put down before it is rolled back.
        """

        def ended(done: int) -> None:
            on_rollout(done, self._measure(cycle))

        watcher = Watch(self._see) if isinstance(self._steer, Lanes) else None
        run_rollouts(self._model, rollouts, ended, watcher)

    def _see(self, actions: IntArray) -> None:
        """Let the literal law see one step of all accounts; it moves at each of them."""
        if isinstance(self._steer, Lanes):
            batch, place = self._env.batch, market_kernels.SCALE_BPS
            held = float(np.count_nonzero(actions == HOLD_BOTH))
            score = float(batch.told[:, market_kernels.SEEN_SCORE].mean())
            self._steer.step(batch.knobs[place : place + TERMS], held, score)

    def _measure(self, cycle: int) -> Rollout:
        counts, paid = self._env.measured(), self._terms
        measured = counts.rates(self.course.bars_per_session)
        targets = targets_at(measured.score, self._rules.targets)
        answer = controllers.regulate(self._steer, measured, self._rules)
        if isinstance(answer, Refuse):
            raise DataError(answer.findings[0].detail)
        self._steer, terms = answer
        mean_bps, mean = counts.profit_bps / counts.steps, counts.reward / counts.steps
        fall = counts.drawdown_frac
        self._readings.append(Reading(measured, targets, paid, mean_bps, fall))
        del self._readings[: -self.lessons.health.window_rollouts]
        self._pay(terms)
        steered = self._rules.law is not Law.FIXED
        return Rollout(
            seed=self.seed,
            cycle=cycle,
            steps=self.steps,
            hold_rate=measured.hold_rate,
            fills_per_session=measured.fills_per_session,
            no_fill_share=measured.no_fill_share,
            action_share=tuple(n / counts.steps for n in counts.chosen),
            reward=mean,
            reward_variance=max(counts.reward_square / counts.steps - mean**2, 0.0),
            profit_bps=mean_bps,
            rms_profit_bps=measured.rms_profit_bps,
            scale_bps=paid.scale_bps,
            bonus=paid.bonus,
            ticket=paid.ticket,
            downside=paid.downside,
            target_hold=targets.hold if steered else None,
            target_fills=targets.fills_per_session if steered else None,
            score=measured.score,
            episodes=counts.ended,
            episode_bars=counts.ended_bars / counts.ended if counts.ended else None,
            terminated=counts.terminated,
            drawdown_frac=fall,
            positions=self._positions(),
            health=self._health() if steered else None,
            learner=self._learnt(),
            regime_share=_shares(counts.regimes),
        )

    def _pay(self, terms: Terms) -> None:
        self._terms = terms
        self._env.set_terms(terms)

    def _positions(self) -> tuple[float, float]:
        first, second = market_kernels.FIRST_POSITION, market_kernels.SECOND_POSITION
        books = self._env.batch.books
        return float(books[:, first].mean()), float(books[:, second].mean())

    def _health(self) -> Health | None:
        found = health(self._readings, self.lessons.health)
        return found if isinstance(found, Health) else None

    def _learnt(self) -> Learner:
        logged = self._model.logger.name_to_value
        said = {name: _number(logged.get(key)) for name, key in _LOGGED.items()}
        # The trainer logs the entropy *loss*, which is its negative.
        entropy = said.pop("entropy")
        return Learner(**said, entropy=None if entropy is None else -entropy)

    # -- the controller ----------------------------------------------------------------

    def retune(self, gains: Gains) -> None:
        """Multiply the shipped gains of the regulated law; what it remembers stays."""
        shipped = self.lessons.controller
        law = msgspec.structs.replace(
            shipped.regulated,
            hold_gain=shipped.regulated.hold_gain * gains.hold,
            trades_gain=shipped.regulated.trades_gain * gains.trades,
        )
        self._rules = msgspec.structs.replace(shipped, regulated=law)
        self._steer = retuned(self._steer, self._rules, self.lessons.learner.n_envs)

    # -- what it is now ----------------------------------------------------------------

    @property
    def layout(self) -> Layout:
        """Sizes of both nets."""
        return layout_of(self._model.policy)

    def freeze(self) -> FrozenPolicy:
        """Copy the policy as it is, to be walked while it goes on learning."""
        return FrozenPolicy(layout_of(self._model.policy), weights(self._model.policy))

    def good(self) -> Good:
        """Copy what a later roll-back would go back to."""
        arrays, scalars = export_state(self._model)
        kept = {MODEL + n: a for n, a in arrays.items() if n not in _MOVES_ON}
        return Good(kept | prefixed(STEER, as_arrays(self._steer)), scalars["adam_steps"])

    def roll_back(self, good: Good) -> None:
        """Go back to a policy that was accepted, and make sure that it is the one.

        Raises
        ------
        InvariantError
            If the parameters afterwards are not those of ``good``.
        """
        arrays, scalars = export_state(self._model)
        old = without(MODEL, good.tensors)
        import_state(self._model, arrays | old, scalars | {"adam_steps": good.adam_steps})
        self._take_controller(without(STEER, good.tensors))
        # A roll-out that nothing was learnt from was counted, and not measured.
        self._env.measured()
        wanted = copied({"flat": old["parameters"]})
        answer = rolled_back(copied({"flat": weights(self._model.policy)}), wanted)
        if not isinstance(answer, Pass):
            raise InvariantError(answer.findings[0].detail)

    def begin_from(self, reference: PutDown) -> None:
        """Start from a reference: its policy, optimiser and count of steps, own chance."""
        arrays = without(MODEL, reference.tensors)
        kept = {n: a for n, a in arrays.items() if n not in _MOVES_ON}
        kept["episodes"] = np.zeros((0, 2))
        own = export_state(self._model)[1]["generator"]
        import_state(self._model, kept, reference.notes["model"] | {"generator": own})

    # -- put down and taken up ---------------------------------------------------------

    def put_down(self) -> PutDown:
        """Copy everything that moves; between two roll-outs only."""
        arrays, scalars = export_state(self._model)
        tensors = (
            prefixed(MODEL, arrays)
            | prefixed(ENV, self._env.snapshot())
            | prefixed(STEER, as_arrays(self._steer))
        )
        notes = {"model": scalars, "readings": msgspec.to_builtins(self._readings)}
        return PutDown(tensors, notes)

    def take_up(self, put_down: PutDown) -> None:
        """Go on from where another was put down, to the bit.

        Raises
        ------
        DataError
            If it was put down by a pupil of other settings, or is damaged.
        """
        tensors, notes = put_down
        try:
            readings = msgspec.convert(notes["readings"], list[Reading])
            scalars = notes["model"]
        except (KeyError, TypeError, msgspec.ValidationError) as error:
            msg = f"the notes of the checkpoint are not a pupil's: {error!r}"
            raise DataError(msg) from error
        self._env.restore(without(ENV, tensors))
        import_state(self._model, without(MODEL, tensors), scalars)
        self._take_controller(without(STEER, tensors))
        self._readings = readings

    def require_own(self, put_down: PutDown) -> None:
        """Refuse what another seed, or this one inside a roll-out, would have put down.

        Raises
        ------
        DataError
            If its accounts are keyed otherwise, or anything is counted that was not measured.
        """
        there, here = put_down.tensors, self._env.snapshot()
        if not np.array_equal(there.get(ENV + "keys", ()), here["keys"]):
            msg = f"its accounts are not keyed as those of seed {self.seed}"
            raise DataError(msg)
        if np.any(there.get(ENV + "tally", 0.0)):
            msg = "its accounts were counted and not measured, which is inside of a roll-out"
            raise DataError(msg)

    def require_good(self, good: Good) -> None:
        """Refuse what this policy could not go back to.

        Raises
        ------
        DataError
            If arrays are missing, of another form or not finite.
        """
        own = self.good().tensors
        form = {name: (array.dtype, array.shape) for name, array in own.items()}
        if {name: (array.dtype, array.shape) for name, array in good.tensors.items()} != form:
            msg = "what the policy would go back to is not of its layers and its controller"
            raise DataError(msg)
        odd = [name for name, array in good.tensors.items() if not np.isfinite(array).all()]
        if odd:
            msg = f"{odd[0]} that the policy would go back to is not finite"
            raise DataError(msg)
        from_arrays(without(STEER, good.tensors), self._rules, self.lessons.learner.n_envs)

    def _take_controller(self, arrays: dict[str, FloatArray]) -> None:
        self._steer = from_arrays(arrays, self._rules, self.lessons.learner.n_envs)
        self._pay(controllers.terms_of(self._steer, self._rules))


def _shares(steps: tuple[int, ...]) -> tuple[float, float, float]:
    ranging, trending, crisis = steps
    total = sum(steps)
    return ranging / total, trending / total, crisis / total


def _number(value: Any) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
