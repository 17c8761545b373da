"""Where the truth lies in a forecast: its normal score, and the value of the forecast at a normal score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.normal import ndtri

Floats = npt.NDArray[np.float64]

LARGEST: Final = 20.0
"""Largest score: what lies further out counts as this far."""


def normal_scores(quantiles: Floats, probabilities: Sequence[float], truth: Floats, floor: Floats) -> Floats:
    """Say where what happened lies in its forecast, in standard deviations of a normal distribution.

    The score of a quantile is the normal quantile of its probability; between quantiles, and beyond the
    outermost ones, scores are interpolated linearly, as ``at_probability`` does the other way round. A score
    has no unit: those of series of all sizes, of wide and of narrow forecasts, can be pooled. Where several
    quantiles are the truth, its score is the one nearest to 0.

    Args:
        quantiles: ``(..., probabilities)``, not decreasing along the last axis.
        probabilities: What they are quantiles of, increasing.
        truth: ``(...)`` what happened, NaN where that is not known.
        floor: Least value that a forecast may take, of a shape that broadcasts to that of ``truth``. No upper
            bound lies below it, so that a truth there has no score above 0.

    Returns:
        ``(...)`` scores from -20 to 20; NaN where the truth is not known, or all quantiles are the same.

    Example:
        >>> grid = np.array([[10.0, 20.0, 30.0]])
        >>> normal_scores(grid, [0.1, 0.5, 0.9], np.array([30.0]), np.array([0.0])).round(4).tolist()
        [1.2816]
    """
    least = _interpolated(quantiles, probabilities, truth, (quantiles < truth[..., None]).sum(axis=-1))
    most = _interpolated(quantiles, probabilities, truth, (quantiles <= truth[..., None]).sum(axis=-1))
    least = np.where(truth <= floor, -LARGEST, least)
    score = np.where(least > 0, least, np.minimum(most, 0.0))
    return np.where(np.isnan(truth) | (quantiles[..., 0] == quantiles[..., -1]), np.nan, score)


def at_scores(quantiles: Floats, probabilities: Sequence[float], scores: Floats) -> Floats:
    """Values of forecasts at normal scores: what ``normal_scores`` makes scores of.

    Args:
        quantiles: ``(..., probabilities)``, not decreasing along the last axis.
        probabilities: What they are quantiles of, increasing.
        scores: ``(...)`` or a shape that broadcasts with it, finite.

    Returns:
        Values of the common shape; they do not decrease as scores grow.

    Example:
        >>> grid = np.array([[10.0, 20.0, 30.0]])
        >>> at_scores(grid, [0.1, 0.5, 0.9], np.array([2.5631])).round(1).tolist()
        [40.0]
    """
    known = ndtri(probabilities)
    shape = np.broadcast_shapes(quantiles.shape[:-1], scores.shape)
    right = np.clip(np.searchsorted(known, scores), 1, len(known) - 1)
    share = np.broadcast_to((scores - known[right - 1]) / (known[right] - known[right - 1]), shape)
    low, high = _neighbors(np.broadcast_to(quantiles, (*shape, len(known))), np.broadcast_to(right, shape))
    with np.errstate(over="ignore", invalid="ignore"):
        value = low + share * (high - low)
    # Rounding must not carry it past its neighbors, nor a large number out of what a float can hold.
    largest = float(np.finfo(np.float64).max)
    least = np.where(share < 0, -largest, np.where(share > 1, high, low))
    most = np.where(share < 0, low, np.where(share > 1, largest, high))
    return np.clip(np.where(np.isnan(value), low, value), least, most)


def _interpolated(
    quantiles: Floats, probabilities: Sequence[float], truth: Floats, below: npt.NDArray[np.int64]
) -> Floats:
    """Scores of truths with so many quantiles below them."""
    known = ndtri(probabilities)
    right = np.clip(below, 1, len(known) - 1)
    low, high = _neighbors(quantiles, right)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        share = (truth - low) / (high - low)
        score = known[right - 1] + share * (known[right] - known[right - 1])
    bounded: Floats = np.clip(score, -LARGEST, LARGEST)
    return bounded


def _neighbors(quantiles: Floats, right: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Quantiles on both sides of a place."""
    low, high = (np.take_along_axis(quantiles, right[..., None] - back, axis=-1)[..., 0] for back in (1, 0))
    return low, high
