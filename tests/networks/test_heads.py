import keras
import numpy as np
import pytest
from backends import examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from scipy import stats

from tcn.heads import (
    CategoricalHead,
    DistributionHead,
    DistributionQuantiles,
    MixtureHead,
    PointHead,
    QuantileHead,
)
from tcn.layers.causal import CausalConv1D

few = examples(20)
wild = st.one_of(
    st.floats(-10, 10, width=32),
    st.sampled_from([1e30, -1e30, 3e38, -3e38, 1e-30, 0.0, 1e8]),
)
probabilities = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=12, unique=True).map(sorted)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def shaken(head, features, seed=0, size=1.0):
    """A head with random weights."""
    head.build((None, None, features))
    rng = np.random.default_rng(seed)
    for weight in head.weights:
        weight.assign(size * rng.normal(size=weight.shape))
    return head


@few
@given(probabilities, st.lists(wild, min_size=4, max_size=4), st.sampled_from([1.0, 1e4]), st.booleans())
def test_quantiles_are_finite_and_never_cross(quantiles, inputs, size, hidden):
    head = shaken(QuantileHead(3, quantiles, hidden=5 if hidden else None), 4, size=size)
    outputs = to_numpy(head(np.float32([[inputs]])))
    assert outputs.shape == (1, 1, 3, len(quantiles))
    assert np.isfinite(outputs).all()
    assert (np.diff(outputs, axis=-1) >= 0).all()


def test_a_hundred_quantiles_do_not_cross_by_rounding():
    quantiles = (np.arange(100) + 0.5) / 100
    head = shaken(QuantileHead(20, quantiles), 8, size=3.0)
    outputs = to_numpy(head(1e3 * random(16, 20, 8)))
    assert (np.diff(outputs, axis=-1) >= 0).all()


@pytest.mark.parametrize("quantiles", [(0.1, 0.5, 0.9), (0.2, 0.4, 0.7, 0.99), (0.3,), (0.25, 0.75)])
def test_an_untrained_head_gives_quantiles_of_the_normal_distribution(quantiles):
    head = QuantileHead(2, quantiles, kernel_initializer="zeros")
    got = to_numpy(head(random(1, 1, 4)))[0, 0, 0]
    anchor = np.argmin(np.abs(np.array(quantiles) - 0.5))
    known = stats.norm.ppf(quantiles)
    np.testing.assert_allclose(got, known - known[anchor], rtol=1e-5, atol=1e-6)


@few
@given(st.lists(wild, min_size=4, max_size=4), st.sampled_from(["normal", "student_t", "negative_binomial"]))
def test_parameters_are_finite_and_valid(inputs, name):
    head = shaken(DistributionHead(2, name, hidden=3), 4, size=100.0)
    parameters = to_numpy(head(np.float32([[inputs]])))
    assert np.isfinite(parameters).all()
    assert (parameters[..., 1:] > 0).all()
    if name == "student_t":
        assert (parameters[..., 2] > 2).all()


def test_forecasts_of_a_backbone_with_a_head_do_not_know_the_future():
    inputs = keras.Input((None, 2))
    hidden = CausalConv1D(4, 3, dilation_rate=2, activation="relu")(inputs)
    model = keras.Model(inputs, QuantileHead(3, (0.1, 0.5, 0.9))(hidden))
    x = random(2, 30, 2)
    changed = x.copy()
    changed[:, 20:] = 1e30
    a, b = to_numpy(model(x)), to_numpy(model(changed))
    np.testing.assert_array_equal(a[:, :20], b[:, :20])
    assert np.isfinite(b).all()
    assert (np.diff(b, axis=-1) >= 0).all()
    np.testing.assert_allclose(to_numpy(model(x[::-1].copy())), a[::-1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_forecasts_are_float32_in_half_precision(policy):
    head = shaken(PointHead(2, hidden=3, dtype=policy), 4, size=300.0)
    assert head(keras.Input((None, 4))).dtype == "float32"
    outputs = head(1000.0 * random(1, 3, 4))
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    assert np.isfinite(to_numpy(outputs)).all()
    assert np.abs(to_numpy(outputs)).max() > 65_504  # the largest number of float16


def test_heads_work_behind_pooled_features():
    assert to_numpy(QuantileHead(3, (0.1, 0.9))(random(5, 4))).shape == (5, 3, 2)
    assert to_numpy(MixtureHead(3, components=2)(random(5, 4))).shape == (5, 3, 6)
    assert to_numpy(CategoricalHead(3, 7)(random(5, 4))).shape == (5, 3, 7)


def test_what_stands_at_masked_steps_makes_no_nan():
    x = random(1, 4, 2)
    x[0, 1] = np.nan
    mask = ops.convert_to_tensor([[True, False, True, True]])
    assert np.isfinite(to_numpy(PointHead(2)(x, mask=mask))).all()
    parameters = np.abs(random(1, 4, 3, 2)) + 0.1
    parameters[0, 1] = np.nan
    assert np.isfinite(
        to_numpy(DistributionQuantiles("negative_binomial", (0.1, 0.9))(parameters, mask=mask))
    ).all()


def test_quantiles_of_a_distribution_head_are_one_model():
    inputs = keras.Input((None, 4))
    head = DistributionHead(3, "laplace")
    model = keras.Model(inputs, DistributionQuantiles(head.distribution, (0.2, 0.8))(head(inputs)))
    got = to_numpy(model(random(2, 5, 4)))
    loc, scale = np.moveaxis(to_numpy(head(random(2, 5, 4))).astype("float64"), -1, 0)
    for i, probability in enumerate((0.2, 0.8)):
        np.testing.assert_allclose(
            got[..., i], stats.laplace(loc, scale).ppf(probability), rtol=1e-4, atol=1e-5
        )


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"'horizon' must be a positive integer. Received: horizon=0"):
        PointHead(0)
    with pytest.raises(ValueError, match=r"'hidden' must be a positive integer. Received: hidden=-1"):
        PointHead(1, hidden=-1)
    for quantiles in ((), (0.5, 0.1), (0.0, 0.5), (0.5, 0.5), 0.5, None):
        with pytest.raises(ValueError, match="'quantiles' must increase strictly"):
            QuantileHead(1, quantiles)
    with pytest.raises(ValueError, match="'classes' must be a positive integer"):
        CategoricalHead(1, 0)
    with pytest.raises(ValueError, match=r"the 2 of Normal, loc, scale. Received: shape \(2, 3\)"):
        DistributionQuantiles("normal", [0.1, 0.9])(np.ones((2, 3), "float32"))
    with pytest.raises(ValueError, match="'distribution' must be"):
        DistributionHead(1, "cauchy")
    with pytest.raises(ValueError, match="last axis of the input must have a known size"):
        PointHead(1).build((None, None, None))
