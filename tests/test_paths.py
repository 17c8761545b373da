"""Sample paths: marginals of the forecast, dependence of the errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from pipelines.conformal.recent import PAST
from pipelines.paths import Dependence
from pipelines.totals import matched, recent_pulls

KNOWN = (0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)


def autoregressive(n, horizon, phi, seed=0):
    """Standard normal paths of a process of order 1, and the correlation of its steps."""
    rng = np.random.default_rng(seed)
    paths = rng.normal(size=(n, horizon))
    for k in range(1, horizon):
        paths[:, k] = phi * paths[:, k - 1] + np.sqrt(1 - phi**2) * paths[:, k]
    lag = np.abs(np.subtract.outer(np.arange(horizon), np.arange(horizon)))
    return paths, phi**lag


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.8])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_a_known_correlation_is_found(phi, missing):
    scores, truth = autoregressive(4000, 8, phi)
    scores[np.random.default_rng(1).random(scores.shape) < missing] = np.nan
    found = Dependence.fit(scores * np.linspace(0.5, 2, 8), np.ones_like(scores), "test")
    np.testing.assert_allclose(found.correlation, truth, atol=0.08)


def test_steps_go_together_as_they_do_where_forecasts_are_wide():
    """By day errors are one, by night they are noise; windows begin at all hours."""
    rng, n = np.random.default_rng(5), 6000
    day = (rng.integers(0, 24, size=(n, 1)) + np.arange(24)) % 24 < 12
    scores = np.where(day, rng.normal(size=(n, 1)), rng.normal(size=(n, 24)))
    widths = np.where(day, 10.0, 0.1)
    truth = np.std((widths * scores).sum(axis=1))
    drawn = {}
    for name, each in {"by width": widths, "alike": np.ones_like(widths)}.items():
        found = Dependence.fit(scores, each, "test").correlation
        paths = rng.normal(size=(n, 24)) @ np.linalg.cholesky(found).T
        drawn[name] = np.std((widths * paths).sum(axis=1)) / truth
    assert 0.8 < drawn["by width"] < 1.05
    assert drawn["alike"] < drawn["by width"] - 0.05


@given(st.integers(0, 99), st.integers(2, 12), st.integers(2, 30), st.floats(0, 0.9))
@settings(max_examples=15, deadline=None)
def test_correlations_are_ones_of_something(seed, n, horizon, missing):
    """Also of fewer forecasts than steps, and where much is missing."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(n, 1)) + 0.01 * rng.normal(size=(n, horizon))
    scores[rng.random(scores.shape) < missing] = np.nan
    found = Dependence.fit(scores, rng.exponential(size=scores.shape), "test")
    if found is None:
        assert (np.isfinite(scores).any(axis=1)).sum() < 2
        return
    assert np.isfinite(found.correlation).all()
    np.testing.assert_allclose(np.diag(found.correlation), 1.0)
    assert np.linalg.eigvalsh(found.correlation).min() > 0
    assert np.abs(found.correlation).max() < 1 + 1e-9


def test_paths_have_the_quantiles_of_the_forecast():
    _, correlation = autoregressive(2, 5, 0.9)
    quantiles = np.cumsum(np.random.default_rng(2).exponential(size=(2, 5, len(KNOWN))), axis=-1)
    paths = Dependence(correlation, "test").paths(quantiles, KNOWN, ["a", "b"], 4000, seed=3)
    assert paths.shape == (2, 4000, 5)
    for i, probability in enumerate(KNOWN):
        below = (paths <= quantiles[:, None, :, i]).mean(axis=1)
        assert np.abs(below - probability).max() < 4.5 * np.sqrt(probability * (1 - probability) / 4000)


@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_sums_spread_as_those_of_the_process(phi):
    """Normal marginals with a known correlation: the variance of the sum is the sum of the covariances."""
    _, correlation = autoregressive(2, 6, phi)
    quantiles = np.broadcast_to(ndtri(KNOWN), (1, 6, len(KNOWN)))
    sums = Dependence(correlation, "test").paths(quantiles, KNOWN, ["a"], 20_000, seed=0)[0].sum(axis=1)
    assert np.var(sums) == pytest.approx(correlation.sum(), rel=0.05)


def test_paths_of_a_series_do_not_depend_on_others():
    _, correlation = autoregressive(2, 4, 0.5)
    quantiles = np.cumsum(np.random.default_rng(4).exponential(size=(3, 4, len(KNOWN))), axis=-1)
    dependence = Dependence(correlation, "test")
    paths = dependence.paths(quantiles, KNOWN, ["a", "b", "c"], 10, seed=1)
    np.testing.assert_array_equal(
        dependence.paths(quantiles[[2, 0]], KNOWN, ["c", "a"], 10, seed=1), paths[[2, 0]]
    )
    assert (dependence.paths(quantiles, KNOWN, ["a", "b", "c"], 10, seed=2) != paths).any()
    scores = [dependence.scores(name, 10, seed=1) for name in "ab"]
    assert (scores[0] != scores[1]).any()


