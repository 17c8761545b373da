"""Pooling against loops over windows; running values over long sequences."""

import keras
import numpy as np
import pytest
from backends import examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st

from tcn.layers.aggregate import aggregate
from tcn.layers.pooling import CausalAveragePooling1D, CausalMaxPooling1D
from tcn.memory import Memory


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def compiled(layer, x):
    """What the layer gives; some backends take long for many steps if each operation is run by itself."""
    inputs = keras.Input(x.shape[1:])
    return keras.Model(inputs, layer(inputs)).predict(x, verbose=0)


def pooled(x, observed, pool_size, function):
    """Each window cut out, what is not observed left out; 0 where nothing is left."""
    out = np.zeros(x.shape)
    for b, t in np.ndindex(*x.shape[:2]):
        begin = 0 if pool_size is None else max(t - pool_size + 1, 0)
        window = x[b, begin : t + 1][observed[b, begin : t + 1]].astype("float64")
        if len(window):
            out[b, t] = function(window, axis=0)
    return out


LAYERS = [(CausalMaxPooling1D, np.max), (CausalAveragePooling1D, np.mean)]


@pytest.mark.parametrize(("layer", "function"), LAYERS)
@examples(20)
@given(
    pool_size=st.sampled_from([None, 1, 7, 40]),
    steps=st.sampled_from([1, 35]),
    seed=st.integers(0, 99),
)
def test_it_pools_what_was_observed_in_each_window(layer, function, pool_size, steps, seed):
    x = random(2, steps, 3, seed=seed)
    observed = np.random.default_rng(seed).random((2, steps)) < 0.6
    spoiled = np.where(observed[..., None], x, np.nan).astype("float32")
    everything = np.ones_like(observed)
    np.testing.assert_allclose(
        to_numpy(layer(pool_size)(x)), pooled(x, everything, pool_size, function), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        to_numpy(layer(pool_size)(spoiled, mask=keras.ops.convert_to_tensor(observed))),
        pooled(x, observed, pool_size, function),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("layer", "whole"),
    [
        (CausalMaxPooling1D, keras.layers.GlobalMaxPooling1D),
        (CausalAveragePooling1D, keras.layers.GlobalAveragePooling1D),
    ],
)
def test_the_last_step_of_all_so_far_is_global_pooling(layer, whole):
    x = random(2, 300, 3)
    np.testing.assert_allclose(compiled(layer(), x)[:, -1], to_numpy(whole()(x)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [CausalMaxPooling1D, CausalAveragePooling1D])
@pytest.mark.parametrize("pool_size", [4, None])
def test_steps_before_the_first_observation_are_as_if_they_were_not(layer, pool_size):
    x = random(2, 10, 3)
    padded = np.concatenate([np.full((2, 5, 3), np.nan, "float32"), x], axis=1)
    mask = keras.ops.convert_to_tensor(np.broadcast_to(np.arange(15) >= 5, (2, 15)))
    np.testing.assert_allclose(
        to_numpy(layer(pool_size)(padded, mask=mask))[:, 5:], to_numpy(layer(pool_size)(x)), rtol=1e-6
    )


class TestLongSequences:
    steps = 100_000

    def series(self):
        """Numbers that float32 adds up badly: all round to the same side for long."""
        noise = 1e-5 * random(1, self.steps, 1)
        return (0.1 + noise).astype("float32")

    def exact(self, x):
        return np.cumsum(x.astype("float64"), axis=1) / np.arange(1, self.steps + 1)[:, None]

    def test_the_mean_so_far_does_not_drift_where_plain_sums_do(self):
        x = self.series()
        plain = np.cumsum(x, axis=1, dtype="float32") / np.arange(1, self.steps + 1, dtype="float32")[:, None]
        assert np.abs(plain / self.exact(x) - 1).max() > 1e-4
        np.testing.assert_allclose(compiled(CausalAveragePooling1D(), x), self.exact(x), rtol=3e-7)

    def test_nor_does_it_in_a_stream(self):
        x, layer, state, pieces = self.series(), CausalAveragePooling1D(), {}, []
        for piece in np.split(x, 5, axis=1):
            with Memory(state) as memory:
                pieces.append(to_numpy(layer(piece)))
            state = {key: to_numpy(value) for key, value in memory.next.items()}
        np.testing.assert_allclose(np.concatenate(pieces, axis=1), self.exact(x), rtol=3e-7)

    def test_nor_step_by_step(self):
        """Ten million steps of the past, then single ones: each is a ten-millionth of the sum."""
        layer, past, now = CausalAveragePooling1D(), 1e7, np.full((1, 1, 1), 0.1, "float32")
        with Memory({}) as memory:
            layer(now)
        count, _, sums, _ = memory.next
        state = {key: np.zeros((1, 1, 1), "float32") for key in memory.next}
        state[count] += past
        state[sums] += np.float32(past)
        for _ in range(200):
            with Memory(state) as memory:
                mean = float(to_numpy(layer(now))[0, 0, 0])
            state = {key: to_numpy(value) for key, value in memory.next.items()}
        wanted = (past + 200 * np.float64(np.float32(0.1))) / (past + 200)
        assert abs(mean - wanted) < 1e-7
        plain = np.float32(past)
        for _ in range(200):
            plain += np.float32(0.1)
        assert abs(plain / (past + 200) - wanted) > 1.5e-6


class TestAggregate:
    @examples(20)
    @given(st.sampled_from([None, 1, 6, 13]), st.sampled_from([1, 9, 40]), st.integers(0, 99))
    def test_stretches_are_combined_in_their_order(self, window, steps, seed):
        """Composition of the functions a * z + b does not commute."""
        rng = np.random.default_rng(seed)
        a, b = rng.uniform(0.5, 1.5, (2, 1, steps, 1)).astype("float32")

        def then(older, newer):
            return [older[0] * newer[0], newer[0] * older[1] + newer[1]]

        slopes, shifts = aggregate(None, [a, b], then, [1.0, 0.0], window)
        for t in range(steps):
            slope, shift = 1.0, 0.0
            for s in range(0 if window is None else max(t - window + 1, 0), t + 1):
                slope, shift = slope * a[0, s, 0], a[0, s, 0] * shift + b[0, s, 0]
            np.testing.assert_allclose(to_numpy(slopes)[0, t, 0], slope, rtol=1e-5)
            np.testing.assert_allclose(to_numpy(shifts)[0, t, 0], shift, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("steps", [17, 257, 5000])
    def test_blocks_of_blocks_join(self, steps):
        x = random(1, steps, 2)
        means = compiled(CausalAveragePooling1D(), x)
        exact = np.cumsum(x.astype("float64"), axis=1) / np.arange(1, steps + 1)[:, None]
        np.testing.assert_allclose(means, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("pool_size", [0, -1, 2.0])
@pytest.mark.parametrize("layer", [CausalMaxPooling1D, CausalAveragePooling1D])
def test_a_window_has_a_step(layer, pool_size):
    with pytest.raises(ValueError, match=f"positive integer. Received: pool_size={pool_size}"):
        layer(pool_size)
