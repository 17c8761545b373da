"""Embeddings of sequences, and the loss that they are learned by."""

import keras
import numpy as np
import pytest
from backends import examples, gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from tcn.inspection import origin_contributions, origin_embeddings
from tcn.losses import TripletLoss
from tcn.models import TCN, ForkingTCN, SequenceEncoder


def loss_by_loops(labels, points, margin):
    """Mean of what is not 0 of each anchor's triplets, one by one."""
    found = []
    for a in range(len(labels)):
        short = [
            np.sum((points[a] - points[p]) ** 2) - np.sum((points[a] - points[n]) ** 2) + margin
            for p in range(len(labels))
            for n in range(len(labels))
            if p != a and labels[p] == labels[a] != labels[n]
        ]
        counted = [each for each in short if each > 0]
        found.append(np.mean(counted) if counted else 0.0)
    return np.array(found)


@examples(20)
@given(st.integers(0, 10**6), st.floats(0.05, 2))
def test_the_triplet_loss_is_that_of_all_triplets(seed, margin):
    rng = np.random.default_rng(seed)
    labels, points = rng.integers(0, 3, 7), rng.normal(size=(7, 3)).astype("float32")
    found = TripletLoss(margin, reduction="none")(labels, points)
    np.testing.assert_allclose(to_numpy(found), loss_by_loops(labels, points, margin), rtol=1e-4, atol=1e-5)


def test_the_triplet_loss_does_not_mind_order_and_keeps_its_arguments():
    rng = np.random.default_rng(0)
    labels, points = np.arange(12) % 4, rng.normal(size=(12, 5)).astype("float32")
    loss, order = TripletLoss(0.7), rng.permutation(12)
    twin = TripletLoss.from_config(loss.get_config())
    np.testing.assert_allclose(loss(labels, points), twin(labels[order, None], points[order]), rtol=1e-5)
    with pytest.raises(ValueError, match=r"'margin' must be above 0\. Received: margin=0"):
        TripletLoss(0)


@pytest.mark.parametrize("points", [np.zeros((4, 3)), np.eye(4)[:, :3]])
def test_gradients_of_equal_points_are_finite(points):
    unchanged = keras.layers.Identity()
    labels = np.array([0, 0, 1, 1])
    _, _, slopes = gradients(unchanged, points.astype("float32"), lambda x: TripletLoss()(labels, x))
    assert np.isfinite(slopes).all()


def test_vectors_are_of_length_1_and_padding_does_not_matter():
    model = SequenceEncoder(TCN(6, dilations=(1, 2), return_sequences=True, seed=0), units=5, seed=0)
    x = np.random.default_rng(0).normal(size=(3, 20, 2)).astype("float32")
    lengths = np.array([20, 13, 6])
    alone = np.concatenate([to_numpy(model(x[i : i + 1, :n])) for i, n in enumerate(lengths)])
    np.testing.assert_allclose((alone**2).sum(axis=1), 1, rtol=1e-5)
    mask = np.arange(20)[::-1] < lengths[:, None]
    padded = np.full_like(x, np.nan)
    padded[mask] = np.concatenate([x[i, :n] for i, n in enumerate(lengths)])
    np.testing.assert_allclose(model(padded, mask=ops.convert_to_tensor(mask)), alone, rtol=1e-4, atol=1e-5)


def test_an_encoder_comes_back_from_its_file(tmp_path):
    model = SequenceEncoder(
        TCN(4, dilations=(1, 2), return_sequences=True, seed=0), units=3, pooling="max", seed=1
    )
    x = np.random.default_rng(0).normal(size=(2, 12, 1)).astype("float32")
    before = to_numpy(model(x))
    model.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(before, to_numpy(loaded(x)))
    assert (loaded.units, loaded.pooling, loaded.seed) == (3, "max", 1)


@pytest.mark.parametrize("architecture", ["tcn", "wavenet"])
def test_last_features_are_what_the_output_layer_reads(architecture):
    network = ForkingTCN(
        3,
        (0.1, 0.5, 0.9),
        lookback=5,
        dilations=(1, 2),
        width=8,
        hidden=6,
        members=2,
        architecture=architecture,
    )
    network.build((None, None, 5))
    x = np.random.default_rng(0).normal(size=(1, 2, network.context + 4, 5)).astype("float32")
    x[..., 1], x[..., 3:] = 1, 0
    found = origin_embeddings(network, x)
    assert found.shape == (2, 4, 2 * 8)
    # The kernel of the output layer makes of them the median that the head adds to the seasons' path.
    kernel, bias = (to_numpy(weight) for weight in (network.head.out.kernel, network.head.out.bias))
    features = np.moveaxis(found.reshape(2, 4, 2, 8), 2, 0)
    out = np.einsum("mbof,mfu->mbou", features, kernel.reshape(2, 8, -1)) + bias.reshape(2, 1, 1, -1)
    parts = origin_contributions(network, x)
    wanted = parts.output - parts.parts["seasons"]
    np.testing.assert_allclose(out.reshape(*out.shape[:3], 3, 3)[..., 1], wanted, rtol=1e-4, atol=1e-5)


def test_features_at_every_origin_are_those_at_the_last():
    network = ForkingTCN(3, (0.1, 0.5, 0.9), lookback=5, dilations=(1, 2), width=8, hidden=6, members=2)
    network.build((None, None, 5))
    x = np.random.default_rng(1).normal(size=(1, 1, network.context + 5, 5)).astype("float32")
    x[..., 1], x[..., 3:] = 1, 0
    together = origin_embeddings(network, x)
    for k in range(5):
        alone = origin_embeddings(network, x[:, :, k : k + network.context + 1])
        np.testing.assert_allclose(together[:, k], alone[:, 0], rtol=1e-4, atol=1e-5)
    strided = origin_embeddings(network, x, stride=2)
    np.testing.assert_allclose(strided, together[:, ::2], rtol=1e-4, atol=1e-5)
