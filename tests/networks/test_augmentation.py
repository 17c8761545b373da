"""Augmentations: what they draw, what they keep, and how they treat what is missing."""

import keras
import numpy as np
import pytest
from backends import examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from scipy import stats

import tcn.augmentation
from tcn.augmentation import (
    FrequencyMask,
    FrequencyMix,
    Jitter,
    RandomCrop,
    RandomScale,
    RandomShift,
    RandomSign,
    SeriesMix,
    TimeWarp,
    WindowMix,
)

LAYERS = {
    "jitter": lambda **kw: Jitter(0.3, **kw),
    "scale": lambda **kw: RandomScale(0.3, **kw),
    "sign": lambda **kw: RandomSign(**kw),
    "shift": lambda **kw: RandomShift(5, **kw),
    "shift-missing": lambda **kw: RandomShift(5, fill="missing", **kw),
    "warp": lambda **kw: TimeWarp(0.3, **kw),
    "window-mix": lambda **kw: WindowMix(0.5, **kw),
    "series-mix": lambda **kw: SeriesMix(3, **kw),
    "frequency-mask": lambda **kw: FrequencyMask(0.5, **kw),
    "frequency-mix": lambda **kw: FrequencyMix(0.5, **kw),
}
WITH_CROP = {**LAYERS, "crop": lambda **kw: RandomCrop(20, **kw)}
each_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
each_with_crop = pytest.mark.parametrize("make", WITH_CROP.values(), ids=WITH_CROP)


