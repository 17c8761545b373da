"""Heads that the contract is checked for."""

import numpy as np
from contract import Case

from tcn.distributions import Binned, Mixture, get
from tcn.heads import (
    CategoricalHead,
    DistributionHead,
    DistributionQuantiles,
    MixtureHead,
    PointHead,
    QuantileHead,
)


def parameters_of(name):
    """Makes valid parameters of a distribution."""

    def make(rng, *shape):
        return np.asarray(get(name).constrain(rng.normal(size=shape).astype("float32")))

    return make


def quantiles_case(name):
    return Case(
        f"quantiles-of-{name}",
        lambda **kw: DistributionQuantiles(name, (0.1, 0.5, 0.9), **kw),
        channels=get(name).size,
        trains=False,
        inputs=parameters_of(name),
    )


CASES = [
    Case("head-point", lambda **kw: PointHead(3, **kw)),
    Case("head-point-hidden", lambda **kw: PointHead(2, hidden=5, activation="tanh", **kw)),
    Case("head-quantile", lambda **kw: QuantileHead(3, (0.05, 0.5, 0.8, 0.95), **kw)),
    Case("head-quantile-one", lambda **kw: QuantileHead(2, (0.9,), hidden=4, **kw)),
    Case("head-normal", lambda **kw: DistributionHead(3, **kw)),
    Case("head-student", lambda **kw: DistributionHead(2, "student_t", hidden=4, **kw)),
    Case("head-counts", lambda **kw: DistributionHead(2, "zero_inflated_negative_binomial", **kw)),
    Case("head-mixed-laplace", lambda **kw: DistributionHead(2, Mixture("laplace", 2), **kw)),
    Case("head-binned", lambda **kw: DistributionHead(2, Binned([-1.0, 0.0, 0.5, 2.0]), **kw)),
    Case("head-mixture", lambda **kw: MixtureHead(2, components=2, component="student_t", **kw)),
    Case("head-categorical", lambda **kw: CategoricalHead(2, 5, **kw)),
    *(quantiles_case(name) for name in ("normal", "student_t", "negative_binomial", "mixture")),
]
