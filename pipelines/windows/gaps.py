"""What stands where nothing was observed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.windows.scales import decaying_means

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Both are estimates: in a random walk, the value of a season before must not stand in by chance.
_CLEARLY = 0.75


def filled(values: Floats, indptr: Ints, season_length: int, last: Ints, change: Floats) -> Floats:
    """Put in the place of each missing value what can be expected there, of the rows before it.

    That is the last value of all, or that of the same phase if it is clearly nearer. The first is off by the
    usual change of a row times the root of the rows since, the second by the usual change over a season times
    the root of the seasons since, as both would be in a random walk. So the last value stands in short gaps
    and in walks, and seasons go on through long gaps.

    Args:
        values: ``(rows,)`` values, NaN where nothing was observed.
        indptr: ``(series + 1,)`` row pointers.
        season_length: Steps in a season.
        last: ``(rows,)`` newest row up to each row at which its series was observed, -1 where there is none.
        change: ``(rows,)`` usual change of a row where something was observed, see ``usual_change``.

    Returns:
        ``(rows,)`` values, 0 before the first one of a series.
    """
    result = np.where(last >= 0, values[last], 0.0)
    missing = np.flatnonzero(np.isnan(values) & (last >= 0))
    if not len(missing):
        return result
    owner = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    phase = (np.arange(len(values)) - indptr[owner]) % season_length
    order = np.lexsort((phase, owner))
    group = (owner * season_length + phase)[order]
    seen = np.where(np.isfinite(values[order]), np.arange(len(order)), -1)
    seen = np.maximum.accumulate(seen)
    same = np.full(len(values), -1)
    found = (seen >= 0) & (group[seen] == group)
    same[order[found]] = order[seen[found]]
    seasonal = _usual_seasonal_change(values, indptr, season_length)
    row, since = last[missing], missing - last[missing]
    twin = same[missing]
    seasons = (missing - twin) / season_length
    nearer = (twin >= 0) & (seasonal[row] * np.sqrt(seasons) < _CLEARLY * change[row] * np.sqrt(since))
    result[missing[nearer]] = values[twin[nearer]]
    return result


def _usual_seasonal_change(values: Floats, indptr: Ints, season_length: int) -> Floats:
    """Weighted mean of the changes over a season up to each row, infinite before there is one."""
    change = np.full(len(values), np.nan)
    change[season_length:] = np.abs(values[season_length:] - values[:-season_length])
    begun = np.repeat(indptr[:-1], np.diff(indptr))
    change[np.arange(len(values)) - begun < season_length] = np.nan
    rows = np.flatnonzero(np.isfinite(change))
    mean = decaying_means(change[rows], np.searchsorted(rows, indptr), season_length)
    newest = np.searchsorted(rows, np.arange(len(values)), side="right") - 1
    known = (newest >= 0) & (rows[newest] >= begun) if len(rows) else np.zeros(len(values), bool)
    return np.where(known, mean[newest] if len(rows) else 0.0, np.inf)
