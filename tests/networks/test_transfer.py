"""Transfer learning: what trains, how fast, and from when on."""

import keras
import numpy as np
import pytest
from backends import to_numpy

from tcn.layers.causal import CausalConv1D
from tcn.transfer import (
    GradualUnfreezing,
    LayerwiseLearningRates,
    blocks_by_depth,
    freeze,
    freeze_batch_norm,
    multipliers_by_depth,
    restore_trainable,
    trainable_state,
    unfreeze,
)


class Block(keras.layers.Layer):
    """A composite layer: a convolution, a norm and a convolution."""

    def build(self, input_shape):
        self.first = CausalConv1D(4, 2, name="first")
        self.norm = keras.layers.BatchNormalization(name="norm")
        self.drop = keras.layers.Dropout(0.0)
        self.second = CausalConv1D(4, 2, name="second")
        for layer in (self.first, self.norm, self.second):
            layer.build((*input_shape[:-1], 4))

    def call(self, inputs, training=None):
        hidden = self.drop(self.norm(self.first(inputs), training=training))
        return inputs + self.second(hidden)


class Stack(keras.layers.Layer):
    """Holds a convolution and blocks."""

    def build(self, input_shape):
        self.stem = CausalConv1D(4, 1, name="stem")
        self.blocks = [Block(name=f"block_{i}") for i in range(3)]
        self.stem.build(input_shape)
        for block in self.blocks:
            block.build((*input_shape[:-1], 4))

    def call(self, inputs, training=None):
        x = self.stem(inputs)
        for block in self.blocks:
            x = block(x, training=training)
        return x


def network():
    inputs = keras.Input((None, 2))
    return keras.Model(inputs, keras.layers.Dense(1, name="head")(Stack()(inputs)))


def dense(units=(4, 3, 1)):
    """Three blocks that differ from call to call in no weight."""
    layers = [
        keras.layers.Dense(n, kernel_initializer=keras.initializers.GlorotUniform(i), name=f"dense_{i}")
        for i, n in enumerate(units)
    ]
    return keras.Sequential([keras.Input((2,)), *layers])


def batches(shape=(12, 2)):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype("float32")
    return x, rng.normal(size=(*shape[:-1], 1)).astype("float32")


def weights_of(model):
    return [to_numpy(weight.value) for weight in model.weights]


def moved(model, before):
    return [bool((a != b).any()) for a, b in zip(weights_of(model), before, strict=True)]


ORDER = ["stem", "block_0", "block_1", "block_2", "head"]


def test_blocks_stand_from_input_to_output():
    model = network()
    blocks = blocks_by_depth(model)
    assert [block.name for block in blocks] == ORDER
    held = [id(weight) for block in blocks for weight in block.weights]
    assert sorted(held) == sorted(id(weight) for weight in model.weights)
    assert [block.name for block in blocks_by_depth(blocks[1])] == ["first", "norm", "second"]
    assert blocks_by_depth(blocks[0]) == [blocks[0]]


def test_blocks_of_a_functional_model_follow_the_data():
    late, early = keras.layers.Dense(3, name="late"), keras.layers.Dense(3, name="early")
    inputs = keras.Input((3,))
    inner = keras.Model(inputs, late(early(inputs)))
    outer = keras.Input((3,))
    model = keras.Model(outer, keras.layers.Dense(1, name="last")(inner(outer)))
    assert [block.name for block in blocks_by_depth(model)] == ["early", "late", "last"]


def test_a_layer_with_weights_of_its_own_is_one_block():
    class Scaled(keras.layers.Layer):
        def build(self, input_shape):
            self.inner = Stack()
            self.inner.build(input_shape)
            self.scale = self.add_weight(shape=(), initializer="ones")

        def call(self, inputs):
            return self.scale * self.inner(inputs)

    layer = Scaled(name="scaled")
    layer(np.ones((1, 4, 2), "float32"))
    assert blocks_by_depth(keras.Sequential([keras.Input((4, 2)), layer])) == [layer]


def test_blocks_of_a_model_that_is_not_built():
    with pytest.raises(ValueError, match="must be built"):
        blocks_by_depth(keras.Sequential([keras.layers.Dense(1)]))


@pytest.mark.parametrize(("depth", "frozen"), [(0, 0), (2, 2), (-1, 4), (None, 5), (9, 5)])
def test_freeze_by_depth(depth, frozen):
    model = network()
    model(np.ones((1, 6, 2), "float32"))
    freeze(model, depth)
    model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    before = weights_of(model)
    if frozen < 5:
        model.train_on_batch(*batches((4, 6, 2)))
    kept = {id(weight) for block in blocks_by_depth(model)[:frozen] for weight in block.weights}
    assert moved(model, before) == [id(weight) not in kept for weight in model.weights]


