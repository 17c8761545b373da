"""Interactive figures (plotly) of forecasts, backtests and scores.

This package imports plotly; import it where a figure is drawn, not at the top of a command.
"""

from pipelines.plots.scores import coverage_chart, error_by_step, scores_chart, training_curve
from pipelines.plots.series import backtest_chart, fan_chart

__all__ = ["backtest_chart", "coverage_chart", "error_by_step", "fan_chart", "scores_chart", "training_curve"]
