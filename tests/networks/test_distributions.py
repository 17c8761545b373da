import json

import keras
import numpy as np
import pytest
from backends import examples, gradients, to_numpy
from hypothesis import given
from hypothesis import strategies as st
from keras import ops
from oracles import crps, oracle
from scipy import special, stats

from tcn.distributions import (
    Binned,
    Categorical,
    Laplace,
    Mixture,
    NegativeBinomial,
    Normal,
    StudentT,
    ZeroInflated,
    get,
)
from tcn.distributions.beta import beta_cdf
from tcn.distributions.special import log_gamma_half_step, standardize, stirling_error

# Each example is a batch of parameters over wide ranges.
some = examples(2)
seeds = given(st.integers(0, 2**32 - 1))
PROBABILITIES = [0.001, 0.1, 0.3, 0.5, 0.8, 0.99]


def powers(low, high):
    return lambda rng, n: 10.0 ** rng.uniform(low, high, size=n)


def between(low, high):
    return lambda rng, n: rng.uniform(low, high, size=n)


LOGIT, WIDE = between(-4, 4), (between(-1e3, 1e3), powers(-3, 3))
NEAR = (between(-3, 3), between(0.25, 2.0))
COUNT = (powers(-2, 4), powers(-6, 1))

# Name, distribution, ranges of its parameters.
KINDS = {
    "normal": (Normal(), WIDE),
    "laplace": (Laplace(), WIDE),
    "student_t": (StudentT(), (*WIDE, powers(0.1, 6))),
    "negative_binomial": (NegativeBinomial(), COUNT),
    "zero_inflated_negative_binomial": (ZeroInflated(), (LOGIT, *COUNT)),
    "zero_inflated_normal": (ZeroInflated("normal"), (LOGIT, *NEAR)),
    "mixture_normal_2": (Mixture("normal", 2), (LOGIT, LOGIT, *NEAR, *NEAR)),
    "mixture_student_t_2": (
        Mixture("student_t", 2),
        (LOGIT, LOGIT, *NEAR, between(2.5, 9), *NEAR, between(2.5, 9)),
    ),
    "mixture_negative_binomial_2": (Mixture("negative_binomial", 2), (LOGIT, LOGIT, *COUNT, *COUNT)),
}
CLOSED = [name for name in KINDS if not name.startswith("mixture") or "normal" in name]
of_each = pytest.mark.parametrize("name", KINDS)


def drawn(name, seed, size=40):
    """Parameters of a distribution, `(size, parameters)`."""
    rng = np.random.default_rng(seed)
    return np.stack([draw(rng, size) for draw in KINDS[name][1]], axis=-1).astype("float32")


def values_of(name, parameters):
    """Where the mass is, and beyond; `(values, size)`."""
    known = oracle(name, parameters)
    values = [known.ppf(p) for p in (1e-6, 0.01, 0.2, 0.5, 0.9, 0.999, 1 - 1e-7)]
    values = np.stack([*values, np.zeros(len(parameters))])
    if known.discrete:
        values = np.maximum(np.round(values), 0.0)
    return values.astype("float32")


def slope(function, x):
    """Gradient of the sum of a function's values."""
    return gradients(keras.layers.Identity(), np.float32(x), lambda y: ops.sum(function(y)))[2]


@of_each
@some
@seeds
def test_log_prob_is_that_of_scipy(name, seed):
    parameters = drawn(name, seed)
    values = values_of(name, parameters)
    known = oracle(name, parameters).log_prob(values.astype("float64"))
    np.testing.assert_allclose(
        to_numpy(KINDS[name][0].log_prob(parameters, values)), known, rtol=3e-5, atol=3e-5
    )


@of_each
@some
@seeds
def test_cdf_is_that_of_scipy(name, seed):
    parameters = drawn(name, seed)
    values = values_of(name, parameters)
    values = np.concatenate([values, -values, values + np.float32(0.5)])
    known = oracle(name, parameters).cdf(values.astype("float64"))
    np.testing.assert_allclose(to_numpy(KINDS[name][0].cdf(parameters, values)), known, rtol=0, atol=1e-5)


@of_each
@some
@seeds
def test_moments_are_those_of_scipy(name, seed):
    parameters = drawn(name, seed)
    known = oracle(name, parameters)
    mean, variance = known.mean(), known.variance()
    scale = np.sqrt(np.where(np.isfinite(variance), variance, 1.0))
    got = to_numpy(KINDS[name][0].mean(parameters))
    np.testing.assert_array_less(np.abs(got - mean), 1e-5 * (np.abs(mean) + scale))
    np.testing.assert_allclose(to_numpy(KINDS[name][0].variance(parameters)), variance, rtol=2e-4)


