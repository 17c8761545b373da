"""Distributions of forecasts, whose parameters are plain tensors."""

from tcn.distributions.base import Distribution, get
from tcn.distributions.categorical import Binned, Categorical
from tcn.distributions.location_scale import Laplace, Normal
from tcn.distributions.mixture import Mixture
from tcn.distributions.negative_binomial import NegativeBinomial
from tcn.distributions.student_t import StudentT
from tcn.distributions.zero_inflated import ZeroInflated

__all__ = [
    "Binned",
    "Categorical",
    "Distribution",
    "Laplace",
    "Mixture",
    "NegativeBinomial",
    "Normal",
    "StudentT",
    "ZeroInflated",
    "get",
]
