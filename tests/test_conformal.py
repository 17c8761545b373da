"""Conformal calibration in NumPy: scores, curves, recent errors, and what becomes of quantiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr, ndtri

from pipelines.conformal import PROBABILITIES, Conformal, at_scores, fit_curves, normal_scores
from pipelines.conformal.coverage import coverage_frame, independent_windows, left_out_quantiles
from pipelines.conformal.curves import GRID, apply_curves, invert_curves
from pipelines.conformal.recent import PAST, past_step, recent_quantiles, recent_scores

KNOWN = (0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)
NONE = np.array(-np.inf)
NORMAL = ndtri(KNOWN)
MANY = 10**9


def forecasts(seed, shape, ties=False):
    """Quantiles of strange shapes, not decreasing."""
    rng = np.random.default_rng(seed)
    steps = rng.exponential(size=(*shape, len(KNOWN))) ** 2
    if ties:
        steps *= rng.random(steps.shape) < 0.5
    return rng.normal(size=(*shape, 1)) + np.cumsum(steps, axis=-1)


@given(st.integers(0, 999), st.floats(-6, 6))
@settings(max_examples=20)
def test_the_score_of_a_value_leads_back_to_it(seed, score):
    quantiles = forecasts(seed, (5,))
    found = normal_scores(quantiles, KNOWN, at_scores(quantiles, KNOWN, np.full(5, score)), NONE)
    np.testing.assert_allclose(found, score, rtol=1e-6, atol=1e-6)


@given(st.integers(0, 999), st.integers(-60, 60), st.floats(-100, 100))
@settings(max_examples=20)
def test_scores_have_no_unit(seed, power, shift):
    quantiles, truth = forecasts(seed, (20,)), np.random.default_rng(seed).normal(3, 5, 20)
    plain = normal_scores(quantiles, KNOWN, truth, NONE)
    np.testing.assert_array_equal(
        normal_scores(quantiles * 2.0**power, KNOWN, truth * 2.0**power, NONE), plain
    )
    np.testing.assert_allclose(normal_scores(quantiles + shift, KNOWN, truth + shift, NONE), plain, atol=1e-6)


@given(st.integers(0, 999), st.floats(0, 1))
@settings(max_examples=20)
def test_an_interval_holds_a_truth_exactly_if_its_bounds_lie_on_both_sides_of_the_score(seed, floor_at):
    """Also where quantiles are tied, and where forecasts have a floor."""
    rng = np.random.default_rng(seed)
    quantiles = forecasts(seed, (50,), ties=True)
    floor = np.quantile(quantiles, floor_at * 0.6)
    truth = np.maximum(
        np.where(rng.random(50) < 0.5, rng.choice(quantiles.ravel(), 50), rng.normal(4, 5, 50)), floor
    )
    score = normal_scores(quantiles, KNOWN, truth, np.array(floor))
    for side in rng.choice(np.r_[NORMAL, rng.normal(size=8)], 6):
        bound = np.maximum(at_scores(quantiles, KNOWN, np.array(side)), floor)
        slack = 1e-9 * np.abs(quantiles).max()
        known = np.isfinite(score) & (np.abs(truth - bound) > slack)
        held = truth <= bound if side > 0 else truth >= bound
        wanted = score <= side if side > 0 else score >= side
        np.testing.assert_array_equal(held[known], wanted[known])


def test_what_is_not_known_has_no_score():
    quantiles = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0], [1.0, 2.0, 3.0]])
    found = normal_scores(quantiles, (0.1, 0.5, 0.9), np.array([np.nan, 4.0, 2.0]), NONE)
    assert np.isnan(found[:2]).all()
    assert found[2] == 0.0


@pytest.mark.parametrize(("shift", "factor"), [(0.0, 1.0), (0.0, 2.0), (0.4, 0.6), (-0.3, 1.5)])
def test_exchangeable_errors_are_covered_as_they_should(shift, factor):
    """Split calibration, whatever the network does wrong: within binomial bounds of what was asked for."""
    rng, n = np.random.default_rng(1), 4000
    quantiles = np.broadcast_to(NORMAL * np.exp(rng.normal(size=(2 * n, 1, 1))), (2 * n, 1, len(KNOWN)))
    truth = (shift + factor * rng.standard_t(5, size=(2 * n, 1))) * quantiles[..., -1] / NORMAL[-1]
    scores = normal_scores(quantiles, KNOWN, truth, NONE)
    calibrated = Conformal("split", fit_curves(scores[:n], MANY)).quantiles(quantiles[n:], KNOWN)
    for probability in (0.025, 0.1, 0.3, 0.7, 0.9, 0.975):
        if (shift < 0) == (probability < 0.5) and shift and probability in (0.3, 0.7):
            continue  # a biased median is not moved, and no quantile crosses it
        bound = calibrated[..., PROBABILITIES.index(probability)]
        share = (truth[n:] <= bound).mean()
        assert abs(share - probability) < 4 * np.sqrt(2 * probability * (1 - probability) / n)


def test_each_step_is_calibrated_by_itself():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(5000, 3)) * [0.5, 1.0, 2.0]
    at_two = apply_curves(fit_curves(scores, MANY), np.array([[1.5]]))[0]
    np.testing.assert_allclose(at_two, [0.75, 1.5, 3.0], rtol=0.1)


def test_few_scores_are_pooled_with_those_of_neighboring_steps():
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(20, 60)) * 2
    curves = fit_curves(scores, MANY)
    alone = fit_curves(scores[:, :1], MANY)
    place = np.searchsorted(GRID, 1.25)
    assert np.std(curves[:, place]) < 0.25
    assert np.abs(curves[:, place] - 2.5).max() < np.abs(alone[0, place] - 2.5) + 0.5


@given(st.integers(0, 999), st.integers(0, 30))
@settings(max_examples=20)
def test_curves_increase_through_zero_and_can_be_inverted(seed, n):
    rng = np.random.default_rng(seed)
    scores = rng.standard_t(2, size=(n, 4)) * 3 + rng.normal()
    curves = fit_curves(scores, 8.0)
    assert (np.diff(curves, axis=1) > 0).all()
    assert (curves[:, len(GRID) // 2] == 0).all()
    there = apply_curves(curves, np.linspace(-5, 5, 41)[:, None])
    np.testing.assert_allclose(invert_curves(curves, there), np.repeat(np.linspace(-5, 5, 41)[:, None], 4, 1))


def test_without_scores_nothing_changes():
    curves = fit_curves(np.full((7, 2), np.nan), 7.0)
    np.testing.assert_array_equal(curves, np.stack([GRID, GRID]))


def test_few_windows_change_little():
    scores = 3 * np.random.default_rng(4).normal(size=(1000, 1))
    widths = [fit_curves(scores, windows)[0, -9] / GRID[-9] for windows in (1, 4, 100)]
    assert 1 < widths[0] < widths[1] < widths[2] < 3.3
    assert independent_windows(5, step=14, horizon=28) == 3.0
    assert independent_windows(5, step=56, horizon=28) == 5.0


def slow_quantile(scores, wanted):
    """Weighted quantile of recent scores and a normal distribution, by bisection of its definition."""
    past, horizon = scores.shape
    found = np.empty(horizon)
    age = 0.5 ** (np.arange(past) / 30)[:, None]
    seen = [(a, s) for a, row in zip(age[:, 0], scores, strict=True) for s in row if not np.isnan(s)]
    count = sum(a for a, _ in seen) / horizon
    side = [s for _, s in seen if (s > 0) == (wanted > 0)]
    weights = [a for a, s in seen if (s > 0) == (wanted > 0)]
    size = sum(a * min(abs(s), 5) for a, s in zip(weights, side, strict=True)) / horizon
    spread = (size * np.sqrt(2 * np.pi) + 15) / (count + 15)
    for k in range(horizon):
        near = np.clip(np.arange(k - 3, k + 4), 0, horizon - 1)
        own = scores[:, near]
        weight = np.where(np.isnan(own), 0, age / 7)
        low, high = -9.0, 9.0
        for _ in range(80):
            middle = (low + high) / 2
            below = (weight * (own <= middle)).sum() + 15 * ndtr(middle / spread)
            low, high = (low, middle) if below >= ndtr(wanted) * (weight.sum() + 15) else (middle, high)
        found[k] = min(high, 0) if wanted < 0 else max(high, 0)
    return found


@given(st.integers(0, 999), st.integers(1, 6), st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_recent_quantiles_are_those_of_the_definition(seed, horizon, missing):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(2, 9, horizon)) * 2 + 0.5
    scores[rng.random(scores.shape) < missing] = np.nan
    wanted = np.array([-1.28, -0.25, 0.5, 1.96])
    found = recent_quantiles(scores, wanted)
    for run in range(2):
        for i, score in enumerate(wanted):
            np.testing.assert_allclose(found[run, i], slow_quantile(scores[run], score), atol=1e-6)


def test_series_without_errors_are_calibrated_as_all_are():
    wanted = ndtri(np.array(PROBABILITIES))
    found = recent_quantiles(np.full((1, PAST, 2), np.nan), wanted)
    np.testing.assert_allclose(found[0], np.stack([wanted, wanted], axis=1), atol=1e-9)


@pytest.mark.parametrize("spacing", [1, 2, 6])
def test_past_errors_count_once_they_are_known(spacing):
    horizon, origins = 12, 400
    assert past_step(horizon) == 6
    scores = np.arange(origins * horizon, dtype=float).reshape(1, origins, horizon)
    chosen = np.array([origins - 1, origins - 5, 3])
    found = recent_scores(scores, spacing, chosen)
    assert found.shape == (1, 3, PAST, horizon)
    for i, origin in enumerate(chosen):
        for j in range(PAST):
            rows = 6 * (j + 1)
            then = origin - rows // spacing
            expected = scores[0, then].copy() if then >= 0 else np.full(horizon, np.nan)
            expected[np.arange(1, horizon + 1) > rows] = np.nan
            np.testing.assert_array_equal(found[0, i, j], expected)


@given(
    st.integers(0, 999),
    st.sampled_from(["split", "adaptive"]),
    arrays(float, (2, 3, 1), elements=st.sampled_from([1.0, 0.0, 1e300, 1e-300, 1.7e308])),
)
@settings(max_examples=20)
def test_quantiles_never_cross_and_the_median_stays(seed, method, size):
    rng = np.random.default_rng(seed)
    steps = forecasts(seed, (2, 3), ties=True)
    with np.errstate(over="ignore"):
        quantiles = np.clip(size * steps, -np.finfo(float).max, np.finfo(float).max)
    conformal = Conformal(method, fit_curves(3 * rng.standard_t(2, size=(40, 3)), 30.0))
    recent = 5 * rng.standard_t(2, size=(2, PAST, 3)) if conformal.adapts else None
    found = conformal.quantiles(quantiles, KNOWN, recent)
    assert np.isfinite(found).all()
    assert (found[..., 1:] >= found[..., :-1]).all()
    np.testing.assert_array_equal(found[..., PROBABILITIES.index(0.5)], quantiles[..., KNOWN.index(0.5)])


def test_recent_errors_widen_and_narrow():
    curves = np.stack([GRID])
    quantiles = NORMAL[None, None, None]
    shares = {}
    for factor in (0.3, 1.0, 3.0):
        recent = factor * np.random.default_rng(5).normal(size=(1, 1, PAST, 1))
        found = Conformal("adaptive", curves).quantiles(quantiles, KNOWN, recent)
        shares[factor] = np.subtract(*(found[..., PROBABILITIES.index(side)].item() for side in (0.9, 0.1)))
    assert shares[0.3] < shares[1.0] < shares[3.0]


@pytest.mark.parametrize("method", ["split", "adaptive"])
def test_coverage_after_is_that_of_windows_that_taught_nothing(method):
    """Windows whose errors alone are huge: calibrated by the others, intervals there do not hold."""
    rng = np.random.default_rng(6)
    windows, horizon = 50, 2
    truth = rng.normal(size=(1, windows, horizon))
    truth[:, :10] *= 1000
    quantiles = np.broadcast_to(NORMAL, (1, windows, horizon, len(KNOWN)))
    scores = normal_scores(quantiles, KNOWN, truth, NONE)
    after = left_out_quantiles(method, quantiles, KNOWN, scores, 1, np.arange(windows), 2)
    frame = coverage_frame([80], truth, (quantiles, KNOWN), (after, PROBABILITIES), NONE)
    assert frame["step"].tolist() == [1, 2, "all"]
    assert frame["coverage_after"].iloc[-1] < 0.85
    fold = coverage_frame(
        [80], truth[:, :10], (quantiles[:, :10], KNOWN), (after[:, :10], PROBABILITIES), NONE
    )
    assert fold["coverage_after"].iloc[-1] < 0.3


def test_one_window_teaches_nothing_about_itself():
    quantiles = np.broadcast_to(NORMAL, (1, 1, 2, len(KNOWN)))
    after = left_out_quantiles("split", quantiles, KNOWN, np.zeros((1, 1, 2)), 1, np.array([0]), 2)
    frame = coverage_frame([80], np.zeros((1, 1, 2)), (quantiles, KNOWN), (after, PROBABILITIES), NONE)
    assert frame["coverage_after"].isna().all()
    assert (frame["coverage_before"] == 1.0).all()


def test_calibration_as_plain_values():
    conformal = Conformal("adaptive", fit_curves(np.random.default_rng(7).normal(size=(50, 3)), 9.0))
    again = Conformal.from_dict(conformal.to_dict())
    assert again.method == "adaptive"
    np.testing.assert_array_equal(again.curves, conformal.curves)
    with pytest.raises(ValueError, match="conformal"):
        Conformal.from_dict({"method": "other", "curves": conformal.curves.tolist()})