@of_each
@some
@seeds
def test_quantiles_have_their_probabilities(name, seed):
    parameters = drawn(name, seed)
    known = oracle(name, parameters)
    quantiles = to_numpy(KINDS[name][0].quantile(parameters, PROBABILITIES))
    assert (np.diff(quantiles) >= 0).all()
    got, wanted = quantiles.T.astype("float64"), np.array(PROBABILITIES)[:, None]
    # How far rounding to float32 may lead.
    blur = 0 if known.discrete else 1e-6 * (np.abs(got) + np.abs(parameters).max(axis=-1))
    assert (known.cdf(got + blur) >= wanted - 2e-5).all()
    assert (known.cdf(got - 1 if known.discrete else got - blur) <= wanted + 2e-5).all()


@pytest.mark.parametrize("name", CLOSED)
@some
@seeds
def test_crps_is_the_integral_of_its_definition(name, seed):
    parameters = drawn(name, seed, 4)
    if name == "student_t":
        parameters[:, 2] = np.maximum(parameters[:, 2], 1.7)
    values = values_of(name, parameters)[[1, 3, 4, -1]]
    got = to_numpy(KINDS[name][0].crps(parameters, values))
    for i, row in enumerate(parameters):
        known = oracle(name, row[None])
        expected = [crps(known, float(value)) for value in values[:, i]]
        size = np.abs(values[:, i]).max() + np.abs(known.mean()[0])
        np.testing.assert_allclose(got[:, i], expected, rtol=2e-4, atol=1e-6 * size)


def sizes(name, parameters):
    """Changes that matter: the scale for a location, 1 for a logit, a parameter itself for all others."""
    p, names = np.abs(np.asarray(parameters, "float64")), KINDS[name][0].names
    for i, parameter in enumerate(names):
        if parameter.startswith("loc"):
            p[:, i] = p[:, i + 1]
        elif "logit" in parameter:
            p[:, i] = 1.0
    return p


def differences(name, function, parameters):
    """Central differences in float64, `(size, parameters)`, for changes that matter."""
    p = np.asarray(parameters, "float64")
    steps = 1e-5 * sizes(name, p)[:, None, :] * np.eye(p.shape[-1])
    columns = [(function(p + steps[:, i]) - function(p - steps[:, i])) / 2e-5 for i in range(p.shape[-1])]
    return np.stack(columns, axis=-1)


@of_each
@some
@seeds
def test_gradients_of_log_prob_are_differences_of_scipy(name, seed):
    parameters = drawn(name, seed)
    for value in values_of(name, parameters)[[1, 2, 4]]:
        got = slope(lambda x, value=value: KINDS[name][0].log_prob(x, value), parameters)
        got = got * sizes(name, parameters)
        known = differences(name, lambda p, v=value: oracle(name, p).log_prob(np.float64(v)), parameters)
        tolerance = 2e-3 * (1.0 + np.abs(known).max(axis=-1, keepdims=True))
        assert (np.abs(got - known) <= tolerance).all()


ONE = {
    "normal": (0.3, 0.7),
    "laplace": (0.3, 0.7),
    "student_t": (0.3, 0.7, 3.5),
    "negative_binomial": (7.0, 0.4),
    "zero_inflated_negative_binomial": (0.5, 7.0, 0.4),
    "zero_inflated_normal": (-0.5, 0.3, 0.7),
    "mixture_normal_2": (0.2, -0.4, 0.3, 0.7, -1.0, 0.4),
}


@pytest.mark.parametrize("name", ONE)
def test_gradients_of_the_crps_are_differences_of_integrals(name):
    parameters = np.float32([ONE[name]])
    for value in (0.0, 2.0):
        got = slope(lambda x, value=value: KINDS[name][0].crps(x, np.float32(value)), parameters)
        known = differences(name, lambda p, v=value: np.array([crps(oracle(name, p), v)]), parameters)
        np.testing.assert_allclose(got * sizes(name, parameters), known, rtol=2e-3, atol=5e-4)


