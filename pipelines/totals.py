"""Dependence of steps by which intervals of totals over the horizon hold what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.conformal import at_scores
from pipelines.paths import Dependence

Floats = npt.NDArray[np.float64]

# Windows and paths of each that totals are compared on, and how far steps may be drawn apart or together.
_WINDOWS: Final = 200
_PATHS: Final = 200
_PULLS: Final = (-0.8, -0.6, -0.4, -0.2, 0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8)
_LEVELS: Final = (80.0, 95.0)


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
