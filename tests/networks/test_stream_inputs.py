"""What a stream takes for the inputs of a layer that may have a second one."""

import keras
import numpy as np
import pytest
from backends import to_numpy

from tcn.layers import GatedBlock
from tcn.models import AutoregressiveWaveNet, WaveNet
from tcn.streaming import Streaming

WAYS = {
    "call": lambda layer: layer(np.ones((1, 5, 3), "float32")),
    "call, None": lambda layer: layer(np.ones((1, 5, 3), "float32"), condition=None),
    "build": lambda layer: layer.build((None, None, 3)),
    "build, None": lambda layer: layer.build((None, None, 3), None),
    "build, None by name": lambda layer: layer.build(inputs_shape=(None, None, 3), condition_shape=None),
    "build anew": lambda layer: layer.build_from_config(
        {"shapes_dict": {"inputs_shape": [None, None, 3], "condition_shape": None}}
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [WaveNet, GatedBlock])
def test_a_condition_that_is_none_is_no_input(kind, way):
    layer = kind(2, dilations=(1, 2)) if kind is WaveNet else kind(2, use_residual=False)
    WAYS[way](layer)
    x = np.random.default_rng(0).normal(size=(1, 6, 3)).astype("float32")
    stream = Streaming(layer)
    y, state = stream.step(x[:, :4], stream.initial_state())
    z, _ = stream.step(x[:, 4:], state)
    joined = np.concatenate([to_numpy(y), to_numpy(z)], axis=1)
    np.testing.assert_allclose(joined, to_numpy(layer(x)), rtol=1e-5, atol=1e-6)


def test_the_network_of_an_autoregressive_model_is_streamed():
    model = AutoregressiveWaveNet(3, 2, dilations=(1, 2))
    model(np.ones((1, 5), "int32"))
    assert Streaming(model.network).hop == 1


def test_a_condition_is_an_input_that_a_functional_model_tells():
    layer = WaveNet(2, dilations=(1, 2))
    layer(np.ones((1, 5, 3), "float32"), np.ones((1, 2), "float32"))
    with pytest.raises(ValueError, match=r"keras.Model\(inputs, outputs\).*\(1, 5, 3\), \(1, 2\)"):
        Streaming(layer)
    inputs = [keras.Input((None, 3)), keras.Input((2,))]
    assert Streaming(keras.Model(inputs, layer(*inputs))).hop == 1


def test_inputs_and_states_that_are_none():
    layer = WaveNet(2, dilations=(1, 2))
    layer.build((None, None, 3))
    stream = Streaming(layer)
    x, state = np.ones((1, 3), "float32"), stream.initial_state()
    with pytest.raises(ValueError, match=r"Received: NoneType. Start with initial_state\(batch=1\)"):
        stream.step(x, None)
    for wrong in (np.array([["a", "b", "c"]]), np.array([[1, 2, None]])):
        with pytest.raises(ValueError, match=rf"must be numbers. Received: an array of {wrong.dtype}. Conv"):
            stream.step(wrong, state)
