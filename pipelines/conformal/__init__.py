"""Conformal calibration: intervals that hold what they say, by errors on rows that weights did not learn.

Pure NumPy: forecasts come in as quantiles, and go out as quantiles.
"""

from pipelines.conformal.coverage import coverage_frame, independent_windows, left_out_quantiles
from pipelines.conformal.curves import fit_curves, trust
from pipelines.conformal.passing import calibrated_quantiles, origins_of_pass, truths
from pipelines.conformal.recent import past_step, recency
from pipelines.conformal.scores import at_scores, normal_scores
from pipelines.conformal.state import METHODS, PROBABILITIES, Conformal

__all__ = [
    "METHODS",
    "PROBABILITIES",
    "Conformal",
    "at_scores",
    "calibrated_quantiles",
    "coverage_frame",
    "fit_curves",
    "independent_windows",
    "left_out_quantiles",
    "normal_scores",
    "origins_of_pass",
    "past_step",
    "recency",
    "trust",
    "truths",
]
