"""Calibrated quantiles of many origins, and the scores of past ones, from one pass of the network."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.conformal.recent import PAST, past_step, recent_scores
from pipelines.conformal.state import PROBABILITIES, Conformal
from pipelines.windows import SeriesTable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Recent scores that are gathered at once.
_BLOCK: Final = 2**22


def origins_of_pass(adapts: bool, horizon: int, count: int, step: int) -> tuple[int, int]:
    """Count the origins that a forecast takes, past ones included.

    Args:
        adapts: Whether forecasts depend on past errors.
        horizon: Steps ahead.
        count: Origins to forecast from.
        step: Rows from one to the next.

    Returns:
        Origins, and rows from one to the next.

    Example:
        >>> origins_of_pass(False, 24, count=3, step=24), origins_of_pass(True, 24, count=3, step=24)
        ((3, 24), (85, 12))
    """
    if not adapts:
        return count, step
    back = past_step(horizon)
    spacing = back if count == 1 else gcd(step, back)
    return ((count - 1) * step + PAST * back) // spacing + 1, spacing


def calibrated_quantiles(
    conformal: Conformal,
    quantiles: Floats,
    probabilities: Sequence[float],
    scores: Floats | None,
    spacing: int,
    chosen: Ints,
) -> Floats:
    """Calibrate the forecasts of some of the origins of a pass.

    Args:
        conformal: What was learned.
        quantiles: ``(runs, origins, horizon, probabilities)`` of the network, oldest origin first.
        probabilities: What they are quantiles of.
        scores: ``(runs, origins, horizon)`` what ``normal_scores`` gives for them, NaN where an error does
            not count; None will do unless the calibration adapts.
        spacing: Rows from one origin to the next.
        chosen: ``(chosen,)`` positions of origins.

    Returns:
        ``(runs, chosen, horizon, 19)`` quantiles.
    """
    if not conformal.adapts or scores is None:
        return conformal.quantiles(quantiles[:, chosen], probabilities)
    scores = conformal.calibrated(scores)
    runs, _, horizon = scores.shape
    found = np.empty((runs, len(chosen), horizon, len(PROBABILITIES)))
    size = max(1, _BLOCK // (runs * PAST * horizon))
    for i in range(0, len(chosen), size):
        some = chosen[i : i + size]
        recent = recent_scores(scores, spacing, some)
        found[:, i : i + size] = conformal.quantiles(quantiles[:, some], probabilities, recent)
    return found


def truths(table: SeriesTable, series: Ints, newest: Ints, horizon: int, count: int, step: int) -> Floats:
    """What happened after some origins, in the units of the table's series.

    Args:
        table: The series.
        series: ``(runs,)`` positions of series.
        newest: ``(runs,)`` row of the newest origin of each run.
        horizon: Steps ahead.
        count: Origins in a run.
        step: Rows from one to the next.

    Returns:
        ``(runs, count, horizon)``, NaN where nothing was observed, where the weights have learned it, and for
        origins before a series begins.
    """
    begin, end = (table.indptr[series + k][:, None, None] for k in (0, 1))
    origin = (newest[:, None] - step * np.arange(count - 1, -1, -1))[..., None]
    row = origin + np.arange(1, horizon + 1)
    counts = (origin >= begin) & (row < end)
    if table.learned is not None:
        counts &= row >= table.learned[series][:, None, None]
    row = np.clip(row, begin, end - 1)
    values = table.base[series][:, None, None] + table.unit[series][:, None, None] * table.values[row]
    return np.where(counts & table.observed[row], values, np.nan)
