"""Compiled functions and gradients on whichever backend Keras runs."""

import keras
import numpy as np
import pytest
from backends import to_numpy
from keras import ops

from tcn._backend import compiled, gradient

X = np.arange(6, dtype="float32").reshape(2, 3)


def affine():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    return layer


@pytest.mark.parametrize("jit", [True, False])
def test_compiled_functions_compute_the_same_with_the_weights_of_the_time(jit):
    layer = affine()
    run = compiled(lambda x, y: [layer(x) + y, x * 2], layer.variables, [X, X[:, :2]], jit)
    for _ in range(2):
        first, second = run(X, ops.convert_to_tensor(X[:, :2]))
        np.testing.assert_allclose(to_numpy(first), to_numpy(layer(X)) + X[:, :2], rtol=1e-6)
        np.testing.assert_array_equal(to_numpy(second), 2 * X)
        layer.set_weights([w + 1 for w in layer.get_weights()])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="about TensorFlow's own functions")
def test_a_function_without_a_short_cut_is_called_as_it_is(monkeypatch):
    import tensorflow as tf

    program = tf.function(lambda x: x).get_concrete_function(tf.TensorSpec((2, 3)))
    monkeypatch.delattr(type(program), "inference_fn")
    layer = affine()
    run = compiled(lambda x: [layer(x)], layer.variables, [X])
    np.testing.assert_allclose(to_numpy(run(X)[0]), to_numpy(layer(X)), rtol=1e-6)


def test_gradients_are_with_respect_to_the_first_input():
    slope = gradient(lambda x, y: ops.sum(x**2 * y))
    np.testing.assert_allclose(slope(X, 3 * np.ones_like(X)), 6 * X)
    np.testing.assert_array_equal(gradient(lambda x: ops.sum(ops.zeros_like(x)))(X), np.zeros_like(X))
