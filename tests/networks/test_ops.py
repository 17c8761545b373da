import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcn.losses import pinball
from tcn.ops import frames, rolling_sum


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@given(st.integers(1, 40), st.integers(0, 30))
def test_rolling_sum_is_the_sum_of_each_window(window, more):
    x = random(2, 3, window + more)
    expected = np.stack([x[..., i : i + window].sum(-1) for i in range(more + 1)], axis=-1)
    np.testing.assert_allclose(rolling_sum(x, window), expected, rtol=1e-5, atol=1e-5)


@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1e30, np.inf, np.nan]))
def test_a_sum_does_not_know_what_lies_outside_its_window(window, more, wild):
    x = random(window + more)
    spoiled = x.copy()
    spoiled[window:] = wild
    assert np.asarray(rolling_sum(x, window))[0] == np.asarray(rolling_sum(spoiled, window))[0]


@pytest.mark.parametrize("window", [0, -3])
def test_a_sum_needs_a_step(window):
    with pytest.raises(ValueError, match=f"positive integer. Received: window={window}"):
        rolling_sum(np.ones(4), window)


@given(st.integers(1, 9), st.integers(0, 12), st.integers(1, 5))
def test_frames_are_windows_a_stride_apart(window, more, stride):
    x = random(2, window + more)
    expected = np.stack([x[:, i : i + window] for i in range(0, more + 1, stride)], axis=1)
    np.testing.assert_array_equal(frames(x, window, stride), expected)


@given(
    st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4),
    st.floats(-100, 100, width=32),
    st.floats(-100, 100, width=32),
)
def test_pinball_charges_each_side_by_its_probability(quantiles, target, forecast):
    charges = [
        q * (target - forecast) if target > forecast else (1 - q) * (forecast - target) for q in quantiles
    ]
    loss = pinball(np.float64([target]), np.full((1, len(quantiles)), forecast), np.array(quantiles))
    np.testing.assert_allclose(loss, [np.mean(charges)], rtol=1e-6, atol=1e-6)


def test_pinball_is_least_at_the_quantile():
    sample = random(20_000, seed=1).astype("float64")
    grid = np.linspace(-2, 2, 81)
    for q in (0.1, 0.5, 0.8):
        losses = [np.mean(pinball(sample, np.full((len(sample), 1), guess), np.array([q]))) for guess in grid]
        assert abs(grid[np.argmin(losses)] - np.quantile(sample, q)) <= 0.06
