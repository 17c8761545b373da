"""Heads that make quantiles of a few numbers: a distribution, and a hurdle before zero."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from backends import to_numpy
from hypothesis import given
from hypothesis import strategies as st
from layer_oracles import check_layer

from tcn.members import MemberHurdleHead, MemberLocationScaleHead, OriginView
from tcn.members.hurdle import FARTHEST, LEAST, LEAST_SHAPE, SHAPE_BIAS
from tcn.models import ForkingTCN

DECILES = (0.1, 0.3, 0.5, 0.7, 0.9)
HEADS = ("quantile", "hurdle", "normal", "laplace")


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def view_of(heights, observed, level, scale=1.0):
    """What an origin knows of a window, given by distances from zero in units of its scale."""
    window = (np.asarray(heights) - level) * observed
    part = np.broadcast_to(np.float32(scale), (1, 1, 1, 1))
    cast = (x.astype("float32")[None, None, None] for x in (window, np.asarray(observed, float)))
    return OriginView(*cast, part * 0, part, part, part * 0), np.full((1, 1, 1, 1), level, "float32")


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


class TestMemberLocationScaleHead:
    def test_contract(self, tmp_path):
        arguments = {
            "horizon": 3,
            "quantiles": list(DECILES),
            "hidden": 8,
            "blocks": 1,
            "members": 2,
            "seed": 3,
        }
        check_layer(tmp_path, MemberLocationScaleHead, arguments, random(2, 3, 4, 6), random(2, 3, 4, 3))

    def test_quantiles_are_those_of_the_distribution(self):
        out, baseline = random(2, 3, 4, 5, 2), random(2, 3, 4, 5, seed=1)
        scale = np.log1p(np.exp(out[..., 1]))
        made = to_numpy(MemberLocationScaleHead(5, DECILES).make_quantiles(out, baseline, None, None))
        for i, q in enumerate(DECILES):
            expected = out[..., 0] + baseline + scale * NormalDist().inv_cdf(q)
            np.testing.assert_allclose(made[..., i], expected, rtol=1e-5, atol=1e-6)
        laplace = MemberLocationScaleHead(5, DECILES, "laplace")
        made = to_numpy(laplace.make_quantiles(out, baseline, None, None))
        away = np.abs(made[..., -1] - out[..., 0] - baseline) / scale
        np.testing.assert_allclose(0.5 * np.exp(-away), 0.1, rtol=1e-4)

    def test_a_shape_has_no_place(self):
        with pytest.raises(ValueError, match=r"nothing else\. Received: distribution='student_t'"):
            MemberLocationScaleHead(3, DECILES, "student_t")


class TestMemberHurdleHead:
    @given(
        st.lists(st.sampled_from([0.0, 0.0, 0.5, 2.0, 7.0]), min_size=1, max_size=12),
        st.sampled_from([0.0, 0.5, 3.0]),
        st.floats(-8, 8),
        st.floats(-8, 8),
        st.floats(-8, 8),
        st.floats(-3, 3),
    )
    def test_quantiles_are_those_of_zeros_and_a_weibull_distribution(
        self, heights, level, zero, size, shape, baseline
    ):
        observed = np.arange(len(heights)) % 4 != 2
        view, at = view_of(heights, observed, level)
        out = np.array([zero, size, shape], "float32").reshape(1, 1, 1, 1, 3)
        head = MemberHurdleHead(1, DECILES)
        made = to_numpy(head.make_quantiles(out, np.full((1, 1, 1, 1), baseline, "float32"), view, at))
        positive = [h for h, seen in zip(heights, observed, strict=True) if seen and h > 0]
        zeros = observed.sum() - len(positive)
        near = [abs(h - level) for h, seen in zip(heights, observed, strict=True) if seen]
        bound = lambda x: min(max(x, -FARTHEST), FARTHEST)  # noqa: E731
        p = sigmoid(math.log((zeros + 1) / (len(positive) + 1)) + bound(zero))
        usual = (sum(positive) + max(observed.sum() + 1 - sum(near), 0.1)) / (len(positive) + 1)
        scale = usual * math.exp(bound(size + baseline))
        power = LEAST_SHAPE + math.log1p(math.exp(min(shape, FARTHEST) + SHAPE_BIAS))
        for q, value in zip(DECILES, made.ravel() + level, strict=True):
            if abs(q - p) < 1e-6:  # rounding decides
                continue
            if q <= p:
                assert value == pytest.approx(0, abs=1e-6)
                continue
            # Quantiles right above the zeros are not told apart.
            u = max((q - p) / (1 - p), LEAST)
            assert value == pytest.approx(scale * (-math.log1p(-u)) ** power, rel=2e-3, abs=1e-5)

    @given(st.integers(0, 1000), st.sampled_from([1e-6, 1.0, 1e3, 1e12]))
    def test_quantiles_are_finite_and_do_not_cross_whatever_the_weights(self, seed, size):
        rng = np.random.default_rng(seed)
        view, at = view_of(
            rng.integers(0, 2, 9) * rng.random(9) * 10, rng.random(9) < 0.8, rng.integers(0, 3)
        )
        head = MemberHurdleHead(3, DECILES)
        out = (size * rng.normal(size=(1, 1, 1, 3, 3))).astype("float32")
        made = to_numpy(head.make_quantiles(out, 1e4 * random(1, 1, 1, 3, seed=seed), view, at))
        assert np.isfinite(made).all()
        assert (np.diff(made, axis=-1) >= 0).all()

    def test_a_view_is_needed(self):
        with pytest.raises(ValueError, match=r"the 'view' of the window\. Received: view=None"):
            MemberHurdleHead(3, DECILES)(random(1, 2, 4, 6), random(1, 2, 4, 3))


@pytest.mark.parametrize("head", HEADS)
def test_a_forecaster_of_each_kind_is_saved_and_loaded(head, tmp_path):
    network = ForkingTCN(
        3, DECILES, 8, season_length=4, dilations=(1, 2), members=2, ahead_features=2, head=head
    )
    steps, inputs = 20, random(2, 20, 5)
    inputs[..., 0], inputs[..., 1] = np.maximum(inputs[..., 0], 0), 1.0
    inputs[..., 2], inputs[..., 3], inputs[..., 4] = 0.0, 0.0, np.abs(inputs[..., 4])
    given = {"series": inputs, "ahead": random(2, steps + 3, 2)}
    made = to_numpy(network(given))
    assert made.shape == (2, steps, 3, 5)
    assert (np.diff(made, axis=-1) >= 0).all()
    assert head != "hurdle" or (made >= -1e-5).all()
    twin = ForkingTCN.from_config(network.get_config())
    np.testing.assert_array_equal(twin(given), made)


def test_there_is_no_other_head():
    with pytest.raises(ValueError, match=r"hurdle, normal, laplace\. Received: head='poisson'"):
        ForkingTCN(3, DECILES, 8, head="poisson")