@pytest.mark.parametrize(
    "name", ["normal", "laplace", "student_t", "mixture_normal_2", "zero_inflated_normal"]
)
def test_gradients_of_quantiles_follow_from_their_definition(name):
    parameters = np.float32([ONE[name]])
    for probability in (0.05, 0.4, 0.9):

        def quantile(p, probability=probability):
            known, low, high = oracle(name, p), np.array([-50.0]), np.array([50.0])
            for _ in range(60):
                middle = 0.5 * (low + high)
                reached = known.cdf(middle) >= probability
                low, high = np.where(reached, low, middle), np.where(reached, middle, high)
            return high

        got = slope(lambda x, q=probability: KINDS[name][0].quantile(x, [q]), parameters)
        known = differences(name, quantile, parameters)
        np.testing.assert_allclose(got * sizes(name, parameters), known, rtol=1e-3, atol=1e-3)


WILD = [-1e30, -80.0, -1.0, 0.0, 3.0, 90.0, 1e30]


@pytest.mark.parametrize(
    "distribution",
    [
        *(KINDS[name][0] for name in CLOSED),
        Mixture("student_t", 2),
        Categorical(4),
        Binned([0, 1, 2, 5]),
    ],
    ids=lambda d: type(d).__name__,
)
def test_everything_is_finite_for_any_outputs_and_any_value(distribution):
    rng = np.random.default_rng(0)
    raw = rng.choice(WILD, size=(200, distribution.size)).astype("float32")
    values = rng.choice([0.0, 1.0, 3.0, 1e6, 1e30], size=200).astype("float32")
    if isinstance(distribution, Categorical):
        values = values % 4
    if not distribution.discrete:
        values = values * rng.choice([-1, 1], size=200).astype("float32")
    parameters = distribution.constrain(ops.convert_to_tensor(raw))
    assert np.isfinite(to_numpy(parameters)).all()
    assert np.isfinite(to_numpy(distribution.mean(parameters))).all()
    assert np.isfinite(to_numpy(distribution.cdf(parameters, values))).all()
    assert np.isfinite(to_numpy(distribution.quantile(parameters, [0.1, 0.9]))).all()
    scores = [distribution.log_prob]
    if not (isinstance(distribution, Mixture) and isinstance(distribution.component, StudentT)):
        scores.append(distribution.crps)
    for score in scores:
        assert np.isfinite(to_numpy(score(parameters, values))).all()
        slopes = slope(lambda x, score=score: score(distribution.constrain(x), values), raw)
        assert np.isfinite(slopes).all()


@pytest.mark.parametrize("name", [*ONE, "mixture_negative_binomial_2"])
def test_samples_are_of_the_distribution(name):
    distribution = KINDS[name][0]
    p = np.float32(ONE.get(name, (0.3, -0.2, 2.0, 0.3, 30.0, 0.2)))
    both = np.stack([p, p])
    seed = keras.random.SeedGenerator(3)
    samples = to_numpy(distribution.sample(both, 4_000, seed))
    assert samples.shape == (2, 4_000)
    assert (samples[0] != samples[1]).any()
    assert (samples != to_numpy(distribution.sample(both, 4_000, seed))).any()
    known = oracle(name, p)
    for row in samples:
        ordered = np.sort(row.astype("float64"))
        points = np.unique(ordered)
        share = np.searchsorted(ordered, points, side="right") / len(ordered)
        # The Kolmogorov-Smirnov distance; more than this in one of a million cases.
        assert np.abs(share - known.cdf(points)).max() < 2.7 / np.sqrt(len(ordered))
    again = to_numpy(distribution.sample(both, 50, 5))
    np.testing.assert_array_equal(again, to_numpy(distribution.sample(both, 50, 5)))


@pytest.mark.parametrize("name", ["normal", "laplace", "student_t", "mixture_normal_2"])
def test_rescaled_parameters_are_those_of_the_rescaled_value(name):
    distribution, p = KINDS[name][0], np.float32(ONE[name])
    moved = distribution.rescale(p, np.float32(4.0), np.float32(-3.0))
    for value in (-1.0, 0.2, 2.0):
        expected = float(distribution.log_prob(p, value)) - np.log(4.0)
        np.testing.assert_allclose(
            float(distribution.log_prob(moved, 4.0 * value - 3.0)), expected, rtol=1e-5
        )


@pytest.mark.parametrize("name", ["negative_binomial", "zero_inflated_negative_binomial"])
def test_counts_are_rescaled_by_their_mean(name):
    distribution, p = KINDS[name][0], np.float32(ONE[name])
    moved = distribution.rescale(p, np.float32(4.0))
    np.testing.assert_allclose(float(distribution.mean(moved)), 4 * float(distribution.mean(p)), rtol=1e-6)
    with pytest.raises(ValueError, match="cannot be shifted"):
        distribution.rescale(p, np.float32(4.0), np.float32(1.0))


