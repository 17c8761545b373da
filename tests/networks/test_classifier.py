import keras
import numpy as np
import pytest
from backends import BRIEFLY, examples, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tcn.layers.global_pooling import GlobalPooling1D
from tcn.memory import Memory
from tcn.models.classifier import SequenceClassifier
from tcn.models.inception_time import InceptionTime
from tcn.models.separable import SeparableTCN

POOLINGS = ("average", "max", "last")


def series(steps=20, channels=2, batch=3, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, steps, channels)).astype("float32")


def backbone(padding="causal", seed=0):
    return InceptionTime(3, 2, (3, 5), bottleneck=4, padding=padding, seed=seed)


def waves(count, steps=48, seed=0):
    """Noisy sines, squares and saws of random period and phase, and which of them each is."""
    rng = np.random.default_rng(seed)
    shapes = rng.integers(0, 3, count)
    turns = np.arange(steps) / rng.uniform(8, 16, (count, 1)) + rng.uniform(0, 1, (count, 1))
    sine = np.sin(2 * np.pi * turns)
    every = np.stack([np.sqrt(2) * sine, np.sign(sine), np.sqrt(12) * (turns % 1 - 0.5)], axis=1)
    x = every[np.arange(count), shapes] + 0.2 * rng.normal(size=(count, steps))
    return x[..., None].astype("float32"), shapes


@examples(20)
@given(st.sampled_from(POOLINGS), st.integers(0, 10**6))
def test_global_pooling_is_that_of_the_observed_steps(pooling, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 5, 2)).astype("float32")
    mask = rng.random((3, 5)) < rng.uniform(0, 1, (3, 1))
    y = to_numpy(
        GlobalPooling1D(pooling)(np.where(mask[..., None], x, np.nan), mask=ops.convert_to_tensor(mask))
    )
    oracle = {"average": lambda v: v.mean(axis=0), "max": lambda v: v.max(axis=0), "last": lambda v: v[-1]}
    for row in range(3):
        observed = x[row, mask[row]].astype("float64")
        wanted = oracle[pooling](observed) if len(observed) else np.zeros(2)
        np.testing.assert_allclose(y[row], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_stream_is_classified_by_all_so_far(pooling, masked):
    model = SequenceClassifier(backbone(), 3, pooling=pooling, seed=0)
    x = series()
    mask = np.random.default_rng(1).random(x.shape[:2]) < (0.7 if masked else 2)
    mask[:, -3:] &= not masked
    state = {}
    for begin, end in ((0, 10), (10, 20)):
        part = {"mask": ops.convert_to_tensor(mask[:, begin:end])} if masked else {}
        so_far = {"mask": ops.convert_to_tensor(mask[:, :end])} if masked else {}
        with Memory(state) as memory:
            y = model(x[:, begin:end], **part)
        state = memory.next
        np.testing.assert_allclose(to_numpy(y), to_numpy(model(x[:, :end], **so_far)), rtol=1e-5, atol=1e-6)


def test_averages_of_long_half_precision_sequences_are_exact():
    x = np.full((1, 4096, 1), 1.5, "float32")
    assert float(to_numpy(ops.cast(GlobalPooling1D(dtype="float16")(x), "float32"))[0, 0]) == 1.5


@pytest.mark.parametrize("padding", ["causal", "same"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_does_not_matter(pooling, padding):
    model = SequenceClassifier(backbone(padding), 3, pooling=pooling, seed=0)
    lengths, x = (20, 13, 6), series()
    alone = [to_numpy(model(x[i : i + 1, :n])) for i, n in enumerate(lengths)]
    after = np.arange(20) < np.array(lengths)[:, None]
    behind = np.where(after[..., None], x, np.nan)
    before = np.stack([np.roll(row, 20 - n, axis=0) for row, n in zip(behind, lengths, strict=True)])
    for padded, mask in ((behind, after), (before, after[:, ::-1].copy())):
        together = to_numpy(model(padded, mask=ops.convert_to_tensor(mask)))
        np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-5, atol=1e-6)


def test_a_mask_made_by_keras_is_heard_before_and_inside_the_model():
    x = series()
    x[1, 9:] = -9.0
    outside = keras.Sequential([keras.layers.Masking(-9.0), SequenceClassifier(backbone(), 3, seed=0)])
    inside = SequenceClassifier(keras.Sequential([keras.layers.Masking(-9.0), backbone()]), 3, seed=0)
    plain = SequenceClassifier(backbone(), 3, seed=0)
    wanted = np.concatenate([to_numpy(plain(x[:1])), to_numpy(plain(x[1:2, :9])), to_numpy(plain(x[2:]))])
    for model in (outside, inside):
        np.testing.assert_allclose(to_numpy(model(x)), wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-6)


def test_outputs_are_a_softmax_or_a_sigmoid_for_each_class():
    one = SequenceClassifier(backbone(), 4, seed=0)
    many = SequenceClassifier(backbone(), 4, multi_label=True, seed=0)
    y = to_numpy(one(series()))
    logits = to_numpy(one.logits(one.embed(series())))
    odds = np.exp(logits.astype("float64"))
    np.testing.assert_allclose(y, odds / odds.sum(-1, keepdims=True), rtol=1e-4)
    many(series())
    many.set_weights(one.get_weights())
    np.testing.assert_allclose(to_numpy(many(series())), odds / (1 + odds), rtol=1e-4)


def test_probabilities_are_of_full_precision_in_half_precision():
    half = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    model = SequenceClassifier(SeparableTCN(4, 2, 5, seed=0, dtype=half), 3, seed=0, dtype=half)
    y = model(series())
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    np.testing.assert_allclose(to_numpy(y).sum(-1), 1.0, rtol=1e-6)


@pytest.mark.long
def test_it_learns_shapes_of_waves():
    x, shapes = waves(384)
    model = SequenceClassifier(InceptionTime(8, 3, (3, 9), seed=0), 3, seed=0)
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], **BRIEFLY
    )
    model.fit(x, shapes, batch_size=64, epochs=6, shuffle=False, verbose=0)
    _, accuracy = model.evaluate(*waves(300, seed=1), verbose=0)
    _, of_longer = model.evaluate(*waves(300, steps=96, seed=2), verbose=0)
    assert min(accuracy, of_longer) > 0.9


