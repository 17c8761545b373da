"""Losses for forecasts over a horizon, and for embeddings."""

from tcn.losses.base import ForecastLoss
from tcn.losses.contrastive import TripletLoss
from tcn.losses.functions import (
    crps_from_quantiles,
    crps_from_samples,
    mase_scale,
    pinball,
    symmetric_error,
    with_scale,
)
from tcn.losses.point import HuberForecastLoss, MASELoss, Masked, SMAPELoss
from tcn.losses.probabilistic import CRPSLoss, NegativeLogLikelihood, QuantileLoss

__all__ = [
    "CRPSLoss",
    "ForecastLoss",
    "HuberForecastLoss",
    "MASELoss",
    "Masked",
    "NegativeLogLikelihood",
    "QuantileLoss",
    "SMAPELoss",
    "TripletLoss",
    "crps_from_quantiles",
    "crps_from_samples",
    "mase_scale",
    "pinball",
    "symmetric_error",
    "with_scale",
]