def test_small_dispersion_is_poisson():
    mean = np.float32([0.1, 3.0, 50.0])
    parameters = np.stack([mean, np.full(3, 1e-6, "float32")], axis=-1)
    k = np.arange(60.0, dtype="float32")[:, None]
    got = to_numpy(NegativeBinomial().log_prob(parameters, k))
    np.testing.assert_allclose(got, stats.poisson(mean.astype("float64")).logpmf(k), rtol=1e-3, atol=1e-3)


def test_negative_counts_have_no_probability():
    parameters = np.float32([3.0, 0.5])
    assert float(NegativeBinomial().log_prob(parameters, -1.0)) == -np.inf
    assert float(NegativeBinomial().cdf(parameters, -1.0)) == 0.0
    known = float(NegativeBinomial().crps(parameters, 0.0))
    assert float(NegativeBinomial().crps(parameters, -1.0)) == pytest.approx(known + 1.0)


def test_a_mixture_without_closed_form_names_the_way_out():
    mixture = Mixture("student_t", 2)
    with pytest.raises(NotImplementedError, match="crps_from_quantiles"):
        mixture.crps(np.ones((1, mixture.size), "float32"), np.zeros(1, "float32"))


def test_categorical_is_a_discrete_distribution_of_numbers():
    weights = np.array([0.1, 0.2, 0.0001, 0.4, 0.2999])
    known = stats.rv_discrete(values=(np.arange(5), weights))
    distribution, p = Categorical(5), np.log(weights).astype("float32")
    values = np.arange(5, dtype="float32")
    np.testing.assert_allclose(to_numpy(distribution.log_prob(p, values)), np.log(weights), rtol=1e-5)
    assert float(distribution.log_prob(p, 1.5)) == -np.inf
    np.testing.assert_allclose(to_numpy(distribution.cdf(p, values)), known.cdf(values), rtol=1e-6)
    np.testing.assert_allclose(float(distribution.mean(p)), known.mean(), rtol=1e-6)
    np.testing.assert_allclose(float(distribution.variance(p)), known.var(), rtol=1e-5)
    np.testing.assert_array_equal(to_numpy(distribution.quantile(p, PROBABILITIES)), known.ppf(PROBABILITIES))
    below = known.cdf(np.arange(5))
    expected = [np.sum((below - (np.arange(5) >= v)) ** 2) for v in range(5)]
    np.testing.assert_allclose(to_numpy(distribution.crps(p, values)), expected, rtol=1e-5, atol=1e-6)
    share = np.bincount(to_numpy(distribution.sample(p, 20_000, 1)).astype(int), minlength=5) / 20_000
    np.testing.assert_allclose(share, weights, atol=0.02)


def test_binned_is_a_histogram():
    edges, weights = np.array([-2.0, 0.0, 0.5, 4.0]), np.array([0.3, 0.2, 0.5])
    known = stats.rv_histogram((weights / np.diff(edges), edges), density=True)
    distribution, p = Binned(edges), np.log(weights).astype("float32")
    values = np.array([-1.5, 0.1, 0.5, 3.0])
    np.testing.assert_allclose(
        to_numpy(distribution.log_prob(p, np.float32(values))), known.logpdf(values), 1e-5
    )
    outside = np.float32([-2.0, -7.0, 3.9, 9.0])
    inside = to_numpy(distribution.log_prob(p, outside))
    assert inside[0] == inside[1]
    assert inside[2] == inside[3]
    values = np.append(values, [-9.0, 9.0])
    np.testing.assert_allclose(
        to_numpy(distribution.cdf(p, np.float32(values))), known.cdf(values), atol=1e-6
    )
    np.testing.assert_allclose(float(distribution.mean(p)), known.mean(), rtol=1e-5)
    np.testing.assert_allclose(float(distribution.variance(p)), known.var(), rtol=1e-5)
    got = to_numpy(distribution.quantile(p, PROBABILITIES))
    np.testing.assert_allclose(got, known.ppf(PROBABILITIES), rtol=1e-5)
    x = np.linspace(-12, 12, 240_001)
    expected = [np.trapezoid((known.cdf(x) - (x >= v)) ** 2, x) for v in values]
    np.testing.assert_allclose(to_numpy(distribution.crps(p, np.float32(values))), expected, rtol=1e-3)
    samples = to_numpy(distribution.sample(p, 4_000, 1))
    assert stats.kstest(samples, known.cdf).pvalue > 1e-6


