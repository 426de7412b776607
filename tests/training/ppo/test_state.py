from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from stairway.base.errors import DataError
from stairway.training.ppo.fast import FastPPO, run_rollouts
from stairway.training.ppo.state import VECTORS, export_state, import_state
from stairway.training.ppo.weights import adam_of, weights


def on_paper(state: tuple[dict[str, np.ndarray], dict[str, Any]]) -> Any:
    """Write a state down and read it again: raw bytes and JSON."""
    arrays, scalars = state
    written = {name: (a.tobytes(), str(a.dtype), a.shape) for name, a in arrays.items()}
    read = {
        name: np.frombuffer(raw, dtype).reshape(shape)
        for name, (raw, dtype, shape) in written.items()
    }
    return read, json.loads(json.dumps(scalars))


def same(one: FastPPO, other: FastPPO) -> None:
    """Everything that moves is equal to the last bit."""
    (arrays, scalars), (others, other_scalars) = export_state(one), export_state(other)
    assert scalars == other_scalars
    assert arrays.keys() == others.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], others[name], err_msg=name)


@pytest.fixture
def trained(make, pond) -> FastPPO:
    model = make(FastPPO, pond())
    run_rollouts(model, 2)
    return model


@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_going_on_from_a_state_equals_never_having_stopped(make, pond, stop_after: int) -> None:
    whole, first = make(FastPPO, pond()), make(FastPPO, pond())
    run_rollouts(whole, 5)
    run_rollouts(first, stop_after)
    kept, env = on_paper(export_state(first)), first.env.snapshot()
    second = make(FastPPO, pond(), seed=1234)
    second.env.restore(env)
    import_state(second, *kept)
    run_rollouts(second, 5 - stop_after)
    same(whole, second)


def test_learn_goes_on_from_a_state_too(make, pond) -> None:
    whole, first = make(FastPPO, pond()), make(FastPPO, pond())
    for model in (whole, first):
        model.learn(256)
    second = make(FastPPO, pond(), seed=1)
    second.env.restore(first.env.snapshot())
    import_state(second, *on_paper(export_state(first)))
    for model in (whole, second):
        model.learn(256, reset_num_timesteps=False)
    same(whole, second)
    assert second.num_timesteps == 512


def test_a_state_is_a_copy(trained: FastPPO) -> None:
    state = export_state(trained)
    kept = {name: array.copy() for name, array in state[0].items()}
    run_rollouts(trained, 1)
    for name, array in kept.items():
        np.testing.assert_array_equal(state[0][name], array, err_msg=name)


def test_what_was_imported_is_not_shared_with_the_file(trained, make, pond) -> None:
    arrays, scalars = export_state(trained)
    model = make(FastPPO, pond())
    import_state(model, arrays, scalars)
    for array in arrays.values():
        array[...] = 0
    same(trained, model)


def test_a_state_holds_moments_steps_and_where_the_model_stands(trained: FastPPO) -> None:
    arrays, scalars = export_state(trained)
    assert scalars["adam_steps"] == 2 * 3 * 4
    assert (scalars["num_timesteps"], scalars["n_updates"]) == (256, 6)
    assert np.abs(arrays["adam_second"]).max() > 0
    assert arrays["last_obs"].shape == (4, 5)
    assert arrays["episodes"].shape == (len(trained.ep_info_buffer), 2)
    assert len(arrays["episodes"]) > 10


def test_the_generator_goes_on_where_it_stood(trained, make, pond) -> None:
    trained.generator.random(3, np.float32)
    model = make(FastPPO, pond(), seed=2)
    import_state(model, *on_paper(export_state(trained)))
    np.testing.assert_array_equal(
        model.generator.random(9, np.float32), trained.generator.random(9, np.float32)
    )
    np.testing.assert_array_equal(model.minibatch_order(50), trained.minibatch_order(50))


