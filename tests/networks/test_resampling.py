"""Resampling against loops, Keras' own convolutions, and itself in pieces and with gaps."""

import keras
import numpy as np
import pytest
from backends import examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tcn.layers.resampling import CausalDownsampling1D, CausalUpsampling1D, CropLike1D
from tcn.memory import Memory

sizes = st.tuples(st.integers(1, 4), st.integers(0, 5), st.sampled_from([1, 7, 12]), st.integers(0, 99))


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def down(factor, kernel_size, x, seed=0):
    layer = CausalDownsampling1D(2, factor, kernel_size, bias_initializer="ones")
    layer.build(x.shape)
    layer.kernel.assign(random(*layer.kernel.shape, seed=seed + 1))
    return layer


def up(factor, kernel_size, x, seed=0):
    layer = CausalUpsampling1D(2, factor, kernel_size, bias_initializer="ones")
    layer.build(x.shape)
    layer.kernel.assign(random(*layer.kernel.shape, seed=seed + 1))
    return layer


def taps_down(j, factor, kernel_size):
    """Step and kernel index of every tap of output j; steps before 0 are zeros."""
    return [(j * factor - lag, kernel_size - 1 - lag) for lag in range(kernel_size)]


def taps_up(t, factor, kernel_size):
    return [(j, t - j * factor) for j in range(t // factor, -kernel_size, -1) if t - j * factor < kernel_size]


def by_hand(taps, kernel, x, observed=None):
    """Sum over taps, made up for those that were not observed; before the first observation zeros count."""
    observed = np.ones(len(x), bool) if observed is None else observed
    begin = np.flatnonzero(observed)[0] if observed.any() else len(x)
    seen = [(s, w) for s, w in taps if s < begin or observed[s]]
    total = sum(kernel[w].T @ x[s] for s, w in seen if s >= begin)
    return 1.0 + total * len(taps) / max(len(seen), 1)


class TestDownsampling:
    @examples(20)
    @given(sizes)
    def test_an_output_is_a_sum_of_taps_up_to_the_first_step_of_its_block(self, size):
        factor, more, steps, seed = size
        kernel_size = 1 + more
        x = random(1, steps, 3, seed=seed)
        layer = down(factor, kernel_size, x, seed)
        kernel = to_numpy(layer.kernel.value)
        outputs = to_numpy(layer(x))
        assert outputs.shape[1] == -(-steps // factor)
        for j, output in enumerate(outputs[0]):
            wanted = by_hand(taps_down(j, factor, kernel_size), kernel, x[0])
            np.testing.assert_allclose(output, wanted, rtol=1e-4, atol=1e-5)

    @examples(20)
    @given(sizes)
    def test_gaps_are_made_up_for(self, size):
        factor, more, steps, seed = size
        x = random(1, steps, 3, seed=seed)
        observed = np.random.default_rng(seed).random(steps) < 0.5
        layer = down(factor, 1 + more, x, seed)
        kernel = to_numpy(layer.kernel.value)
        spoiled = np.where(observed[None, :, None], x, np.nan).astype("float32")
        mask = ops.convert_to_tensor(observed[None])
        outputs, known = to_numpy(layer(spoiled, mask=mask)), to_numpy(layer.compute_mask(x, mask))
        for j, output in enumerate(outputs[0]):
            taps = taps_down(j, factor, 1 + more)
            np.testing.assert_allclose(output, by_hand(taps, kernel, x[0], observed), rtol=1e-4, atol=1e-5)
            assert known[0, j] == any(s >= 0 and observed[s] for s, _ in taps)

    def test_it_is_every_so_many_steps_of_a_causal_convolution(self):
        x = random(2, 14, 3)
        layer = down(4, 6, x)
        full = keras.layers.Conv1D(2, 6, padding="causal")
        full.build(x.shape)
        full.set_weights(layer.get_weights())
        np.testing.assert_allclose(to_numpy(layer(x)), to_numpy(full(x))[:, ::4], rtol=1e-5, atol=1e-5)

    def test_nothing_after_the_first_step_of_a_block_counts(self):
        x = random(1, 12, 3)
        layer = down(4, 9, x)
        for step in range(12):
            changed = x.copy()
            changed[:, step] = np.nan
            moved = np.isnan(to_numpy(layer(changed))[0]).any(axis=-1)
            assert moved.tolist() == [step <= 4 * j < step + 9 for j in range(3)]


class TestUpsampling:
    @examples(20)
    @given(sizes)
    def test_an_output_is_a_sum_over_coarse_steps_up_to_its_own(self, size):
        factor, more, steps, seed = size
        x = random(1, steps, 3, seed=seed)
        layer = up(factor, factor + more, x, seed)
        kernel = to_numpy(layer.kernel.value).transpose(0, 2, 1)
        outputs = to_numpy(layer(x))
        assert outputs.shape[1] == steps * factor
        for t, output in enumerate(outputs[0]):
            taps = [tap for tap in taps_up(t, factor, factor + more) if tap[0] >= 0]
            np.testing.assert_allclose(output, by_hand(taps, kernel, x[0]), rtol=1e-4, atol=1e-5)

    @examples(20)
    @given(sizes)
    def test_gaps_are_made_up_for(self, size):
        factor, more, steps, seed = size
        x = random(1, steps, 3, seed=seed)
        observed = np.random.default_rng(seed).random(steps) < 0.5
        layer = up(factor, factor + more, x, seed)
        kernel = to_numpy(layer.kernel.value).transpose(0, 2, 1)
        spoiled = np.where(observed[None, :, None], x, np.nan).astype("float32")
        mask = ops.convert_to_tensor(observed[None])
        outputs, known = to_numpy(layer(spoiled, mask=mask)), to_numpy(layer.compute_mask(x, mask))
        for t, output in enumerate(outputs[0]):
            taps = taps_up(t, factor, factor + more)
            np.testing.assert_allclose(output, by_hand(taps, kernel, x[0], observed), rtol=1e-4, atol=1e-5)
            assert known[0, t] == observed[t // factor]

    @pytest.mark.parametrize("kernel_size", [3, 5, 6])
    def test_it_is_keras_transposed_convolution_cut_at_the_end(self, kernel_size):
        x = random(2, 5, 3)
        layer = up(3, kernel_size, x)
        full = keras.layers.Conv1DTranspose(2, kernel_size, strides=3)
        full.build(x.shape)
        full.set_weights(layer.get_weights())
        np.testing.assert_allclose(to_numpy(layer(x)), to_numpy(full(x))[:, :15], rtol=1e-5, atol=1e-5)

    def test_a_kernel_without_gaps(self):
        with pytest.raises(ValueError, match=r"at least 'factor', .* Received: kernel_size=2, factor=3"):
            CausalUpsampling1D(2, factor=3, kernel_size=2)


def down_and_up(x, factor, kernel_size=None, **arguments):
    """A model that goes down and up again and keeps the length."""
    inputs = keras.Input((None, x.shape[-1]))
    observed = keras.layers.Masking(**arguments)(inputs)
    coarse = CausalDownsampling1D(4, factor, kernel_size)(observed)
    fine = CausalUpsampling1D(2, factor, kernel_size)(coarse)
    return keras.Model(inputs, CropLike1D()([fine, observed]))


class TestDownAndUp:
    @pytest.mark.parametrize("steps", [1, 5, 9, 10])
    def test_length_and_causality_are_those_from_before(self, steps):
        x = random(1, steps, 3)
        model = down_and_up(x, 4, 8)
        first = to_numpy(model(x))
        assert first.shape == (1, steps, 2)
        for origin in range(steps - 1):
            changed = x.copy()
            changed[:, origin + 1 :] += 1.0
            np.testing.assert_array_equal(to_numpy(model(changed))[:, : origin + 1], first[:, : origin + 1])

    def test_a_mask_goes_all_the_way(self):
        x = random(1, 10, 3)
        x[:, [2, 3, 7]] = 0.0
        outputs = down_and_up(x, 4)(x)
        np.testing.assert_array_equal(to_numpy(outputs._keras_mask)[0], (x[0] != 0).any(axis=-1))

    def test_a_whole_number_of_blocks_may_be_missing_in_front(self):
        x = random(2, 10, 3)
        model = down_and_up(x, 4, 7)
        padded = np.concatenate([np.zeros((2, 8, 3), "float32"), x], axis=1)
        np.testing.assert_allclose(to_numpy(model(padded))[:, 8:], to_numpy(model(x)), rtol=1e-4, atol=1e-5)

    @examples(10)
    @given(st.integers(2, 3), st.sampled_from([(1, 1), (2, 1, 3)]), st.booleans())
    def test_pieces_of_whole_blocks_give_what_one_pass_gives(self, factor, blocks, masked):
        x = random(2, factor * sum(blocks), 3)
        if masked:
            x[:, np.random.default_rng(1).random(x.shape[1]) < 0.4] = 0.0
        model = down_and_up(x, factor, 2 * factor + 1, mask_value=0.0 if masked else 99.0)
        state, pieces, begin = {}, [], 0
        for count in blocks:
            with Memory(state) as memory:
                pieces.append(to_numpy(model(x[:, begin : begin + factor * count])))
            state, begin = memory.next, begin + factor * count
        np.testing.assert_allclose(np.concatenate(pieces, axis=1), to_numpy(model(x)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", [CausalDownsampling1D, CausalUpsampling1D])
@pytest.mark.parametrize("sizes", [{"factor": 0}, {"factor": 2.0}, {"factor": 2, "kernel_size": 0}])
def test_sizes_are_positive_integers(layer, sizes):
    with pytest.raises(ValueError, match="positive integer"):
        layer(3, **sizes)
