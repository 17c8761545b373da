"""The autoregressive WaveNet is a distribution, and what it generates is drawn from it."""

from itertools import product

import keras
import numpy as np
import pytest
from backends import BRIEFLY, to_numpy
from keras import ops
from scipy import stats

from tcn.models.autoregressive import AutoregressiveWaveNet


def series_of(classes, *shape, seed=0):
    return np.random.default_rng(seed).integers(classes, size=shape).astype("int32")


def model_of(classes=5, batch=2, condition=None, **arguments):
    """With probabilities that differ, the same on every backend."""
    model = AutoregressiveWaveNet(classes, filters=4, dilations=(1, 2, 4), seed=0, **arguments)
    model(series_of(classes, batch, 3), condition=condition)
    rng = np.random.default_rng(4)
    for weight in model.trainable_variables:
        fan_in = np.prod(weight.shape[:-1])
        weight.assign(rng.normal(size=weight.shape) * (2.0 / np.sqrt(fan_in) if fan_in > 1 else 0.2))
    return model


def loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def test_probabilities_of_all_series_sum_to_one():
    model = model_of(classes=3)
    everything = np.array(list(product(range(3), repeat=5)))
    of_each = to_numpy(model.log_likelihood(everything)).astype("float64")
    assert of_each.shape == everything.shape
    total = np.exp(of_each.sum(axis=1))
    assert total.sum() == pytest.approx(1.0, abs=1e-5)
    assert total.max() > 5 * total.min()


def test_a_step_depends_on_the_values_before_it_alone():
    model, x = model_of(), series_of(5, 2, 24)
    outputs = to_numpy(model(x))
    np.testing.assert_allclose(np.exp(outputs).sum(axis=-1), 1.0, rtol=1e-5)
    for origin in (0, 11, 22):
        changed = x.copy()
        changed[:, origin:] = (x[:, origin:] + 1) % 5
        moved = to_numpy(model(changed))
        np.testing.assert_array_equal(moved[:, : origin + 1], outputs[:, : origin + 1])
        assert (moved[:, origin + 1] != outputs[:, origin + 1]).any(axis=-1).all()


def test_receptive_field_is_the_number_of_values_that_matter():
    model = model_of()
    x = series_of(5, 1, 24)
    reach = []
    for back in range(1, 20):
        changed = x.copy()
        changed[:, 23 - back] = (x[:, 23 - back] + 1) % 5
        reach.append((to_numpy(model(changed)) != to_numpy(model(x)))[:, 23].any())
    assert reach == [back <= model.receptive_field for back in range(1, 20)]
    assert model.receptive_field == 9


def test_cross_entropy_is_the_mean_log_likelihood():
    model, x = model_of(), series_of(5, 3, 20)
    assert float(loss()(x, model(x))) == pytest.approx(-to_numpy(model.log_likelihood(x)).mean(), rel=1e-5)
    np.testing.assert_array_equal(to_numpy(model(x[..., None])), to_numpy(model(x)))


@pytest.mark.long
def test_it_learns_a_pattern_and_goes_on_with_it():
    pattern = np.tile([3, 1, 4, 1, 5, 2], 30)[None, :, None]
    model = AutoregressiveWaveNet(6, filters=8, dilations=(1, 2), seed=0)
    model.compile(keras.optimizers.Adam(0.03), loss(), **BRIEFLY)
    history = model.fit(pattern, pattern, epochs=40, verbose=0).history["loss"]
    assert history[0] > 1.5
    assert history[-1] < 0.1
    drawn = model.generate(pattern[:, :20], steps=50, top_k=1)
    np.testing.assert_array_equal(drawn, pattern[:, 20:70])


@pytest.mark.parametrize("kind", [None, "series", "steps"])
def test_greedy_generation_is_full_recomputation(kind):
    sizes = {None: None, "series": (3, 2), "steps": (3, 38, 2)}[kind]
    h = None if sizes is None else np.random.default_rng(1).normal(size=sizes).astype("float32")
    model = model_of(batch=3, condition=h if kind == "series" or h is None else h[:, :3])
    for length in (0, 3, 30):
        context = series_of(5, 3, length)
        known = h[:, : length + 8] if kind == "steps" else h
        drawn = model.generate(context, 8, top_k=1, condition=known)
        outputs = model(np.concatenate([context, drawn], axis=1), condition=known)
        np.testing.assert_array_equal(drawn, to_numpy(outputs)[:, length:].argmax(axis=-1))
        assert len(np.unique(drawn)) > 1


def test_draws_follow_the_probabilities():
    model = model_of(classes=6)
    context = np.tile(series_of(6, 1, 10), (6000, 1))
    scores = to_numpy(model(np.pad(context[:1], ((0, 0), (0, 1)))))[0, -1].astype("float64")
    for temperature, top_k in ((1.0, None), (0.5, None), (2.0, 3)):
        wanted = np.exp(scores / temperature)
        if top_k is not None:
            wanted[np.argsort(wanted)[:-top_k]] = 0.0
        drawn = model.generate(context, 1, temperature=temperature, top_k=top_k, seed=5)[:, 0]
        counts, kept = np.bincount(drawn, minlength=6), wanted > 0
        assert not counts[~kept].any()
        assert stats.chisquare(counts[kept], 6000 * wanted[kept] / wanted.sum()).pvalue > 0.001