@pytest.mark.long
def test_it_learns_which_waves_are_in_a_series():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (384, 2))
    parts = [np.sin(2 * np.pi * (np.arange(48) / period + rng.uniform(0, 1, (384, 1)))) for period in (6, 15)]
    x = np.einsum("nl,lnt->nt", labels, parts) + 0.3 * rng.normal(size=(384, 48))
    x, y = x[..., None].astype("float32"), labels.astype("float32")
    model = SequenceClassifier(SeparableTCN(8, 2, 15, seed=0), 2, multi_label=True, pooling="max", seed=0)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["binary_accuracy"], **BRIEFLY)
    model.fit(x[:256], y[:256], batch_size=64, epochs=10, shuffle=False, verbose=0)
    assert model.evaluate(x[256:], y[256:], verbose=0)[1] > 0.9


def test_a_trained_backbone_keeps_its_weights():
    trained = backbone()
    trained.build((None, None, 2))
    before = trained.get_weights()
    SequenceClassifier(trained, 3)(series())
    for a, b in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_it_comes_back_with_a_functional_backbone(tmp_path):
    inputs = keras.Input((None, 2))
    network = keras.Model(inputs, keras.layers.Dense(4)(InceptionTime(2, 1, (3,))(inputs)))
    model = SequenceClassifier(network, 3, pooling="last", dropout=0.2, seed=3)
    y = to_numpy(model(series()))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(y, to_numpy(loaded(series())))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 0}, "'classes' must be a positive integer. Received: classes=0"),
        ({"classes": 1}, "the softmax of one class is always 1"),
        ({"classes": 2, "pooling": "sum"}, r"'pooling' must be one of .* Received: pooling='sum'"),
        ({"classes": 2, "dropout": -0.1}, "'dropout' must be at least 0 and below 1"),
        ({"classes": 2, "backbone": 3}, "'backbone' must be a Keras layer or model. Received: backbone=3"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SequenceClassifier(**{"backbone": backbone(), **arguments})


def test_a_backbone_must_return_a_sequence():
    with pytest.raises(ValueError, match=r"must return \(batch, time, features\).*output shape \(3, 2\)"):
        SequenceClassifier(keras.layers.GlobalAveragePooling1D(), 3)(series())
