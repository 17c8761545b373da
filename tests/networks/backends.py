"""What differs from backend to backend: gradients, and what takes the least time."""

import keras
import numpy as np
from keras import ops

# TensorFlow trains a small model for some steps sooner than XLA has compiled it; JAX has no other way.
BRIEFLY = {"jit_compile": False} if keras.backend.backend() == "tensorflow" else {}


def to_numpy(value):
    return np.asarray(ops.convert_to_numpy(ops.convert_to_tensor(value)))


def gradients(layer, inputs, loss, training=False):
    """Loss, its gradients for the trainable weights in their order, and for the inputs, as NumPy arrays.

    `loss(outputs)` makes a number of the layer's outputs; the layer is built.
    """
    inputs = ops.convert_to_tensor(inputs)
    weights = list(layer.trainable_variables)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = loss(layer(inputs, **_mode(layer, training)))
        slopes = tape.gradient(value, [*(w.value for w in weights), inputs])
    else:
        import jax

        others = [w.value for w in layer.non_trainable_variables]

        def run(values, x):
            outputs, _ = layer.stateless_call(values, others, x, **_mode(layer, training))
            return loss(outputs)

        value, (of_weights, of_inputs) = jax.value_and_grad(run, argnums=(0, 1))(
            [w.value for w in weights], inputs
        )
        slopes = [*of_weights, of_inputs]
    shapes = [tuple(w.shape) for w in (*weights, inputs)]
    as_arrays = [
        np.zeros(shape) if slope is None else to_numpy(slope)
        for slope, shape in zip(slopes, shapes, strict=True)
    ]
    return float(to_numpy(value)), as_arrays[:-1], as_arrays[-1]


def _mode(layer, training):
    return {"training": training} if layer._call_has_training_arg else {}
