"""From the scores that a network means to those that there were: what split conformal calibration learns."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.normal import ndtr, ndtri

Floats = npt.NDArray[np.float64]

GRID: Final = np.linspace(-3.0, 3.0, 49)
"""Normal scores at which a curve is kept: those of probabilities from 0.0013 to 0.9987."""

# Scores that a step should have of its own; where there are fewer, those of neighboring steps are added.
_ENOUGH: Final = 1000
# Windows that what a network says of itself counts as. Series of one time err together: however many they
# are, two or three windows of a strange time (Christmas, a heat wave) must not set the width of all others.
_OWN_WINDOWS: Final = 4.0


def fit_curves(scores: Floats, windows: float) -> Floats:
    """Find what the quantiles of the scores are at each step ahead.

    The curve of a step says which score a quantile of the forecast should be taken at: where the scores are
    those of a normal distribution, the same. Lower and upper quantiles are found apart, and none crosses the
    median. Where there are few windows, curves change little.

    Args:
        scores: ``(..., horizon)`` what ``normal_scores`` gives, NaN where it is not known.
        windows: Windows, without overlap, that they come from.

    Returns:
        ``(horizon, grid)`` curves that increase, 0 in the middle; those of a step without scores change
        nothing.

    Reference:
        Lei et al. (2018), Distribution-Free Predictive Inference for Regression; Chernozhukov et al. (2021),
        Distributional Conformal Prediction, for scores in units of probability.
    """
    horizon = scores.shape[-1]
    known = np.isfinite(scores)
    each = max(known.sum() / horizon, 1.0)
    near = int(np.ceil(max(_ENOUGH / each - 1, 0) / 2))
    found = []
    for k in range(horizon):
        some = slice(max(k - near, 0), k + near + 1)
        found.append(_curve(scores[..., some][known[..., some]]))
    share = trust(windows)
    return share * np.stack(found) + (1 - share) * GRID


def trust(windows: float) -> float:
    """Say how much what so many windows tell counts beside what was known before.

    Args:
        windows: Windows without overlap.

    Returns:
        Share from 0 to 1.

    Example:
        >>> trust(4.0), trust(96.0)
        (0.5, 0.96)
    """
    return windows / (windows + _OWN_WINDOWS)


def apply_curves(curves: Floats, scores: Floats) -> Floats:
    """Look scores up in the curves of their steps.

    Args:
        curves: ``(horizon, grid)``.
        scores: ``(..., horizon)`` or ``(..., 1)``.

    Returns:
        ``(..., horizon)``; beyond the grid, the distance to its end stays.

    Example:
        >>> apply_curves(np.stack([2 * GRID]), np.array([[1.25], [4.0]])).tolist()
        [[2.5], [7.0]]
    """
    inside = np.clip(scores, GRID[0], GRID[-1])
    place = np.clip(np.searchsorted(GRID, inside, side="right") - 1, 0, len(GRID) - 2)
    step = np.arange(len(curves))
    low, high = curves[step, place], curves[step, place + 1]
    share = (inside - GRID[place]) / (GRID[1] - GRID[0])
    found: Floats = low + share * (high - low) + (scores - inside)
    return found


def invert_curves(curves: Floats, scores: Floats) -> Floats:
    """Find the scores that the curves of their steps lead from: those of calibrated forecasts.

    Args:
        curves: ``(horizon, grid)``.
        scores: ``(..., horizon)``.

    Returns:
        ``(..., horizon)``, NaN where they are.

    Example:
        >>> invert_curves(np.stack([2 * GRID]), np.array([[2.5], [7.0]])).tolist()
        [[1.25], [4.0]]
    """
    columns = []
    for curve, own in zip(curves, np.moveaxis(scores, -1, 0), strict=True):
        inside = np.clip(own, curve[0], curve[-1])
        columns.append(np.interp(inside, curve, GRID) + (own - inside))
    return np.stack(columns, axis=-1)


def _curve(scores: Floats) -> Floats:
    """Quantiles of scores at the grid, with the place that one score more would take."""
    n = len(scores)
    if n == 0:
        return GRID.copy()
    # Beyond 1 in n + 1, scores say nothing: there the curve goes on as it goes up to that point.
    last = float(ndtri(n / (n + 1)))
    curve = np.quantile(scores, ndtr(np.clip(GRID, -last, last)), method="weibull")
    if last < GRID[-1]:
        low, high = curve[0], curve[-1]
        slope = (max(1.0, -low / last), max(1.0, high / last)) if last > 0 else (1.0, 1.0)
        curve = np.where(-last > GRID, low + (GRID + last) * slope[0], curve)
        curve = np.where(last < GRID, high + (GRID - last) * slope[1], curve)
    return np.where(GRID < 0, np.minimum(curve, 0.0), np.where(GRID > 0, np.maximum(curve, 0.0), 0.0))