def series(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def trained(layer, x, mask=None):
    """Outputs and masks in training."""
    arguments = {} if mask is None else {"mask": ops.convert_to_tensor(mask)}
    outputs = layer(ops.convert_to_tensor(x), training=True, **arguments)
    return to_numpy(outputs), Probe()(outputs)


class Probe(keras.layers.Layer):
    """Gives the mask that a layer behind the augmentation sees."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        return None if mask is None else to_numpy(mask)

    def compute_output_spec(self, inputs, mask=None):
        return keras.KerasTensor(inputs.shape[:2], "bool")


def test_all_are_tested():
    assert {type(make()).__name__ for make in WITH_CROP.values()} == set(tcn.augmentation.__all__)


@each_with_crop
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_identity_outside_training(make, dtype):
    x = series(3, 24, 2).astype(dtype)
    x[0, 3] = np.nan
    for arguments in ({}, {"training": False}, {"mask": ops.ones((3, 24), dtype="bool")}):
        y = to_numpy(make(seed=0, dtype="mixed_bfloat16")(x, **arguments))
        assert y.dtype == x.dtype
        np.testing.assert_array_equal(y, x)


@each_with_crop
def test_type_is_kept_in_training(make):
    x = series(4, 24, 2)
    whole, _ = trained(make(seed=0, dtype="mixed_bfloat16"), x)
    half, _ = trained(make(seed=0), x.astype("float16"))
    assert (whole.dtype, half.dtype) == ("float32", "float16")
    np.testing.assert_allclose(half, whole, rtol=0.01, atol=0.02)
    assert not np.array_equal(whole[:, :20], x[:, :20])


@each_with_crop
def test_seed_fixes_the_changes(make):
    x = series(8, 40, 2)
    layer = make(seed=3)
    twin = type(layer).from_config(layer.get_config())
    first, second = (trained(layer, x)[0] for _ in range(2))
    np.testing.assert_array_equal(first, trained(twin, x)[0])
    np.testing.assert_array_equal(second, trained(twin, x)[0])
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, trained(make(seed=4), x)[0])


@each_with_crop
def test_each_series_has_a_draw_of_its_own(make):
    x = np.repeat(series(2, 40, 1), 8, axis=0)
    x = x.reshape(2, 8, 40, 1).swapaxes(0, 1).reshape(16, 40, 1)
    y, _ = trained(make(seed=0), x)
    for kind in (y[::2], y[1::2]):
        assert len(np.unique(kind, axis=0)) > 1


@each_layer
def test_rate_is_the_share_that_is_changed(make):
    x = series(2000, 12, 1)
    y, _ = trained(make(rate=0.3, seed=0), x)
    always, _ = trained(make(rate=1.0, seed=0), x)
    changed = (y != x).any(axis=(1, 2))
    # Some draws change nothing, such as a shift by no steps.
    effective = (always != x).any(axis=(1, 2)).mean()
    assert effective > 0.5
    assert abs(changed.mean() - 0.3 * effective) < 4 * np.sqrt(0.3 * 0.7 / 2000)


@each_layer
def test_other_channels_are_left_alone(make):
    x = series(16, 24, 3)
    y, _ = trained(make(rate=1.0, channels=[0, 2], seed=0), x)
    np.testing.assert_array_equal(y[..., 1], x[..., 1])
    for channel in (0, 2):
        assert not np.array_equal(y[..., channel], x[..., channel])


@each_with_crop
def test_missing_values_and_masked_steps_are_the_same(make):
    x = series(16, 32, 2)
    mask = np.random.default_rng(1).random((16, 32)) < 0.8
    mask[:4, :10] = False
    gaps = np.where(mask[..., None], x, np.nan)
    marked, no_mask = trained(make(seed=0), gaps)
    masked, moved = trained(make(seed=0), gaps, mask)
    other, other_moved = trained(make(seed=0), np.where(mask[..., None], x, 1e6), mask)
    assert no_mask is None
    np.testing.assert_array_equal(moved, ~np.isnan(marked[..., 0]))
    np.testing.assert_array_equal(moved, other_moved)
    assert moved.any()
    assert not moved.all()
    np.testing.assert_array_equal(masked[moved], marked[moved])
    np.testing.assert_array_equal(masked, other)
    assert np.isfinite(masked).all()


@each_with_crop
def test_a_value_missing_in_one_channel_is_missing_there_alone(make):
    x = series(8, 32, 2)
    x[:, 5:9, 0] = np.nan
    y, _ = trained(make(seed=0), x)
    assert np.isfinite(y[..., 1]).all() or "missing" in str(make().get_config().get("fill"))
    assert np.isnan(y[..., 0]).any()
    assert np.isfinite(y[..., 0]).mean() > 0.4


@each_with_crop
def test_nothing_observed_and_a_single_step(make):
    nothing, mask = trained(make(seed=0), series(3, 24, 2), np.zeros((3, 24), bool))
    assert np.isfinite(nothing).all()
    assert not mask.any()
    zeros, _ = trained(make(seed=0), np.zeros((3, 24, 2), "float32"))
    assert not zeros[np.isfinite(zeros)].any()
    if not isinstance(make(), RandomCrop):
        one, _ = trained(make(seed=0), series(1, 1, 1))
        assert one.shape == (1, 1, 1)


@each_with_crop
def test_past_and_future_are_changed_as_one(make):
    x = series(6, 32, 2)
    mask = np.random.default_rng(1).random((6, 32)) < 0.8
    whole, moved = trained(make(seed=0), x, mask)
    parts = tuple(ops.convert_to_tensor(part) for part in (x[:, :25], x[:, 25:]))
    masks = tuple(ops.convert_to_tensor(part) for part in (mask[:, :25], mask[:, 25:]))
    pair = make(seed=0)(parts, mask=masks, training=True)
    assert isinstance(pair, tuple)
    assert pair[1].shape[1] == 7
    np.testing.assert_array_equal(np.concatenate([to_numpy(p) for p in pair], axis=1), whole)
    np.testing.assert_array_equal(np.concatenate([Probe()(p) for p in pair], axis=1), moved)
    same = make(seed=0)(list(parts))
    np.testing.assert_array_equal(np.concatenate([to_numpy(p) for p in same], axis=1), x)


def test_a_mask_of_one_part_is_enough():
    parts = [ops.convert_to_tensor(series(2, steps, 1)) for steps in (6, 3)]
    future_mask = ops.convert_to_tensor(np.array([[True, False, True]] * 2))
    pair = Jitter(seed=0)(parts, mask=[None, future_mask], training=True)
    assert [Probe()(part).sum() for part in pair] == [12, 4]


def test_jitter_is_in_proportion_to_the_spread():
    x = series(50, 400, 2) * [[[1.0, 100.0]]] + 1000
    y, _ = trained(Jitter(0.2, seed=0), x.astype("float64"))
    noise = (y - x) / x.std(axis=1, keepdims=True)
    for channel in range(2):
        assert stats.kstest(noise[..., channel].ravel(), stats.norm(scale=0.2).cdf).pvalue > 0.01
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.03


def test_jitter_takes_the_spread_of_what_is_observed():
    x = series(200, 60, 1)
    mask = np.ones((200, 60), bool)
    mask[:, 20:] = False
    x[:, 20:] = 1e4
    y, _ = trained(Jitter(0.5, seed=0), x, mask)
    assert 0.4 < np.std((y - x)[:, :20]) < 0.6


def test_scale_is_one_lognormal_factor():
    x = series(3000, 5, 2)
    y, _ = trained(RandomScale(0.4, seed=0), x)
    factor = y / x
    np.testing.assert_allclose(factor, np.broadcast_to(factor[:, :1, :1], factor.shape), rtol=1e-4)
    assert stats.kstest(np.log(factor[:, 0, 0]), stats.norm(scale=0.4).cdf).pvalue > 0.01


def test_sign_turns_whole_series_over():
    x = np.abs(series(2000, 6, 2)) + 0.1
    y, _ = trained(RandomSign(rate=0.25, seed=0), x)
    sign = np.sign(y[:, 0, 0])
    np.testing.assert_array_equal(y, x * sign[:, None, None])
    assert stats.binomtest(int((sign < 0).sum()), 2000, 0.25).pvalue > 0.01


@pytest.mark.parametrize("fill", ["edge", "missing"])
def test_shift_moves_evenly_to_both_sides(fill):
    ramp = np.tile(np.arange(1.0, 13), (4000, 1))[..., None].astype("float32")
    y, _ = trained(RandomShift(3, fill=fill, seed=0), ramp)
    shifts = (7 - y[:, 6, 0]).astype(int)
    assert stats.chisquare(np.bincount(shifts + 3, minlength=7)).pvalue > 0.01
    for row, shift in zip(y[:200, :, 0], shifts, strict=False):
        wanted = np.arange(1.0, 13) - shift
        inside = (wanted >= 1) & (wanted <= 12)
        filled = np.clip(wanted, 1, 12) if fill == "edge" else np.where(inside, wanted, np.nan)
        np.testing.assert_array_equal(row, filled)


def test_shift_may_be_longer_than_the_series():
    y, _ = trained(RandomShift(50, fill="missing", seed=0), series(300, 4, 1))
    assert np.isnan(y).all(axis=1).any()


def test_crop_begins_anywhere():
    ramp = np.tile(np.arange(12.0), (4000, 1))[..., None].astype("float32")
    y, _ = trained(RandomCrop(8, seed=0), ramp)
    start = y[:, 0, 0].astype(int)
    np.testing.assert_array_equal(y[..., 0], start[:, None] + np.arange(8.0))
    assert stats.chisquare(np.bincount(start, minlength=5)).pvalue > 0.01


def test_crop_passes_over_padding():
    x = np.tile(np.arange(12.0), (2000, 1))[..., None].astype("float32")
    mask = np.ones((2000, 12), bool)
    mask[:1000, :3] = False
    mask[1000:, :10] = False
    y, moved = trained(RandomCrop(8, seed=0), x, mask)
    assert moved[:1000].all()
    assert set(y[:1000, -1, 0]) == {10.0, 11.0}
    np.testing.assert_array_equal(moved[1000:].sum(axis=1), 2)


@examples(20)
@given(
    steps=st.sampled_from([2, 5, 40]),
    knots=st.sampled_from([2, 5]),
    strength=st.floats(0.0, 2.0),
    seed=st.integers(0, 1000),
)
def test_warp_reads_the_series_along_a_rising_path(steps, knots, strength, seed):
    ramp = np.tile(np.arange(steps, dtype="float32"), (4, 1))
    x = np.stack([ramp, series(4, steps, seed=seed)], axis=-1)
    y, _ = trained(TimeWarp(strength, knots, seed=seed), x)
    np.testing.assert_array_equal(y[:, [0, -1]], x[:, [0, -1]])
    assert (np.diff(y[..., 0], axis=1) > 0).all()
    for path, values, original in zip(y[..., 0], y[..., 1], x[..., 1], strict=True):
        np.testing.assert_allclose(values, np.interp(path, np.arange(steps), original), atol=1e-3)
    if strength == 0:
        np.testing.assert_allclose(y, x, atol=1e-4)


def test_warp_has_the_speed_that_was_drawn():
    ramp = np.tile(np.arange(400.0), (4000, 1))[..., None]
    y, _ = trained(TimeWarp(0.3, knots=3, seed=0), ramp)
    speed = np.log(np.diff(y[..., 0], axis=1))
    ends_apart = (speed[:, -1] - speed[:, 0]) / np.sqrt(2)
    assert stats.kstest(ends_apart, stats.norm(scale=0.3).cdf).pvalue > 0.01
    # Linear from knot to knot: no second difference but at the one in the middle.
    bend = np.abs(np.diff(speed, 2, axis=1))
    assert bend[:, :190].max() < 1e-3
    assert bend[:, 195:205].max() > 1e-3


def brought_to_size(x, i, j):
    """Series j at the mean absolute value of series i, by channel."""
    return x[j] * np.abs(x[i]).mean(axis=0) / np.abs(x[j]).mean(axis=0)


def test_window_mix_replaces_one_window():
    x = series(200, 20, 2) * np.exp(series(200, 1, 1, seed=1))
    y, _ = trained(WindowMix(0.5, seed=0), x)
    lengths, starts = [], []
    for i in range(200):
        changed = np.flatnonzero((y[i] != x[i]).any(axis=-1))
        lengths.append(len(changed))
        starts.append(changed[0])
        np.testing.assert_array_equal(changed, np.arange(changed[0], changed[-1] + 1))
        apart = np.abs(y[i, changed] - np.stack([brought_to_size(x, i, j)[changed] for j in range(200)]))
        nearest = apart.max(axis=(1, 2))
        assert nearest.min() < 1e-4 * np.abs(x[i]).max()
        assert nearest.argmin() != i
    assert stats.chisquare(np.bincount(lengths, minlength=11)[1:]).pvalue > 0.01
    ones = np.array(starts)[np.array(lengths) == 1]
    assert stats.kstest((ones + 0.5) / 20, "uniform").pvalue > 0.01


def mixing_weights(max_series, concentration, count):
    """Weights that `SeriesMix` has drawn: series i is observed at step i alone, where it says who it is."""
    sizes = np.exp(series(count, 1, 1))
    x = sizes * count * np.eye(count, dtype="float32")[..., None]
    y, _ = trained(SeriesMix(max_series, concentration, seed=0), x)
    return y[..., 0] / (sizes[:, :, 0] * count)


def test_series_mix_weighs_by_a_dirichlet_distribution():
    weights = mixing_weights(3, 1.5, 700)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-4)
    assert (weights >= 0).all()
    mixed = (weights > 0).sum(axis=1)
    assert mixed.max() == 3
    # Two partners may be the same series.
    assert stats.chisquare(np.bincount(mixed)[1:]).pvalue > 0.01
    own = np.diag(weights)
    assert (own > 0).all()
    assert stats.kstest(own[mixed == 2], stats.beta(1.5, 1.5).cdf).pvalue > 0.01
    assert stats.kstest(own[mixed == 3], stats.beta(1.5, 3.0).cdf).pvalue > 0.01


@examples(20)
@given(st.sampled_from([1, 2, 5]), st.sampled_from([0.5, 2.0]), st.integers(0, 1000))
def test_series_mix_stays_between_the_series(max_series, concentration, seed):
    x = series(6, 15, 2, seed=seed) * np.exp(2 * series(6, 1, 1, seed=seed + 1))
    y, _ = trained(SeriesMix(max_series, concentration, seed=seed), x)
    for i in range(6):
        alike = np.stack([brought_to_size(x, i, j) for j in range(6)])
        slack = 1e-4 * np.abs(alike).max()
        assert (y[i] <= alike.max(axis=0) + slack).all()
        assert (y[i] >= alike.min(axis=0) - slack).all()
    if max_series == 1:
        np.testing.assert_array_equal(y, x)


@examples(20)
@given(st.sampled_from([2, 3, 24, 41]), st.floats(0.0, 1.0), st.integers(0, 1000))
def test_frequency_mask_removes_just_the_frequencies_drawn(steps, share, seed):
    x = series(5, steps, 2, seed=seed) + 3
    y, _ = trained(FrequencyMask(share, seed=seed), x)
    before, after = (np.fft.rfft(s.astype("float64"), axis=1) for s in (x, y))
    kept = np.isclose(after, before, atol=1e-4 * steps)
    gone = np.isclose(after, 0, atol=1e-4 * steps)
    assert (kept | gone).all()
    assert kept[:, 0].all()
    np.testing.assert_array_equal((kept & ~gone)[..., 0], (kept & ~gone)[..., 1])


def test_frequency_mask_draws_its_share():
    x = series(500, 40, 1) + 100
    y, _ = trained(FrequencyMask(0.3, seed=0), x)
    after = np.abs(np.fft.rfft(y.astype("float64"), axis=1))[:, 1:, 0]
    assert stats.binomtest(int((after < 1e-3).sum()), after.size, 0.3).pvalue > 0.01


def test_frequency_mix_takes_frequencies_of_another_series():
    x = series(40, 24, 2) * np.exp(series(40, 1, 1, seed=1)) + 5
    y, _ = trained(FrequencyMix(0.4, seed=0), x)
    before, after = (np.fft.rfft(s.astype("float64"), axis=1) for s in (x, y))
    spread = x.std(axis=1)
    np.testing.assert_allclose(after[:, 0], before[:, 0], rtol=1e-5)
    taken = 0
    for i in range(40):
        own = np.isclose(after[i], before[i], rtol=1e-3, atol=1e-3)[1:].all(axis=-1)
        others = before * (spread[i] / spread)[:, None]
        fits = np.isclose(after[i], others, rtol=1e-3, atol=1e-3)[:, 1:].all(axis=-1)
        fits[i] = False
        assert (own | fits).all(axis=1).any()
        taken += (~own).sum()
    assert stats.binomtest(int(taken), 40 * 12, 0.4).pvalue > 0.01


@pytest.mark.parametrize("make", [WindowMix, SeriesMix, FrequencyMix])
def test_a_series_alone_in_its_batch_is_mixed_with_itself(make):
    x = series(1, 24, 2)
    np.testing.assert_allclose(trained(make(seed=0), x)[0], x, atol=1e-5)


def network_with(layers):
    inputs = keras.Input((None, 2))
    x = inputs
    for seed, make in enumerate(layers):
        x = make(seed=seed)(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(keras.layers.Dense(1)(Zeros()(x))))


def test_trains_at_any_length_and_is_left_out_of_predictions():
    model = network_with(WITH_CROP.values())
    model.compile("sgd", loss="mse", jit_compile=False)
    for batch, steps in ((4, 24), (3, 31)):
        x = series(batch, steps, 2)
        assert np.isfinite(model.train_on_batch(x, np.ones((batch, 1))))
        kernel, bias = (weight for weight in model.get_weights() if weight.dtype == "float32")
        plain = (x @ kernel + bias).mean(axis=1)
        np.testing.assert_allclose(model.predict_on_batch(x), plain, rtol=1e-4, atol=1e-5)


def test_trains_compiled_by_xla():
    # Between them they have every operation that the others have.
    model = network_with(LAYERS[name] for name in ("warp", "window-mix", "series-mix", "frequency-mix"))
    model.compile("sgd", loss="mse", jit_compile=True)
    assert np.isfinite(model.train_on_batch(series(4, 24, 2), np.ones((4, 1))))


class Zeros(keras.layers.Layer):
    """Zeros for what is missing."""

    def call(self, inputs):
        return ops.where(ops.isnan(inputs), ops.zeros_like(inputs), inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


def test_changes_chunks_in_a_data_pipeline():
    augment = keras.Sequential([RandomSign(seed=0), RandomScale(seed=1)])
    x = series(8, 30, 1)

    class Chunks(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            past, future = np.split(to_numpy(augment(x, training=True)), [24], axis=1)
            return past, future[..., 0]

    (past, future), (again, _) = Chunks()[0], Chunks()[1]
    factor = future[:, 0] / x[:, 24, 0]
    np.testing.assert_allclose(past, x[:, :24] * factor[:, None, None], rtol=1e-4)
    assert not np.array_equal(past, again)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Jitter(-0.1), "strength"),
        (lambda: RandomScale(float("nan")), "strength"),
        (lambda: RandomSign(rate=1.2), "rate"),
        (lambda: RandomShift(0), "max_shift"),
        (lambda: RandomShift(1, fill="zeros"), "'edge' or 'missing'"),
        (lambda: RandomCrop(2.5), "length"),
        (lambda: TimeWarp(knots=1), "knots"),
        (lambda: WindowMix(max_share=-1), "max_share"),
        (lambda: SeriesMix(max_series=0), "max_series"),
        (lambda: SeriesMix(concentration=0.7), "multiple of 0.5"),
        (lambda: FrequencyMask(share=2.0), "share"),
        (lambda: Jitter(channels=[3])(np.ones((1, 4, 2), "float32"), training=True), "2 channels"),
        (lambda: RandomCrop(9)(np.ones((1, 4, 2), "float32"), training=True), "length=9 for 4 steps"),
        (
            lambda: RandomCrop(5)(
                [np.ones((1, 20, 1), "float32"), np.ones((1, 5, 1), "float32")], training=True
            ),
            "length=5 for a future of 5 steps",
        ),
        (
            lambda: Jitter()(ops.ones((1, 4, 2), dtype="int32"), training=True),
            r'Received: int32\. Convert it: x\.astype\("float32"\)',
        ),
        (
            lambda: Jitter()((series(2, 4, 1), series(3, 4, 1)), training=True),
            r"past and future of the same.* Received: shapes \(2, 4, 1\), \(3, 4, 1\)",
        ),
        (lambda: Jitter()([series(2, 4, 1)], training=True), r"past and future.* shapes \(2, 4, 1\)"),
    ],
)
def test_says_what_is_wrong(make, words):
    with pytest.raises(ValueError, match=words):
        make()
