"""What differs from backend to backend: gradients, and what takes the least time.

TensorFlow runs single operations at once. JAX compiles each of them for each shape, 20 ms at a time, which is
nearly all the time of its tests; it compiles a whole layer in the time of a few. So on JAX layers that
are called again and again are `compiled`, and hypothesis draws few `examples`.
"""

from functools import lru_cache

import keras
import numpy as np
from hypothesis import settings
from keras import ops

from tcn.memory import Memory

JAX = keras.backend.backend() == "jax"
# TensorFlow trains a small model for some steps sooner than XLA has compiled it; JAX has no other way.
BRIEFLY = {} if JAX else {"jit_compile": False}
# For one step TensorFlow is soonest without any compilation.
ONE_STEP = {} if JAX else {"run_eagerly": True}


def examples(count):
    """Settings of hypothesis for so many examples: JAX compiles anew for each, and sees three."""
    return settings(max_examples=min(count, 3) if JAX else count)


def build(layer, inputs):
    """Make the layer's weights for such inputs."""
    layer(keras.Input(batch_shape=inputs.shape, dtype=str(inputs.dtype)) if JAX else inputs)


@lru_cache(maxsize=64)
def compiled(layer):
    """The built layer as a function `(inputs, mask=None, state=None)` of its outputs and the next state.

    With a state, {} at first, the inputs are a piece of a stream. What else the layer changes is not kept.
    """

    def call(x, mask=None, state=None):
        arguments = {} if mask is None else {"mask": ops.convert_to_tensor(mask)}
        if state is None:
            return layer(x, **arguments), None
        with Memory(state) as memory:
            outputs = layer(x, **arguments)
        return outputs, memory.next

    if not JAX:
        return call
    import jax

    @jax.jit
    def with_values(values, arguments):
        with keras.StatelessScope(state_mapping=list(zip(layer.variables, values, strict=True))):
            return call(*arguments)

    return lambda *arguments: with_values([v.value for v in layer.variables], arguments)


def to_numpy(value):
    return np.asarray(ops.convert_to_numpy(ops.convert_to_tensor(value)))


def gradients(layer, inputs, loss, training=False):
    """Loss, its gradients for the trainable weights in their order, and for the inputs, as NumPy arrays.

    `loss(outputs)` makes a number of the layer's outputs; the layer is built. A list of inputs has a list of
    gradients.
    """
    several = isinstance(inputs, list)
    inputs = keras.tree.map_structure(ops.convert_to_tensor, inputs)
    weights = list(layer.trainable_variables)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(keras.tree.flatten(inputs))
            value = loss(layer(inputs, **_mode(layer, training)))
        slopes = tape.gradient(value, [*(w.value for w in weights), *keras.tree.flatten(inputs)])
    else:
        import jax

        others = [w.value for w in layer.non_trainable_variables]

        def run(values, x):
            outputs, _ = layer.stateless_call(values, others, x, **_mode(layer, training))
            return loss(outputs)

        slope = jax.jit(jax.value_and_grad(run, argnums=(0, 1)))
        value, (of_weights, of_inputs) = slope([w.value for w in weights], inputs)
        slopes = [*of_weights, *keras.tree.flatten(of_inputs)]
    shapes = [tuple(w.shape) for w in (*weights, *keras.tree.flatten(inputs))]
    as_arrays = [
        np.zeros(shape) if slope is None else to_numpy(slope)
        for slope, shape in zip(slopes, shapes, strict=True)
    ]
    of_weights, of_inputs = as_arrays[: len(weights)], as_arrays[len(weights) :]
    return float(to_numpy(value)), of_weights, of_inputs if several else of_inputs[0]


def _mode(layer, training):
    return {"training": training} if layer._call_has_training_arg else {}
