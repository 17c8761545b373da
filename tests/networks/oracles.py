"""Distributions in float64 from SciPy, to compare with those of the library.

Each is of a batch of parameters at once; values have the batch as their last axis.
"""

from itertools import pairwise

import numpy as np
from scipy import stats


class Plain:
    """A SciPy distribution."""

    def __init__(self, frozen, discrete=False):
        self.frozen, self.discrete = frozen, discrete
        self.cdf, self.ppf, self.isf, self.mean, self.variance = (
            frozen.cdf,
            frozen.ppf,
            frozen.isf,
            frozen.mean,
            frozen.var,
        )
        self.log_prob = frozen.logpmf if discrete else frozen.logpdf


class Inflated:
    """Extra zeros."""

    def __init__(self, zero, rest):
        self.zero, self.rest, self.discrete = zero, rest, rest.discrete
        self.ppf, self.isf = rest.ppf, rest.isf

    def log_prob(self, value):
        other = np.log1p(-self.zero) + self.rest.log_prob(value)
        at_zero = np.logaddexp(np.log(self.zero), other) if self.discrete else np.log(self.zero)
        return np.where(value == 0, at_zero, other)

    def cdf(self, value):
        return self.zero * (value >= 0) + (1 - self.zero) * self.rest.cdf(value)

    def mean(self):
        return (1 - self.zero) * self.rest.mean()

    def variance(self):
        second = (1 - self.zero) * (self.rest.variance() + self.rest.mean() ** 2)
        return second - self.mean() ** 2


class Mixed:
    """Weighted components."""

    def __init__(self, weights, parts):
        self.weights, self.parts, self.discrete = weights, parts, parts[0].discrete

    def _mean_of(self, each):
        return sum(w * v for w, v in zip(self.weights, each, strict=True))

    def log_prob(self, value):
        logs = [np.log(w) + p.log_prob(value) for w, p in zip(self.weights, self.parts, strict=True)]
        return np.logaddexp.reduce(logs)

    def cdf(self, value):
        return self._mean_of([p.cdf(value) for p in self.parts])

    def ppf(self, probability):
        """Between those of the components; near enough to choose values."""
        return np.mean([p.ppf(probability) for p in self.parts], axis=0)

    def isf(self, probability):
        return np.max([p.isf(probability) for p in self.parts], axis=0)

    def mean(self):
        return self._mean_of([p.mean() for p in self.parts])

    def variance(self):
        return self._mean_of([p.variance() + p.mean() ** 2 for p in self.parts]) - self.mean() ** 2


def oracle(name, parameters):
    """That of the library's distribution of a name with these parameters, `(batch, size)`."""
    columns = list(np.moveaxis(np.asarray(parameters, "float64"), -1, 0))
    if name == "normal":
        return Plain(stats.norm(*columns))
    if name == "laplace":
        known = Plain(stats.laplace(*columns))
        # SciPy's underflows far out.
        known.log_prob = lambda value: -np.abs(value - columns[0]) / columns[1] - np.log(2.0 * columns[1])
        return known
    if name == "student_t":
        return Plain(stats.t(columns[2], *columns[:2]))
    if name == "negative_binomial":
        mean, alpha = columns
        return Plain(stats.nbinom(1.0 / alpha, 1.0 / (1.0 + alpha * mean)), discrete=True)
    if name.startswith("zero_inflated_"):
        rest = oracle(name.removeprefix("zero_inflated_"), parameters[..., 1:])
        return Inflated(1.0 / (1.0 + np.exp(-columns[0])), rest)
    components, part = int(name[-1]), name[len("mixture_") : -2]
    weights = np.exp(columns[:components])
    parts = np.split(np.asarray(parameters)[..., components:], components, axis=-1)
    return Mixed(list(weights / weights.sum(axis=0)), [oracle(part, p) for p in parts])


def crps(known, value):
    """Sum or integral of `(F(x) - 1{x >= value})^2` for a batch of one."""
    if known.discrete:
        k = np.arange(int(max(np.max(known.isf(1e-14)), value)) + 2)
        return np.sum((known.cdf(k) - (k >= value)) ** 2)
    center, scale = float(known.ppf(0.5)[0]), float(known.ppf(0.75)[0] - known.ppf(0.25)[0])
    # Dense near the center and the steps of the functions; far tails come near by sinh.
    far = np.sinh(np.linspace(-21.0, 21.0, 20_001))
    steps = sorted({0.0, float(value)})
    total = 0.0
    for low, high in pairwise([-np.inf, *steps, np.inf]):
        x = np.concatenate([center + scale * far, *(s + scale * far for s in steps)])
        x = np.unique(np.append(x, steps))
        x = x[(x >= low) & (x <= high)]
        middle = 0.5 * (x[1:] + x[:-1])
        total += np.sum((known.cdf(middle) - (middle >= value)) ** 2 * np.diff(x))
    return total
