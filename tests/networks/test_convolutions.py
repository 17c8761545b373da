"""Causal convolutions against Keras and slow sums, and weight normalization against its definition."""

import keras
import numpy as np
import pytest
from backends import examples, gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tcn.layers import convolve as forms
from tcn.layers.causal import CausalConv1D
from tcn.layers.depthwise import CausalDepthwiseConv1D
from tcn.layers.weight_norm import WeightNormalization, normalized
from tcn.memory import Memory

some = examples(20)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def with_weights(layer, *weights, shape):
    layer.build(shape)
    layer.set_weights(list(weights))
    return layer


def assert_same_function(layer, reference, x):
    """Values and gradients of weights and inputs, in the order of the weights."""
    mix = numbers(*layer(x).shape, seed=5)
    mine, theirs = (gradients(each, x, lambda y: ops.sum(y * mix)) for each in (layer, reference))
    np.testing.assert_allclose(to_numpy(layer(x)), to_numpy(reference(x)), rtol=1e-5, atol=1e-5)
    for a, b in zip([*mine[1], mine[2]], [*theirs[1], theirs[2]], strict=True):
        scale = max(1.0, np.abs(b).max())
        np.testing.assert_allclose(a.reshape(b.shape) / scale, b / scale, rtol=1e-5, atol=1e-5)


def slow(x, mask, kernel, bias, rate):
    """Masked convolution as it is defined, one output at a time, in float64."""
    x, kernel, bias = (np.asarray(a, "float64") for a in (x, kernel, bias))
    taps, _, filters = kernel.shape
    y = np.zeros((*x.shape[:2], filters))
    for b, t in np.ndindex(*x.shape[:2]):
        total, observed = np.zeros(filters), 0
        for i in range(taps):
            s = t - (taps - 1 - i) * rate
            if s >= 0 and mask[b, s]:
                total += x[b, s] @ kernel[i]
                observed += 1
            elif s < 0 or not mask[b, : s + 1].any():
                observed += 1
        y[b, t] = bias + (total * taps / observed if observed else 0.0)
    return y