def test_unfreeze_leaves_the_first_blocks_as_they_are():
    model = network()
    model.trainable = False
    unfreeze(model, depth=-2)
    assert [block.trainable for block in blocks_by_depth(model)] == [False] * 3 + [True] * 2
    assert len(model.trainable_variables) == 6 + 2
    unfreeze(model)
    assert len(model.trainable_variables) == len(network().trainable_variables)


def test_state_is_restored():
    model = network()
    blocks = blocks_by_depth(model)
    freeze(model, depth=2)
    blocks[3].norm.trainable = False
    state, names = trainable_state(model), [v.path for v in model.trainable_variables]
    for change in (
        lambda: freeze(model),
        lambda: unfreeze(model),
        lambda: setattr(model, "trainable", False),
    ):
        change()
        restore_trainable(model, state)
        assert trainable_state(model) == state
        assert [v.path for v in model.trainable_variables] == names
    with pytest.raises(ValueError, match="flags"):
        restore_trainable(dense(), state)


def test_frozen_batch_norm_keeps_its_statistics_and_uses_them():
    model = network()
    norms = [block.norm for block in blocks_by_depth(model)[1:4]]
    for norm in norms:
        norm.moving_mean.assign(np.full(4, 0.5))
    assert freeze_batch_norm(model) == 3
    x, y = batches((4, 6, 2))
    np.testing.assert_allclose(to_numpy(model(x, training=True)), to_numpy(model(x)), rtol=1e-5, atol=1e-6)
    model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    before = weights_of(model)
    model.fit(x, y, epochs=2, verbose=0)
    in_norms = {id(weight) for norm in norms for weight in norm.weights}
    assert moved(model, before) == [id(weight) not in in_norms for weight in model.weights]
    assert freeze_batch_norm(dense()) == 0


OPTIMIZERS = {
    "sgd": lambda **kw: keras.optimizers.SGD(0.1, momentum=0.9, **kw),
    "adam": lambda **kw: keras.optimizers.Adam(0.01, **kw),
    "adamw": lambda **kw: keras.optimizers.AdamW(0.01, weight_decay=0.5, **kw),
    "clipped": lambda **kw: keras.optimizers.RMSprop(0.01, global_clipnorm=0.1, **kw),
    "schedule": lambda **kw: keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(0.01, 1, 0.5), **kw
    ),
}


def fitted(optimizer, epochs=3, model=None, batch_size=4, run_eagerly=True, **arguments):
    model = dense() if model is None else model
    model.compile(optimizer, loss="mse", run_eagerly=run_eagerly, jit_compile=False)
    x, y = batches()
    model.fit(x, y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0, **arguments)
    return model


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_multipliers_of_one_change_nothing(make):
    alone, wrapped = fitted(make()), fitted(LayerwiseLearningRates(make(), [1.0] * 6))
    for a, b in zip(weights_of(wrapped), weights_of(alone), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_multipliers_scale_the_steps(make):
    multipliers = [0.0, 0.25, 0.5, 1.0, 2.0, 1.0]
    x, y = batches()
    steps = []
    for optimizer in (make(), LayerwiseLearningRates(make(), multipliers)):
        model = dense()
        model.compile(optimizer, loss="mse", run_eagerly=True)
        before = weights_of(model)
        model.train_on_batch(x, y)
        steps.append([a - b for a, b in zip(weights_of(model), before, strict=True)])
    for plain, scaled, multiplier in zip(*steps, multipliers, strict=True):
        assert np.abs(plain).max() > 1e-4
        np.testing.assert_allclose(scaled, multiplier * plain, rtol=1e-3, atol=1e-6)
    assert not steps[1][0].any()


def test_a_weight_at_zero_stays_bit_for_bit():
    model = dense()
    before = weights_of(model)
    fitted(LayerwiseLearningRates(OPTIMIZERS["adamw"](), [0.0, 0.0, 1.0, 1.0, 0.0, 1.0]), 5, model)
    assert moved(model, before) == [False, False, True, True, False, True]


def test_averages_the_weights_after_scaling():
    multipliers = [0.0, 0.3, 1.0, 1.0, 0.5, 1.0]
    steps = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: path.append(weights_of(model)))
    path, model = [], dense()
    start = weights_of(model)
    fitted(LayerwiseLearningRates("sgd", multipliers), model=model, batch_size=12, callbacks=[steps])
    averaged = fitted(
        LayerwiseLearningRates("sgd", multipliers, use_ema=True, ema_momentum=0.5), batch_size=12
    )
    wanted = path[0]
    for weights in path[1:]:
        wanted = [0.5 * a + 0.5 * b for a, b in zip(wanted, weights, strict=True)]
    for a, b in zip(weights_of(averaged), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(weights_of(averaged)[0], start[0])
    with pytest.raises(ValueError, match="use_ema=True"):
        LayerwiseLearningRates(keras.optimizers.Adam(use_ema=True))


def test_gradients_may_be_accumulated():
    multipliers = [0.5, 1.0, 0.0, 1.0, 1.0, 1.0]
    plain, scaled = dense(), dense()
    before = weights_of(plain)
    for model, wrap in ((plain, lambda o: o), (scaled, lambda o: LayerwiseLearningRates(o, multipliers))):
        fitted(wrap(keras.optimizers.SGD(0.1, gradient_accumulation_steps=3)), 1, model)
    for a, b, start, m in zip(weights_of(scaled), weights_of(plain), before, multipliers, strict=True):
        np.testing.assert_allclose(a - start, m * (b - start), rtol=1e-4, atol=1e-6)


def test_learning_rate_is_that_of_the_inner_optimizer():
    optimizer = LayerwiseLearningRates(keras.optimizers.Adam(0.01))
    assert float(to_numpy(optimizer.learning_rate)) == pytest.approx(0.01)
    optimizer.learning_rate = 0.002
    assert float(to_numpy(optimizer.inner.learning_rate)) == pytest.approx(0.002)


def test_half_precision_is_scaled_alike():
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, dtype=policy), keras.layers.Dense(1)])
    optimizer = LayerwiseLearningRates(keras.optimizers.SGD(0.1), [0.0, 0.0, 1.0, 1.0])
    before = weights_of(model)
    fitted(keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=128.0), 2, model)
    assert moved(model, before) == [False, False, True, True]


