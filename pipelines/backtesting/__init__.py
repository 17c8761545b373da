"""Backtests that equal what would have happened, and certificates that they do."""

from pipelines.backtesting.certificate import Certificate, forecast_digest
from pipelines.backtesting.learned import learned_targets, rows_of_fit
from pipelines.backtesting.origins import Origins
from pipelines.backtesting.passes import Asked
from pipelines.backtesting.running import backtest_fitted, backtest_refitted
from pipelines.backtesting.trainings import training_cutoffs
from pipelines.backtesting.windows import Windows

__all__ = [
    "Asked",
    "Certificate",
    "Origins",
    "Windows",
    "backtest_fitted",
    "backtest_refitted",
    "forecast_digest",
    "learned_targets",
    "rows_of_fit",
    "training_cutoffs",
]
