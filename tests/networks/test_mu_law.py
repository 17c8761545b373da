"""Classes of values: the formulas in NumPy, and round trips."""

import numpy as np
import pytest
from backends import examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from tcn.mu_law import bin_decode, bin_encode, mu_law_decode, mu_law_encode, quantile_edges, uniform_edges

VALUES = st_np.arrays("float32", (2, 8), elements=st.floats(-1, 1, width=32))


@pytest.mark.parametrize("classes", [2, 3, 16, 255, 256, 1024])
def test_a_class_is_what_its_value_is_encoded_as(classes):
    every = np.arange(classes)
    values = to_numpy(mu_law_decode(every, classes))
    np.testing.assert_array_equal(to_numpy(mu_law_encode(values, classes)), every)
    assert (np.diff(values) > 0).all()
    np.testing.assert_array_equal(values, -values[::-1])
    assert values[-1] == 1.0


@examples(20)
@given(VALUES, st.sampled_from([2, 17, 256]))
def test_encoding_is_the_formula_and_decoding_as_near_as_a_class_is_wide(x, classes):
    mu = classes - 1
    exact = x.astype("float64")
    companded = mu * (np.sign(exact) * np.log(1 + mu * np.abs(exact)) / np.log(1 + mu) + 1) / 2
    found = to_numpy(mu_law_encode(x, classes))
    assert found.dtype == "int32"
    assert (np.abs(found - companded) <= 0.5 + 1e-3).all()
    near = to_numpy(mu_law_decode(np.stack([found - 1, found, found + 1]).clip(0, mu), classes))
    width = np.maximum(near[2] - near[1], near[1] - near[0])
    assert (np.abs(near[1] - x) <= width + 1e-6).all()


def test_values_beyond_one_count_as_one_and_missing_ones_stay_missing():
    x = np.array([[-5.0, -1.0, np.nan], [1.0, 1.5, np.inf]], "float32")
    found = to_numpy(mu_law_encode(x))
    np.testing.assert_array_equal(found, [[0, 0, -1], [255, 255, 255]])
    np.testing.assert_array_equal(to_numpy(mu_law_decode(found)), [[-1, -1, np.nan], [1, 1, 1]])


@examples(20)
@given(st.sampled_from([1, 7, 40]), st.floats(-50, 50), st.floats(0.5, 100), st.integers(0, 9))
def test_a_value_lies_between_the_edges_of_its_bin(classes, low, span, seed):
    edges = uniform_edges(low, low + span, classes)
    np.testing.assert_allclose(np.diff(edges), span / classes, rtol=1e-6)
    x = np.random.default_rng(seed).uniform(low, low + span, (2, 9)).astype("float32")
    found = to_numpy(bin_encode(x, edges))
    assert (edges[found] - 1e-4 <= x).all()
    assert (x <= edges[found + 1] + 1e-4).all()
    assert np.abs(to_numpy(bin_decode(found, edges)) - x).max() <= span / classes / 2 + 1e-4
    every = np.arange(classes)
    np.testing.assert_array_equal(to_numpy(bin_encode(bin_decode(every, edges), edges)), every)


def test_quantile_bins_hold_equally_many():
    x = np.random.default_rng(0).lognormal(size=(40, 25))
    edges = quantile_edges(np.where(np.arange(25) == 3, np.nan, x), 16)
    x = np.delete(x, 3, axis=1)
    assert (edges[0], edges[-1]) == (x.min(), x.max())
    counts = np.bincount(to_numpy(bin_encode(x, edges)).ravel(), minlength=16)
    np.testing.assert_allclose(counts, x.size / 16, atol=1)


def test_values_that_repeat_make_fewer_bins():
    edges = quantile_edges([0.0] * 80 + list(range(1, 21)), 5)
    np.testing.assert_allclose(edges, [0.0, 0.2, 20.0])
    np.testing.assert_array_equal(to_numpy(bin_encode([0.0, 20.0], edges)), [0, 1])


def test_values_beyond_the_edges_belong_to_the_outer_bins():
    edges = np.array([0.0, 1.0, 3.0])
    x = np.array([[-9.0, 0.0, 1.0], [3.0, 9.0, np.nan]])
    found = to_numpy(bin_encode(x, edges))
    np.testing.assert_array_equal(found, [[0, 0, 1], [1, 1, -1]])
    np.testing.assert_array_equal(to_numpy(bin_decode(found, edges)), [[0.5, 0.5, 2.0], [2.0, 2.0, np.nan]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mu_law_encode([0.0], classes=1), "'classes' must be an integer of at least 2"),
        (lambda: mu_law_decode([0], classes=2.5), "'classes' must be an integer of at least 2"),
        (lambda: uniform_edges(1.0, 1.0, 3), "'low' must be below 'high'"),
        (lambda: uniform_edges(0.0, 1.0, 0), "'classes' must be a positive integer"),
        (lambda: quantile_edges([3.0, 3.0, np.nan], 4), "at least two different numbers. Received: 1"),
        (lambda: quantile_edges([], 4), "at least two different numbers. Received: 0"),
        (lambda: bin_encode([0.0], [0.0, 0.0, 1.0]), "'edges' must be two or more numbers that increase"),
        (lambda: bin_decode([0], [1.0]), "'edges' must be two or more numbers that increase"),
    ],
)
def test_arguments_are_checked(call, message):
    with pytest.raises(ValueError, match=message):
        call()
