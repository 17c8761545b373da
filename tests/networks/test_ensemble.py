"""Ensembles and averages: members that train by themselves, and what is averaged."""

import keras
import numpy as np
import pytest
from backends import to_numpy
from keras import ops

from tcn.averaging import AverageOverLookbacks, AverageOverSigns
from tcn.ensemble import Ensemble
from tcn.layers.causal import CausalConv1D


def member(seed, regularizer=None, dropout=0.0):
    return keras.Sequential(
        [
            keras.Input((None, 2)),
            keras.layers.Dense(
                4,
                activation="tanh",
                kernel_initializer=keras.initializers.GlorotUniform(seed),
                kernel_regularizer=regularizer,
            ),
            keras.layers.Dropout(dropout, seed=seed),
            keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed + 1)),
        ]
    )


def data(batch=8, steps=6):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, steps, 2)).astype("float32")
    return x, rng.normal(size=(batch, steps, 1)).astype("float32")


def mean_of(members, x):
    return np.mean([to_numpy(one(x)) for one in members], axis=0)


@pytest.mark.parametrize(
    ("optimizer", "run_eagerly"),
    [
        (lambda: keras.optimizers.SGD(0.1, momentum=0.9), False),
        (lambda: keras.optimizers.Adam(0.01), True),
    ],
    ids=["sgd-compiled", "adam-eager"],
)
def test_members_learn_as_if_they_were_alone(optimizer, run_eagerly):
    x, y = data()
    weight = np.linspace(0.1, 2.0, 8)[:, None]
    arguments = {"batch_size": 4, "epochs": 2, "shuffle": False, "sample_weight": weight, "verbose": 0}
    alone, losses = [], []
    for seed in (0, 10, 20):
        one = member(seed, "l2", dropout=0.3)
        one.compile(optimizer(), loss="mae", run_eagerly=run_eagerly, jit_compile=False)
        losses.append(one.fit(x, y, **arguments).history["loss"])
        alone.append(one)
    ensemble = Ensemble([member(seed, "l2", dropout=0.3) for seed in (0, 10, 20)])
    ensemble.compile(optimizer(), loss="mae", run_eagerly=run_eagerly, jit_compile=False)
    history = ensemble.fit(x, y, **arguments).history
    for one, other in zip(ensemble.members, alone, strict=True):
        for a, b in zip(one.trainable_variables, other.trainable_variables, strict=True):
            np.testing.assert_allclose(to_numpy(a.value), to_numpy(b.value), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(history["loss"], np.mean(losses, axis=0), rtol=1e-4)
    np.testing.assert_allclose(ensemble.predict(x, verbose=0), mean_of(alone, x), atol=1e-5)


def test_metrics_and_validation_are_of_the_average():
    x, y = data()
    ensemble = Ensemble([member(seed) for seed in range(3)])
    ensemble.compile(keras.optimizers.SGD(0.0), loss="mse", metrics=["mae"], run_eagerly=True)
    history = ensemble.fit(x, y, validation_data=(x, y), verbose=0).history
    errors = [to_numpy(one(x)) - y for one in ensemble.members]
    average = np.mean(errors, axis=0)
    assert history["loss"][0] == pytest.approx(np.mean(np.square(errors)), rel=1e-4)
    assert history["val_loss"][0] == pytest.approx(np.mean(np.square(average)), rel=1e-4)
    assert history["mae"][0] == pytest.approx(np.mean(np.abs(average)), rel=1e-4)
    assert history["val_mae"][0] == pytest.approx(history["mae"][0], rel=1e-4)
    assert history["val_loss"][0] < history["loss"][0]


def test_several_inputs_and_outputs():
    def make(seed):
        one, other = keras.Input((3,), name="one"), keras.Input((2,), name="other")
        hidden = keras.layers.Concatenate()([one, other])
        outputs = {
            "mean": keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed))(hidden),
            "width": keras.layers.Dense(2)(hidden),
        }
        return keras.Model({"one": one, "other": other}, outputs)

    rng = np.random.default_rng(0)
    x = {"one": rng.normal(size=(4, 3)).astype("float32"), "other": rng.normal(size=(4, 2)).astype("float32")}
    y = {"mean": np.ones((4, 1), "float32"), "width": np.ones((4, 2), "float32")}
    ensemble = Ensemble([make(seed) for seed in range(2)])
    ensemble.compile(keras.optimizers.SGD(0.1), loss={"mean": "mse", "width": "mae"}, run_eagerly=True)
    ensemble.fit(x, y, verbose=0)
    outputs = ensemble(x)
    for name in ("mean", "width"):
        wanted = np.mean([to_numpy(one(x)[name]) for one in ensemble.members], axis=0)
        np.testing.assert_allclose(to_numpy(outputs[name]), wanted, atol=1e-6)


def test_trains_as_a_part_of_another_model():
    inputs = keras.Input((None, 2))
    ensemble = Ensemble([member(seed) for seed in range(3)])
    ensemble.compile("sgd", loss="mse")
    model = keras.Model(inputs, keras.layers.Dense(1)(ensemble(inputs)))
    model.compile("sgd", loss="mse", run_eagerly=True)
    x, y = data()
    before = [to_numpy(weight.value) for weight in ensemble.weights]
    model.fit(x, y, verbose=0)
    moved = [(a != to_numpy(b.value)).any() for a, b in zip(before, ensemble.weights, strict=True)]
    assert all(moved)