def test_saved_with_its_state(tmp_path):
    optimizer = LayerwiseLearningRates(keras.optimizers.Adam(0.01), [0.1] * 6)
    model = fitted(optimizer, epochs=1)
    optimizer.set_multipliers([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.optimizer.multipliers == optimizer.multipliers
    x, y = batches()
    for one in (model, loaded):
        one.fit(x, y, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(weights_of(loaded), weights_of(model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_multipliers_fall_from_block_to_block():
    model = network()
    freeze(model, depth=1)
    names = [variable.path.split("/") for variable in model.trainable_variables]
    multipliers = multipliers_by_depth(model, decay=2.0)
    for path, multiplier in zip(names, multipliers, strict=True):
        depth = next(i for i, name in enumerate(ORDER) if name in path)
        assert multiplier == 2.0 ** (depth - 4)
    model.compile(LayerwiseLearningRates("adam", multipliers), loss="mse", run_eagerly=True)
    model.train_on_batch(*batches((4, 6, 2)))
    with pytest.raises(ValueError, match=r"decay=0\.5"):
        multipliers_by_depth(model, decay=0.5)


@pytest.mark.parametrize(
    ("multipliers", "words"),
    [([1.0] * 5, "each of the 6"), ([1.0, -1.0], "0 or more"), ([float("nan")], "0 or more")],
)
def test_multipliers_that_do_not_fit(multipliers, words):
    with pytest.raises(ValueError, match=words):
        LayerwiseLearningRates("adam", multipliers).build(dense().trainable_variables)


class Path(keras.callbacks.Callback):
    """Which weights each epoch has moved."""

    def on_train_begin(self, logs=None):
        self.moved = []

    def on_epoch_begin(self, epoch, logs=None):
        self.before = weights_of(self.model)

    def on_epoch_end(self, epoch, logs=None):
        self.moved.append(sum(moved(self.model, self.before)))


@pytest.mark.parametrize(("epochs_per_block", "wanted"), [(1, [2, 4, 6, 6]), (2, [2, 2, 4, 4])])
def test_unfreezes_a_block_at_a_time(epochs_per_block, wanted):
    path = Path()
    rates = multipliers_by_depth(dense(), decay=2.0)
    model = fitted(
        LayerwiseLearningRates("adam", rates),
        epochs=4,
        run_eagerly=False,
        callbacks=[GradualUnfreezing(epochs_per_block), path],
    )
    assert path.moved == wanted
    assert model.optimizer.multipliers == rates


def test_unfreezing_keeps_the_state_of_the_optimizer():
    callbacks = [GradualUnfreezing(), Path()]
    model = fitted(LayerwiseLearningRates("adam"), 3, callbacks=callbacks)
    assert int(to_numpy(model.optimizer.inner.iterations)) == 9
    # The lowest block's moments are those of nine gradients: the first ones show in the second moment.
    resumed = fitted(LayerwiseLearningRates("adam"), 2, callbacks=callbacks)
    resumed.fit(
        *batches(), batch_size=4, initial_epoch=2, epochs=3, shuffle=False, verbose=0, callbacks=callbacks
    )
    for a, b in zip(weights_of(resumed), weights_of(model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_unfreezing_needs_its_optimizer():
    with pytest.raises(ValueError, match="Received: Adam"):
        fitted("adam", callbacks=[GradualUnfreezing()])
    with pytest.raises(ValueError, match="epochs_per_block"):
        GradualUnfreezing(0)
