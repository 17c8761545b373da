"""Interactive figures (plotly) of forecasts, backtests and scores, and of what networks do inside.

This package imports plotly; import it where a figure is drawn, not at the top of a command.
"""

from pipelines.plots.anomalies import anomaly_chart
from pipelines.plots.comparisons import augmentation_chart, history_chart, streaming_chart
from pipelines.plots.embeddings import embedding_map
from pipelines.plots.fields import effective_field_chart, receptive_field_chart
from pipelines.plots.influence import contributions_chart, occlusion_chart
from pipelines.plots.networks import activations_chart, filters_chart, stretches_chart
from pipelines.plots.parts import parts_chart
from pipelines.plots.scores import coverage_chart, error_by_step, scores_chart, training_curve
from pipelines.plots.series import backtest_chart, fan_chart
from pipelines.plots.similarity import similarity_map
from pipelines.plots.studies import (
    best_by_step,
    best_score_chart,
    importance_chart,
    parallel_coordinates,
    slices_chart,
    study_figures,
)
from pipelines.plots.windows import error_by_cutoff

__all__ = [
    "activations_chart",
    "anomaly_chart",
    "augmentation_chart",
    "backtest_chart",
    "best_by_step",
    "best_score_chart",
    "contributions_chart",
    "coverage_chart",
    "effective_field_chart",
    "embedding_map",
    "error_by_cutoff",
    "error_by_step",
    "fan_chart",
    "filters_chart",
    "history_chart",
    "importance_chart",
    "occlusion_chart",
    "parallel_coordinates",
    "parts_chart",
    "receptive_field_chart",
    "scores_chart",
    "similarity_map",
    "slices_chart",
    "streaming_chart",
    "stretches_chart",
    "study_figures",
    "training_curve",
]