@some
@seeds
def test_parts_of_the_gamma_function_are_those_of_scipy(seed):
    x = (10.0 ** np.random.default_rng(seed).uniform(-8, 6, size=300)).astype("float32")
    exact = x.astype("float64")
    half = special.gammaln(exact + 0.5) - special.gammaln(exact)
    np.testing.assert_allclose(to_numpy(log_gamma_half_step(x)), half, rtol=1e-6, atol=2e-6)
    # SciPy's difference has no digits left where the first term of the series is exact.
    small = np.minimum(exact, 1e3)
    lacking = special.gammaln(small) - ((small - 0.5) * np.log(small) - small + 0.5 * np.log(2 * np.pi))
    known = np.where(exact > 1e3, 1 / (12 * exact), lacking)
    np.testing.assert_allclose(to_numpy(stirling_error(x)), known, rtol=1e-5, atol=2e-6)


@some
@seeds
def test_the_incomplete_beta_function_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    a, b = (10.0 ** rng.uniform(-0.3, 7, size=(2, 500))).astype("float32").astype("float64")
    probability = rng.uniform(0.001, 0.999, size=500)
    x, y = special.betaincinv(a, b, probability), special.betaincinv(b, a, 1 - probability)
    log_front = special.xlogy(a, x) + special.xlogy(b, y) - special.betaln(a, b)
    inputs = [a, b, x, y, a * y - b * x, np.exp(log_front)]
    got = to_numpy(beta_cdf(*[np.float32(v) for v in inputs]))
    known = np.where(x < 0.5, special.betainc(a, b, x), 1 - special.betainc(b, a, y))
    representable = (x > 1e-35) & (y > 1e-35)
    assert representable.sum() > 300
    np.testing.assert_allclose(got[representable], known[representable], rtol=0, atol=1e-5)


def test_far_values_are_cut_where_they_would_overflow():
    got = to_numpy(standardize(np.float32([1e30, -1e30, 3.0]), np.float32(0.0), np.float32(1e-6)))
    np.testing.assert_allclose(got, [1e15, -1e15, 3e6], rtol=1e-6)


@pytest.mark.parametrize(
    "distribution",
    [*(kind for kind, _ in KINDS.values()), Categorical(3), Binned([0.0, 0.5, 3.0])],
    ids=lambda d: type(d).__name__,
)
def test_configuration_comes_back(distribution):
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(distribution)))
    twin = get(stored)
    assert type(twin) is type(distribution)
    assert twin.names == distribution.names
    assert twin.get_config() == distribution.get_config()
    assert len(twin.names) == twin.size


@pytest.mark.parametrize("name", ["normal", "laplace", "student_t", "negative_binomial", "mixture"])
def test_names_stand_for_distributions(name):
    assert get(name).size >= 2
    assert get(f"zero_inflated_{name}").names[0] == "zero_logit"


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"must be a distribution or one of .*Received: 'gauss'"):
        get("gauss")
    with pytest.raises(ValueError, match=r"sequence of numbers in \(0, 1\). Received: \[0.0\]"):
        Normal().quantile(np.float32([0.0, 1.0]), [0.0])
    with pytest.raises(ValueError, match="'components' must be a positive integer"):
        Mixture("normal", 0)
    with pytest.raises(ValueError, match="two or more increasing"):
        Binned([1.0, 1.0])


@of_each
def test_values_may_be_of_another_type(name):
    distribution, parameters = KINDS[name][0], drawn(name, seed=0)
    values = np.round(np.abs(drawn(name, seed=1)[:, 0])).astype("float64")
    score = distribution.crps if name in CLOSED else distribution.distance
    for function in (distribution.log_prob, distribution.cdf, score):
        wanted = to_numpy(function(parameters, values.astype("float32")))
        np.testing.assert_array_equal(to_numpy(function(parameters, values)), wanted)
        np.testing.assert_array_equal(to_numpy(function(parameters, values.astype("int64"))), wanted)


@pytest.mark.parametrize("distribution", [*(kind for kind, _ in KINDS.values()), Categorical(8)])
def test_another_number_of_parameters_is_named(distribution):
    for wrong in (np.ones((2, distribution.size + 1), "float32"), np.ones((2, 1), "float32")):
        for function in (
            lambda p: distribution.log_prob(p, np.zeros(2, "float32")),
            lambda p: distribution.cdf(p, np.zeros(2, "float32")),
            lambda p: distribution.crps(p, np.zeros(2, "float32")),
            lambda p: distribution.quantile(p, [0.5]),
            lambda p: distribution.sample(p, 3, 0),
        ):
            with pytest.raises(ValueError, match=rf"hold the {distribution.size} of .*Received: shape \(2, "):
                function(wrong)