def test_saved_and_trained_on(tmp_path):
    x, y = data()
    ensemble = Ensemble([member(seed) for seed in range(3)])
    ensemble.compile(keras.optimizers.Adam(0.01), loss="mse", run_eagerly=True)
    ensemble.fit(x, y, verbose=0)
    ensemble.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(to_numpy(loaded(x)), to_numpy(ensemble(x)), atol=1e-6)
    for model in (ensemble, loaded):
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(to_numpy(loaded(x)), to_numpy(ensemble(x)), atol=1e-5)


def test_masked_steps_have_no_loss():
    mask = np.random.default_rng(1).random((8, 6)) < 0.6
    x, y = data()
    x[~mask] = 0.0
    layers = [keras.layers.Masking(), Ensemble([CausalConv1D(1, 2) for _ in range(2)])]
    model = keras.Sequential([keras.Input((None, 2)), *layers])
    model.compile("sgd", loss="mse", run_eagerly=True)
    wanted = np.mean(np.square(to_numpy(model(x)) - y)[mask])
    assert model.evaluate(x, y, verbose=0) == pytest.approx(wanted, rel=1e-4)


def test_members_have_weights_of_their_own():
    one = member(0)
    with pytest.raises(ValueError, match="4 belong to several"):
        Ensemble([one, member(1), one])(data()[0])


class LastStepsMean(keras.layers.Layer):
    """Forecasts the mean of all that it is given, `(batch, horizon)`."""

    def call(self, inputs):
        return ops.repeat(ops.mean(inputs, axis=1), 4, axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 4 * input_shape[-1])


@pytest.mark.parametrize("steps", [3, 4, 5, 30])
def test_average_over_lookbacks(steps):
    x = data(3, steps)[0][..., :1]
    layer = AverageOverLookbacks(LastStepsMean(), [2, 4, 8])
    wanted = np.mean([x[:, -n:, 0].mean(axis=1) for n in (2, 4, 8)], axis=0)
    outputs = to_numpy(layer(x))
    assert outputs.shape == (3, 4) == tuple(layer.compute_output_shape(x.shape))
    np.testing.assert_allclose(outputs, np.repeat(wanted[:, None], 4, axis=1), rtol=1e-4, atol=1e-6)


def test_look_backs_beyond_the_receptive_field_change_nothing():
    conv = CausalConv1D(2, 3)
    x, _ = data(3, 20)
    last = to_numpy(conv(x))[:, -1]
    np.testing.assert_allclose(to_numpy(AverageOverLookbacks(conv, [3, 7, 20])(x)), last, atol=1e-6)
    assert np.abs(to_numpy(AverageOverLookbacks(conv, [2, 20])(x)) - last).max() > 1e-3


def test_average_over_signs_is_odd():
    x, _ = data()
    model = member(3)
    model.layers[0].bias.assign(np.ones(4))
    layer = AverageOverSigns(model)
    assert np.abs(to_numpy(model(x)) + to_numpy(model(-x))).max() > 0.1
    np.testing.assert_allclose(to_numpy(layer(x)), -to_numpy(layer(-x)), atol=1e-6)
    np.testing.assert_allclose(to_numpy(layer(x)), (to_numpy(model(x)) - to_numpy(model(-x))) / 2, atol=1e-6)


def test_mirrored_quantiles_change_places():
    class Quantiles(keras.layers.Layer):
        """A level, and levels around it that are not symmetric."""

        def call(self, inputs):
            return inputs[..., :1] + ops.convert_to_tensor([-1.0, 0.0, 3.0]) + inputs[..., 1:]

    x, _ = data()
    layer = AverageOverSigns(Quantiles(), channels=[0], quantile_axis=-1)
    wanted = x[..., :1] + np.array([-2.0, 0.0, 2.0], "float32")
    np.testing.assert_allclose(to_numpy(layer(x)), wanted, atol=1e-6)
    with pytest.raises(ValueError, match="2 channels"):
        AverageOverSigns(Quantiles(), channels=[2])(x)


@pytest.mark.parametrize("members", [[], [keras.layers.ReLU(), 3], keras.layers.ReLU(), 3])
def test_members_that_are_none(members):
    with pytest.raises(ValueError, match="'members' must be a sequence of Keras models or layers, one at"):
        Ensemble(members)


def test_members_with_outputs_of_different_shapes():
    ensemble = Ensemble([keras.layers.Dense(1), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"of one shape.* Received: shapes \(8, 6, 1\), \(8, 6, 2\)"):
        ensemble(data()[0])


def test_averages_of_no_model():
    for make in (lambda: AverageOverSigns(3), lambda: AverageOverLookbacks([], [3])):
        with pytest.raises(ValueError, match=r"'model' must be a Keras model or layer. Received: model="):
            make()
    with pytest.raises(ValueError, match=r"from -3 to 2\. Received: quantile_axis=5"):
        AverageOverSigns(keras.layers.ReLU(), quantile_axis=5)(data()[0])


@pytest.mark.parametrize("lookbacks", [[], [4, 0], [2.5], 3])
def test_look_backs_that_are_none(lookbacks):
    with pytest.raises(ValueError, match="lookbacks"):
        AverageOverLookbacks(LastStepsMean(), lookbacks)
