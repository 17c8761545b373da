"""Transfer learning: what trains, how fast, and from when on."""

import keras
import numpy as np
import pytest
from backends import to_numpy

from tcn.heads.point import PointHead
from tcn.layers.causal import CausalConv1D
from tcn.layers.fixed import Difference, FixedKernel1D, MovingAverage
from tcn.layers.scaling import CausalMeanScaling, Scaled
from tcn.models.forecaster import SequenceForecaster
from tcn.models.forking import ForkingTCN
from tcn.models.inception_time import InceptionTime
from tcn.models.multirate import MultiRateTCN
from tcn.models.separable import SeparableTCN
from tcn.models.wavenet import WaveNet
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


def forecaster(backbone):
    return SequenceForecaster(backbone, PointHead(3, name="head"))


FAMILIES = {
    "wavenet": (
        lambda: WaveNet(4, dilations=(1, 2), output_filters=1),
        "first block_0 block_1 hidden output",
    ),
    "inception": (
        lambda: InceptionTime(2, kernel_sizes=(2,), depth=6),
        "block_0 block_1 block_2 shortcut_0 norm_0 block_3 block_4 block_5 shortcut_1 norm_1",
    ),
    "separable": (lambda: forecaster(SeparableTCN(4, depth=2)), "stem block_0 block_1 head"),
    "multi-rate": (
        lambda: forecaster(MultiRateTCN(4, factors=(2, 2), dilations=(1,))),
        "encoder_0_0 down_0 encoder_1_0 down_1 encoder_2_0 up_1 decoder_1_0 up_0 decoder_0_0 head",
    ),
    "scaled": (
        lambda: Scaled(forecaster(WaveNet(4, dilations=(1,))), CausalMeanScaling(8)),
        "first block_0 head",
    ),
}


@pytest.mark.parametrize(("make", "names"), FAMILIES.values(), ids=FAMILIES)
def test_blocks_of_every_family_stand_as_data_pass_them(make, names):
    model = make()
    model(np.ones((1, 16, 1), "float32"))
    before = [set(layer.__dict__) for layer in model._flatten_layers()]
    assert [block.name for block in blocks_by_depth(model)] == names.split()
    assert [set(layer.__dict__) for layer in model._flatten_layers()] == before


def test_weights_of_the_model_itself_count_with_the_last_block():
    model = ForkingTCN(2, (0.5,), lookback=4, dilations=(1, 2), filters=4, width=4, hidden=4)
    model.build((None, None, 5))
    trained = len(model.trainable_variables)
    freeze(model, depth=-1)
    head = [id(weight) for weight in blocks_by_depth(model)[-1].trainable_variables]
    assert [id(weight) for weight in model.trainable_variables] == [id(model.seasons), *head]
    rates = multipliers_by_depth(model, decay=2.0)
    assert rates == [1.0] * (1 + len(head))
    freeze(model)
    assert model.trainable_variables == []
    unfreeze(model, depth=len(blocks_by_depth(model)))
    assert model.trainable_variables == []
    unfreeze(model)
    assert len(model.trainable_variables) == trained


def test_blocks_of_a_model_of_two_inputs_stand_as_they_were_made():
    class Two(keras.layers.Layer):
        def build(self, first_shape, second_shape):
            self.one, self.other = keras.layers.Dense(2, name="one"), keras.layers.Dense(2, name="other")
            self.pair = Block(name="pair")
            for layer in (self.one, self.other):
                layer.build(first_shape)
            self.pair.build((None, None, 4))

        def call(self, first, second):
            return self.one(second) + self.other(first)

    layer = Two()
    layer(np.ones((1, 4, 4), "float32"), np.ones((1, 4, 4), "float32"))
    assert [block.name for block in blocks_by_depth(layer)] == ["one", "other", "pair"]


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


@pytest.mark.parametrize("change", [freeze, unfreeze])
def test_depths_and_models_that_are_none(change):
    for depth in (1.5, True, "1"):
        with pytest.raises(ValueError, match=f"'depth' must be a number of.* Received: depth={depth!r}"):
            change(dense(), depth)
    with pytest.raises(ValueError, match=r"'model' must be a Keras model or layer. Received: 3"):
        change(3)


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