def as_dense(kernel, channels):
    """The dense kernel that does what a depthwise one does."""
    dense = np.zeros((len(kernel), channels, kernel.shape[-1]))
    for o in range(kernel.shape[-1]):
        dense[:, o // (kernel.shape[-1] // channels), o] = kernel[:, 0, o]
    return dense


class TestCausalConv1D:
    @some
    @given(
        taps=st.integers(1, 5),
        rate=st.sampled_from([1, 2, 3, 8, 11, 16]),
        time=st.integers(1, 40),
        channels=st.integers(1, 3),
        bias=st.booleans(),
    )
    def test_equals_keras(self, taps, rate, time, channels, bias):
        x = numbers(2, time, channels)
        weights = [numbers(taps, channels, 4, seed=1), numbers(4, seed=2)][: 1 + bias]
        layer = CausalConv1D(4, taps, rate, "tanh", use_bias=bias)
        reference = keras.layers.Conv1D(
            4, taps, padding="causal", dilation_rate=rate, activation="tanh", use_bias=bias
        )
        assert_same_function(
            with_weights(layer, *weights, shape=x.shape), with_weights(reference, *weights, shape=x.shape), x
        )

    @pytest.mark.parametrize(("rate", "time"), [(8, 24), (8, 25), (16, 17), (3, 3), (5, 12)])
    def test_folds_on_every_backend(self, rate, time, monkeypatch):
        monkeypatch.setattr(forms, "_folding_pays", lambda *_: True)
        x = numbers(2, time, 3)
        weights = numbers(3, 3, 4, seed=1), numbers(4, seed=2)
        layer = CausalConv1D(4, 3, rate)
        reference = keras.layers.Conv1D(4, 3, padding="causal", dilation_rate=rate)
        assert_same_function(
            with_weights(layer, *weights, shape=x.shape), with_weights(reference, *weights, shape=x.shape), x
        )

    def test_reads_what_the_receptive_field_says(self):
        layer = CausalConv1D(2, 3, dilation_rate=4)
        x = numbers(1, 20, 2)
        layer.build(x.shape)
        last = np.zeros((1, 20, 1), "float32")
        last[:, -1] = 1.0
        _, _, slope = gradients(layer, x, lambda y: ops.sum(y * last))
        assert layer.receptive_field == 9
        assert np.flatnonzero(np.abs(slope).max(axis=(0, 2))).tolist() == [11, 15, 19]

    def test_parameters_are_those_of_the_formula(self):
        layer = CausalConv1D(5, 3, weight_norm=True)
        layer.build((None, None, 2))
        assert layer.count_params() == 3 * 2 * 5 + 5 + 5

    def test_regularizes_and_constrains(self):
        layer = CausalConv1D(
            2, 3, kernel_regularizer="l2", bias_regularizer="l1", kernel_constraint="non_neg"
        )
        x = numbers(2, 8, 2)
        model = keras.Sequential([keras.Input((None, 2)), layer])
        layer.set_weights([-(numbers(3, 2, 2) ** 2), np.ones(2)])
        kernel = to_numpy(layer.kernel)
        assert sum(float(loss) for loss in layer.losses) == pytest.approx(
            0.01 * (kernel**2).sum() + 0.02, rel=1e-5
        )
        model.compile(keras.optimizers.SGD(1e-4), "mse", run_eagerly=True)
        model.train_on_batch(x, np.zeros((2, 8, 2)))
        assert (to_numpy(layer.kernel) >= 0).all()

    @pytest.mark.parametrize(
        "arguments", [{"filters": 0}, {"kernel_size": 2.0}, {"dilation_rate": -1}, {"kernel_size": True}]
    )
    def test_refuses_sizes_that_are_not_positive(self, arguments):
        (name,) = arguments
        with pytest.raises(ValueError, match=f"'{name}' must be a positive integer"):
            CausalConv1D(**{"filters": 2, "kernel_size": 2, **arguments})

    def test_refuses_other_channels_than_it_was_built_for(self):
        layer = CausalConv1D(2, 3)
        layer(numbers(1, 5, 3))
        with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 3"):
            layer(numbers(1, 5, 4))


class TestCausalDepthwiseConv1D:
    @some
    @given(
        taps=st.integers(1, 40),
        rate=st.sampled_from([1, 1, 2, 3]),
        time=st.integers(1, 110),
        multiplier=st.integers(1, 2),
    )
    def test_equals_keras(self, taps, rate, time, multiplier):
        x = numbers(2, time, 3)
        kernel, bias = numbers(taps, 1, 3 * multiplier, seed=1), numbers(3 * multiplier, seed=2)
        layer = CausalDepthwiseConv1D(taps, rate, multiplier, "tanh")
        inputs = keras.Input((time, 3))
        depthwise = keras.layers.DepthwiseConv1D(
            taps, dilation_rate=rate, depth_multiplier=multiplier, activation="tanh"
        )
        padded = keras.layers.ZeroPadding1D(((taps - 1) * rate, 0))(inputs)
        reference = keras.Model(inputs, depthwise(padded))
        reference.set_weights([kernel.reshape(taps, 3, multiplier), bias])
        assert_same_function(with_weights(layer, kernel, bias, shape=x.shape), reference, x)

    def test_keeps_the_variance_of_its_inputs(self):
        keras.utils.set_random_seed(0)
        layer = CausalDepthwiseConv1D(25)
        outputs = to_numpy(layer(numbers(4, 200, 64)))[:, 24:]
        assert outputs.std() == pytest.approx(1.0, abs=0.1)

    def test_refuses_a_multiplier_that_is_not_positive(self):
        with pytest.raises(ValueError, match="'depth_multiplier' must be a positive integer"):
            CausalDepthwiseConv1D(3, depth_multiplier=0)


MASKED = [
    pytest.param(lambda **kw: CausalConv1D(4, 3, 2, **kw), id="dense"),
    pytest.param(lambda **kw: CausalConv1D(4, 2, 8, **kw), id="folded"),
    pytest.param(lambda **kw: CausalDepthwiseConv1D(4, 2, depth_multiplier=2, **kw), id="few taps"),
    pytest.param(lambda **kw: CausalDepthwiseConv1D(9, **kw), id="blocks"),
]
STEPS = 32


def masked_layer(make, **arguments):
    layer = make(**arguments)
    layer.build((None, None, 3))
    layer.set_weights([numbers(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())])
    return layer


def dense_kernel(layer):
    kernel = to_numpy(layer.kernel)
    return as_dense(kernel, 3) if isinstance(layer, CausalDepthwiseConv1D) else kernel


def called(layer, x, mask):
    return to_numpy(layer(x, mask=ops.convert_to_tensor(mask)))


@pytest.mark.parametrize("make", MASKED)
class TestMasks:
    def test_scales_up_what_was_observed(self, make):
        layer, x = masked_layer(make), numbers(5, STEPS, 3)
        mask = np.random.default_rng(3).random((5, STEPS)) < 0.6
        mask[0, :12] = False
        mask[1, 5:25] = False  # longer than some kernels: windows without an observation
        mask[2] = False
        mask[3] = True
        x[~mask] = np.nan
        wanted = slow(x, mask, dense_kernel(layer), to_numpy(layer.bias), layer.dilation_rate)
        np.testing.assert_allclose(called(layer, x, mask), wanted, rtol=1e-4, atol=1e-4)

    def test_nothing_observed_gives_the_bias(self, make):
        layer = masked_layer(make)
        y = called(layer, np.full((2, STEPS, 3), np.nan, "float32"), np.zeros((2, STEPS), bool))
        np.testing.assert_array_equal(y, np.broadcast_to(to_numpy(layer.bias), y.shape))

    def test_padding_before_or_after_changes_nothing(self, make):
        layer, x = masked_layer(make), numbers(2, STEPS - 9, 3)
        y = to_numpy(layer(x))
        for before in (9, 0):
            at = slice(before, before + x.shape[1])
            padded, mask = np.full((2, STEPS, 3), np.nan, "float32"), np.zeros((2, STEPS), bool)
            padded[:, at], mask[:, at] = x, True
            np.testing.assert_allclose(called(layer, padded, mask)[:, at], y, rtol=1e-5, atol=1e-5)

    def test_what_is_masked_has_no_gradient(self, make):
        layer, x = masked_layer(make), numbers(2, STEPS, 3)
        mask = np.random.default_rng(3).random((2, STEPS)) < 0.5
        x[~mask] = np.nan
        carrier = keras.Sequential([keras.Input((STEPS, 3)), Masked(mask), layer])
        _, slopes, of_inputs = gradients(carrier, x, lambda y: ops.sum(y * y))
        assert all(np.isfinite(slope).all() for slope in slopes)
        assert (of_inputs[~mask] == 0).all()
        assert np.isfinite(of_inputs).all()

    def test_reads_masked_pieces_as_the_whole(self, make):
        layer, x = masked_layer(make), numbers(2, STEPS, 3)
        mask = np.random.default_rng(3).random((2, STEPS)) < 0.6
        mask[0, :10] = False
        pieces, begin, state = [], 0, {}
        for length in (1, 1, 3, 1, 12, STEPS - 18):
            at = slice(begin, begin + length)
            with Memory(state) as memory:
                pieces.append(called(layer, x[:, at], mask[:, at]))
            state, begin = memory.next, begin + length
        np.testing.assert_allclose(
            np.concatenate(pieces, axis=1), called(layer, x, mask), rtol=1e-5, atol=1e-5
        )


class Masked(keras.layers.Layer):
    """Attaches a mask to what it is given."""

    def __init__(self, mask):
        super().__init__()
        self.steps = mask

    def call(self, inputs):
        return inputs

    def compute_mask(self, inputs, mask=None):
        return ops.convert_to_tensor(self.steps)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX always knows the shapes")
@pytest.mark.parametrize("make", MASKED)
def test_lengths_may_be_unknown_while_tracing(make):
    import tensorflow as tf

    layer = masked_layer(make)
    specs = tf.TensorSpec((None, None, 3), "float32"), tf.TensorSpec((None, None), "bool")
    traced = tf.function(lambda x, mask: layer(x, mask=mask), input_signature=specs, autograph=False)
    for batch, time in ((2, 1), (1, 7), (3, 33)):
        x, mask = numbers(batch, time, 3), np.random.default_rng(3).random((batch, time)) < 0.7
        np.testing.assert_allclose(traced(x, mask), called(layer, x, mask), rtol=1e-5, atol=1e-5)


class Noisy(keras.layers.Dense):
    """A dense layer with a state: random numbers and moving averages."""

    def __init__(self, units):
        super().__init__(units)
        self.drop = keras.layers.Dropout(0.5, seed=1)
        self.norm = keras.layers.BatchNormalization()

    def build(self, shape):
        super().build(shape)
        self.norm.build((*shape[:-1], self.units))

    def call(self, inputs, training=None):
        return self.norm(self.drop(super().call(inputs), training=training), training=training)


WRAPPED = [
    pytest.param(lambda: keras.layers.Dense(4), -1, id="Dense"),
    pytest.param(lambda: keras.layers.Conv1D(4, 3, padding="causal"), -1, id="Conv1D"),
    pytest.param(lambda: keras.layers.EinsumDense("btc,cde->btde", (None, 4, 2)), (-2, -1), id="EinsumDense"),
    pytest.param(
        lambda: keras.layers.DepthwiseConv1D(3, padding="same", depth_multiplier=2), (1, 2), id="Depthwise"
    ),
]


class TestWeightNormalization:
    @pytest.mark.parametrize(("make", "axis"), WRAPPED)
    def test_changes_nothing_at_first(self, make, axis):
        inner, x = make(), numbers(2, 6, 3)
        before = to_numpy(inner(x))
        layer = WeightNormalization(inner, axis)
        np.testing.assert_allclose(to_numpy(layer(x)), before, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(to_numpy(layer.kernel), to_numpy(inner.kernel), rtol=1e-5)
        assert layer.compute_output_shape(x.shape) == inner.compute_output_shape(x.shape)

    @pytest.mark.parametrize(("make", "axis"), WRAPPED)
    def test_slopes_stand_upright_on_the_direction_whose_length_is_free(self, make, axis):
        layer, x = WeightNormalization(make(), axis), numbers(2, 6, 3)
        before = to_numpy(layer(x))
        _, slopes, _ = gradients(layer, x, lambda y: ops.sum(y * y))
        places = {w.path: i for i, w in enumerate(layer.trainable_variables)}
        v, slope = to_numpy(layer.layer.kernel), slopes[places[layer.layer.kernel.path]]
        kept = [axis] if isinstance(axis, int) else axis
        over = tuple(set(range(v.ndim)) - {a % v.ndim for a in kept})
        assert np.abs(slope).max() > 0.01
        np.testing.assert_allclose((v * slope).sum(axis=over), 0, atol=1e-4)
        layer.layer.kernel.assign(v * 7)
        np.testing.assert_allclose(to_numpy(layer(x)), before, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("make", MASKED)
    def test_convolutions_have_it_built_in(self, make):
        x = numbers(2, STEPS, 3)
        plain, layer = make(), make(weight_norm=True)
        wrapped = WeightNormalization(plain)
        plain.build(x.shape)
        layer(x)
        gain = numbers(*layer.gain.shape, seed=4)
        layer.set_weights([plain.get_weights()[0], gain, numbers(*gain.shape)])
        wrapped(x)
        wrapped.gain.assign(gain)
        plain.bias.assign(numbers(*gain.shape))
        np.testing.assert_allclose(to_numpy(layer(x)), to_numpy(wrapped(x)), rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("make", MASKED)
    def test_built_in_it_changes_nothing_at_first(self, make):
        x = numbers(2, STEPS, 3)
        outputs = []
        for arguments in ({}, {"weight_norm": True}):
            layer = make(kernel_initializer=keras.initializers.HeNormal(seed=1), **arguments)
            outputs.append(to_numpy(layer(x)))
        np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)

    def test_lengths_of_the_kernel_are_the_gain(self):
        gain = np.array([2.0, 0.5], "float32")
        kernel = to_numpy(normalized(numbers(3, 4, 2), gain))
        np.testing.assert_allclose(np.sqrt((kernel**2).sum(axis=(0, 1))), gain, rtol=1e-6)

    def test_kernel_of_zeros_stays_finite(self):
        layer = CausalConv1D(2, 3, weight_norm=True, kernel_initializer="zeros")
        layer.build((None, None, 2))
        _, slopes, _ = gradients(layer, numbers(1, 6, 2), ops.sum)
        assert all(np.isfinite(slope).all() for slope in slopes)

    def test_trains_and_hands_on_states_and_losses(self):
        inner = Noisy(4)
        inner.kernel_regularizer = keras.regularizers.L2(0.1)
        inner.activity_regularizer = keras.regularizers.L2(0.1)
        layer = WeightNormalization(inner)
        model = keras.Sequential([keras.Input((None, 3)), layer])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        before = [to_numpy(v.value) for v in layer.variables]
        x, y = numbers(8, 6, 3), numbers(8, 6, 4)
        for _ in range(2):
            model.train_on_batch(x, y)
        assert all((to_numpy(v.value) != b).any() for v, b in zip(layer.variables, before, strict=True))
        layer(x)
        assert len(layer.losses) == 2

    def test_comes_back_from_a_file(self, tmp_path):
        model = keras.Sequential([keras.Input((None, 3)), WeightNormalization(keras.layers.Dense(4))])
        model.layers[0].gain.assign(numbers(4))
        model.save(tmp_path / "model.keras")
        x = numbers(2, 5, 3)
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(to_numpy(loaded(x)), to_numpy(model(x)))

    def test_refuses_a_layer_without_a_kernel(self):
        with pytest.raises(ValueError, match=r"'kernel' is one variable\. Received: LayerNormalization"):
            WeightNormalization(keras.layers.LayerNormalization())(numbers(1, 2, 3))

    def test_refuses_to_normalize_twice(self):
        with pytest.raises(ValueError, match="'kernel' is one variable"):
            WeightNormalization(CausalConv1D(2, 3, weight_norm=True))(numbers(1, 2, 3))

    @pytest.mark.parametrize("axis", [2, -3, ()])
    def test_refuses_axes_that_the_kernel_does_not_have(self, axis):
        with pytest.raises(ValueError, match="'axis' must name axes of a kernel of rank 2"):
            WeightNormalization(keras.layers.Dense(4), axis)(numbers(1, 2, 3))
