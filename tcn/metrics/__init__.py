"""Metrics of forecasts over a horizon."""

from tcn.metrics.base import ForecastMetric
from tcn.metrics.point import MASE, SMAPE
from tcn.metrics.probabilistic import CRPS, WQL, Coverage, IntervalWidth, Pinball

__all__ = ["CRPS", "MASE", "SMAPE", "WQL", "Coverage", "ForecastMetric", "IntervalWidth", "Pinball"]