def test_what_few_windows_tell_is_mixed_with_what_was_known():
    one, other = (Dependence(autoregressive(2, 3, phi)[1], "test") for phi in (0.9, 0.1))
    mixed = one.mixed(other, 0.25)
    np.testing.assert_allclose(mixed.correlation, 0.25 * one.correlation + 0.75 * other.correlation)
    assert one.mixed(None, 0.25) is one
    again = Dependence.from_dict(mixed.to_dict())
    np.testing.assert_array_equal(again.correlation, mixed.correlation)
    with pytest.raises(ValueError, match="dependence"):
        Dependence.from_dict({"correlation": [[1.0, 0.0]], "source": "test"})


@pytest.mark.parametrize(("told", "phi"), [(0.0, 0.6), (0.9, 0.0)])
def test_totals_are_matched(told, phi):
    """What correlation says is wrong; the totals of the windows show it."""
    truth, _ = autoregressive(400, 6, phi, seed=3)
    quantiles = np.broadcast_to(ndtri(KNOWN), (400, 6, len(KNOWN)))
    wrong = Dependence(autoregressive(2, 6, told)[1], "test")
    assert (
        matched(wrong, quantiles, KNOWN, truth, trust=0.0).correlation.tolist() == wrong.correlation.tolist()
    )
    right = matched(wrong, quantiles, KNOWN, truth, trust=1.0)
    target = np.var(truth.sum(axis=1))
    assert abs(right.correlation.sum() - target) < abs(wrong.correlation.sum() - target) / 2
    assert matched(wrong, quantiles, KNOWN, np.full_like(truth, np.nan), trust=1.0) is wrong


def past_totals(seed, runs, horizon, factor):
    """Standard normal forecasts, and what happened: totals ``factor`` times as spread as told."""
    dependence = Dependence(autoregressive(2, horizon, 0.5)[1], "test")
    root = np.linalg.cholesky(dependence.correlation)
    errors = np.random.default_rng(seed).normal(size=(runs, PAST + 1, horizon)) @ root.T * factor
    errors[:, :3] = np.nan
    normal = ndtri([0.1, 0.5, 0.9])
    past = np.broadcast_to(normal, (runs, PAST + 1, horizon, 3))
    return dependence, past, errors, past[:, 0]


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.4])
def test_recent_totals_draw_steps_together_or_apart(factor):
    """The variance of totals goes most of the way to that of the recent ones, and stays where they hold."""
    dependence, *known = past_totals(0, 200, 8, factor)
    pulls = recent_pulls(dependence, *known)
    told = dependence.correlation.sum()
    spread = np.mean([dependence.pulled(pull).correlation.sum() for pull in pulls]) / told
    if factor == 1.0:
        assert spread == pytest.approx(1, abs=0.05)
    else:
        assert 0.5 < (spread - 1) / (factor**2 - 1) < 1
    assert (np.abs(pulls) <= 0.95).all()


def test_recent_totals_say_nothing_where_marginals_follow_already():
    """Errors and the present interval are both twice as wide: steps go together as ever."""
    dependence, past, truth, now = past_totals(1, 200, 8, 2.0)
    wide = recent_pulls(dependence, past, truth, 2 * now)
    np.testing.assert_allclose(wide, recent_pulls(dependence, past, truth / 2, now), atol=1e-12)


def test_recent_totals_count_once_they_are_known_and_more_the_newer_they_are():
    dependence, past, truth, now = past_totals(2, 2, 8, 1.0)
    gaps = truth.copy()
    gaps[:, :, 3] = np.nan
    np.testing.assert_array_equal(recent_pulls(dependence, past, gaps, now), 0)
    pulls = []
    for place in (5, 30):
        moved = np.where(np.arange(PAST + 1)[:, None] == place, 3.0, 0.5 * truth)
        pulls.append(recent_pulls(dependence, past, moved, now))
    assert (pulls[0] > pulls[1]).all()


@pytest.mark.parametrize("size", [0.0, 1e-300, 1e300, 1.7e308])
def test_recent_totals_of_any_finite_forecasts(size):
    dependence, past, truth, now = past_totals(3, 3, 4, 1.0)
    largest = np.finfo(float).max
    with np.errstate(over="ignore"):
        past, truth, now = (np.clip(size * part, -largest, largest) for part in (past, truth, now))
    pulls = recent_pulls(dependence, past, truth, now)
    assert (np.abs(pulls) <= 0.95).all()
    assert np.linalg.eigvalsh(dependence.pulled(pulls[0]).correlation).min() > 0