def test_weights_alone_can_start_another_model(trained, make, pond) -> None:
    """A warm start: no moments, nothing observed yet."""
    model = make(FastPPO, pond(), seed=8)
    arrays, scalars = export_state(model)
    assert "last_obs" not in arrays
    import_state(model, arrays | {"parameters": weights(trained.policy)}, scalars)
    np.testing.assert_array_equal(weights(model.policy), weights(trained.policy))
    assert adam_of(model.policy).steps[0] == 0
    run_rollouts(model, 1)


def refused(model: FastPPO, arrays: Any, scalars: Any, words: str) -> None:
    """The state is refused with these words, and the model is as it was."""
    before = on_paper(export_state(model))
    with pytest.raises(DataError, match=words):
        import_state(model, arrays, scalars)
    after = on_paper(export_state(model))
    assert before[1] == after[1]
    for name, array in before[0].items():
        np.testing.assert_array_equal(array, after[0][name], err_msg=name)


def test_a_state_of_another_architecture_is_refused(trained, make, pond) -> None:
    other = make(FastPPO, pond(), policy_kwargs={"net_arch": [7]})
    refused(other, *export_state(trained), r"policy=\(16, 8\).*policy=\(7,\)")


def test_a_state_of_another_number_of_environments_is_refused(trained, make, pond) -> None:
    other = make(FastPPO, pond(6))
    refused(other, *export_state(trained), r"last_obs must be float32 \(6, 5\)")


@pytest.mark.parametrize("name", ["parameters", "adam_second", "episodes", "last_starts"])
def test_a_state_without_one_of_its_arrays_is_refused(trained, make, pond, name: str) -> None:
    arrays, scalars = export_state(trained)
    del arrays[name]
    refused(make(FastPPO, pond()), arrays, scalars, "the arrays are")


def test_a_state_with_an_array_too_many_is_refused(trained, make, pond) -> None:
    arrays, scalars = export_state(trained)
    refused(make(FastPPO, pond()), arrays | {"more": np.zeros(1)}, scalars, "more")


@pytest.mark.parametrize("name", [*VECTORS, "last_obs", "episodes"])
def test_a_state_with_a_hole_is_refused(trained, make, pond, name: str) -> None:
    arrays, scalars = export_state(trained)
    arrays[name].flat[2] = np.nan
    refused(make(FastPPO, pond()), arrays, scalars, f"{name} holds numbers")


@pytest.mark.parametrize("name", VECTORS)
def test_a_truncated_vector_is_refused(trained, make, pond, name: str) -> None:
    arrays, scalars = export_state(trained)
    arrays[name] = arrays[name][:-1]
    refused(make(FastPPO, pond()), arrays, scalars, f"{name} must be float32")


def test_a_vector_of_another_precision_is_refused(trained, make, pond) -> None:
    arrays, scalars = export_state(trained)
    arrays["adam_first"] = arrays["adam_first"].astype(np.float64)
    refused(make(FastPPO, pond()), arrays, scalars, "got float64")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("adam_steps", -1),
        ("num_timesteps", "many"),
        ("progress_frac", None),
        ("unknown", 1),
        ("generator", {"state": "12", "increment": "7", "has_half": 2, "half": 0}),
        ("generator", {"state": "1x", "increment": "7", "has_half": 0, "half": 0}),
        ("generator", {}),
    ],
)
def test_scalars_that_cannot_be_are_refused(trained, make, pond, key: str, value: Any) -> None:
    arrays, scalars = export_state(trained)
    refused(make(FastPPO, pond()), arrays, scalars | {key: value}, "scalars")


@pytest.mark.parametrize("missing", ["policy", "generator", "n_updates"])
def test_missing_scalars_are_refused(trained, make, pond, missing: str) -> None:
    arrays, scalars = export_state(trained)
    del scalars[missing]
    refused(make(FastPPO, pond()), arrays, scalars, missing)


def test_a_number_too_large_for_the_generator_is_refused(trained, make, pond) -> None:
    arrays, scalars = export_state(trained)
    for key, value in (("state", "9" * 39), ("half", 2**32)):
        one = scalars | {"generator": scalars["generator"] | {key: value}}
        refused(make(FastPPO, pond()), arrays, one, "generator")