def test_same_seed_same_values():
    model, context = model_of(), series_of(5, 2, 12)
    one, two, other = (model.generate(context, 30, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
    assert (one[0] != one[1]).any()


def test_it_comes_back_from_a_file(tmp_path):
    model, context = model_of(), series_of(5, 2, 12)
    path = str(tmp_path / "model.keras")
    model.save(path)
    twin = keras.saving.load_model(path)
    np.testing.assert_array_equal(twin.generate(context, 20, seed=1), model.generate(context, 20, seed=1))


def test_a_series_padded_on_the_left_is_the_series():
    model, x = model_of(), series_of(5, 2, 20)
    mask = np.arange(27)[None].repeat(2, axis=0) >= 7
    padded = np.concatenate([series_of(5, 2, 7, seed=1), x], axis=1)
    shorter, longer = model(x), model(padded, mask=ops.convert_to_tensor(mask))
    np.testing.assert_allclose(to_numpy(longer)[:, 7:], to_numpy(shorter), rtol=1e-5, atol=1e-5)
    of_each = to_numpy(model.log_likelihood(padded, mask=ops.convert_to_tensor(mask)))
    assert not of_each[:, :7].any()
    np.testing.assert_allclose(of_each[:, 7:], to_numpy(model.log_likelihood(x)), rtol=1e-5, atol=1e-5)


def test_loss_is_over_observed_targets():
    """The mask of the outputs is that of the series, not of the delayed series inside."""
    model, x = model_of(), series_of(5, 2, 24)
    x[:, 6:9] = -1
    x[1, :4] = -1
    inputs = keras.Input((None, 1), dtype="int32")
    masked = keras.Model(inputs, model(keras.layers.Masking(mask_value=-1)(inputs)))
    masked.compile("sgd", loss())
    observed = ops.convert_to_tensor(x >= 0)
    likelihood = to_numpy(model.log_likelihood(x, mask=observed))
    assert (likelihood[x >= 0] < 0).all()
    found = masked.evaluate(x[..., None], np.maximum(x, 0), verbose=0)
    assert found == pytest.approx(-likelihood.sum() / (x >= 0).sum(), rel=1e-5)


def test_a_missing_value_has_no_class_and_no_likelihood():
    model, x = model_of(), series_of(5, 1, 12)
    x[:, 5] = -1
    of_each = to_numpy(model.log_likelihood(x))
    assert of_each[0, 5] == 0
    assert (of_each[0, [4, 6]] < 0).all()


def test_classes_are_exact_in_half_precision():
    model = AutoregressiveWaveNet(1000, filters=4, dilations=(1,), seed=0, dtype="mixed_bfloat16")
    a, b = (to_numpy(model(np.array([[last, 0.0]], "float32"))) for last in (997.0, 998.0))
    assert a.dtype == "float32"
    assert (a[:, 1] != b[:, 1]).any()


def test_arguments_are_checked():
    model, context = model_of(), series_of(5, 2, 4)
    with pytest.raises(ValueError, match=r"'temperature' must be positive; pass top_k=1 for the most prob"):
        model.generate(context, 3, temperature=0)
    with pytest.raises(ValueError, match="'top_k' must be a positive integer"):
        model.generate(context, 3, top_k=0)
    with pytest.raises(ValueError, match="'steps' must be a positive integer"):
        model.generate(context, 0)
    with pytest.raises(ValueError, match=r"'context' must hold classes below 5. Received: 5"):
        model.generate(context * 0 + 5, 3)
    with pytest.raises(ValueError, match=r"must hold classes below 5. Received: 7"):
        model.log_likelihood(context * 0 + 7)
    with pytest.raises(ValueError, match=r"Received: shape \(4,\). Pass context\[None\]"):
        model.generate(context[0], 3)
    with pytest.raises(ValueError, match=r"built without one. Received: a condition of shape \(2, 2\)"):
        model.generate(context, 3, condition=np.zeros((2, 2)))
    conditioned = model_of(condition=np.zeros((2, 3, 1), "float32"))
    with pytest.raises(ValueError, match=r"built with one. Received: condition=None"):
        conditioned.generate(context, 3)
    with pytest.raises(ValueError, match=r"those to draw, 4 \+ 3. Received: 4 steps"):
        conditioned.generate(context, 3, condition=np.zeros((2, 4, 1)))
    with pytest.raises(ValueError, match="no weights yet"):
        AutoregressiveWaveNet(5).generate(context, 3)
    with pytest.raises(ValueError, match=r"must be one class a step.*Received: shape \(2, 4, 3\)"):
        AutoregressiveWaveNet(5)(np.zeros((2, 4, 3), "int32"))
    with pytest.raises(ValueError, match="'classes' must be a positive integer"):
        AutoregressiveWaveNet(0)
