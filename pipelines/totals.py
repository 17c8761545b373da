"""Dependence of steps by which intervals of totals over the horizon hold what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.conformal import at_scores, past_step, recency
from pipelines.normal import ndtri
from pipelines.paths import Dependence, ratio

Floats = npt.NDArray[np.float64]

# Windows and paths of each that totals are compared on, and how far steps may be drawn apart or together.
_WINDOWS: Final = 200
_PATHS: Final = 200
_PULLS: Final = (-0.8, -0.6, -0.4, -0.2, 0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
_LEVELS: Final = (80.0, 95.0)
# Past totals, without overlap, that what the calibration found counts as; normal scores further out count as
# this far; and the most that recent totals draw steps together or apart.
_PRIOR: Final = 3.0
_LARGEST: Final = 2.6
_MOST: Final = 0.95


def matched(
    dependence: Dependence, quantiles: Floats, probabilities: Sequence[float], truth: Floats, trust: float
) -> Dependence:
    """Draw steps together, or apart, until totals of paths hold what happened as often as they should.

    Errors of a forecast may go together more than any correlation says: on a holiday all busy hours are far
    below their medians at once.

    Args:
        dependence: What correlation says.
        quantiles: ``(windows, horizon, probabilities)`` forecasts that were not calibrated by these windows.
        probabilities: What they are quantiles of.
        truth: ``(windows, horizon)``; windows with a NaN in either do not count.
        trust: Share from 0 to 1 of the way to go.

    Returns:
        The dependence.
    """
    some = np.flatnonzero(np.isfinite(truth).all(axis=1) & np.isfinite(quantiles).all(axis=(1, 2)))
    if not len(some):
        return dependence
    some = some[np.linspace(0, len(some) - 1, min(len(some), _WINDOWS)).astype(int)]
    quantiles, total = quantiles[some][:, None], truth[some].sum(axis=1)
    drawn = np.random.default_rng(0).standard_normal((_PATHS, truth.shape[1]))
    misses = []
    for pull in _PULLS:
        scores = drawn @ np.linalg.cholesky(dependence.pulled(pull).correlation).T
        totals = at_scores(quantiles, probabilities, scores[None]).sum(axis=2)
        below = (totals < total[:, None]).mean(axis=1)
        misses.append(
            sum(abs((np.abs(below - 0.5) <= level / 200).mean() - level / 100) for level in _LEVELS)
        )
    best = min(range(len(_PULLS)), key=lambda i: (misses[i], abs(_PULLS[i])))
    return dependence.pulled(trust * _PULLS[best])


def recent_pulls(dependence: Dependence, past: Floats, truth: Floats, now: Floats) -> Floats:
    """Find how far recent totals of each series say that its steps be drawn together, or apart.

    Totals of the past origins are seen in the light of the present intervals: were their forecasts as much
    wider, or narrower, as those are, how many standard deviations from its median did each total lie? Each
    side of the median has its own. Origins lie half a horizon apart, so that each total counts half, and
    less the older it is.

    Args:
        dependence: What the calibration found.
        past: ``(series, past + 1, horizon, 3)`` quantiles for 0.1, 0.5, and 0.9, without what recent errors
            say: of the present origin, then of past ones, the newest first.
        truth: ``(series, past + 1, horizon)`` what happened, NaN where that is not known.
        now: ``(series, horizon, 3)`` the same quantiles of the present forecast.

    Returns:
        ``(series,)`` shares for ``Dependence.pulled``, 0 where no past total is known.
    """
    horizon = now.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        widest = np.abs(past[..., 2] - past[..., 0]).max(axis=-1, keepdims=True)
        unit = np.where(np.isfinite(widest) & (widest > 0), widest, 1.0)
        error = ((truth - past[..., 1]) / unit).sum(axis=-1)
        sides = np.diff(past, axis=-1) / unit[..., None]
        present = np.diff(now, axis=-1) / unit[:, 0, :, None]
        wider = ratio(present.sum(axis=-1), sides[:, 0].sum(axis=-1))
        side = np.where((error > 0)[..., None], sides[..., 1], sides[..., 0]) * wider[:, None]
        spread = np.sqrt(_variance(side, dependence.correlation)) / ndtri(0.9)
        known = np.isfinite(error) & np.isfinite(spread) & (spread > 0)
        score = np.clip(np.where(known, ratio(error, spread), 0.0), -_LARGEST, _LARGEST)
        weight = known * np.r_[0.0, recency()] * past_step(horizon) / horizon
        factor = (_PRIOR + (weight * score**2).sum(axis=1)) / (_PRIOR + weight.sum(axis=1))
        return np.nan_to_num(_pulls(factor, present.sum(axis=-1), dependence.correlation))


def _pulls(factor: Floats, widths: Floats, correlation: Floats) -> Floats:
    """Shares that multiply the variance of totals, as far as drawing steps together or apart can."""
    own = _variance(widths, correlation)
    apart, together = (widths**2).sum(axis=-1), widths.sum(axis=-1) ** 2
    up = ratio((factor - 1) * own, together - own)
    down = ratio((1 - factor) * own, own - apart)
    found: Floats = np.where(factor > 1, np.clip(up, 0, _MOST), -np.clip(down, 0, _MOST))
    return found


def _variance(widths: Floats, correlation: Floats) -> Floats:
    """Variance of a total of steps, ``(...)``, for their standard deviations, ``(..., horizon)``."""
    # A product for each total by itself: its bits must not depend on how many others there are.
    found: Floats = ((widths[..., None, :] @ correlation)[..., 0, :] * widths).sum(axis=-1)
    return found
