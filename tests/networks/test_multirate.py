"""Several rates: what each output sees, exactly, and in streams of pieces."""

import numpy as np
import pytest
from backends import to_numpy
from keras import ops

from tcn.memory import Memory
from tcn.models.multirate import MultiRateTCN

CONFIGURATIONS = [
    {"factors": (2,), "kernel_size": 2, "dilations": (1,)},
    {"factors": (3,), "kernel_size": 1, "dilations": (1,)},
    {"factors": (2, 3), "kernel_size": 2, "dilations": (1,), "merge": "concatenate"},
    {"factors": (3, 2), "kernel_size": 2, "dilations": (1, 2)},
    {"factors": (2, 2, 2), "kernel_size": 2, "dilations": (1,)},
    {"factors": (1, 4), "kernel_size": 3, "dilations": (2,)},
]
configurations = pytest.mark.parametrize("arguments", CONFIGURATIONS, ids=str)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def make(arguments, channels=2):
    model = MultiRateTCN(3, activation="elu", seed=0, **arguments)
    model.build((None, None, channels))
    return model


def dependence(model, steps):
    """Matrix (output, input) of what depends on what: a step that is not a number spoils all that see it."""
    x = np.repeat(random(1, steps, 1), steps, axis=0)
    x[np.arange(steps), np.arange(steps)] = np.nan
    return np.isnan(to_numpy(model(x))).any(axis=-1).T


@configurations
def test_the_receptive_field_is_exact(arguments):
    model = make(arguments, channels=1)
    steps = model.receptive_field + 2 * model.hop
    seen = dependence(model, steps)
    assert not np.triu(seen, 1).any()
    reach = [t - np.flatnonzero(row)[0] + 1 for t, row in enumerate(seen)]
    # The first outputs have no room to look back as far as they could.
    assert max(reach[-model.hop :]) == max(reach) == model.receptive_field


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 7])
def test_any_length_gives_the_beginning_of_a_longer_one(steps):
    x = random(2, 24, 2)
    model = make(CONFIGURATIONS[2])
    outputs = to_numpy(model(x[:, :steps]))
    assert outputs.shape == (2, steps, 3)
    np.testing.assert_allclose(outputs, to_numpy(model(x))[:, :steps], rtol=1e-4, atol=1e-5)


@configurations
def test_outputs_are_the_same_wherever_the_sequence_begins_by_whole_blocks(arguments):
    model = make(arguments)
    x = random(1, model.receptive_field + 3 * model.hop, 2)
    whole = to_numpy(model(x))
    for hops in (1, 2):
        later = to_numpy(model(x[:, hops * model.hop :]))
        np.testing.assert_allclose(later[:, -model.hop :], whole[:, -model.hop :], rtol=1e-4, atol=1e-5)


def test_other_shifts_move_the_blocks():
    model = make(CONFIGURATIONS[0])
    x = random(1, model.receptive_field + 8, 2)
    apart = np.abs(to_numpy(model(x[:, 1:]))[:, -1] - to_numpy(model(x))[:, -1])
    assert apart.max() > 1e-3


@pytest.mark.parametrize("masked", [False, True])
def test_a_stream_of_blocks_is_one_pass(masked):
    model = make(CONFIGURATIONS[3])
    x = random(2, 4 * model.hop, 2)
    observed = np.random.default_rng(2).random(x.shape[:2]) < 0.6
    whole = to_numpy(model(x, mask=ops.convert_to_tensor(observed) if masked else None))
    state, pieces, begin = {}, [], 0
    for blocks in (1, 2, 1):
        piece = slice(begin, begin + blocks * model.hop)
        with Memory(state) as memory:
            mask = ops.convert_to_tensor(observed[:, piece]) if masked else None
            pieces.append(to_numpy(model(x[:, piece], mask=mask)))
        state, begin = memory.next, piece.stop
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-4, atol=1e-5)


def test_whole_blocks_that_are_missing_in_front_are_as_if_they_were_not():
    model = make(CONFIGURATIONS[3])
    x = random(2, 3 * model.hop + 1, 2)
    front = 2 * model.hop
    padded = np.concatenate([np.full((2, front, 2), np.nan, "float32"), x], axis=1)
    mask = ops.convert_to_tensor(np.broadcast_to(np.arange(padded.shape[1]) >= front, padded.shape[:2]))
    np.testing.assert_allclose(
        to_numpy(model(padded, mask=mask))[:, front:], to_numpy(model(x)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factors": ()}, r"'factors' must hold positive integers, one at least\. Received: factors=\(\)"),
        ({"factors": (2, 0)}, "'factors' must hold positive integers"),
        ({"dilations": (0,)}, "'dilations' must hold positive integers"),
        ({"merge": "multiply"}, "'merge' must be one of .* Received: merge='multiply'"),
        ({"normalization": "none"}, "'normalization' must be"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiRateTCN(4, **arguments)
