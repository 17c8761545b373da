"""Slow, obvious NumPy versions of the layers, in float64, and the checks that every layer has to pass."""

import inspect
import json
import math
import warnings

import keras
import numpy as np
from backends import gradients
from keras import ops


def check_layer(tmp_path, layer_class, arguments, *inputs):
    """Configuration, seeds, shapes, saving, purity and gradients of a layer; returns the layer, built."""
    before = [np.array(x) for x in inputs]
    layer = layer_class(**arguments)
    outputs = flat(layer(*inputs))
    for kept, x in zip(before, inputs, strict=True):
        np.testing.assert_array_equal(kept, x)

    config = layer.get_config()
    named = set(inspect.signature(layer_class.__init__).parameters) - {"self", "kwargs"}
    assert named <= set(config)
    assert {name: config[name] for name in arguments} == arguments
    twin = layer_class.from_config(json.loads(json.dumps(config)))
    assert twin.get_config() == config
    again = flat(twin(*inputs))
    for a, b in zip(outputs, again, strict=True):  # the seed alone fixes the weights
        np.testing.assert_array_equal(a, b)

    symbolic = [keras.Input(batch_shape=x.shape) for x in inputs]
    model = keras.Model(symbolic, flat(layer(*symbolic)))
    assert [tuple(o.shape) for o in model.outputs] == [tuple(o.shape) for o in outputs]
    with warnings.catch_warnings():
        # Keras' variables do not know an argument that NumPy 2 asks arrays for.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    for a, b in zip(outputs, flat(loaded([*inputs])), strict=True):
        np.testing.assert_array_equal(a, b)

    def loss(outputs):
        return sum(ops.sum(ops.square(o)) for o in flat(outputs))

    for variable, slope in zip(model.trainable_variables, gradients(model, [*inputs], loss)[1], strict=True):
        assert np.isfinite(slope).all(), variable.path
        assert np.abs(slope).max() > 0, variable.path

    if keras.backend.backend() == "tensorflow":  # JAX has no double precision unless told
        wide = layer_class.from_config({**config, "dtype": "float64"})
        assert all(o.dtype == "float64" for o in flat(wide(*(np.asarray(x, "float64") for x in inputs))))
        assert all(v.dtype == "float64" for v in wide.trainable_variables)
    return layer


def flat(outputs):
    return list(outputs) if isinstance(outputs, tuple | list) else [outputs]


def clip(value, bound):
    return min(max(value, -bound), bound)


def origin_window(values, observed, offset, change, lookback, season_length, bound=10.0):
    """One origin at the end of one series: window, observed, location, scale, facts, last."""
    seen = [i for i in range(lookback) if observed[i]]
    location = values[-1]  # what was last observed, be it in the window or before
    away = [values[i] - location if observed[i] else 0.0 for i in range(lookback)]
    level = location + offset
    floor = 1e-6 * min(abs(location), abs(level)) + 1e-30
    scale = max((sum(map(abs, away)) + change) / (len(seen) + 1), floor)
    lag = min(season_length, lookback - 1)
    steps = [
        abs(values[i] - values[i - lag]) for i in range(lag, lookback) if observed[i] and observed[i - lag]
    ]
    seasonal = max(sum(steps) / max(len(steps), 1), floor)
    facts = [
        math.log(1 + len(seen)) / 3,
        clip(level / scale, 10) / 5,
        clip(math.log(scale / seasonal), 3),
        float(len(seen) < lookback),
    ]
    window, known = [clip(a / scale, bound) for a in away], [float(o) for o in observed]
    return window, known, [location], [scale], facts, [0.0]


def position_features(values, observed, offset, change, season_length, bound=10.0):
    """The newest step of one series: channels, center, scale."""
    center_window, scale_window = max(season_length, 4), max(season_length, 8)
    center, away = {}, {}
    for t in range(len(values) - scale_window, len(values)):
        window = range(t - center_window + 1, t + 1)
        seen = [values[i] for i in window if observed[i]]
        center[t] = sum(seen) / max(len(seen), 1)
        away[t] = values[t] - center[t] if observed[t] else 0.0
    now = len(values) - 1
    count = sum(observed[t] for t in away)
    level = offset + center[now]
    least = 1e-6 * min(abs(center[now]), abs(level)) + 1e-30
    scale = max((sum(map(abs, away.values())) + change) / (count + 1), least)
    changes = [
        values[now] - values[now - lag] if observed[now] and observed[now - lag] else 0.0
        for lag in (1, season_length)
    ]
    channels = [clip(part / scale, bound) for part in (away[now], *changes)]
    return [*channels, float(observed[now])], [center[now]], [scale]