def test_models_that_hold_what_is_unfrozen_train_too():
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(3)])
    model = keras.Sequential([keras.Input((2,)), inner, keras.layers.Dense(1)])
    inner.trainable = False
    unfreeze(model, depth=1)
    assert inner.trainable
    assert [block.trainable for block in blocks_by_depth(model)] == [False, True, True]
    assert inner.trainable_variables == inner.layers[1].variables


class TestKnownKernels:
    def model(self):
        layers = [
            MovingAverage(3, name="fixed"),
            Difference(trainable=True, name="free"),
            FixedKernel1D([1.0, 2.0]),
            CausalConv1D(1, 2, name="conv"),
        ]
        return keras.Sequential([keras.Input((8, 2)), *layers])

    def free(self, model):
        kernels = [model.get_layer("free").kernel, *model.get_layer("conv").weights]
        return [id(kernel) for kernel in kernels]

    @pytest.mark.parametrize("by", ["flag", "unfreeze", "restore", "flag of the layer"])
    def test_are_fixed_whatever_unfreezes_what_holds_them(self, by):
        model = self.model()
        state = [True] * len(trainable_state(model))
        freeze(model)
        if by == "flag":
            model.trainable = True
        elif by == "unfreeze":
            unfreeze(model)
        elif by == "restore":
            restore_trainable(model, state)
        else:
            unfreeze(model)
            model.get_layer("fixed").trainable = True
        assert [id(weight) for weight in model.trainable_variables] == self.free(model)
        before = weights_of(model)
        model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
        model.train_on_batch(*batches((4, 8, 2)))
        assert moved(model, before) == [id(weight) in self.free(model) for weight in model.weights]

    def test_are_fixed_or_frozen_when_loaded(self, tmp_path):
        model = self.model()
        freeze(model)
        unfreeze(model, depth=2)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        assert [id(w) for w in loaded.trainable_variables] == self.free(loaded)[1:]
        unfreeze(loaded)
        assert [id(w) for w in loaded.trainable_variables] == self.free(loaded)


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
    for decay in (0.5, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=rf"finite number of 1 or more\. Received: decay={decay}"):
            multipliers_by_depth(model, decay=decay)


def test_multipliers_are_known_once_the_optimizer_is_built():
    optimizer = LayerwiseLearningRates("adam")
    for use in (lambda: optimizer.multipliers, lambda: optimizer.set_multipliers([1.0])):
        with pytest.raises(ValueError, match=r"call optimizer\.build"):
            use()


@pytest.mark.parametrize(
    ("multipliers", "words"),
    [
        ([1.0] * 5, "each of the 6"),
        ([1.0, -1.0, 2.0], r"finite numbers of 0 or more\. Received: -1\.0, the multiplier of weight 1"),
        ([0.0, 1.0, float("nan")], r"Received: nan, the multiplier of weight 2"),
        ([float("inf"), 0.5], r"Received: inf, the multiplier of weight 0"),
    ],
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


def test_after_an_interruption_unfreezing_goes_on_from_the_first_multipliers():
    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    optimizer, unfreezing = LayerwiseLearningRates("adam", [0.5] * 6), GradualUnfreezing()
    model = dense()
    with pytest.raises(KeyboardInterrupt):
        fitted(
            optimizer,
            model=model,
            callbacks=[unfreezing, keras.callbacks.LambdaCallback(on_epoch_end=interrupt)],
        )
    assert optimizer.multipliers == [0.0] * 4 + [0.5] * 2
    model.fit(*batches(), verbose=0, callbacks=[unfreezing])
    assert optimizer.multipliers == [0.5] * 6


def test_unfreezing_needs_its_optimizer():
    with pytest.raises(ValueError, match="Received: Adam"):
        fitted("adam", callbacks=[GradualUnfreezing()])
    with pytest.raises(ValueError, match="epochs_per_block"):
        GradualUnfreezing(0)
