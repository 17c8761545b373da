"""A network whose weights stand in one variable computes and learns as it does by itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.network import FlatWeights
from tcn.models import ForkingTCN


def network(dropout=0.0):
    sizes = {"filters": 3, "dilations": (1, 2), "width": 4, "hidden": 5, "members": 2}
    made = ForkingTCN(2, (0.1, 0.5, 0.9), lookback=5, dropout=dropout, seed=1, **sizes)
    made.build((None, None, 5))
    return made


def inputs():
    x = np.random.default_rng(0).normal(size=(2, 3, network().context + 4, 5)).astype("float32")
    x[..., 1] = x[..., 1] > -1
    x[..., 3:] = np.abs(x[..., 3:])
    return x


def test_other_values_are_those_of_another_network():
    one, other = network(), network()
    for weight in other.trainable_variables:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    values = np.concatenate([weight.numpy().ravel() for weight in other.trainable_variables])
    before = [weight.numpy() for weight in one.weights]
    flat = FlatWeights(one)
    found = flat.compute(lambda: one.forecast_members(inputs()), tf.constant(values))
    np.testing.assert_array_equal(found, other.forecast_members(inputs()))
    for weight, was in zip(one.weights, before, strict=True):
        np.testing.assert_array_equal(weight, was)
    flat.variable.assign(values)
    flat.write_back()
    for mine, theirs in zip(one.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_dropout_goes_on():
    made = network(dropout=0.5)
    flat = FlatWeights(made)
    draws = [
        flat.compute(lambda: made.forecast_members(inputs(), training=True), flat.variable.value).numpy()
        for _ in range(2)
    ]
    again = network(dropout=0.5)
    alone = [again.forecast_members(inputs(), training=True).numpy() for _ in range(2)]
    assert (draws[0] != draws[1]).any()
    np.testing.assert_array_equal(draws, alone)


@pytest.mark.parametrize("clip", [1e-3, 1e3])
def test_an_optimizer_moves_all_weights_as_it_moves_each(clip):
    def optimizer():
        return keras.optimizers.AdamW(
            0.01, weight_decay=0.1, global_clipnorm=clip, use_ema=True, ema_momentum=0.5
        )

    together, apart = network(), network()
    flat = FlatWeights(together)
    first, second = optimizer(), optimizer()
    for _ in range(3):
        values = tf.convert_to_tensor(flat.variable.value)
        with tf.GradientTape() as tape:
            tape.watch(values)
            loss = flat.compute(lambda: tf.reduce_sum(together.forecast_members(inputs()) ** 2), values)
        first.apply([tape.gradient(loss, values)], [flat.variable])
        variables = apart.trainable_variables
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(apart.forecast_members(inputs()) ** 2)
        second.apply(tape.gradient(loss, variables), variables)
    first.finalize_variable_values([flat.variable])
    second.finalize_variable_values(variables)
    flat.write_back()
    for mine, theirs in zip(together.trainable_variables, apart.trainable_variables, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
