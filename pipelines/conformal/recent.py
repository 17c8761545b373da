"""What the newest errors of a series say of its next ones: adaptive conformal calibration."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.normal import ndtr, ndtri

Floats = npt.NDArray[np.float64]

PAST: Final = 80
"""Past origins that a forecast is calibrated on, half a horizon apart."""

# Origins after which an error counts half, and how many of them what was learned of all series counts as.
_HALF_LIFE: Final = 30.0
_PRIOR: Final = 15.0
# A score of a normal distribution that is cut off at 0 has this mean.
_MEAN: Final = 1 / np.sqrt(2 * np.pi)
_FAR: Final = 5.0  # beyond which a score tells no more of the spread
# Steps to either side whose errors count as well.
_NEAR: Final = 3
# Scores that are sorted at once.
_BLOCK: Final = 2**22


def past_step(horizon: int) -> int:
    """Rows from one past origin to the next.

    Example:
        >>> past_step(24), past_step(1)
        (12, 1)
    """
    return max(horizon // 2, 1)


def recency() -> Floats:
    """Weight of each past origin, ``(past,)``, the newest first."""
    weight: Floats = 0.5 ** (np.arange(PAST) / _HALF_LIFE)
    return weight


def recent_scores(scores: Floats, spacing: int, chosen: npt.NDArray[np.int64]) -> Floats:
    """Gather, for some origins, the scores of past origins that are known there.

    Args:
        scores: ``(runs, origins, horizon)`` scores of origins ``spacing`` rows apart, oldest first.
        spacing: Rows from one to the next, a divisor of ``past_step``.
        chosen: ``(chosen,)`` positions of the origins.

    Returns:
        ``(runs, chosen, past, horizon)``, the newest past origin first; NaN where an error is not known yet:
        that of step k after k rows.
    """
    horizon = scores.shape[-1]
    rows = past_step(horizon) * np.arange(1, PAST + 1)
    origin = chosen[:, None] - rows // spacing
    unknown = np.arange(1, horizon + 1) > rows[:, None]
    return np.where((origin < 0)[..., None] | unknown, np.nan, scores[:, np.maximum(origin, 0)])


def recent_quantiles(scores: Floats, wanted: Floats) -> Floats:
    """Quantiles of recent scores, each counting less the older it is, and of a normal distribution.

    Scores of calibrated forecasts are normal over all series; those of one series may be wider above, or
    below. So the normal distribution has, to either side, the spread of the recent scores of all steps, as
    far as there are any. It stands for as much as fifteen scores of the newest origin, and alone, as it is
    over all series, where one is too young to have errors.

    Args:
        scores: ``(..., past, horizon)``, the newest first, NaN where not known.
        wanted: ``(wanted,)`` normal scores of the probabilities, increasing.

    Returns:
        ``(..., wanted, horizon)`` scores, not decreasing in what is wanted; those below 0 stay there, and
        those above.

    Reference:
        Barber et al. (2023), Conformal Prediction Beyond Exchangeability.
    """
    lead, horizon = scores.shape[:-2], scores.shape[-1]
    flat = scores.reshape(-1, *scores.shape[-2:])
    found = np.empty((len(flat), len(wanted), horizon))
    size = max(1, _BLOCK // max(flat[0].size * (2 * _NEAR + 1), 1)) if len(flat) else 1
    for i in range(0, len(flat), size):
        found[i : i + size] = _quantiles(flat[i : i + size], wanted)
    return found.reshape(*lead, len(wanted), horizon)


def _quantiles(scores: Floats, wanted: Floats) -> Floats:
    runs, past, horizon = scores.shape
    near = np.clip(np.arange(horizon)[:, None] + np.arange(-_NEAR, _NEAR + 1), 0, horizon - 1)
    # (runs, horizon, past * near)
    pooled = np.moveaxis(scores[..., near], 1, 2).reshape(runs, horizon, -1)
    age = recency()[:past] / near.shape[1]
    weight = np.where(np.isnan(pooled), 0.0, np.repeat(age, near.shape[1]))
    order = np.argsort(pooled, axis=-1)
    point = np.take_along_axis(pooled, order, axis=-1)
    mass = np.cumsum(np.take_along_axis(weight, order, axis=-1), axis=-1)
    total = mass[..., -1:] + _PRIOR
    below, above = (spread[:, None, None] for spread in _spreads(scores))
    ends = np.where(np.isnan(point), np.inf, point)
    share = mass + _PRIOR * ndtr(ends / np.where(ends < 0, below, above))
    edges = [np.full((runs, horizon, 1), edge) for edge in (-np.inf, np.inf)]
    point = np.concatenate([edges[0], np.where(np.isnan(point), np.inf, point), edges[1]], axis=-1)
    mass = np.concatenate([np.zeros((runs, horizon, 1)), mass], axis=-1)
    found = np.empty((runs, len(wanted), horizon))
    for i, score in enumerate(wanted):
        sought = ndtr(score) * total
        # Rounding of the sums must not carry a quantile to the next score.
        after = (share < sought - 1e-9).sum(axis=-1, keepdims=True)
        left = np.take_along_axis(mass, after, axis=-1)
        between = ndtri(np.clip((sought - left) / _PRIOR, 1e-9, 1 - 1e-9))
        between = between * np.where(between < 0, below, above)
        low, high = (np.take_along_axis(point, after + k, axis=-1) for k in (0, 1))
        quantile = np.clip(between, low, high)[..., 0]
        found[:, i] = np.minimum(quantile, 0.0) if score < 0 else np.maximum(quantile, 0.0)
    return found


def _spreads(scores: Floats) -> tuple[Floats, Floats]:
    """How wide the scores of each run are below and above 0, ``(runs,)`` each, in those of all series."""
    past, horizon = scores.shape[1:]
    weight = np.where(np.isnan(scores), 0.0, recency()[:past, None]) / horizon
    near = np.clip(np.nan_to_num(scores), -_FAR, _FAR)
    amount = weight.sum(axis=(1, 2)) + _PRIOR
    below, above = (
        ((weight * np.maximum(sign * near, 0)).sum(axis=(1, 2)) / _MEAN + _PRIOR) / amount for sign in (-1, 1)
    )
    return below, above
